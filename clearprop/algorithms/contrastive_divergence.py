"""Contrastive divergence: how a restricted Boltzmann machine learns.

Shape letters: B batch, C chains, V visible units, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import bounds, nn, ops
from clearprop.autodiff import stop_gradient
from clearprop.data import Batch
from clearprop.errors import DataError, run_option
from clearprop.models import RBM
from clearprop.models.rbm import as_machine
from clearprop.training.algorithm import Array, Arrays, Measured, TrainState
from clearprop.training.learning import Learning
from clearprop.training.training_data import Split, TrainingData

MEASURING, BEGINNING = 2**31 - 3, 2**31 - 4
"""Separate the random numbers of measures, and of the first chains, from those of the steps."""

ROWS = 4096
"""So many examples are looked at at once."""


@dataclass(frozen=True, eq=False)
class ContrastiveDivergence(Learning):
    """Data gets a lower free energy than what the machine makes itself.

    The gradient of the log-likelihood is ``E_model[dF/dw] - E_data[dF/dw]``. A sample of the model
    stands in the place of the first mean: v_k, after k steps of a Markov chain. No gradient passes
    through the chain, so the gradient of the objective ``mean(F(v) - F(v_k))`` is

        dL/dW = mean(v_k p(h | v_k)) - mean(v p(h | v)).

    The chain begins at the data (CD-k), or goes on from the last step (persistent CD). The value of
    the objective says how much further the data is than the samples; it is no likelihood.

    Momentum and weight decay belong to the optimizer.

    Attributes:
        steps: k.
        persistent: whether the chains go on from step to step.
        chains: C, of persistent chains; None takes as many as a batch has examples.
        sparsity: the mean activity that each hidden unit shall have; None for any.
        sparsity_cost: weighs ``sum_j (sparsity - mean p(h_j | v))^2`` against the free energy.

    Raises:
        ConfigurationError: an option is out of its range.

    >>> from clearprop import fit
    >>> x = jnp.tile(jnp.repeat(jnp.eye(2), 4, axis=1), (60, 1))
    >>> run = fit(RBM(8, 4), x, algorithm=ContrastiveDivergence(), optimizer="sgd",
    ...           learning_rate=0.2, epochs=30, batch_size=20, progress=False)
    >>> run.history.training_error[-1] < 0.1 * run.history.training_error[0]
    np.True_

    Source: Hinton (2002), *Training products of experts by minimizing contrastive divergence*;
    Tieleman (2008) for persistent chains; Lee, Ekanadham and Ng (2008) for sparsity.
    """

    steps: int = 1
    persistent: bool = False
    chains: int | None = None
    sparsity: float | None = None
    sparsity_cost: float = 1.0

    error_name = "reconstruction error"
    monitored: ClassVar[Mapping[str, bool]] = {"pseudo-log-likelihood": True}

    def __post_init__(self) -> None:
        where = type(self).__name__
        bounds.whole(self.steps, "steps", 1, where)
        if self.chains is not None:
            bounds.whole(self.chains, "chains", 1, where)
        if self.sparsity is not None:
            bounds.fraction(self.sparsity, "sparsity", where)
        bounds.not_negative(self.sparsity_cost, "sparsity_cost", where)

    def first_memory(self, model: nn.Module) -> object:
        """Return the first persistent chains: their visible and hidden units, (C, V) and (C, H)."""
        if not self.persistent:
            return ()
        machine, context = as_machine(model, self.name), self._context
        chains = self.chains or context.batch_size
        key = jax.random.fold_in(jax.random.key(context.seed), BEGINNING)
        h = jax.random.bernoulli(key, 0.5, (chains, machine.hidden.out_features))
        return jnp.zeros((chains, machine.hidden.in_features)), h.astype(jnp.float32)

    def remembered(self, model: nn.Module, batch: Batch, key: Array, memory: object) -> object:
        """Return persistent chains after k more steps."""
        if not self.persistent:
            return memory
        _, h = cast("tuple[Array, Array]", memory)
        return as_machine(model, self.name).continued(h, key, self.steps)

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: object
    ) -> tuple[Array, Array]:
        """Return ``F(v) - F(v_k)`` of each example, and its squared error of reconstruction."""
        machine, v = as_machine(model, self.name), cast(Array, batch.inputs)
        still, begun = stop_gradient((machine, v))  # nothing is passed back through the sampling
        losses = machine.free_energy(v)
        if self.persistent:
            made = cast("tuple[Array, Array]", memory)[0]
            losses = losses - ops.mean(machine.free_energy(made))
        else:
            losses = losses - machine.free_energy(still.gibbs(begun, key, self.steps))
        if self.sparsity is not None:
            activity = ops.mean(machine(v), axis=0)
            losses = losses + self.sparsity_cost * ops.sum(ops.square(self.sparsity - activity))
        flat = jnp.reshape(begun, (len(begun), -1))
        return losses, jnp.mean((flat - still.reconstruction(flat)) ** 2, axis=-1)

    def followed(self, model: nn.Module, batch: Batch, key: Array) -> Array:
        """Return the losses of the objective; the chains begin at the examples."""
        return Learning.followed(replace(self, persistent=False), model, batch, key)

    def totals(self, arrays: Arrays, batch: Batch, counted: Array) -> Measured:
        """Return sums over the counted examples, in evaluation; the chains begin at these."""
        return Learning.totals(replace(self, persistent=False), arrays, batch, counted)

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return the pseudo-log-likelihood of Bernoulli units, and how active the hidden ones are.

        Of each example one unit v_i, drawn at random, is flipped. The machine's chance of v_i given
        all other units is ``sigmoid(F(v flipped) - F(v))``, and V times the mean of its logarithm
        estimates the pseudo-log-likelihood, as in scikit-learn.
        """
        machine = as_machine(self.model(frozen, self.evaluated(state)), self.name)
        v = cast(Array, self.inputs(examples.inputs))
        v = jnp.reshape(v, (len(v), -1))
        found = {"hidden activity": machine.hidden_chance(v).mean()}
        if machine.units == "gaussian":
            return found
        key = jax.random.fold_in(jax.random.fold_in(key, MEASURING), state.step)
        return {"pseudo-log-likelihood": pseudo_log_likelihood(machine, v, key).mean(), **found}

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the model is a machine whose visible units can take the examples.

        Raises:
            ConfigurationError: the model is of another kind.
            DataError: Bernoulli units would get numbers outside of 0 to 1.
        """
        machine = as_machine(model, self.name)
        super().check(model, data, batch_size)
        if machine.units == "bernoulli":
            for part in (data.train, data.dev):
                if part is not None:
                    self._check_chances(part)

    def _check_chances(self, part: Split) -> None:
        most = ROWS if part.streamed else len(part)
        for start in range(0, min(most, len(part)), ROWS):
            rows = np.arange(start, min(start + ROWS, len(part)))
            seen: Any = np.asarray(self.inputs(jax.tree.map(jnp.asarray, part.rows(rows).inputs)))
            low, high = float(seen.min()), float(seen.max())
            if low < 0 or high > 1:
                worst = low if low < 0 else high
                place = int(np.argwhere(seen.reshape(len(rows), -1) == worst)[0][0]) + start
                raise DataError(
                    "Bernoulli visible units take chances, from 0 to 1",
                    where=part.name,
                    given=f"{worst:.4g} in example {place}",
                    expected="0 to 1",
                    fix=run_option("units", "gaussian")
                    + " for numbers with mean 0 and deviation 1, or scale the data to 0 to 1",
                )


def pseudo_log_likelihood(machine: RBM, v: Array, key: Array) -> Array:
    """Return V times the log of the chance of one random unit of each example, (B,).

    Args:
        machine: with Bernoulli visible units.
        v: examples, (B, V).
        key: random; it chooses the unit of each example.
    """
    B, V = v.shape
    chosen = jax.nn.one_hot(jax.random.randint(key, (B,), 0, V), V, dtype=v.dtype)
    flipped = jnp.where(chosen > 0, 1 - v, v)
    return -V * ops.softplus(machine.free_energy(v) - machine.free_energy(flipped))
