"""The loop under `scan`: lists of arrays in and out, at every level of differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax

from clearprop.autodiff.tape import Operation, Traced, Value
from clearprop.ops.derivation import Derivation
from clearprop.ops.loop_parts import ScanLoop, Values, part, turned_before


class LoopRow(Operation[..., tuple[Value, ...]]):
    """The operation of one loop, with the derivation of its gradient rule."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        sizes = derivation.sizes

        def forward(*values: Value) -> tuple[Value, ...]:
            return derivation.forward(*part(values, sizes))

        def joint(
            error: Sequence[Value], output: Sequence[Value], *values: Value
        ) -> Sequence[Value | None]:
            return derivation.backward(error, output, *part(values, sizes))

        def count(*_: object, **__: object) -> int:
            return derivation.loop.steps * derivation.operations

        super().__init__(forward, name="scan", joint=joint, count=count)


def run_loop(loop: ScanLoop, constants: Values, carry: Values, xs: Values) -> tuple[Values, Values]:
    """Run a loop on values that may be traced, and record it on the youngest of their tapes.

    Returns:
        the last carry, and the outputs of all steps, stacked in front.
    """
    inputs = (*constants, *carry, *xs)
    tapes = [value.tape for value in inputs if type(value) is Traced]
    if not tapes:
        return _run_plain(loop, constants, carry, xs)
    tape = max(tapes, key=lambda t: t.level)
    sizes = (len(constants), len(carry), len(xs))
    raw = tuple(map(tape.below, inputs))
    moving = [tape.place(v) is not None for v in inputs]
    row = LoopRow(Derivation(loop, run_loop, part(raw, sizes), part(moving, sizes)))
    outputs = tape.record(row, inputs, raw, row.forward(*raw), {})
    last, ys = part(outputs, (len(carry), row.derivation.number_of_ys))
    return last, ys


def _run_plain(
    loop: ScanLoop, constants: Values, carry: Values, xs: Values
) -> tuple[Values, Values]:
    def step(c: Values, x: Values) -> tuple[Values, Values]:
        return loop.body(constants, c, x)

    quick: Callable[[Values, Values], tuple[Values, Values]] = step
    if loop.turns and loop.steps:
        x = [jax.eval_shape(lambda of_all: of_all[0], of_all) for of_all in xs]
        quick = turned_before(loop.body, constants, carry, x)
    last, ys = jax.lax.scan(quick, carry, xs, length=loop.steps, reverse=loop.reverse)
    return last, ys
