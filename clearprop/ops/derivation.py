"""The gradient rule of a loop, derived from its body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax.extend.core import Literal, Var

from clearprop.autodiff import elementary
from clearprop.autodiff.sweep import Place, accumulate, pass_back
from clearprop.autodiff.tape import Function, Node, Tape, Value
from clearprop.ops.loop_parts import (
    Back,
    Item,
    Known,
    Like,
    Run,
    ScanLoop,
    Trace,
    Values,
    arrays_of,
    depending,
    in_front,
    live_variables,
    numbered,
    part,
    passing_to,
    scattered,
    shapes,
    with_arrays,
    zeros,
)

at: Function = elementary.getitem
reshape: Function = elementary.reshape


class Derivation:
    """How a loop is differentiated: which values its body's rules need, and where these come from.

    Args:
        loop: the loop.
        run: runs the forward and the backward loop, which may themselves be differentiated.
        values: constants, first carry and xs of the loop.
        moving: for each of these values, whether its error is wanted.

    Attributes:
        source: where the backward pass finds each candidate of the body's tape. A "constant" and a
            leaf of the "x" are inputs; a "fixed" value is the same at every step and is computed
            once; the forward loop returns a "saved" value, stacked over time; no rule reads an
            "unused" one.
        loop_saved, loop_xs: which saved values and which xs the backward loop reads.
        fixed_nodes: nodes of the body's tape that are the same at every step.
        summed: places of fixed values whose errors are summed inside the backward loop.
        waiting: by node, the inputs whose rules are applied once, after that loop.
        alike: for each error that the backward loop returns (of the xs, those that wait, of the
            carry), the number of its value; equal numbers stand for one value, returned once.
    """

    def __init__(
        self,
        loop: ScanLoop,
        run: Run,
        values: Sequence[Values],
        moving: Sequence[Sequence[bool]],
    ) -> None:
        self.loop = loop
        self.run = run
        self.moving = moving
        constants, carry, xs = values
        self.sizes = (len(constants), len(carry), len(xs))
        self.shapes = (
            shapes(constants),
            shapes(carry),
            [jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for x in xs],
        )
        self.skeleton: Trace
        self.source: list[tuple[str, int]] = []
        self.saved: list[int] = []
        self.fixed: list[int] = []
        self.loop_saved: list[int] = []
        self.loop_xs: list[int] = []
        self.fixed_nodes: set[int] = set()
        self.summed: list[Place] = []
        self.waiting: dict[int, list[int]] = {}
        self.alike: list[int] = []
        self._plan()
        self._prune()

    @property
    def number_of_ys(self) -> int:
        """How many outputs the body has at each step."""
        return len(self.skeleton.ys)

    @property
    def operations(self) -> int:
        """How many arithmetic operations one step takes."""
        return sum(
            node.operation.count(node.as_returned(node.outputs), node.inputs, node.parameters)
            for node in self.skeleton.nodes
            if node.operation is not None
        )

    # -- what the body is made of ---------------------------------------------------------------

    def _trace(self, constants: Values, carry: Values, x: Values) -> Trace:
        tape = Tape()

        def box(values: Values, moving: Sequence[bool]) -> tuple[Values, list[Place | None]]:
            boxed = [tape.variable(v) if m else v for v, m in zip(values, moving, strict=True)]
            return boxed, [*map(tape.place, boxed)]

        # After the first step every floating carry can depend on a moving constant.
        floating = [bool(jnp.issubdtype(v.dtype, jnp.floating)) for v in carry]
        c, c_places = box(constants, self.moving[0])
        h, h_places = box(carry, floating)
        i, i_places = box(x, self.moving[2])
        new, ys = self.loop.body(c, h, i)
        tape.closed = True
        return Trace(
            nodes=tape.nodes,
            candidates=[v for node in tape.nodes for v in arrays_of(node)],
            constants=c_places,
            carry=h_places,
            xs=i_places,
            new=[*map(tape.below, new)],
            ys=[*map(tape.below, ys)],
            new_places=[*map(tape.place, new)],
            ys_places=[*map(tape.place, ys)],
        )

    def _plan(self) -> None:
        """Trace the body on shapes, and note for each value where the backward pass finds it."""
        traces: list[Trace] = []

        def probe(constants: Values, carry: Values, x: Values) -> Values:
            traces.append(self._trace(constants, carry, x))
            return traces[-1].candidates

        jaxpr = jax.make_jaxpr(probe)(*self.shapes).jaxpr
        self.skeleton = traces[-1]
        first_carry = len(self.shapes[0])
        first_x = first_carry + len(self.shapes[1])
        inputs = {variable: i for i, variable in enumerate(jaxpr.invars)}
        varying = depending(jaxpr, set(jaxpr.invars[first_carry:]))
        seen: dict[Var, tuple[str, int]] = {}

        def place(position: int, variable: Var | Literal) -> tuple[str, int]:
            if isinstance(variable, Var):
                if variable in seen:
                    return seen[variable]
                number = inputs.get(variable, first_carry)
                if number < first_carry:
                    return "constant", number
                if variable in inputs and number >= first_x:
                    return "x", number - first_x
                if variable in varying:
                    self.saved.append(position)
                    return "saved", len(self.saved) - 1
            self.fixed.append(position)
            return "fixed", len(self.fixed) - 1

        for position, variable in enumerate(jaxpr.outvars):
            self.source.append(place(position, variable))
            if isinstance(variable, Var):
                seen[variable] = self.source[-1]
        kinds = iter(self.source)
        for index, node in enumerate(self.skeleton.nodes):
            # An output can be the same at every step although an input is not. The rule of such a
            # node reads that input, so it is applied at each step, and so are those that follow.
            of_node = [next(kinds)[0] for _ in arrays_of(node)]
            from_fixed = all(p is None or p[0] in self.fixed_nodes for p in node.parents)
            if from_fixed and all(kind in ("constant", "fixed") for kind in of_node):
                self.fixed_nodes.add(index)

    def _prune(self) -> None:
        """Keep only the saved values that a rule uses, and pass only these to the backward loop."""
        candidates = self.skeleton.candidates
        saved = shapes([candidates[i] for i in self.saved])
        fixed = shapes([candidates[i] for i in self.fixed])
        errors = shapes(self.skeleton.new), shapes(self.skeleton.ys)
        sizes = len(saved), len(self.shapes[2])

        def in_loop(
            kept: Values, x: Values, rest: Values, c: Values, e: tuple[Values, Values]
        ) -> object:
            back = self._step_back(Known(c, rest, kept, x), *e)
            # Decided once: without JAX's tracing each step would find other values to be one.
            self.alike = numbered([*self._wanted(back.xs), *back.later, *back.states])
            return back.carry, back.xs, list(back.fixed.values()), back.later

        def after(kept: Values, x: Values, rest: Values, c: Values, t: Values, e: Values) -> object:
            return self._after_loop(Known(c, rest, kept, x), t, e, 1)

        def used(function: Callable[..., object], *inputs: object) -> list[list[int]]:
            jaxpr = jax.make_jaxpr(function)(*inputs).jaxpr
            live = live_variables(jaxpr)
            read = part([variable in live for variable in jaxpr.invars], sizes)
            return [[i for i, is_read in enumerate(of_kind) if is_read] for of_kind in read]

        given = fixed, self.shapes[0]
        loop_saved, self.loop_xs = used(in_loop, saved, self.shapes[2], *given, errors)
        totals = shapes([*map(self._value_at, self.summed)])
        later = [in_front(self._value_at((node, 0)), 1) for node in self.waiting]
        once = [[in_front(v, 1) for v in values] for values in (saved, self.shapes[2])]
        after_saved, _ = used(after, *once, *given, totals, later)
        kept = sorted({*loop_saved, *after_saved})
        self.saved = [self.saved[i] for i in kept]
        self.loop_saved = [kept.index(i) for i in loop_saved]
        self.source = [
            (kind, index)
            if kind != "saved"
            else ("saved", kept.index(index))
            if index in kept
            else ("unused", 0)
            for kind, index in self.source
        ]

    def _wanted(self, errors: Sequence[Item]) -> list[Item]:
        """Return those errors of the xs that are wanted."""
        pairs = zip(errors, self.skeleton.xs, strict=True)
        return [error for error, place in pairs if place is not None]

    # -- forward --------------------------------------------------------------------------------

    def forward(self, constants: Values, carry: Values, xs: Values) -> tuple[Value, ...]:
        """Return the last carry, the ys, the saved values and the fixed ones."""

        def body(c: Values, h: Values, x: Values) -> tuple[Values, Values]:
            trace = self._trace(c, h, x)
            return trace.new, trace.ys + [trace.candidates[i] for i in self.saved]

        last, ys = self.run(replace(self.loop, body=body), constants, carry, xs)
        fixed: Values = []
        if self.fixed:
            first: Values = [
                at(x, 0) if self.loop.steps else zeros(s)
                for x, s in zip(xs, self.shapes[2], strict=True)
            ]
            trace = self._trace(constants, carry, first)
            fixed = [trace.candidates[i] for i in self.fixed]
        return (*last, *ys, *fixed)

    # -- backward -------------------------------------------------------------------------------

    def through_time(
        self, error: Sequence[Value], output: Sequence[Value], inputs: Sequence[Value]
    ) -> tuple[Values, Values]:
        """Return the carry after every step, and its error signal, stacked in front.

        The error signal is the total: the errors from later steps and those from the outputs of the
        step itself.
        """
        constants, carry, xs = part(inputs, self.sizes)

        def body(c: Values, h: Values, x: Values) -> tuple[Values, Values]:
            new, _ = self.loop.body(c, h, x)
            return new, new

        _, states = self.run(replace(self.loop, body=body, turns=False), constants, carry, xs)
        errors: Values = []
        self.backward(error, output, constants, carry, xs, errors)
        return states, errors

    def backward(
        self,
        error: Sequence[Value],
        output: Sequence[Value],
        constants: Values,
        carry: Values,
        xs: Values,
        states: Values | None = None,
    ) -> list[Value | None]:
        """Return the error signals of the constants, the first carry and the xs.

        Args:
            error: of all outputs of `forward`.
            output: what `forward` returned.
            constants: of the loop.
            carry: the first one.
            xs: of all steps.
            states: a list to fill with the error signals of the carry after every step.

        Returns:
            one error signal for each input; None where no error passes.
        """
        ends = len(carry), len(carry) + self.number_of_ys
        carry_errors, y_errors = list(error[: ends[0]]), list(error[ends[0] : ends[1]])
        saved = list(output[ends[1] : ends[1] + len(self.saved)])
        fixed = list(output[ends[1] + len(self.saved) :])
        wanted = self._wanted(range(len(xs)))
        alike = self.alike[: None if states is not None else len(wanted) + len(self.waiting)]
        different = [alike.index(number) for number in range(len({*alike}))]

        def body(c: Values, h: Values, x: Values) -> tuple[Values, Values]:
            now_carry, totals = part(h, (len(carry), len(self.summed)))
            now_ys, kept, inputs = part(x, (len(y_errors), len(self.loop_saved), len(self.loop_xs)))
            known = Known(
                c[: len(constants)],
                c[len(constants) :],
                scattered(kept, self.loop_saved, len(saved)),
                scattered(inputs, self.loop_xs, len(xs)),
            )
            back = self._step_back(known, now_carry, now_ys)
            totals = [t + back.fixed[p] for t, p in zip(totals, self.summed, strict=True)]
            # An error of an input is often also one that waits: the loop returns it once.
            every = [*self._wanted(back.xs), *back.later, *back.states]
            return back.carry + totals, [every[i] for i in different]

        empty = [zeros(self._value_at(place)) for place in self.summed]
        sequences = [saved[i] for i in self.loop_saved] + [xs[i] for i in self.loop_xs]
        backwards = replace(self.loop, body=body, reverse=not self.loop.reverse, turns=True)
        last, returned = self.run(
            backwards, [*constants, *fixed], [*carry_errors, *empty], [*y_errors, *sequences]
        )
        ys = [returned[number] for number in alike]
        if states is not None:
            states += ys[len(ys) - len(carry) :]
            ys = ys[: len(ys) - len(carry)]
        first_carry, totals = part(last, (len(carry), len(self.summed)))
        known = Known(constants, fixed, saved, xs)
        constant_errors = self._after_loop(known, totals, ys[len(wanted) :], self.loop.steps)
        x_errors = scattered(ys[: len(wanted)], wanted, len(xs))
        return [*constant_errors, *first_carry, *x_errors]

    def _step_back(self, known: Known, carry: Values, ys: Values) -> Back:
        """Apply the body's rules at one step; the errors for the waiting rules are in ``later``."""
        plan = self.skeleton
        nodes = self._nodes(known)
        errors: dict[Place, Value] = {}
        places = (*plan.new_places, *plan.ys_places)
        for place, error in zip(places, (*carry, *ys), strict=True):
            if place is not None:
                accumulate(errors, place, error)
        fixed: dict[Place, Value] = {}
        whole: dict[Place, Value] = {}
        later: Values = []
        self.waiting = {}
        for index in range(len(nodes) - 1, -1, -1):
            node = nodes[index]
            arrived = [errors.pop((index, k), None) for k in range(len(node.outputs))]
            here = {(index, k): e for k, e in enumerate(arrived) if e is not None}
            whole.update(here)
            if index in self.fixed_nodes:
                fixed.update(here)
            elif node.operation is not None and here:
                waiting = self._waiting(node)
                if waiting:
                    later += here.values()
                    self.waiting[index] = waiting
                rest = {*range(len(node.inputs))} - {*waiting}
                pass_back(passing_to(node, rest), arrived, errors)
        self.summed = sorted(fixed)

        def at_places(places: list[Place | None], likes: Sequence[Like]) -> Values:
            pairs = zip(places, likes, strict=True)
            return [whole[p] if p is not None and p in whole else zeros(x) for p, x in pairs]

        return Back(
            carry=at_places(plan.carry, self.shapes[1]),
            xs=at_places(plan.xs, self.shapes[2]),
            fixed=fixed,
            later=later,
            states=at_places(plan.new_places, plan.new),
        )

    def _waiting(self, node: Node) -> list[int]:
        """Return the inputs that are the same at every step and whose rule holds for all steps."""
        operation = node.operation
        if operation is None or operation.joint is not None or len(node.outputs) != 1:
            return []
        return [
            i
            for i, parent in enumerate(node.parents)
            if parent is not None and parent[0] in self.fixed_nodes and operation.stacks_at(i)
        ]

    def _after_loop(
        self, known: Known, totals: Values, later: Values, steps: int
    ) -> list[Value | None]:
        """Apply the waiting rules and those of fixed nodes; return the errors of the constants."""
        errors = dict(zip(self.summed, totals, strict=True))
        stacked = self._nodes(known, steps)
        for (index, positions), error in zip(self.waiting.items(), later, strict=True):
            pass_back(passing_to(stacked[index], positions), [error], errors)
        for index in sorted(self.fixed_nodes, reverse=True):
            node = stacked[index]
            arrived = [errors.get((index, k)) for k in range(len(node.outputs))]
            if node.operation is None or all(e is None for e in arrived):
                continue
            pass_back(node, arrived, errors)
        return [
            None if place is None else errors.get(place, zeros(shape))
            for place, shape in zip(self.skeleton.constants, self.shapes[0], strict=True)
        ]

    def _nodes(self, known: Known, steps: int | None = None) -> list[Node]:
        """Return the body's nodes with the values of one step, or of all steps stacked in front."""
        sources = iter(zip(self.source, self.skeleton.candidates, strict=True))

        def value(rank: int) -> Value:
            (kind, index), like = next(sources)
            if kind == "constant":
                return known.constants[index]
            if kind == "fixed":
                return known.fixed[index]
            if kind == "unused":
                return zeros(like if steps is None else in_front(like, steps))
            found = (known.saved if kind == "saved" else known.xs)[index]
            if found is None:
                return zeros(like)
            if steps is None or len(like.shape) >= rank:
                return found
            # Broadcasting aligns the last axes: the axis of time must stay the first.
            wide = (steps, *(1,) * (rank - len(like.shape)), *like.shape)
            return reshape(found, wide)

        return [with_arrays(node, value) for node in self.skeleton.nodes]

    def _value_at(self, place: Place) -> Value:
        return self.skeleton.nodes[place[0]].outputs[place[1]]
