"""The compiled calls: many training steps, whole passes, and evaluations, each one XLA program.

Shape letters: K steps of a call, E passes of a call, B batch, N examples.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from clearprop.backend import shared_out, whole
from clearprop.training.plan import Plan
from clearprop.training.problem import Array, Arrays, Batch, Measured, Problem
from clearprop.training.state import State, end_epoch

EVALUATION_BATCH = 512


class Passes(NamedTuple):
    """What a call of whole passes measured.

    Attributes:
        steps: of each step, (E, K).
        development: sums over the development examples after each pass, (E,).
        learning_rate: of the update to come after each pass, (E,).
    """

    steps: Measured
    development: Measured
    learning_rate: Array


class Calls:
    """The compiled calls of one run.

    A call gives its state to fresh memory and leaves the one that it was given whole, so that a
    call in which something went wrong can be looked at again. The fresh memory is that of the state
    before: two states take turns, and no call has to ask the system for memory.

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
        self.frozen = jax.device_put(dict(frozen), whole(mesh))
        self.key = jax.device_put(key, whole(mesh))
        self._spare: State | None = None
        jit = functools.partial(jax.jit, out_shardings=whole(mesh))
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
        return jax.device_put(tree, whole(self.mesh))

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
        if self.plan.unrolled:
            limit = count if count == self.plan.steps_per_call else 1
            repeats = count // limit
        else:
            limit, repeats = (self.plan.steps_per_call if count > 1 else 1), 1
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
            if i:
                self._spare = state  # nobody but this loop has seen it
            state = after
            measured.append(of_call)
        return state, Measured(*(_joined(part)[:count] for part in zip(*measured, strict=True)))

    def passes(
        self, state: State, data: Batch, dev: Batch | None, orders: Array, count: int, size: int
    ) -> tuple[State, Passes]:
        """Make whole passes over the examples, each with its evaluation.

        Args:
            state: before them.
            data: the training examples, on the devices.
            dev: the development examples, or None.
            orders: int32 (E, N), the order of each pass.
            count: how many of the E passes to make; fewer are made where the judge stops the run.
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
            np.int32(count),
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
        self._spare = state

    def evaluation_batch(self, examples: int) -> tuple[int, int]:
        """Return how many examples an evaluation takes at once, and how often."""
        chunks = -(-examples // EVALUATION_BATCH)
        size = -(-examples // chunks)
        return -(-size // self.plan.devices) * self.plan.devices, chunks

    def _take_spare(self, like: State) -> State:
        spare, self._spare = self._spare, None
        if spare is None:
            spare = self.place(jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like))
        return spare

    def _batch(self, data: Batch, rows: Array) -> Batch:
        batch: Batch = jax.tree.map(lambda part: jnp.take(part, rows, axis=0), data)
        if self.plan.devices > 1 and len(rows) % self.plan.devices == 0:
            placement = shared_out(self.mesh)
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
        start: Array | int,
        count: Array | int,
        *,
        size: int,
        limit: int,
        guarded: bool,
    ) -> tuple[State, Measured]:
        def one(i: Any, carry: tuple[State, Measured]) -> tuple[State, Measured]:
            before, measured = carry
            rows = jax.lax.dynamic_slice(order, (start + i * size,), (size,))
            after, now, gradients = self.problem.step(before, frozen, self._batch(data, rows), key)
            if guarded:
                whole_so_far = before.step == state.step + i
                fine = whole_so_far & _all_finite((now.objective, gradients, after.parameters))
                after = jax.tree.map(functools.partial(jnp.where, fine), after, before)
            written = [
                at.at[i].set(x.astype(at.dtype)) for at, x in zip(measured, now, strict=True)
            ]
            return after, Measured(*written)

        nothing = jnp.zeros(limit, jnp.float32)
        carry = (state, Measured(nothing, nothing))
        if limit == 1 or self.plan.unrolled:
            for i in range(limit):
                carry = one(i, carry)
            return carry
        return jax.lax.fori_loop(0, count, one, carry)  # type: ignore[no-any-return]

    def _trace_passes(
        self,
        state: State,
        spare: State,
        frozen: Arrays,
        key: Array,
        data: Batch,
        dev: Batch | None,
        orders: Array,
        count: Array,
        *,
        size: int,
    ) -> tuple[State, Passes]:
        E, N = orders.shape
        full, rest = divmod(N, size)
        steps = functools.partial(
            self._trace_steps, spare=spare, frozen=frozen, key=key, data=data, guarded=False
        )

        def one(carry: tuple[Any, State, Passes]) -> tuple[Any, State, Passes]:
            e, state, noted = carry
            order = orders[e]
            state, measured = steps(state, order=order, start=0, count=full, size=size, limit=full)
            if rest:
                state, tail = steps(
                    state, order=order, start=full * size, count=1, size=rest, limit=1
                )
                measured = Measured(
                    *(jnp.concatenate(both) for both in zip(measured, tail, strict=True))
                )
            state, sums = self._judge(state, frozen, dev, measured, size, N)
            rate = self.problem.optimizer.learning_rate(state.optimizer)
            now = Passes(measured, sums, rate)
            noted = jax.tree.map(
                lambda every, x: every.at[e].set(x.astype(every.dtype)), noted, now
            )
            return e + 1, state, noted

        zeros, columns = jnp.zeros(E, jnp.float32), jnp.zeros((E, full + bool(rest)), jnp.float32)
        nothing = Passes(Measured(columns, columns), Measured(zeros, zeros), zeros)
        _, state, noted = jax.lax.while_loop(
            lambda carry: (carry[0] < count) & ~carry[1].judge.stopped,
            one,
            (jnp.zeros((), jnp.int32), state, nothing),
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
            sums = Measured(jnp.zeros(()), jnp.zeros(()))
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
            batch = self._batch(data, jnp.minimum(rows, last))
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
