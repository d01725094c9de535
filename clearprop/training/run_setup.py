"""What a configuration comes down to: the checked model, data, algorithm and plan of a run.

Shape letters: N examples.
"""

from __future__ import annotations

import functools
import json
import platform
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import backend, cpu, nn, optim, processes, tree
from clearprop.backend import DATA, MODEL
from clearprop.data.environments import Environment
from clearprop.device_memory import size_of
from clearprop.errors import ConfigurationError, ModelError
from clearprop.optim.rate_arguments import constant_rates
from clearprop.training import execution_plan, mesh_sizes, space
from clearprop.training.algorithm import (
    Algorithm,
    Arrays,
    Differentiable,
    MeasuresEpochs,
    TrainState,
)
from clearprop.training.augmentation import Mixup
from clearprop.training.batch_stream import Batches, gathered, number_of
from clearprop.training.callback import Position
from clearprop.training.comparison import compare
from clearprop.training.compiled_steps import CompiledSteps
from clearprop.training.execution_plan import ExecutionPlan
from clearprop.training.fit_config import LOSS, FitConfig
from clearprop.training.foreign_mends import mends_for
from clearprop.training.initial_values import describe_initial_values
from clearprop.training.learning import Learning
from clearprop.training.metrics import check_task, compute
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.own_loss import output_shape, suited_to
from clearprop.training.placement import Placement, splits_of
from clearprop.training.recording.observation import recordables
from clearprop.training.recording.recorder import ARRAYS, Record, check_size
from clearprop.training.recording.recordings import Layout
from clearprop.training.run_config import FORMAT, first_step
from clearprop.training.snapshots import Snapshots
from clearprop.training.storage.checkpoint import check_architecture
from clearprop.training.training_data import TrainingData
from clearprop.training.weights import as_plain, of_examples, weighted

TRAINING = 1
"""Separates the random numbers of training from those of the initial values."""

Measure: TypeAlias = "Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]"


