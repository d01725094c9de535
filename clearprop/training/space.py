"""Whether a run fits into the memory of its devices, before that memory is taken.

Shapes are enough for it: `jax.eval_shape` gives those of the state, and the compiler says what the
temporaries of a step take. No part is estimated too high, so what fits is never refused.

Shape letters: N examples, B batch, K steps of a call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

import jax
import numpy as np
from jax.sharding import NamedSharding

from clearprop import backend, device_memory, memory, nn, optim, tree
from clearprop.backend import DATA, MODEL
from clearprop.data import Batch
from clearprop.device_memory import CallSize, copies, size_of
from clearprop.errors import ClearpropError, one_of, run_option
from clearprop.memory import shown_size
from clearprop.nn.checks import largest, rounded
from clearprop.training.algorithm import Array, Measured, TrainState
from clearprop.training.callback import Portion
from clearprop.training.compiled_steps import EVALUATION_BATCH, CompiledSteps, Span
from clearprop.training.fit_config import FitConfig
from clearprop.training.mesh_sizes import sizes_of_axes
from clearprop.training.placement import Placement, splits_of
from clearprop.training.training_data import Split

Tree = TypeVar("Tree")

STATES = 2
"""States of training in memory at once: a call reads one and writes another."""

FILE = 2
"""Copies of a state in memory while its file is made."""


def check_new_model(model: nn.Module, config: FitConfig) -> None:
    """Raise unless a model without values fits with everything that every step needs.

    These are its initial values, the states of training and what the optimizer keeps in each.

    Raises:
        ConfigurationError: it does not fit.
    """
    arrays = nn.parameters(model)
    initial = size_of(arrays)
    if initial <= memory.SMALL:
        return
    freeze = tuple(config.freeze)
    frozen = set(tree.match(list(arrays), freeze)) if freeze else set()
    trained = {path: x for path, x in arrays.items() if path not in frozen}
    share = share_of(model, list(trained), config)
    held = size_of(trained) * (2 if config.keeps_best else 1)
    optimizes = config.algorithm is None or config.algorithm.optimizes
    kept = _optimizer_size(config.resolved_optimizer, trained) if optimizes else 0
    _check_states(model, initial, _Parts(int(share * held), int(share * kept)))


def share_of(model: nn.Module, trained: Iterable[str], config: FitConfig) -> float:
    """Return which part of the trained parameters one device holds on the mesh of a run."""
    if config.mesh is None:
        return 1.0
    arrays = nn.parameters(model)
    pairs = {path: arrays[path] for path in trained}
    shapes = {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in pairs.items()}
    fully = bool(config.fully_sharded)
    axes = sizes_of_axes(config.mesh, len(backend.devices()))
    splits = splits_of(model, shapes, axes, config.sharding, fully=fully)
    placement = Placement(backend.mesh(axes[DATA], parts=axes[MODEL]), splits)
    return placement.size_on_device(shapes) / max(1, size_of(shapes))


def check_state(model: nn.Module, state: TrainState, config: FitConfig) -> None:
    """Raise unless the states of training fit.

    Args:
        model: with values.
        state: or shapes in the place of its arrays.
        config: of the run.

    Raises:
        ConfigurationError: they do not fit.
    """
    remembered = tree.flatten_with_paths(state.memory)
    kept = size_of(state.optimizer)
    held = size_of(state) - kept - size_of(remembered)
    if size_of(state) > memory.SMALL:
        share = share_of(model, state.parameters, config)
        _check_states(model, 0, _Parts(int(share * held), int(share * kept), remembered))


class _Parts(NamedTuple):
    """What one state of training takes.

    Attributes:
        held: bytes of parameters and statistics, also of the best ones where they are kept.
        kept: bytes of what the optimizer keeps.
        memory: the arrays of the algorithm's memory by path.
    """

    held: int
    kept: int
    memory: Mapping[str, Any] = MappingProxyType({})

    @property
    def total(self) -> int:
        """Bytes of the state."""
        return self.held + self.kept + size_of(self.memory)


def _optimizer_size(optimizer: optim.Optimizer, trained: Mapping[str, Any]) -> int:
    """Return the bytes of an optimizer's state; 0 where JAX has no shapes so large."""
    shapes = {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in trained.items()}
    try:
        return size_of(jax.eval_shape(optimizer.init, shapes))
    except (ClearpropError, OverflowError, TypeError, ValueError):
        return 0


