"""The check of an error signal by small steps: E itself, computed anew with one entry moved.

Shape letters: S steps of different sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import Operation, Tape
from clearprop.autodiff.sweep import Place
from clearprop.errors import ConfigurationError, ModelError
from clearprop.glass.explain.program import Program

if TYPE_CHECKING:
    from clearprop.glass.explain.node import GlassNode

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
"""How far an entry is moved, in parts of its own size or of its array's."""

NOISE = 32 * float(np.finfo(np.float64).eps)
"""Of E computed twice, relative to E."""


@dataclass(frozen=True)
class Check:
    """One entry of an error signal, compared with what E does when that entry is moved.

    Attributes:
        index: of the entry.
        error: what back-propagation gives.
        numeric: the central difference (E(v + h) - E(v - h)) / 2h in double precision.
        difference: |error - numeric|.
        agrees: whether that is no more than rounding can be; at a kink, whether the error lies
            between the slopes of the two sides.
        below, above: slopes of E to both sides, (E(v) - E(v - h)) / h and (E(v + h) - E(v)) / h.
        note: what else is to be said, such as that E has a kink here; else empty.
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


def check(node: GlassNode, index: Any = None) -> Check:
    """Compare an entry of a node's error signal with a finite difference of E.

    Model and loss are computed again in double precision with that entry of the node's value moved
    up and down, all after it as it follows; of steps of several sizes the one counts at which the
    difference changes least. What the model holds constant (targets, masks, what `stop_gradient`
    took out) stays as it was. Inside a loop or a `checkpoint` that cannot be seen to: where error
    signals are stopped there, as by ``truncate=``, small steps show the whole slope.

    Args:
        node: any that carries an error.
        index: the entry; None for that of the largest error.

    Raises:
        ConfigurationError: the node carries no error, or has no such entry.
        ModelError: the model does otherwise in double precision than in single.

    >>> from clearprop import nn
    >>> from clearprop.glass.explain import explain
    >>> model = nn.Sequential([nn.Linear(1, 1), "sigmoid"]).init(0)
    >>> glass = explain(model, jnp.ones((1, 1)), jnp.ones((1, 1)), "squared_error")
    >>> glass["layers.0/matmul"].check().agrees
    True
    """
    error = node.error
    if error is None or node.place is None:
        raise ConfigurationError(
            "the node carries no error signal", where=node.name, given=f"dtype {node.dtype}"
        )
    errors, values = (np.asarray(a, np.float64) for a in (error, node.value))
    entry = _entry(node, errors, index)
    scale = max(abs(values.flat[entry]), float(np.sqrt(np.mean(values**2))))
    steps = np.array(STEPS) * (scale if 0 < scale < np.inf else 1.0)
    at = tuple(int(i) for i in np.unravel_index(entry, errors.shape))
    values_of_e = _objectives(node, entry, steps)
    largest = float(np.max(np.abs(errors)))
    precision = float(jnp.finfo(node.dtype).eps) ** 0.5  # type: ignore[no-untyped-call]
    return _compared(at, errors[at].item(), largest, precision, steps, values_of_e)


def _entry(node: GlassNode, errors: Any, index: Any) -> int:
    if index is not None:
        return int(np.arange(errors.size).reshape(errors.shape)[entry_of(node, index)])
    strange = ~np.isfinite(errors)
    return int(np.argmax(strange if strange.any() else np.abs(errors)))


def entry_of(node: GlassNode, index: Any) -> tuple[int, ...]:
    """Return the index of an entry, counted from the front.

    Raises:
        ConfigurationError: the node has no such entry.
    """
    place = tuple(index) if isinstance(index, Sequence) else (index,)
    sizes = node.shape
    if len(place) == len(sizes) and all(-n <= k < n for k, n in zip(place, sizes, strict=True)):
        return tuple(int(k) % n for k, n in zip(place, sizes, strict=True))
    raise ConfigurationError(
        "the node has no such entry",
        where=node.name,
        given=f"index {place}",
        expected=f"one number an axis of {sizes}",
    )


def _compared(
    at: tuple[int, ...], error: float, largest: float, precision: float, steps: Any, found: Any
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
    # Of a smooth function the gap shrinks with the step, of a kink it does not.
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


# -- E with one entry moved ---------------------------------------------------------------------


class Nudged(Tape):
    """A tape on which one entry of one value is moved as it is written.

    Args:
        place: (node, output) of the value, traced integers.
        entry: which of its entries, counted along the flat array.
        by: how far.
        still: the same pass with nothing moved, for what the model holds constant.
    """

    __slots__ = ("_by", "_entry", "_place", "_still")

    def __init__(self, place: tuple[Any, Any], entry: Any, by: Any, still: Tape) -> None:
        super().__init__()
        self._place = place
        self._entry = entry
        self._by = by
        self._still = still

    def variable(self, value: Any) -> Any:
        """Box an input of the pass, moved where it is the one."""
        return super().variable(self._moved(jnp.asarray(value), (len(self.nodes), 0)))

    def record(
        self,
        operation: Operation[Any, Any],
        inputs: Sequence[Any],
        raw: tuple[Any, ...],
        output: Any,
        parameters: dict[str, Any],
    ) -> Any:
        """Write one node, its output moved where it is the one."""
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


def _objectives(node: GlassNode, entry: int, steps: Any) -> Any:
    """Return E as it is, and with the entry moved up and down by each step, in double precision."""
    values = node.glass.values
    with jax.enable_x64(True):
        arrays = [_doubled(a) for a in values.given]
        by = jnp.asarray(np.concatenate([[0.0], steps, -steps]))
        assert node.place is not None
        return np.asarray(_moved_objective(values.program)(arrays, node.place, entry, by))


@functools.lru_cache(8)
def _moved_objective(program: Program) -> Callable[..., Any]:
    """Return the compiled (arrays, place, entry, distances) -> E of each distance, (S,)."""

    def moved(arrays: Sequence[Any], place: Any, entry: Any, distances: Any) -> Any:
        still = program.run(arrays).tape
        operations = [n.operation.name if n.operation else "" for n in still.nodes]
        if operations != program.operations:
            raise _otherwise()

        def at(by: Any) -> Any:
            objective = program.run(arrays, Nudged(place, entry, by, still)).objective
            return getattr(objective, "value", objective)

        return jax.lax.map(at, distances)

    # Run a few times, it is better compiled soon than fast.
    return jax.jit(moved, compiler_options={"xla_backend_optimization_level": 0})


def _doubled(array: Any) -> Any:
    dtype = array.dtype
    return jnp.asarray(array, jnp.float64) if jnp.issubdtype(dtype, jnp.floating) else array


def _otherwise() -> ModelError:
    return ModelError(
        "the model does otherwise in double precision than in single, and cannot be checked so",
        fix="let it compute in the dtype of its input",
    )
