"""What one training step would show from inside: layers' outputs, error signals, weights, updates.

It is a compiled call of its own, of the same state, batch and random key as the step; the step's
program is left as it is. So nothing of what is looked at can change a bit of the training: a value
that a program gives out besides may be fused and rounded otherwise.

Shape letters: B batch, S series, P parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from clearprop import tree
from clearprop.autodiff import Tape, Traced, stop_gradient, sweep
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.transforms import Variables
from clearprop.nn import Module
from clearprop.training.calls import Calls
from clearprop.training.problem import Array, Arrays, Batch, Problem
from clearprop.training.state import State

ROOT = "model"
"""What the output of the model as a whole is called."""

PARAMETER = "parameter"

STATISTICS = ("mean", "deviation", "smallest", "largest", "zeros", "saturated", "nonfinite")
"""The numbers of each series, in their order."""

ENDS: dict[str, tuple[float, float | None]] = {
    "relu": (0.0, None),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}
"""The values at which a unit of an activation is saturated; at the only one of relu it is dead."""

MARGIN = 0.01
"""How near an end a unit is saturated, as a part of the range."""


class Subject(NamedTuple):
    """What can be recorded: the output of one call of a layer, or a parameter.

    Attributes:
        name: path of the layer, or of the parameter. A later call of the same layer has its number,
            ``layers.1#2``; of a layer with several outputs each has its place, ``encoder:0``.
        kind: the layer's class, or the activation that it applies; "parameter".
        shape: of the array, of a whole batch.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


class Observed(NamedTuple):
    """What was seen of some subjects.

    Attributes:
        statistics: of each subject's value and then of its error signal, (S, 7).
        ratios: length of the update over that of the parameter, (P,); NaN for one of length 0.
        arrays: each subject's value and error signal, where they were asked for.
    """

    statistics: Any
    ratios: Any
    arrays: tuple[Any, ...]


@dataclass(frozen=True)
class _Seen:
    """One subject with its arrays: the error signal is None where none was computed."""

    subject: Subject
    value: Any
    error: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Looked:
    """Values and error signals in turn, ratios of the updates, and the kind of each array."""

    arrays: tuple[Any, ...]
    ratios: Any
    kinds: tuple[str, ...] = field(metadata={"static": True})


def subjects(problem: Problem, state: State, frozen: Arrays, batch: Batch) -> list[Subject]:
    """Return everything that can be recorded of a step; nothing is computed."""
    found: list[Subject] = []

    def look(state: State, frozen: Arrays, batch: Batch) -> None:
        seen, _ = _looked(problem, state, frozen, batch, jax.random.key(0))
        found.extend(one.subject for one in seen)

    jax.eval_shape(look, state, frozen, batch)
    return found


class Observer:
    """The compiled observation of the steps of a run.

    Args:
        calls: whose steps they are.
        names: of the subjects to look at.
        arrays: whether whole arrays are given, besides their statistics.
    """

    def __init__(self, calls: Calls, names: Iterable[str], arrays: bool) -> None:
        self._calls = calls
        self._names = frozenset(names)
        self._arrays = arrays
        self._look = jax.jit(self._trace, static_argnames="size")

    def __call__(self, state: State, data: Batch, order: Any, start: int, size: int) -> Observed:
        """Return what the step from a state would show on the examples of an order."""
        calls = self._calls
        looked = self._look(state, calls.frozen, calls.key, data, order, start, size=size)
        # A program of their own: in one, XLA would compute a value again for each number of it.
        statistics = _numbers_of(looked.arrays, looked.kinds)
        arrays = looked.arrays if self._arrays else ()
        return jax.device_get(Observed(statistics, looked.ratios, arrays))  # type: ignore[no-any-return]

    def _trace(
        self,
        state: State,
        frozen: Arrays,
        key: Array,
        data: Batch,
        order: Array,
        start: Array,
        *,
        size: int,
    ) -> _Looked:
        batch = self._calls.batch(data, jax.lax.dynamic_slice(order, (start,), (size,)))
        seen, updates = _looked(self._calls.problem, state, frozen, batch, key)
        seen = [one for one in seen if one.subject.name in self._names]
        arrays = []
        for one in seen:
            nothing = jnp.full(one.value.shape, jnp.nan, jnp.float32)
            arrays += [one.value, nothing if one.error is None else one.error]
        moved = [one.subject.name for one in seen if one.subject.kind == PARAMETER]
        ratios = [_ratio(updates[name], state.parameters[name]) for name in moved]
        return _Looked(
            tuple(array.astype(jnp.promote_types(array.dtype, jnp.float32)) for array in arrays),
            jnp.stack(ratios) if ratios else jnp.zeros(0, jnp.float32),
            tuple(kind for one in seen for kind in (one.subject.kind, "")),
        )


