"""The check of an error signal by small steps: E is computed again with one entry changed.

Shape letters: S steps of different sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.autodiff import Operation, Tape
from clearprop.autodiff.sweep import Place
from clearprop.errors import ConfigurationError, ModelError
from clearprop.glass.nodes.graph import Entry, Spec, entry_of
from clearprop.glass.nodes.program import Program, operations_of
from clearprop.glass.nodes.values import Values

Array = jax.Array
Floats = NDArray[np.float64]

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""By how much an entry is changed, relative to its own size or that of its array."""

NOISE = 32 * float(np.finfo(np.float64).eps)
"""The rounding error of E, relative to E."""


@dataclass(frozen=True)
class Check:
    """One entry of an error signal, compared with how E changes when that entry is changed.

    Attributes:
        index: of the entry.
        error: from back-propagation.
        numeric: the central difference (E(v + h) - E(v - h)) / 2h in double precision.
        difference: |error - numeric|.
        agrees: whether rounding explains the difference; at a kink, whether the error is between
            the slopes of both sides.
        below, above: slopes of E on both sides, (E(v) - E(v - h)) / h and (E(v + h) - E(v)) / h.
        note: a remark, such as that E has a kink here; "" for none.
    """

    index: tuple[int, ...]
    error: float
    numeric: float
    difference: float
    agrees: bool
    below: float
    above: float
    note: str = ""

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "DIFFERS"
        text = f"{list(self.index)}: error {self.error:.6g}, by small steps {self.numeric:.6g}"
        return f"{text}: {verdict}" + (f" ({self.note})" if self.note else "")


def check(values: Values, spec: Spec, index: Entry | None = None) -> Check:
    """Compare an entry of a node's error signal with a finite difference of E.

    Model and loss are computed again in double precision, with that entry of the node's value a
    little larger and a little smaller. Several step sizes are tried, and the one at which the
    difference changes least is used. Constants of the model (targets, masks, the results of
    `stop_gradient`) keep their values. Constants inside a loop or a `checkpoint` cannot be kept. If
    error signals are stopped there, as with ``truncate=``, small steps show the slope without this
    stop.

    Args:
        values: of the pass.
        spec: of a node that carries an error.
        index: the entry; None for the one with the largest error signal.

    Raises:
        ConfigurationError: the node carries no error, or has no such entry.
        ModelError: the model computes other operations in double precision than in single.

    >>> from clearprop import nn
    >>> from clearprop.glass.explain import explain
    >>> model = nn.Sequential([nn.Linear(1, 1), "sigmoid"]).init(0)
    >>> glass = explain(model, jnp.ones((1, 1)), jnp.ones((1, 1)), "squared_error")
    >>> glass["layers.0/matmul"].check().agrees
    True
    """
    error = values.error(spec)
    if error is None or spec.place is None:
        raise ConfigurationError(
            "the node carries no error signal", where=spec.name, given=f"dtype {spec.dtype}"
        )
    errors, value = (np.asarray(a, np.float64) for a in (error, values[spec.value]))
    at = entry_of(spec.shape, index, spec.name) if index is not None else largest_entry(errors)
    entry = int(np.ravel_multi_index(at, errors.shape)) if at else 0
    scale = max(abs(value.flat[entry]), float(np.sqrt(np.mean(value**2))))
    steps = np.array(STEPS) * (scale if 0 < scale < np.inf else 1.0)
    values_of_e = _objectives(values, spec.place, entry, steps)
    largest = float(np.max(np.abs(errors)))
    precision = float(np.spacing(np.ones((), spec.dtype))) ** 0.5
    return _compared(at, errors[at].item(), largest, precision, steps, values_of_e)


def largest_entry(errors: Floats) -> tuple[int, ...]:
    """Return the index of the largest entry; an entry that is not finite counts as the largest."""
    sizes = np.where(np.isfinite(errors), np.abs(errors), np.inf)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(sizes)), errors.shape))