def _check_states(model: nn.Module, initial: int, parts: _Parts) -> None:
    """Raise unless the initial values fit that are to be made, and the states beside them."""
    arrays, size = nn.parameters(model), initial + STATES * parts.total
    count = sum(math.prod(x.shape) for x in arrays.values())
    by_memory = size_of(parts.memory) > parts.held + parts.kept

    def given() -> str:
        most = f"most of them in {largest(arrays)}" if not by_memory else "few beside the memory"
        each = f"{shown_size(parts.kept)} for the optimizer"
        if parts.memory:
            each += f", {shown_size(size_of(parts.memory))} for the memory of the algorithm, most "
            each += f"of it in {largest(parts.memory)}"
        return (
            f"{count:,} parameters ({shown_size(size_of(arrays))}), {most}; {STATES} states of "
            f"training with {shown_size(parts.total)} each: {each}"
        )

    def fix(limit: int) -> str:
        if by_memory:
            return f"a memory of {shown_size(limit // STATES)} or less, such as a smaller replay"
        fewer = f"fewer units or layers: about {rounded(count * limit // size):,} parameters fit"
        if parts.kept and size - STATES * parts.kept <= limit:
            return one_of([fewer, run_option("optimizer", "sgd") + ", which keeps nothing"])
        return fewer

    device_memory.make_room("the run", size, where="model", given=given, fix=fix)


# --- the compiled calls --------------------------------------------------------------------------


class Examples(NamedTuple):
    """The examples of a run.

    Attributes:
        train: those of the steps.
        dev: the development examples; None without.
        batch_size: B.
        observed: bytes of the arrays that a recorded step returns.
    """

    train: Split
    dev: Split | None
    batch_size: int
    observed: int = 0


