"""The observation of one training step: layers' outputs, error signals, weights, updates.

It is a compiled call of its own, with the state, batch and random key of the step. The step's own
program stays as it is, because a program that returns one more value may round others differently:
so recording cannot change a bit of the training.

Shape letters: B batch, S arrays, P parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import backend, tree
from clearprop.data import Batch
from clearprop.nn.definitions import is_saturated
from clearprop.nn.recording import recorded
from clearprop.training.algorithm import (
    Array,
    Arrays,
    Differentiable,
    TrainState,
    batch_mean,
)
from clearprop.training.compiled_steps import CompiledSteps

ROOT = "model"
"""The name of the output of the whole model."""

PARAMETER = "parameter"

STATISTICS = ("mean", "deviation", "smallest", "largest", "zeros", "saturated", "nonfinite")
"""The recorded statistics of an array, in their order."""


class Recordable(NamedTuple):
    """An array that can be recorded: the output of one call of a layer, or a parameter.

    Attributes:
        name: path of the layer or of the parameter. A later call of the same layer has its number,
            ``layers.1#2``; each output of a layer with several has its place, ``encoder:0``.
        kind: the layer's class, or the name of the activation that it applies; "parameter".
        shape: of the array, for a whole batch.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


class Observed(NamedTuple):
    """The numbers of some recordables at one step.

    Attributes:
        statistics: of each value and then of its error signal, (S, 7).
        ratios: length of each update over the length of its parameter, (P,); NaN where that is 0.
        arrays: each value and its error signal, where whole arrays are recorded.
    """

    statistics: NDArray[np.float32]
    ratios: NDArray[np.float32]
    arrays: tuple[NDArray[np.float32], ...]


class _Seen(NamedTuple):
    """A recordable with its arrays; the error signal is None where there is none."""

    about: Recordable
    value: Array
    error: Array | None


def recordables(
    algorithm: Differentiable, state: TrainState, frozen: Arrays, batch: Batch
) -> list[Recordable]:
    """Return everything that can be recorded of a step, without computing the step."""
    found: list[Recordable] = []

    def look(state: TrainState, frozen: Arrays, batch: Batch) -> None:
        seen, _ = _looked(algorithm, state, frozen, batch, jax.random.key(0))
        found.extend(one.about for one in seen)

    jax.eval_shape(look, state, frozen, batch)
    return found


class Observer:
    """The compiled observation of the steps of a run.

    Args:
        algorithm: whose steps are observed.
        compiled: its compiled calls.
        chosen: what is recorded, in its order.
        arrays: whether whole arrays are returned besides their statistics.
    """

    def __init__(
        self,
        algorithm: Differentiable,
        compiled: CompiledSteps,
        chosen: Sequence[Recordable],
        arrays: bool,
    ) -> None:
        self._algorithm = algorithm
        self._compiled = compiled
        self._names = frozenset(one.name for one in chosen)
        self._kinds = tuple(kind for one in chosen for kind in (one.kind, ""))
        self._arrays = arrays
        self._look = jax.jit(self._trace, static_argnames="size")

    def __call__(
        self, state: TrainState, data: Batch, order: Array, start: int, size: int
    ) -> Observed:
        """Return the numbers of the step from a state on the examples ``order[start:]``."""
        frozen, key = self._compiled.frozen, self._compiled.key
        arrays, ratios = self._look(state, frozen, key, data, order, start, size=size)
        # A program of their own: in one, XLA would compute a value again for each number of it.
        statistics = _numbers_of(arrays, self._kinds)
        return Observed(*backend.fetch((statistics, ratios, arrays if self._arrays else ())))

    def _trace(
        self,
        state: TrainState,
        frozen: Arrays,
        key: Array,
        data: Batch,
        order: Array,
        start: Array,
        *,
        size: int,
    ) -> tuple[tuple[Array, ...], Array]:
        """Return values and error signals in turn, and the ratios of the updates."""
        batch = self._compiled.examples(data, order, start, size)
        seen, updates = _looked(self._algorithm, state, frozen, batch, key)
        seen = [one for one in seen if one.about.name in self._names]
        arrays = []
        for one in seen:
            nothing = jnp.full(one.value.shape, jnp.nan, jnp.float32)
            arrays += [one.value, nothing if one.error is None else one.error]
        moved = [one.about.name for one in seen if one.about.kind == PARAMETER]
        ratios = [_ratio(updates[name], state.parameters[name]) for name in moved]
        wide = [array.astype(jnp.promote_types(array.dtype, jnp.float32)) for array in arrays]
        return tuple(wide), jnp.stack(ratios) if ratios else jnp.zeros(0, jnp.float32)


def _looked(
    algorithm: Differentiable, state: TrainState, frozen: Arrays, batch: Batch, key: Array
) -> tuple[list[_Seen], Arrays]:
    """Return every recordable of a step with its arrays, and the updates of the parameters."""
    step_key = jax.random.fold_in(key, state.step)
    state = algorithm.prepared(state, frozen, batch, step_key)
    with recorded() as recording:
        learned = recording.variables(state.parameters)
        fixed = recording.variables(dict(frozen))
        passed = algorithm.forward(learned, state, fixed, batch, step_key, hook=recording)
        losses, _ = algorithm.measure(passed.outputs, passed.targets)
        objective = batch_mean(losses, batch)
    recording.sweep(objective)
    gradients = recording.error(learned)
    updates, _ = algorithm.updates(state, frozen, batch, step_key, gradients)
    seen = []
    for call in recording.calls:
        name = call.name(ROOT)
        for place, leaf in tree.flatten_with_paths(call.output).items():
            if hasattr(leaf, "dtype") and tree.is_differentiable(leaf):
                value = recording.value(leaf)
                about = Recordable(f"{name}:{place}" if place else name, call.kind, value.shape)
                seen.append(_Seen(about, value, recording.error(leaf)))
    for name, value in state.parameters.items():
        about = Recordable(name, PARAMETER, tuple(value.shape))
        seen.append(_Seen(about, value, gradients[name]))
    return seen, updates


@functools.partial(jax.jit, static_argnames="kinds")
def _numbers_of(arrays: tuple[Array, ...], kinds: tuple[str, ...]) -> Array:
    return jnp.stack([_statistics(x, kind) for x, kind in zip(arrays, kinds, strict=True)])


def _statistics(x: Array, kind: str) -> Array:
    """Return the numbers of `STATISTICS`, (7,), of an output of some kind; NaN for unknown ones."""
    if not x.size:
        return jnp.full(len(STATISTICS), jnp.nan, jnp.float32)
    mean = x.mean()
    at_end = is_saturated(kind, x)
    saturated = jnp.full((), jnp.nan, jnp.float32) if at_end is None else at_end.mean()
    numbers = (
        mean,
        jnp.sqrt(jnp.square(x - mean).mean()),
        x.min(),
        x.max(),
        (x == 0).mean(),
        saturated,
        # If an entry is not finite, the mean is not either: entries are counted only then.
        jax.lax.cond(jnp.isfinite(mean), lambda: jnp.zeros(()), lambda: 1 - jnp.isfinite(x).mean()),
    )
    stacked: Array = jnp.stack([number.astype(jnp.float32) for number in numbers])
    return stacked


def _ratio(update: Array, value: Array) -> Array:
    length = jnp.linalg.norm(value.ravel())
    ratio = jnp.linalg.norm(update.ravel()) / jnp.where(length == 0, jnp.nan, length)
    return jnp.asarray(ratio, jnp.float32)