@dataclass(frozen=True, eq=False)
class RunSetup:
    """A configuration with its data at hand, checked; nothing is trained yet.

    Attributes:
        config: with the batch size resolved.
        model: with values in all its parameters.
        data: the examples.
        algorithm: what trains the model.
        record: what is recorded from inside; None for nothing.
        snapshots: the steps at which the state is kept; None for none.
        parent: of a fork: the run that it left, at which step, and what was changed.
    """

    config: FitConfig
    model: nn.Module
    data: TrainingData
    algorithm: Algorithm
    record: Record | None
    snapshots: Snapshots | None
    parent: Mapping[str, object] | None = None

    @classmethod
    def of(cls, config: FitConfig) -> RunSetup:
        """Return what a configuration comes down to.

        Raises:
            ClearpropError: what `fit` says of it.
        """
        # Unknown names are reported before the data is read.
        _ = config.resolved_loss
        config.check_numbers()
        config.check_algorithm()
        _ = config.resolved_optimizer, config.resolved_metrics, config.resolved_monitor
        model, own = config.model, config.algorithm
        is_new = not nn.is_initialized(model)
        if is_new:
            space.check_new_model(model, config)
        model = model.init(config.seed) if is_new else model
        data = weighted_data(config, model) if own is None else own.examples(config)
        if is_new and own is not None:
            model = own.started(model, data, config.seed)
        config = config.for_data(data)
        setup = cls(
            config,
            model,
            data,
            config.bound_algorithm(model, data),
            Record.of(config.record),
            Snapshots.of(config.snapshots),
        )
        with mends_for(config.data):
            setup.algorithm.check(model, data, setup.batch_size)
        space.check_state(model, setup.state_shapes, config)
        return setup

    @property
    def batch_size(self) -> int:
        """Examples of a step."""
        assert self.config.batch_size is not None
        return self.config.batch_size

    @property
    def own_algorithm(self) -> Learning | None:
        """What trains the model; None for supervised learning."""
        own = self.algorithm if self.config.algorithm is not None else None
        return own if isinstance(own, Learning) else None

    @property
    def loss(self) -> nn.Loss:
        """What is minimized, without label smoothing."""
        if self.config.algorithm is not None:
            return self.algorithm.reported
        known = self.config.weighting.loss(nn.find_loss(self.config.loss or LOSS))
        return self.algorithm.reported if known.unknown else known

    @property
    def measured(self) -> Measure | None:
        """What computes the metrics from outputs and targets; None where none were asked for.

        Raises:
            ConfigurationError: a metric belongs to another task than the loss.
        """
        metrics, loss = self.config.resolved_metrics, self.loss
        if not metrics:
            return None
        check_task(metrics, loss)
        restored = ModelInputs(self.data.preprocessor).restored

        def measure(outputs: NDArray[Any], targets: NDArray[Any]) -> dict[str, float]:
            return compute(metrics, np.asarray(restored(outputs)), targets, loss)

        return measure

    @functools.cached_property
    def trained(self) -> list[str]:
        """Paths of the parameters that are trained."""
        paths, freeze = list(nn.parameters(self.model)), tuple(self.config.freeze)
        frozen = set(tree.match(paths, freeze)) if freeze else set()
        if len(frozen) == len(paths):
            raise ConfigurationError(
                "there is nothing to train",
                where="freeze",
                given=f"{', '.join(freeze) or 'a model without parameters'}",
                fix="leave some parameters out of the pattern",
            )
        return [path for path in paths if path not in frozen]

    @functools.cached_property
    def frozen(self) -> Arrays:
        """The parameters that are not trained, by path."""
        trained = set(self.trained)
        return {path: x for path, x in nn.parameters(self.model).items() if path not in trained}

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; the last may have fewer examples."""
        return -(-len(self.data.train) // self.batch_size)

    @property
    def first_step(self) -> int:
        """The step at which the run begins: for a fork that at which it left its parent."""
        return first_step({"parent": self.parent})

    def last_step(self, position: Position) -> int:
        """Return the last step of a run that continues from a position, if nothing ends it before.

        A fork may have left a run whose epochs had another number of steps.
        """
        left = (self.config.epochs - position.epoch) * self.steps_per_epoch
        return position.step - position.step_in_epoch + left

    def state(self) -> TrainState:
        """Return the state before the first step."""
        return self.algorithm.initial_state(self.model, self.trained, self.config.keeps_best)

    @functools.cached_property
    def state_shapes(self) -> TrainState:
        """The state with shapes in the place of its arrays."""
        shapes: TrainState = jax.eval_shape(self.state)
        return shapes

    @functools.cached_property
    def layout(self) -> Layout | None:
        """What a row of the recordings holds.

        Raises:
            ConfigurationError: a pattern matches nothing (the nearest name is suggested), or the
                algorithm has no pass that could be recorded.
        """
        if self.record is None:
            return None
        if not isinstance(self.algorithm, Differentiable):
            raise ConfigurationError(
                "only an algorithm whose step is the gradient of a loss can be recorded",
                where="record",
                given=type(self.algorithm).__name__,
            )
        batch = self.data.train.first(self.batch_size)
        known = recordables(self.algorithm, self.state_shapes, self.frozen, batch)
        return Layout(self.record.selected(known), self.record.what == ARRAYS)

    def check_space(self, folder: Path | None, first: int, position: Position) -> None:
        """Raise unless recordings and snapshots fit into the memory, or onto the disk.

        Args:
            folder: where the run is written; None keeps them in memory.
            first: the step at which the run begins.
            position: from which it continues.

        Raises:
            ConfigurationError: they do not fit, or a pattern or a step of them does not exist.
        """
        last = self.last_step(position)
        if self.record is not None:
            assert self.layout is not None
            check_size(self.record, self.layout, last - first, folder)
        if self.snapshots is not None:
            size = size_of(self.state_shapes)
            self.snapshots.check_size(size, first, last, folder)

    def plan(self) -> ExecutionPlan:
        """Return how the run is cut into calls."""
        config, steps = self.config, self.steps_per_epoch
        every = backend.devices()
        limit = config.steps_per_call
        if limit is None and config.checkpoint_every is not None:
            limit = config.checkpoint_every if config.checkpoint_every < steps else None
        step = functools.partial(self.algorithm.step, key=jax.random.key(0))
        batch = self.data.train.first(self.batch_size)
        plan = execution_plan.choose(
            execution_plan.workload(step, self.state_shapes, self.frozen, batch),
            batch_size=self.batch_size,
            steps_per_epoch=steps,
            examples=len(self.data.train),
            platform=every[0].platform,
            available=len(every),
            streamed=self.data.streamed,
            steps_per_call=limit,
            devices=config.devices if self.axes is None else self.axes[DATA],
        )
        return self.measuring(self.on_mesh(plan))

    @functools.cached_property
    def axes(self) -> Mapping[str, int] | None:
        """The number of devices along each axis of the mesh; None where none was asked for."""
        return mesh_sizes.asked(self.config)

    def on_mesh(self, plan: ExecutionPlan) -> ExecutionPlan:
        """Return a plan with the mesh that was asked for, or that of all processes."""
        return mesh_sizes.on_mesh(plan, self.config, self.axes)

    def placement(self, plan: ExecutionPlan) -> Placement:
        """Return how the arrays of the run lie over its devices."""
        axes = {DATA: plan.devices, MODEL: plan.parts}
        if plan.devices * plan.parts == 1:
            return Placement(backend.mesh(1), {})
        own, fully = self.config.sharding, plan.fully_sharded
        splits = splits_of(self.model, self.trained, axes, own, fully=fully)
        return Placement(backend.mesh(plan.devices, parts=plan.parts), splits)

    def compiled(self, plan: ExecutionPlan) -> CompiledSteps:
        """Return the compiled calls of the run.

        Raises:
            ConfigurationError: they do not fit into the memory.
        """
        key = jax.random.fold_in(backend.key(self.config.seed), TRAINING)
        placement = self.placement(plan)
        rates = constant_rates(self.config.resolved_optimizer)
        made = CompiledSteps(
            self.algorithm, plan, placement, self.state_shapes, self.frozen, key, rates
        )
        observed = 0 if self.layout is None else self.layout.observed
        examples = space.Examples(self.data.train, self.data.dev, self.batch_size, observed)
        space.check_calls(made, self.state_shapes, examples, self.config)
        return made

    def check_processes(self, plan: ExecutionPlan) -> None:
        """Raise unless all processes train the same model with the same examples.

        Raises:
            ConfigurationError: they differ, or the examples come from an environment.
        """
        if processes.count() == 1:
            return
        if isinstance(self.config.data, Environment):
            raise ConfigurationError(
                "an environment is played by one process",
                where="data",
                given=f"{processes.count()} processes",
                fix="start one process; its mesh may have several devices",
            )
        if jax.process_count() != processes.count():
            raise ConfigurationError(
                "JAX computed before the processes were joined, so each has only its own devices",
                given=f"{jax.process_count()} of {processes.count()} processes",
                fix="call processes.initialize() right after the imports of the program",
            )
        processes.check_same({"folder": str(self.config.folder), **_parts(self.as_dict(plan))})

    def measuring(self, plan: ExecutionPlan) -> ExecutionPlan:
        """Return a plan whose calls end with an epoch where something is measured then.

        Metrics are computed on the host.
        """
        config = self.config
        of_config = bool(config.resolved_metrics) or config.monitor is not None
        measures = of_config or isinstance(self.algorithm, MeasuresEpochs)
        return replace(plan, epochs_per_call=0) if measures else plan

    def as_dict(self, plan: ExecutionPlan) -> dict[str, object]:
        """Return what the run is asked to do, and where it is done, as plain data."""
        preprocessor, own = self.data.preprocessor, self.config.algorithm
        return {
            "format": FORMAT,
            "settings": self.config.settings(),
            "loss": self.loss.name if own is not None else self.config.resolved_loss.name,
            "algorithm": own.to_config() if own is not None else None,
            "metrics": [metric.name for metric in self.config.resolved_metrics] or None,
            "weights": as_plain(self.config.weighting, self.data),
            "task": self.algorithm.reported.task,
            "optimizer": _described(self.config.resolved_optimizer),
            "augment": self.config.augmentations_as_plain(),
            "data": self.data.as_dict(),
            "model": {"structure": _structure(self.model), "parameters": self.shapes()},
            "plan": plan.as_dict(),
            "preprocessor": json.loads(preprocessor.to_json()) if preprocessor else None,
            "initial_values": describe_initial_values(self.model),
            "record": self.record.as_dict() if self.record is not None else None,
            "snapshots": self.snapshots.as_plain() if self.snapshots is not None else None,
            "parent": self.parent,
            "notes": dict(self.config.notes or {}),
            "machine": {
                **backend.describe(plan.devices * plan.parts),
                "system": platform.platform(terse=True),
                "python": platform.python_version(),
                "cores": cpu.usable_cores(),
            },
        }

    def shapes(self) -> dict[str, list[object]]:
        """Return shape and dtype of every parameter and statistic, as plain data."""
        arrays = {**nn.parameters(self.model), **nn.statistics(self.model)}
        return {path: [list(x.shape), str(x.dtype)] for path, x in arrays.items()}

    def check_same(self, earlier: Mapping[str, object], where: str) -> None:
        """Raise unless a run that began with an earlier configuration may continue with this.

        Raises:
            CheckpointError: the model is of another architecture.
            ConfigurationError: something else differs.
            RunError: the earlier configuration is damaged.
        """
        plan = self.on_mesh(execution_plan.of_config(earlier, where))
        check_architecture(_shapes(self.as_dict(plan)), _shapes(earlier), where)
        before, task = earlier.get("task"), self.algorithm.reported.task
        own = self.loss.unknown and task == "classification"
        if before != task and (before is not None or own):
            raise ConfigurationError(
                "the errors of this run are of another kind than those that it would go on with",
                where=where,
                given=f"{before or 'values of an own loss'} before, {task} now",
                fix="begin a new run in another folder",
            )
        compare(self.as_dict(plan), earlier, where)


def _parts(config: Mapping[str, object]) -> dict[str, str]:
    """Return what is the same in all processes of a run, as texts by name."""
    parts = {}
    first = ("data", "settings", "optimizer")  # other sections follow from these
    for section in (*first, *(name for name in config if name not in first)):
        value = config[section]
        if section in ("machine", "notes"):
            continue
        single = section in first and isinstance(value, Mapping)
        for name, one in cast("Mapping[str, object]", value).items() if single else [("", value)]:
            text = json.dumps(one, sort_keys=True, default=repr)
            if len(text) > 80:
                text = f"one with the checksum {zlib.crc32(text.encode()):08x}"
            parts[f"{section} {name}".strip().replace("_", " ")] = text
    return parts


def weighted_data(config: FitConfig, model: nn.Module) -> TrainingData:
    """Return the examples of a run, with their weights where some are asked for.

    Raises:
        ClearpropError: what `fit` says of data and weights.
    """
    own, weighting, loss = config.sample_weight, config.weighting, config.resolved_loss
    given: object = config.data
    if isinstance(given, Batches) and weighting.ignore_index is not None:
        raise ConfigurationError(
            "the labels of an iterable are taken as it yields them",
            where="ignore_index",
            given="an iterable of batches",
            expected="a label of -1 where a place is not to count, or (inputs, targets)",
            fix="x, y = (np.concatenate(part) for part in zip(*data)); "
            "fit(model, x, y, ignore_index=...)",
        )
    count = number_of(config.data) if own is not None else None
    weights = of_examples(own, count) if count is not None else None
    data = gathered(config.data, config.dev, config.seed, weights)
    if not weighting.given:
        return data
    inputs = ModelInputs(data.preprocessor)
    shape = output_shape(model, inputs, data.train)
    classes = None if not shape else max(2, shape[-1])
    if any(isinstance(one, Mixup) for one in config.augmentations) and weighting.of_each:
        raise ConfigurationError(
            "the weights of mixed examples are not defined",
            where="augment",
            given="Mixup with class_weight or sample_weight",
            fix="leave Mixup out",
        )
    return weighted(data, suited_to(loss, model, inputs, data.train), weighting, classes)


def _shapes(config: Mapping[str, object]) -> dict[str, tuple[tuple[int, ...], str]]:
    model = config.get("model")
    parameters = model.get("parameters", {}) if isinstance(model, Mapping) else {}
    return {path: (tuple(shape), dtype) for path, (shape, dtype) in parameters.items()}


def _described(optimizer: optim.Optimizer) -> Mapping[str, object]:
    try:
        return optimizer.to_config()
    except ConfigurationError:
        return {"name": None, "made_by_hand": repr(optimizer)}


def _structure(model: nn.Module) -> object:
    try:
        return nn.to_structure(model)
    except ModelError:
        return repr(model)