def check_calls(
    compiled: CompiledSteps, state: TrainState, examples: Examples, config: FitConfig
) -> None:
    """Raise unless the first step, a recorded step and an evaluation fit.

    The programs are compiled here, and the run uses them.

    Args:
        compiled: the calls of the run.
        state: with shapes in the place of its arrays.
        examples: of the run.
        config: of the run.

    Raises:
        ConfigurationError: they do not fit.
    """
    state = _described(state, compiled)
    step = _step_size(compiled, state, examples)
    if step is None:
        return
    need = _Need(compiled, state, examples)
    need.check(step.new, "a training step", examples.batch_size, config)
    if examples.observed:
        need.check(examples.observed, "a recorded step", examples.batch_size, config)
    if config.folder is not None:
        need.check(FILE * size_of(state) // need.devices, "a checkpoint", None, config)
    if examples.dev is None or compiled.plan.epochs_per_call:
        return
    rows = min(len(examples.dev), EVALUATION_BATCH)
    # A pass alone takes less for each example than a step: mostly this answers without compiling.
    most = step.new * max(1, rows / examples.batch_size)
    limit = device_memory.free()
    is_short = limit is not None and need.with_call(int(most)) > limit
    if is_short or compiled.placement.apart:  # all processes compile the same programs
        evaluation = _evaluation_size(compiled, state, examples.dev)
        if evaluation is not None:
            need.check(evaluation.new, f"an evaluation of {rows} examples at once", None, config)


def compile_end_of_epoch(compiled: CompiledSteps, state: TrainState, examples: Examples) -> None:
    """Compile what the first epoch needs at its end: a smaller batch, and the evaluation.

    It runs nothing, so that it can be done beside the first steps.

    Args:
        compiled: the calls of the run.
        state: with shapes in the place of its arrays.
        examples: of the run.
    """
    if compiled.plan.epochs_per_call:
        return  # a call of whole epochs has both
    state = _described(state, compiled)
    part, rest = examples.train, len(examples.train) % examples.batch_size
    if rest:
        rows = rest if part.streamed else len(part)
        portion = Portion(_batch(part, (rows,), compiled), _order((rows,), compiled), 0, rest)
        compiled.size_of_steps(state, portion, 1)
    if examples.dev is not None:
        _evaluation_size(compiled, state, examples.dev)


class _Need:
    """What a run holds beside its calls, in the memory that `device_memory.free` counts."""

    def __init__(self, compiled: CompiledSteps, state: TrainState, examples: Examples) -> None:
        plan = compiled.plan
        # The programs of single steps write to a third state while the first is kept.
        states = STATES + (plan.unrolled and plan.steps_per_call > 1)
        placement = compiled.placement
        self.devices = copies(len(placement.mesh.local_devices))
        self._states = states * placement.size_on_device(state) * self.devices
        self._gradients = placement.size_on_device(state.parameters) * self.devices
        first = examples.train.first(1)
        self._examples = size_of((first.inputs, first.targets)) * examples.batch_size
        frozen = placement.size_on_device(compiled.frozen) * self.devices
        self._copied = max(0, frozen - size_of(compiled.frozen))
        kept = [part for part in (examples.train, examples.dev) if part is not None]
        kept = [part for part in kept if not (part.streamed or placement.apart)]
        self._data = 0
        # The first device of a CPU computes with the arrays of the host where they are.
        for part in kept:
            sizes = [part.inputs, part.weights]
            sizes += [] if part.targets is part.inputs else [part.targets]
            held = size_of(jax.tree.map(lambda x: x, sizes))
            self._data += held * (
                self.devices - (compiled.placement.first_device.platform == "cpu")
            )

    def with_call(self, size: int) -> int:
        """Return the bytes that are taken during a call that takes so many on each device."""
        return self._states + self._copied + self._data + size * self.devices

    def check(self, size: int, what: str, batch_size: int | None, config: FitConfig) -> None:
        """Raise unless a call fits that takes so many bytes on each device."""
        held = self.with_call(0)

        def given() -> str:
            return (
                f"{shown_size(held)} of states and examples, and {shown_size(size * self.devices)}"
                f" of values in {what}"
                + (f" of {batch_size} examples" if batch_size is not None else "")
                + (f" on {self.devices} devices" if self.devices > 1 else "")
            )

        def fix(limit: int) -> str:
            if batch_size is None:
                return "a smaller model"
            return self._smaller_batch(limit - held, size * self.devices, batch_size, config)

        place = "model" if batch_size is None else "batch_size"
        device_memory.make_room(what, self.with_call(size), where=place, given=given, fix=fix)

    def _smaller_batch(self, room: int, size: int, batch_size: int, config: FitConfig) -> str:
        """Return which batch would fit into a room, or which micro-batch.

        Gradients take the same for any batch, and all else is proportional to it. A power of two is
        a batch with a margin.
        """
        of_batch = max(1, size - self._gradients)
        part = config.micro_batch_size or batch_size

        def fitting(room: int) -> int:
            return int(2 ** ((part * max(0, room) // of_batch).bit_length() - 1))

        ways: list[str] = []
        if config.micro_batch_size is None and fitting(room - self._gradients) >= 1:
            ways.append(run_option("batch_size", fitting(room - self._gradients)) + " or less")
        # The sum of the gradients of all parts stands beside those of one.
        micro = fitting(room - 2 * self._gradients - self._examples)
        if config.algorithm is None and config.record is None and micro >= 1:
            ways.append(
                run_option("micro_batch_size", micro) + ", which trains with the same batches"
            )
        return one_of(ways) if ways else "a smaller model or smaller examples: no batch would fit"


def _step_size(compiled: CompiledSteps, state: TrainState, examples: Examples) -> CallSize | None:
    """Return what one call of training steps takes; its program is compiled."""
    part, size, plan = examples.train, examples.batch_size, compiled.plan
    if not plan.epochs_per_call:
        steps = min(plan.steps_per_call, len(part) // size)
        apart = compiled.placement.apart
        rows = steps * size if part.streamed or apart else len(part)
        shape = (steps, size) if apart else (rows,)
        portion = Portion(_batch(part, shape, compiled), _order((rows,), compiled), 0, size)
        return compiled.size_of_steps(state, portion, steps)
    N, most = len(part), plan.epochs_per_call
    columns = np.zeros(-(-N // size), np.float32)
    span = Span(0, 0, 0, Measured(columns, columns))
    dev = None if examples.dev is None else _batch(examples.dev, (len(examples.dev),), compiled)
    data, orders = _batch(part, (N,), compiled), _order((most, N), compiled)
    return compiled.size_of_epochs(state, data, dev, orders, span, size)


def _evaluation_size(compiled: CompiledSteps, state: TrainState, part: Split) -> CallSize | None:
    in_parts = part.streamed or compiled.placement.apart
    shape = (min(len(part), EVALUATION_BATCH) if in_parts else len(part),)
    shapes = jax.eval_shape(compiled.algorithm.evaluated, state)
    return compiled.size_of_evaluation(_described(shapes, compiled), _batch(part, shape, compiled))


def _described(tree: Tree, compiled: CompiledSteps) -> Tree:
    """Return a tree with shapes in the place of its arrays, placed as `CompiledSteps.put` does."""

    def one(x: Any, place: NamedSharding) -> Any:
        weak = getattr(x, "weak_type", False)
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place, weak_type=weak)

    return cast(Tree, jax.tree.map(one, tree, compiled.placement.of(tree)))


def _batch(part: Split, shape: tuple[int, ...], compiled: CompiledSteps) -> Batch:
    """Return shapes in the place of some rows of a part, as a call will get them."""
    place = compiled.placement.of_rows(shape)

    def one(x: Any) -> Any:
        return jax.ShapeDtypeStruct((*shape, *x.shape[1:]), x.dtype, sharding=place)

    return cast(Batch, jax.tree.map(one, part.first(1)))


def _order(shape: tuple[int, ...], compiled: CompiledSteps) -> Array:
    found = jax.ShapeDtypeStruct(shape, np.int32, sharding=compiled.placement.whole)
    return cast(Array, found)