def _compared(
    at: tuple[int, ...],
    error: float,
    largest: float,
    precision: float,
    steps: Floats,
    found: Floats,
) -> Check:
    middle, up, down = found[0], found[1 : len(steps) + 1], found[len(steps) + 1 :]
    if not (np.isfinite(found).all() and np.isfinite(error)):
        nan = float("nan")
        note = "not a finite number" if np.isfinite(found).all() else "E is not finite"
        return Check(at, error, nan, nan, False, nan, nan, note)
    central, above, below = (
        (up - down) / (2 * steps),
        (up - middle) / steps,
        (middle - down) / steps,
    )
    best = 1 + int(np.argmin(np.abs(np.diff(central))))
    numeric, noise = float(central[best]), NOISE * abs(middle) / steps
    gap = np.abs(above - below)
    # For a smooth function the gap shrinks with the step; at a kink it does not.
    kinked = bool(gap[-2] > 0.5 * gap[1] and gap[-2] > 20 * noise[-2] and gap[1] > 20 * noise[1])
    slack = precision * (max(abs(error), abs(numeric)) + 0.1 * largest) + float(noise[best])
    left, right = float(below[best]), float(above[best])
    note = ""
    if kinked:
        slack += 1e-3 * float(gap[best])
        agrees = min(left, right) - slack <= error <= max(left, right) + slack
        note = f"E has a kink here: its slope is {left:.6g} below and {right:.6g} above"
    else:
        agrees = abs(error - numeric) <= slack
    return Check(at, error, numeric, abs(error - numeric), agrees, left, right, note)


# -- E with one entry changed -------------------------------------------------------------------


class Nudged(Tape):
    """A tape that changes one entry of one value when the value is written.

    Args:
        place: (node, output) of the value, traced integers.
        entry: the index of the entry in the flat array.
        by: by how much it is changed.
        still: the tape of the unchanged pass, which has the constants.
    """

    __slots__ = ("_by", "_entry", "_place", "_still")

    def __init__(self, place: tuple[Array, Array], entry: Array, by: Array, still: Tape) -> None:
        super().__init__()
        self._place = place
        self._entry = entry
        self._by = by
        self._still = still

    def variable(self, value: Any) -> Any:
        """Box an input of the pass, changed where it is the chosen value."""
        return super().variable(self._moved(jnp.asarray(value), (len(self.nodes), 0)))

    def record(
        self,
        operation: Operation[Any, Any],
        inputs: Sequence[Any],
        raw: tuple[Any, ...],
        output: Any,
        parameters: dict[str, Any],
    ) -> Any:
        """Write one node, its output changed where it is the chosen value."""
        number = len(self.nodes)
        still = self._still.nodes[number]
        if still.operation is None or still.operation.name != operation.name:
            raise _otherwise()
        constant = [parent is None for parent in still.parents]
        if any(constant) or still.parameters:
            pairs = zip(still.inputs, raw, constant, strict=True)
            raw = tuple(kept if is_constant else now for kept, now, is_constant in pairs)
            parameters = still.parameters
            output = operation.forward(*raw, **parameters)
        several = isinstance(output, tuple)
        outputs = output if several else (output,)
        moved = tuple(self._moved(value, (number, k)) for k, value in enumerate(outputs))
        return super().record(operation, inputs, raw, moved if several else moved[0], parameters)

    def _moved(self, value: Any, place: Place) -> Any:
        if value is None or not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        here = (self._place[0] == place[0]) & (self._place[1] == place[1])
        by = jnp.where(here, self._by, 0).astype(value.dtype)
        return value.reshape(-1).at[self._entry].add(by, mode="drop").reshape(value.shape)


def _objectives(values: Values, place: Place, entry: int, steps: Floats) -> Floats:
    """Return E, and E with the entry changed up and down by each step, in double precision."""
    with jax.enable_x64(True):
        arrays = [
            jnp.asarray(a, jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a
            for a in values.given
        ]
        by = jnp.asarray(np.concatenate([[0.0], steps, -steps]))
        return np.asarray(_moved_objective(values.program)(arrays, place, entry, by))


@functools.lru_cache(8)
def _moved_objective(program: Program) -> Callable[..., Array]:
    """Return the compiled (arrays, place, entry, distances) -> E of each distance, (S,)."""

    def moved(
        arrays: Sequence[Array], place: tuple[Array, Array], entry: Array, distances: Array
    ) -> Array:
        still = program.run(arrays).recording.tape
        if operations_of(still) != program.operations:
            raise _otherwise()

        def at(by: Array) -> Array:
            made = program.run(arrays, Nudged(place, entry, by, still))
            return made.recording.value(made.objective)

        objectives: Array = jax.lax.map(at, distances)
        return objectives

    # It runs a few times, so a short compilation is worth more than fast code.
    return program.checked(jax.jit(moved, compiler_options={"xla_backend_optimization_level": 0}))


def _otherwise() -> ModelError:
    return ModelError(
        "the model computes other operations in double precision than in single, so small steps "
        "cannot check it",
        fix="let it compute in the dtype of its input",
    )
