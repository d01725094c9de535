"""The compiled calls: many training steps, whole passes, and evaluations, each one XLA program.

A step is always the same program, however many steps a call makes and wherever it begins: the body
of a loop that runs as often as it is told, or a program of its own. So a run may be cut into calls
anywhere, to look at it or to keep its state, and no bit of its results changes.

Shape letters: K steps of a call or of a pass, E passes of a call, B batch, N examples.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from clearprop.backend import replicated, sharded
from clearprop.training.plan import Plan
from clearprop.training.problem import Array, Arrays, Batch, Measured, Problem
from clearprop.training.state import State, end_epoch

EVALUATION_BATCH = 512


class Passes(NamedTuple):
    """What a call of whole passes measured.

    Attributes:
        steps: of each step, (E, K); those that this call did not make are not to be read.
        development: sums over the development examples after each pass, (E,).
        learning_rate: of the update to come after each pass, (E,).
    """

    steps: Measured
    development: Measured
    learning_rate: Array


class Span(NamedTuple):
    """The steps that a call of passes makes.

    Attributes:
        first: the step at which its first pass begins.
        last: the step before which its last pass ends; K where it is made whole.
        passes: how many passes it makes some steps of; fewer where the judge stops the run.
        begun: what the steps of the first pass measured that were made before, (K,) each.
    """

    first: Any
    last: Any
    passes: Any
    begun: Measured


class Calls:
    """The compiled calls of one run.

    A call gives its state to fresh memory and leaves the one that it was given whole, so that a
    call in which something went wrong can be looked at again. The fresh memory is that of states
    before it: they take turns, and no call has to ask the system for memory.

    Args:
        problem: what is learned.
        plan: steps of a call, and how.
        mesh: the devices.
        frozen: parameters that are not trained.
        key: source of the random numbers of every step.
    """

    def __init__(
        self, problem: Problem, plan: Plan, mesh: Mesh, frozen: Arrays, key: Array
    ) -> None:
        self.problem = problem
        self.plan = plan
        self.mesh = mesh
        self.frozen = jax.device_put(dict(frozen), replicated(mesh))
        self.key = jax.device_put(key, replicated(mesh))
        self._spares: list[State] = []
        jit = functools.partial(jax.jit, out_shardings=replicated(mesh))
        self._steps = jit(
            self._trace_steps,
            donate_argnums=1,
            keep_unused=True,
            static_argnames=("size", "limit", "guarded"),
        )
        self._passes = jit(
            self._trace_passes, donate_argnums=1, keep_unused=True, static_argnames=("size",)
        )
        self._evaluate = jit(self._trace_evaluation, static_argnames=("size", "chunks"))
        self._end = jit(self._trace_end, donate_argnums=1, keep_unused=True)

    def place(self, tree: Any) -> Any:
        """Put arrays on every device of the mesh."""
        return jax.device_put(tree, replicated(self.mesh))

    def steps(
        self,
        state: State,
        data: Batch,
        order: Array,
        start: int,
        count: int,
        size: int,
        *,
        guarded: bool = False,
    ) -> tuple[State, Measured]:
        """Make some training steps.

        Args:
            state: before them.
            data: the examples, on the devices.
            order: int32 (N,), in which the pass takes them.
            start: where in the order to begin.
            count: how many steps.
            size: B.
            guarded: whether to leave the state alone from the first step on whose loss or gradient
                is not finite; slower, so it is done only after something went wrong.

        Returns:
            The state after them and what each step measured, (``count``,) each.
        """
        single = self.plan.unrolled
        limit, repeats = (1, count) if single else (self.plan.steps_per_call, 1)
        measured = []
        for i in range(repeats):
            after, of_call = self._steps(
                state,
                self._take_spare(state),
                self.frozen,
                self.key,
                data,
                order,
                np.int32(start + i * size),
                np.int32(count // repeats),
                size=size,
                limit=limit,
                guarded=guarded,
            )
            if guarded and single and int(after.step) == int(state.step):
                break
            if i:
                self.give_back(state)  # nobody but this loop has seen it
            state = after
            measured.append(of_call)
        if not measured:
            measured.append(of_call)
        return state, Measured(*(_joined(part)[:count] for part in zip(*measured, strict=True)))

    def passes(
        self, state: State, data: Batch, dev: Batch | None, orders: Array, span: Span, size: int
    ) -> tuple[State, Passes]:
        """Make passes over the examples, each with its evaluation at its end.

        Args:
            state: before them.
            data: the training examples, on the devices.
            dev: the development examples, or None.
            orders: int32 (E, N), the order of each pass.
            span: the steps to make of them.
            size: B.
        """
        return self._passes(  # type: ignore[no-any-return]
            state,
            self._take_spare(state),
            self.frozen,
            self.key,
            data,
            dev,
            orders,
            Span(np.int32(span.first), np.int32(span.last), np.int32(span.passes), span.begun),
            size=size,
        )

    def evaluate(self, arrays: Arrays, data: Batch) -> Measured:
        """Return sums over all examples of a set, in evaluation."""
        examples = len(data.targets)
        size, chunks = self.evaluation_batch(examples)
        together = 1 if self.plan.unrolled else chunks
        parts = [
            self._evaluate(
                arrays, self.frozen, data, np.int32(k * size), size=size, chunks=together
            )
            for k in range(0, chunks, together)
        ]
        return Measured(*(sum(part[1:], start=part[0]) for part in zip(*parts, strict=True)))

    def end_epoch(self, state: State, metric: Any, objective: Any) -> tuple[State, Array]:
        """Let optimizer and judge hear how a pass went; gives the learning rate to come too."""
        metric, objective = np.float32(metric), np.float32(objective)
        return self._end(state, self._take_spare(state), metric, objective)  # type: ignore[no-any-return]

    def give_back(self, state: State) -> None:
        """Let the next call reuse the memory of a state that nobody needs any more."""
        self._spares = [*self._spares[-1:], state]

    def evaluation_batch(self, examples: int) -> tuple[int, int]:
        """Return how many examples an evaluation takes at once, and how often."""
        chunks = -(-examples // EVALUATION_BATCH)
        size = -(-examples // chunks)
        return -(-size // self.plan.devices) * self.plan.devices, chunks

    def _take_spare(self, like: State) -> State:
        if self._spares:
            return self._spares.pop()
        return self.place(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like))  # type: ignore[no-any-return]

    def batch(self, data: Batch, rows: Array) -> Batch:
        """Return the examples of some rows, shared out over the devices where they can be."""
        batch: Batch = jax.tree.map(lambda part: jnp.take(part, rows, axis=0), data)
        if self.plan.devices > 1 and len(rows) % self.plan.devices == 0:
            placement = sharded(self.mesh)
            batch = jax.lax.with_sharding_constraint(batch, placement)
        return batch

    def _trace_steps(
        self,
        state: State,
        spare: State,
        frozen: Arrays,
        key: Array,
        data: Batch,
        order: Array,
        start: Array,
        count: Array,
        *,
        size: int,
        limit: int,
        guarded: bool,
    ) -> tuple[State, Measured]:
        def one(i: Any, carry: tuple[State, Measured]) -> tuple[State, Measured]:
            before, measured = carry
            rows = jax.lax.dynamic_slice(order, (start + i * size,), (size,))
            after, now, gradients = self.problem.step(before, frozen, self.batch(data, rows), key)
            if guarded:
                whole_so_far = before.step == state.step + i
                fine = whole_so_far & _all_finite((now.objective, gradients, after.parameters))
                after = jax.tree.map(functools.partial(jnp.where, fine), after, before)
            return after, _noted(measured, i, now)

        nothing = jnp.zeros(limit, jnp.float32)
        carry = (state, Measured(nothing, nothing))
        return one(0, carry) if limit == 1 else jax.lax.fori_loop(0, count, one, carry)

    def _trace_passes(
        self,
        state: State,
        spare: State,
        frozen: Arrays,
        key: Array,
        data: Batch,
        dev: Batch | None,
        orders: Array,
        span: Span,
        *,
        size: int,
    ) -> tuple[State, Passes]:
        E, N = orders.shape
        full, rest = divmod(N, size)
        K, B = full + bool(rest), size

        def step(size: int, order: Array, i: Any, carry: Any) -> Any:
            before, measured = carry
            rows = jax.lax.dynamic_slice(order, (i * B,), (size,))
            after, now, _ = self.problem.step(before, frozen, self.batch(data, rows), key)
            return after, _noted(measured, i, now)

        def one(carry: Any) -> Any:
            e, state, measured, noted = carry
            first = jnp.where(e == 0, span.first, 0)
            last = jnp.where(e == span.passes - 1, span.last, K)
            made = state, measured
            make = functools.partial(step, size, orders[e])
            made = jax.lax.fori_loop(first, jnp.minimum(last, full), make, made)
            if rest:
                make = functools.partial(step, rest, orders[e])
                made = jax.lax.fori_loop(jnp.maximum(first, full), last, make, made)
            state, measured = made
            zero = jnp.zeros((), jnp.float32)
            state, sums = jax.lax.fori_loop(
                0,
                (last == K).astype(jnp.int32),
                lambda _, now: self._judge(now[0], frozen, dev, measured, size, N),
                (state, Measured(zero, zero)),
            )
            rate = self.problem.optimizer.learning_rate(state.optimizer)
            return e + 1, state, measured, _noted(noted, e, Passes(measured, sums, rate))

        zeros, columns = jnp.zeros(E, jnp.float32), jnp.zeros((E, K), jnp.float32)
        nothing = Passes(Measured(columns, columns), Measured(zeros, zeros), zeros)
        _, state, _, noted = jax.lax.while_loop(
            lambda carry: (carry[0] < span.passes) & ~carry[1].judge.stopped,
            one,
            (jnp.zeros((), jnp.int32), state, span.begun, nothing),
        )
        return state, noted

    def _judge(
        self,
        state: State,
        frozen: Arrays,
        dev: Batch | None,
        measured: Measured,
        size: int,
        examples: int,
    ) -> tuple[State, Measured]:
        problem = self.problem
        if dev is None:
            sizes = jnp.full(measured.objective.shape, size).at[-1].set((examples - 1) % size + 1)
            metric = objective = (measured.objective * sizes).sum() / examples
            sums = Measured(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))
        else:
            n = len(dev.targets)
            size, chunks = self.evaluation_batch(n)
            arrays = problem.evaluation(state)
            sums = self._trace_evaluation(
                arrays, frozen, dev, jnp.zeros((), jnp.int32), size=size, chunks=chunks
            )
            metric, objective = problem.loss.finish(sums.error / n), sums.objective / n
        state = end_epoch(state, problem.optimizer, metric, objective, problem.patience)
        return state, sums

    def _trace_evaluation(
        self, arrays: Arrays, frozen: Arrays, data: Batch, start: Array, *, size: int, chunks: int
    ) -> Measured:
        last = len(data.targets) - 1

        def one(k: Any, sums: Measured) -> Measured:
            rows = start + k * size + jnp.arange(size, dtype=jnp.int32)
            batch = self.batch(data, jnp.minimum(rows, last))
            now = self.problem.totals({**frozen, **arrays}, batch, rows <= last)
            return Measured(*(a + b.astype(a.dtype) for a, b in zip(sums, now, strict=True)))

        nothing = Measured(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))
        if chunks == 1:
            return one(0, nothing)
        return jax.lax.fori_loop(0, chunks, one, nothing)  # type: ignore[no-any-return]

    def _trace_end(
        self, state: State, spare: State, metric: Array, objective: Array
    ) -> tuple[State, Array]:
        problem = self.problem
        after = end_epoch(state, problem.optimizer, metric, objective, problem.patience)
        return after, problem.optimizer.learning_rate(after.optimizer)


def _noted(every: Any, i: Any, now: Any) -> Any:
    """Write what was measured now at its place among the rest."""
    return jax.tree.map(lambda at, x: at.at[i].set(x.astype(at.dtype)), every, now)


def all_finite(tree: Any) -> bool:
    """Say whether every floating array of a tree is finite throughout."""
    return bool(_all_finite(tree))


@jax.jit
def _all_finite(tree: Any) -> Array:
    floating = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return functools.reduce(
        jnp.logical_and, [jnp.isfinite(x).all() for x in floating], jnp.ones((), bool)
    )


def _joined(parts: tuple[Any, ...]) -> NDArray[np.float32]:
    return np.concatenate([np.asarray(part) for part in parts])
