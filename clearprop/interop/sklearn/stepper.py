"""Single steps of training, for `partial_fit`.

Shape letters: N examples.
"""

from __future__ import annotations

import jax
import numpy as np

from clearprop import backend, nn, tree
from clearprop.data import Batch
from clearprop.errors import NonFiniteError
from clearprop.interop.sklearn.examples import WeightedExamples
from clearprop.optim.rate_arguments import constant_rates, taking_rates
from clearprop.programs import SharedJit
from clearprop.training.algorithm import TrainState
from clearprop.training.fit_config import FitConfig
from clearprop.training.nonfinite import all_finite
from clearprop.training.run_setup import RunSetup


class Stepper:
    """Makes single steps, the steps of `fit`, with any examples.

    Args:
        config: of the training, with the model.
    """

    def __init__(self, config: FitConfig) -> None:
        self._setup = RunSetup.of(config)
        rates = constant_rates(self._setup.config.resolved_optimizer)
        self._rates = [np.asarray(rate, backend.float_dtype()) for rate in rates]
        self._place = backend.replicated(backend.mesh(1))
        step = taking_rates(self._setup.algorithm.step, rates)
        self._step = SharedJit(step, results=self._place)
        self._key = jax.random.key(config.seed)

    def first_state(self, earlier: TrainState | None) -> TrainState:
        """Return the state before the next step.

        Args:
            earlier: of steps with other settings, whose weights are taken; what an optimizer or an
                algorithm remembers is taken too if it has the same form, else it begins anew. None
                begins with the weights of the model.
        """
        new: TrainState = jax.device_put(self._setup.state(), self._place)
        if earlier is None:
            return new
        return earlier._replace(
            optimizer=_taken(earlier.optimizer, new.optimizer),
            memory=_taken(earlier.memory, new.memory),
        )

    def step(self, state: TrainState, examples: WeightedExamples) -> tuple[TrainState, float]:
        """Take a step with these examples; returns the next state, and the mean loss before it.

        Raises:
            NonFiniteError: the loss or a weight is not finite.
        """
        weights = None if examples.weights is None else examples.weights.astype(np.float32)
        batch = Batch(examples.inputs, examples.targets, weights)
        after, measured, _ = self._step(self._rates, state, self._setup.frozen, batch, self._key)
        loss = float(measured.objective)
        if not (np.isfinite(loss) and all_finite(after.parameters)):
            raise NonFiniteError(
                "the loss of a step, or a weight after it, is not finite",
                where="partial_fit",
                given=f"the loss {loss:.4g} at step {int(state.step) + 1}",
                fix="scale the data, or give a smaller learning_rate; the estimator has the "
                "weights of the last partial_fit",
            )
        return after, loss

    def model(self, state: TrainState) -> nn.Module:
        """Return the model with the weights of a state."""
        evaluated = self._setup.algorithm.evaluated(state)
        found: nn.Module = tree.replace(self._setup.model, {**self._setup.frozen, **evaluated})
        return found


def _taken(earlier: object, new: object) -> object:
    """Return a state from before if it has the form of the new one, else the new one."""
    return earlier if _form(earlier) == _form(new) else new


def _form(state: object) -> object:
    """Return the structure of a state, and the shapes in it."""
    leaves, structure = jax.tree.flatten(state)
    return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]