def _looked(
    problem: Problem, state: State, frozen: Arrays, batch: Batch, key: Array
) -> tuple[list[_Seen], Arrays]:
    """Return all subjects of a step, and by how much it moves each parameter."""
    own = jax.random.fold_in(key, state.step)
    tape, heard = Tape(), list[tuple[str, Module, Any]]()

    def listen(path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not tape.closed:  # a backward pass may compute layers again
            heard.append((path, module, output))

    try:
        with teach_misuse():
            learned, fixed = Variables(tape, state.parameters), Variables(tape, dict(frozen))
            passed = problem.forward(
                learned.tree, state.statistics, fixed.tree, batch, own, hook=listen
            )
            losses, _ = problem.measure(passed.outputs, passed.targets)
            objective = losses.mean()
    finally:
        tape.closed = True
    outputs = _named(heard)
    keep = {place for _, _, leaf in outputs if (place := _place(tape, leaf)) is not None}
    keep |= {place for place in learned.places if place is not None}
    one = jnp.ones((), objective.dtype)
    errors = sweep(tape, [(objective, one)], keep=keep) if _place(tape, objective) else {}
    gradients = learned.gradient(errors)
    updates, _ = problem.updates(state, frozen, batch, own, gradients)
    seen = []
    for name, kind, leaf in outputs:
        place, value = _place(tape, leaf), stop_gradient(leaf)
        error = None if place is None else errors.get(place, jnp.zeros(value.shape, value.dtype))
        seen.append(_Seen(Subject(name, kind, tuple(value.shape)), value, error))
    for name, value in state.parameters.items():
        subject = Subject(name, PARAMETER, tuple(value.shape))
        seen.append(_Seen(subject, value, gradients[name]))
    return seen, updates


def _named(heard: list[tuple[str, Module, Any]]) -> list[tuple[str, str, Any]]:
    """Return name, kind and array of every floating-point output, in the order of the calls."""
    calls, outputs = dict[str, int](), []
    for path, module, output in heard:
        base = path or ROOT
        calls[base] = calls.get(base, 0) + 1
        name = base if calls[base] == 1 else f"{base}#{calls[base]}"
        for place, leaf in tree.flatten_with_paths(output).items():
            if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating):
                outputs.append((f"{name}:{place}" if place else name, kind_of(module), leaf))
    return outputs


def kind_of(module: Module) -> str:
    """Return what a layer is called: its class, or the activation that it applies.

    >>> from clearprop import nn
    >>> kind_of(nn.Activation("tanh")), kind_of(nn.Flatten())
    ('tanh', 'Flatten')
    """
    function = getattr(module, "function", None)
    return getattr(function, "name", None) or type(module).__name__


def _place(tape: Tape, leaf: Any) -> tuple[int, int] | None:
    return (leaf.node, leaf.output) if type(leaf) is Traced and leaf.tape is tape else None


@functools.partial(jax.jit, static_argnames="kinds")
def _numbers_of(arrays: tuple[Any, ...], kinds: tuple[str, ...]) -> Array:
    rows = [_statistics(x, ENDS.get(kind)) for x, kind in zip(arrays, kinds, strict=True)]
    return jnp.stack(rows)


def _statistics(x: Any, ends: tuple[float, float | None] | None) -> Array:
    """Return the numbers of `STATISTICS`, (7,); NaN for what there is not."""
    unknown = jnp.full((), jnp.nan, jnp.float32)
    if not x.size:
        return jnp.full(len(STATISTICS), jnp.nan, jnp.float32)
    mean = x.mean()
    saturated = unknown
    if ends is not None:
        low, high = ends
        margin = MARGIN * (high - low) if high is not None else 0.0
        at_end = x <= low + margin
        saturated = (at_end if high is None else at_end | (x >= high - margin)).mean()
    numbers = (
        mean,
        jnp.sqrt(jnp.square(x - mean).mean()),
        x.min(),
        x.max(),
        (x == 0).mean(),
        saturated,
        # Where an entry is not finite the mean is not, so that most need not be looked through.
        jax.lax.cond(jnp.isfinite(mean), lambda: jnp.zeros(()), lambda: 1 - jnp.isfinite(x).mean()),
    )
    stacked: Array = jnp.stack([number.astype(jnp.float32) for number in numbers])
    return stacked


def _ratio(delta: Array, value: Array) -> Array:
    length = jnp.linalg.norm(value.ravel())
    ratio = jnp.linalg.norm(delta.ravel()) / jnp.where(length == 0, jnp.nan, length)
    return jnp.asarray(ratio, jnp.float32)
