"""A deep network that begins with the weights of restricted Boltzmann machines."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.models.mlp import MLP
from clearprop.models.rbm import RBM


def stacked(machines: Sequence[RBM], outputs: int, *, seed: int = 0) -> MLP:
    """Return a network of sigmoid units whose hidden layers are those of trained machines.

    Each machine has learned the hidden chances of the one below it. The output layer has new
    values.

    Args:
        machines: trained, from the inputs upwards.
        outputs: units of the output layer.
        seed: of its values.

    Raises:
        ConfigurationError: a machine does not see what the one below it gives, or there is none.

    >>> network = stacked([RBM(64, 32).init(0), RBM(32, 16).init(1)], 10)
    >>> [layer.weight.shape for layer in network.layers]
    [(64, 32), (32, 16), (16, 10)]

    Source: Hinton, Osindero and Teh (2006), *A fast learning algorithm for deep belief nets*.
    """
    if not machines:
        raise ConfigurationError("a stack needs at least one machine", where="stacked")
    for below, above in itertools.pairwise(machines):
        if below.hidden.out_features != above.hidden.in_features:
            raise ConfigurationError(
                "a machine does not see what the one below it gives",
                where="stacked",
                given=f"{below.hidden.out_features} hidden units below "
                f"{above.hidden.in_features} visible units",
            )
    sizes = [machines[0].hidden.in_features, *(one.hidden.out_features for one in machines)]
    network = MLP((*sizes, outputs), activation="sigmoid").init(seed)
    values = {
        f"layers.{i}.{name}": x
        for i, machine in enumerate(machines)
        for name, x in nn.parameters(machine.hidden).items()
    }
    found: MLP = tree.replace(network, values)
    return found
