"""The compiled calls of an algorithm: many steps, whole epochs, and evaluations.

A step is always the same XLA program, wherever a call begins and however many steps it takes: the
body of a loop with a variable number of rounds, or a program of its own. So a run may be divided
into calls anywhere, to look at it or to keep its state, and no bit of its results changes.

Shape letters: K steps of a call or of an epoch, E epochs of a call, B batch, N examples.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import backend
from clearprop.backend import float_dtype
from clearprop.data import Batch
from clearprop.device_memory import CallSize
from clearprop.optim.rate_arguments import taking_rates
from clearprop.programs import SharedJit
from clearprop.training.algorithm import (
    Algorithm,
    Array,
    Arrays,
    GivesOutputs,
    Measured,
    MeasuresEpochs,
    Numeric,
    TrainState,
)
from clearprop.training.callback import Portion
from clearprop.training.execution_plan import ExecutionPlan
from clearprop.training.nonfinite import finite
from clearprop.training.placement import Placement

EVALUATION_BATCH = 512

Tree = TypeVar("Tree")


class Epochs(NamedTuple):
    """What a call of whole epochs measured.

    Attributes:
        steps: of each step, (E, K); entries of steps that this call did not take have no meaning.
        development: sums over the development examples after each epoch, (E,).
        learning_rate: of the next step after each epoch, (E,).
    """

    steps: Measured
    development: Measured
    learning_rate: Array


class Span(NamedTuple):
    """The steps that a call of epochs takes.

    Attributes:
        first: the first step of its first epoch.
        last: the number of steps at which its last epoch ends; K where the epoch is whole.
        epochs: of how many epochs it takes steps; fewer where early stopping ends the run.
        begun: what earlier steps of the first epoch measured, (K,) each.
    """

    first: Array | np.signedinteger | int
    last: Array | np.signedinteger | int
    epochs: Array | np.signedinteger | int
    begun: Measured


class CompiledSteps:
    """The compiled calls of one run.

    A call writes its state to other memory and keeps the given state whole, so that a call in which
    a number was not finite can be made again. The other memory is that of an earlier state: the
    states take turns, and no call has to ask the system for memory.

    Args:
        algorithm: whose step and evaluation are compiled.
        plan: how many steps a call takes, and on how many devices.
        placement: the devices, and how arrays lie over them.
        state: of the run, or shapes in the place of its arrays.
        frozen: parameters that are not trained.
        key: source of the random numbers of every step.
        rates: learning rates that the programs get as arguments; see `taking_rates`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        plan: ExecutionPlan,
        placement: Placement,
        state: TrainState,
        frozen: Arrays,
        key: Array,
        rates: Sequence[float] = (),
    ) -> None:
        self.algorithm = algorithm
        self.plan = plan
        self.placement = placement
        self.hold(frozen)
        self.own_key, self.key = key, self.put(key)
        self._rates = [np.asarray(rate, float_dtype()) for rate in rates]
        self._spares: list[TrainState] = []
        # Outside a loop of steps the convolutions are those of XLA, and oneDNN can compute them.
        whole, on = placement.whole, placement.tracing
        jit = functools.partial(SharedJit, results=whole, convolutions=plan.unrolled)
        of_state = (placement.of(state) if placement.divides else whole, whole)
        steps, epochs, end = (
            functools.partial(jit, taking_rates(on(trace), rates), donated=(2,), results=of_state)
            for trace in (self._trace_steps, self._trace_epochs, self._trace_end)
        )
        self._steps = steps(static=("size", "limit", "guarded"))
        self._epochs = epochs(static=("size",))
        self._end = end()
        self._evaluate = jit(on(self._trace_evaluation), static=("size", "chunks"))
        if isinstance(algorithm, MeasuresEpochs):
            self._measure = jit(on(algorithm.measures))
        self._outputs = jit(on(self._trace_outputs), static=("size",))

    def hold(self, frozen: Arrays) -> None:
        """Take these parameters as those that are not trained."""
        self.frozen: Arrays = self.put_state(dict(frozen))

    def put(self, tree: Tree) -> Tree:
        """Put arrays on every device of the mesh."""
        return backend.put(tree, self.placement.whole)

    def put_state(self, state: Tree) -> Tree:
        """Put a state, or parameters by path, on the devices as they are divided."""
        return backend.put(state, self.placement.of(state))

    def steps(
        self,
        state: TrainState,
        portion: Portion,
        count: int,
        *,
        guarded: bool = False,
    ) -> tuple[TrainState, Measured]:
        """Take some training steps.

        Args:
            state: before them.
            portion: the examples.
            count: how many steps.
            guarded: whether the state stays as it is from the first step on whose loss or
                gradient is not finite. This is slower: only a broken call is made so again.

        Returns:
            The state after them, and what each step measured, (``count``,) each.
        """
        size, single = portion.size, self.plan.unrolled
        limit, repeats = (1, count) if single else (self.plan.steps_per_call, 1)
        measured = []
        for i in range(repeats):
            after, of_call = self._steps(
                *self._of_steps(
                    state, self._take_spare(state), portion, i * size, count // repeats
                ),
                size=size,
                limit=limit,
                guarded=guarded,
            )
            if guarded and single and int(after.step) == int(state.step):
                break
            if i:
                self.give_back(state)  # only this loop has seen it
            state = after
            measured.append(of_call)
        if not measured:
            measured.append(of_call)
        return state, Measured(*(_joined(part)[:count] for part in zip(*measured, strict=True)))

    def epochs(
        self,
        state: TrainState,
        data: Batch,
        dev: Batch | None,
        orders: Numeric,
        span: Span,
        size: int,
    ) -> tuple[TrainState, Epochs]:
        """Train whole epochs, each with an evaluation at its end.

        Args:
            state: before them.
            data: the training examples, on the devices.
            dev: the development examples, or None.
            orders: int32 (E, N), the order of the examples in each epoch.
            span: the steps to take of them.
            size: B.
        """
        spare = self._take_spare(state)
        found: tuple[TrainState, Epochs] = self._epochs(
            *self._of_epochs(state, spare, data, dev, orders, span), size=size
        )
        return found

    def on_host(self, portion: Portion, step: int) -> Batch:
        """Return the examples of one step of a portion, on the host."""
        if self.placement.apart:
            return cast(Batch, jax.tree.map(lambda part: part[step], backend.fetch(portion.data)))
        start = portion.start + step * portion.size
        rows = np.asarray(portion.order)[start : start + portion.size]
        return cast(Batch, jax.tree.map(lambda part: np.asarray(part)[rows], portion.data))

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

    def outputs(self, arrays: Arrays, data: Batch) -> NDArray[Any]:
        """Return the outputs of the model for all examples of a set, in evaluation, (N, ...)."""
        examples = len(data.targets)
        size, chunks = self.evaluation_batch(examples)
        parts = [
            self._outputs(arrays, self.frozen, data, np.int32(k * size), size=size)
            for k in range(chunks)
        ]
        return _joined(tuple(parts))[:examples]

    def measures(self, state: TrainState, examples: Batch) -> dict[str, float]:
        """Return what the algorithm measures of its state at the end of an epoch."""
        found = self._measure(state, self.frozen, examples, self.key)
        return {name: float(value) for name, value in found.items()}

    def end_epoch(
        self, state: TrainState, metric: float, objective: float, watched: float | None = None
    ) -> tuple[TrainState, Array]:
        """Return the state after the end of an epoch, and the learning rate of the next step."""
        numbers = [np.float32(x) for x in (metric, objective, watched) if x is not None]
        spare = self._take_spare(state)
        ended: tuple[TrainState, Array] = self._end(self._rates, state, spare, *numbers)
        return ended

    # --- what a call will take, given shapes in the place of arrays ------------------------------

    def size_of_steps(self, state: TrainState, portion: Portion, count: int) -> CallSize | None:
        """Return what `steps` takes; the arguments are its own."""
        single = self.plan.unrolled
        inputs = self._of_steps(state, state, portion, 0, 1 if single else count)
        limit = 1 if single else self.plan.steps_per_call
        return self._steps.size(*inputs, size=portion.size, limit=limit, guarded=False)

    def size_of_epochs(
        self,
        state: TrainState,
        data: Batch,
        dev: Batch | None,
        orders: Numeric,
        span: Span,
        size: int,
    ) -> CallSize | None:
        """Return what `epochs` takes; the arguments are its own."""
        inputs = self._of_epochs(state, state, data, dev, orders, span)
        return self._epochs.size(*inputs, size=size)

    def size_of_evaluation(self, arrays: Arrays, data: Batch) -> CallSize | None:
        """Return what one call of `evaluate` takes; the arguments are its own."""
        size, chunks = self.evaluation_batch(len(data.targets))
        together = 1 if self.plan.unrolled else chunks
        inputs = (arrays, self.frozen, data, np.int32(0))
        return self._evaluate.size(*inputs, size=size, chunks=together)

    def _of_steps(
        self, state: TrainState, spare: TrainState, portion: Portion, skipped: int, count: int
    ) -> tuple[object, ...]:
        """Return what the program of steps is given."""
        data, order, start, _ = portion
        begun = np.int32(start + skipped)
        same = self._rates, state, spare, self.frozen, self.key
        return *same, data, order, begun, np.int32(count)

    def _of_epochs(
        self,
        state: TrainState,
        spare: TrainState,
        data: Batch,
        dev: Batch | None,
        orders: Numeric,
        span: Span,
    ) -> tuple[object, ...]:
        """Return what the program of epochs is given."""
        first, last, epochs = (np.int32(x) for x in span[:3])
        span = Span(first, last, epochs, span.begun)
        return self._rates, state, spare, self.frozen, self.key, data, dev, orders, span

    def give_back(self, state: TrainState) -> None:
        """Let the next call reuse the memory of a state that is not needed any more."""
        self._spares = [*self._spares[-1:], state]

    def evaluation_batch(self, examples: int) -> tuple[int, int]:
        """Return the batch size of an evaluation, and the number of its batches."""
        chunks, devices = -(-examples // EVALUATION_BATCH), self.plan.devices
        return -(-examples // (chunks * devices)) * devices, chunks

    def _take_spare(self, like: TrainState) -> TrainState:
        if self._spares:
            return self._spares.pop()
        fresh: TrainState = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        return self.put_state(fresh)

    def examples(self, data: Batch, order: Array, start: Array | int, size: int) -> Batch:
        """Return the examples ``order[start : start + size]`` of a portion, in a program."""
        if self.placement.apart:  # they are read batch by batch
            return cast(Batch, jax.tree.map(lambda part: part[start // size], data))
        return self.batch(data, jax.lax.dynamic_slice(order, (start,), (size,)))

    def batch(self, data: Batch, rows: Array) -> Batch:
        """Return the examples of some rows, sharded over the devices where possible."""

        # Every row exists; to check that for each of them takes time.
        def taken(part: Array) -> Array:
            return jnp.asarray(part).at[rows].get(mode="promise_in_bounds")

        batch: Batch = jax.tree.map(taken, data)
        if self.plan.devices > 1 and len(rows) % self.plan.devices == 0:
            batch = jax.lax.with_sharding_constraint(batch, self.placement.examples)
        return batch

    def _trace_steps(
        self,
        state: TrainState,
        spare: TrainState,
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
    ) -> tuple[TrainState, Measured]:
        state = _donated(state, spare)

        def one(i: Any, carry: tuple[TrainState, Measured]) -> tuple[TrainState, Measured]:
            before, measured = carry
            batch = self.examples(data, order, start + i * size, size)
            after, now, gradients = self.algorithm.step(
                self.placement.gathered(before), frozen, batch, key
            )
            if guarded:
                whole_so_far = before.step == state.step + i
                fine = whole_so_far & finite((now.objective, gradients, after.parameters))
                after = jax.tree.map(functools.partial(jnp.where, fine), after, before)
            return after, _noted(measured, i, now)

        nothing = jnp.zeros(limit, jnp.float32)
        carry = (state, Measured(nothing, nothing))
        return one(0, carry) if limit == 1 else jax.lax.fori_loop(0, count, one, carry)

    def _trace_epochs(
        self,
        state: TrainState,
        spare: TrainState,
        frozen: Arrays,
        key: Array,
        data: Batch,
        dev: Batch | None,
        orders: Numeric,
        span: Span,
        *,
        size: int,
    ) -> tuple[TrainState, Epochs]:
        state = _donated(state, spare)
        E, N = orders.shape
        full, rest = divmod(N, size)
        K, B = full + bool(rest), size

        def step(size: int, order: Array, i: Any, carry: Any) -> Any:
            before, measured = carry
            rows = jax.lax.dynamic_slice(order, (i * B,), (size,))
            after, now, _ = self.algorithm.step(
                self.placement.gathered(before), frozen, self.batch(data, rows), key
            )
            return after, _noted(measured, i, now)

        def one(carry: Any) -> Any:
            e, state, measured, noted = carry
            first = jnp.where(e == 0, span.first, 0)
            last = jnp.where(e == span.epochs - 1, span.last, K)
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
                lambda _, now: self._evaluate_epoch(now[0], frozen, dev, measured, size, N),
                (state, Measured(zero, zero)),
            )
            rate = self.algorithm.learning_rate(state)
            return e + 1, state, measured, _noted(noted, e, Epochs(measured, sums, rate))

        zeros, columns = jnp.zeros(E, jnp.float32), jnp.zeros((E, K), jnp.float32)
        nothing = Epochs(Measured(columns, columns), Measured(zeros, zeros), zeros)
        _, state, _, noted = jax.lax.while_loop(
            lambda carry: (carry[0] < span.epochs) & ~carry[1].early_stopping.stopped,
            one,
            (jnp.zeros((), jnp.int32), state, span.begun, nothing),
        )
        return state, noted

    def _evaluate_epoch(
        self,
        state: TrainState,
        frozen: Arrays,
        dev: Batch | None,
        measured: Measured,
        size: int,
        examples: int,
    ) -> tuple[TrainState, Measured]:
        algorithm = self.algorithm
        if dev is None:
            sizes = jnp.full(measured.objective.shape, size).at[-1].set((examples - 1) % size + 1)
            metric = objective = (measured.objective * sizes).sum() / examples
            sums = Measured(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))
        else:
            n = len(dev.targets)
            size, chunks = self.evaluation_batch(n)
            arrays = algorithm.evaluated(state)
            sums = self._trace_evaluation(
                arrays, frozen, dev, jnp.zeros((), jnp.int32), size=size, chunks=chunks
            )
            metric, objective = algorithm.finish(jnp.asarray(sums.error) / n), sums.objective / n
        state = algorithm.end_epoch(state, metric, objective)
        return state, sums

    def _trace_evaluation(
        self, arrays: Arrays, frozen: Arrays, data: Batch, start: Array, *, size: int, chunks: int
    ) -> Measured:
        last = len(data.targets) - 1

        def one(k: Any, sums: Measured) -> Measured:
            rows = start + k * size + jnp.arange(size, dtype=jnp.int32)
            batch = self.batch(data, jnp.minimum(rows, last))
            now = self.algorithm.totals({**frozen, **arrays}, batch, rows <= last)
            return Measured(*(a + b.astype(a.dtype) for a, b in zip(sums, now, strict=True)))

        nothing = Measured(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))
        if chunks == 1:
            return one(0, nothing)
        sums: Measured = jax.lax.fori_loop(0, chunks, one, nothing)
        return sums

    def _trace_outputs(
        self, arrays: Arrays, frozen: Arrays, data: Batch, start: Array, *, size: int
    ) -> Array:
        rows = start + jnp.arange(size, dtype=jnp.int32)
        batch = self.batch(data, jnp.minimum(rows, len(data.targets) - 1))
        assert isinstance(self.algorithm, GivesOutputs)
        return self.algorithm.outputs({**frozen, **arrays}, batch)

    def _trace_end(
        self, state: TrainState, spare: TrainState, metric: Array, objective: Array, *watched: Array
    ) -> tuple[TrainState, Array]:
        state = _donated(state, spare)
        algorithm = self.algorithm
        after = algorithm.end_epoch(state, metric, objective, *watched)
        return after, algorithm.learning_rate(after)


def _donated(state: TrainState, spare: TrainState) -> TrainState:
    """Return a state, and keep its spare, which would be left out as an unused argument.

    With ``keep_unused``, JAX 0.12 never lets a compiled program go: its cache of the arguments that
    are used refers to itself. Each run would leave hundreds of mappings of memory behind.
    """
    kept: TrainState = jax.lax.optimization_barrier((state, spare))[0]
    return kept


def _noted(every: Any, i: Any, now: Any) -> Any:
    """Write the measures of one step among those of all steps."""
    return jax.tree.map(lambda at, x: at.at[i].set(x.astype(at.dtype)), every, now)


def _joined(parts: tuple[Any, ...]) -> NDArray[Any]:
    return np.concatenate([np.asarray(part) for part in parts])
