"""The task of a run: model, examples, loss, optimizer and settings, checked against each other.

Shape letters: N examples.
"""

from __future__ import annotations

import functools
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import backend, nn, optim, tree
from clearprop.data.sources import rows_of
from clearprop.errors import ClearpropError, ConfigurationError, ModelError, ShapeError
from clearprop.training import plan as planning
from clearprop.training.augmentation import Augmentation, Mixup
from clearprop.training.checkpoint import check_architecture
from clearprop.training.first_values import note_first_values
from clearprop.training.folder import first_step
from clearprop.training.loop import Place
from clearprop.training.material import Material, Part, check_labels
from clearprop.training.observation import recordables
from clearprop.training.problem import Batch, Problem, skeleton
from clearprop.training.recording import ARRAYS, Record, check_size
from clearprop.training.recordings import Layout
from clearprop.training.settings import Settings, compare
from clearprop.training.snapshots import Snapshots
from clearprop.training.state import State, begin
from clearprop.training.workload import workload

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Task:
    """What a call of `fit` comes down to.

    Attributes:
        model: with values in all its parameters.
        material: the examples.
        loss: what is made small.
        optimizer: how.
        settings: the numbers.
        notes: plain values of the caller's.
        augmentations: how examples are changed in training.
        record: what is recorded from inside.
        snapshots: the steps of which the state is kept.
        parent: of a fork: the run that it left, at which step, and what was changed.
    """

    model: nn.Module
    material: Material
    loss: nn.Loss
    optimizer: optim.Optimizer
    settings: Settings
    notes: dict[str, Any]
    augmentations: tuple[Augmentation, ...] = ()
    record: Record | None = None
    snapshots: Snapshots | None = None
    parent: dict[str, Any] | None = None

    @functools.cached_property
    def trained(self) -> list[str]:
        """Paths of the parameters that are trained."""
        paths = list(nn.parameters(self.model))
        frozen = set(tree.match(paths, self.settings.freeze)) if self.settings.freeze else set()
        if len(frozen) == len(paths):
            raise ConfigurationError(
                "there is nothing to train",
                where="freeze",
                given=f"{', '.join(self.settings.freeze) or 'a model without parameters'}",
                fix="leave some parameters out of the pattern",
            )
        return [path for path in paths if path not in frozen]

    @functools.cached_property
    def frozen(self) -> dict[str, Any]:
        """The parameters that are not."""
        trained = set(self.trained)
        return {path: x for path, x in nn.parameters(self.model).items() if path not in trained}

    @functools.cached_property
    def problem(self) -> Problem:
        """What is to be learned, as pure functions."""
        return Problem(
            skeleton(self.model),
            self.loss,
            self.optimizer,
            self.material.preprocessor,
            self.settings.patience,
            self.augmentations,
            self.settings.precision,
        )

    def batch(self, part: Part, size: int) -> Batch:
        """Return the first examples of a part, to look at their shapes and types."""
        rows = np.arange(size)
        taken = Batch(rows_of(part.inputs, rows), part.targets[rows])
        return jax.tree.map(jnp.asarray, taken)  # type: ignore[no-any-return]

    def check(self) -> None:
        """Raise unless the examples fit the model and its loss; nothing is computed."""
        problem = self.problem
        for part in (self.material.train, self.material.dev):
            if part is None:
                continue
            batch = self.batch(part, min(self.settings.batch_size, len(part)))
            outputs = jax.eval_shape(
                lambda model, x: model(problem.inputs(x)), self.model, batch.inputs
            )
            check_labels(part, self.loss, outputs.shape, batch.targets.shape)
            try:
                jax.eval_shape(problem.measure, outputs, batch.targets)
            except ClearpropError as error:
                error.where = error.where or f"the loss {self.loss.name!r} on {part.name}"
                raise
        if self.augmentations:
            self._check_augmentations()
        self._check_lone_example()

    def check_space(self, folder: Path | None, first: int, place: Place) -> None:
        """Raise unless what is recorded and kept fits into the memory, or onto the disk.

        Args:
            folder: where the run is written; None keeps it in memory.
            first: the step at which the run begins.
            place: from which it goes on.

        Raises:
            ConfigurationError: it does not, or a pattern or a step of it is none.
        """
        last = self.last_step(place)
        if self.record is not None:
            assert self.layout is not None
            check_size(self.record, self.layout, last - first, folder)
        if self.snapshots is not None:
            state = jax.tree.leaves(self.state())
            size = sum(int(x.nbytes) for x in state)
            self.snapshots.check_size(size, first, last, folder)

    def last_step(self, place: Place) -> int:
        """Return the step at which a run ends that goes on from a place, if nothing does before.

        The passes made may have been of other steps: those of a run that a fork left.
        """
        of_pass = -(-len(self.material.train) // self.settings.batch_size)
        return place.step - place.step_in_epoch + (self.settings.epochs - place.epoch) * of_pass

    @property
    def first_step(self) -> int:
        """The step at which the run begins: of a fork that at which it left its parent."""
        return first_step({"parent": self.parent})

    @functools.cached_property
    def layout(self) -> Layout | None:
        """What a row of the recordings holds.

        Raises:
            ConfigurationError: a pattern matches nothing; the nearest name is suggested.
        """
        if self.record is None:
            return None
        batch = self.batch(self.material.train, self.settings.batch_size)
        known = recordables(self.problem, self.state(), self.frozen, batch)
        return Layout(self.record.selected(known), self.record.what == ARRAYS)

    def _check_augmentations(self) -> None:
        """Raise unless the inputs can be changed, and the targets mixed where they are."""
        batch = self.batch(self.material.train, min(2, len(self.material.train)))
        x = jax.eval_shape(self.problem.inputs, batch.inputs)
        if isinstance(x, dict) or not jnp.issubdtype(x.dtype, jnp.floating):
            raise ConfigurationError(
                "only one input of numbers can be augmented",
                where="augment",
                given="several inputs by name" if isinstance(x, dict) else "tokens",
            )
        mixes = any(isinstance(one, Mixup) for one in self.augmentations)
        if mixes and self.loss.skips_negative:
            raise ConfigurationError(
                "the labels of sequences cannot be mixed",
                where="augment",
                given=f"Mixup with the loss {self.loss.name!r}",
            )
        self._trace_training(len(batch.targets))

    def _check_lone_example(self) -> None:
        """Raise if a pass has a batch of one example and a layer needs more, as BatchNorm does."""
        N, B = len(self.material.train), self.settings.batch_size
        if B > 1 and N % B != 1:
            return
        try:
            self._trace_training(1)
        except ShapeError as error:
            if N > 1:
                self._trace_training(2)  # what fails here too is no matter of the number
            sizes = [b for b in range(2, N + 1) if N % b != 1]
            best = min(sizes, key=lambda b: abs(b - B), default=None)
            raise ConfigurationError(
                f"a pass has a batch of one example, too few for {error.where or 'the model'}",
                where="batch_size",
                given=f"batch_size={B} for {N} training examples",
                fix=f"batch_size={best}" if best is not None else "give more training examples",
            ) from error

    def _trace_training(self, size: int) -> None:
        problem = self.problem

        def forward(parameters: Any, statistics: Any, batch: Batch) -> Any:
            passed = problem.forward(parameters, statistics, {}, batch, jax.random.key(0))
            return problem.measure(passed.outputs, passed.targets)

        arrays = nn.parameters(self.model), nn.statistics(self.model)
        jax.eval_shape(forward, *arrays, self.batch(self.material.train, size))

    def state(self) -> State:
        """Return the state before the first step."""
        return begin(self.model, self.trained, self.optimizer, self.settings.keep_best)

    def plan(self, earlier: dict[str, Any] | None) -> planning.Plan:
        """Return how the run is cut into calls; a resumed run keeps its plan."""
        if earlier is not None:
            return planning.of_config(earlier, "config.json")
        settings, N = self.settings, len(self.material.train)
        problem = self.problem
        every, batch = backend.devices(), self.batch(self.material.train, settings.batch_size)
        key = jax.random.key(0)
        work = workload(functools.partial(problem.step, key=key), self.state(), self.frozen, batch)
        limit = settings.steps_per_call
        if limit is None and settings.checkpoint_every is not None:
            steps = -(-N // settings.batch_size)
            limit = (
                min(settings.checkpoint_every, steps) if settings.checkpoint_every < steps else None
            )
        return planning.choose(
            work,
            batch_size=settings.batch_size,
            steps_per_epoch=-(-N // settings.batch_size),
            examples=N,
            platform=every[0].platform,
            available=len(every),
            streamed=self.material.train.streamed
            or (self.material.dev is not None and self.material.dev.streamed),
            steps_per_call=limit,
            devices=settings.devices,
        )

    def config(self, plan: planning.Plan) -> dict[str, Any]:
        """Return what the run was asked to do, and where it is done, as plain data."""
        data = self.material.as_dict()
        preprocessor = self.material.preprocessor
        return {
            "format": FORMAT,
            "settings": self.settings.as_dict(),
            "loss": self.loss.name,
            "optimizer": _described(self.optimizer),
            "augment": [one.to_config() for one in self.augmentations] or None,
            "data": data,
            "model": {"structure": _structure(self.model), "parameters": self.shapes()},
            "plan": plan.as_dict(),
            "preprocessor": json.loads(preprocessor.to_json())
            if preprocessor is not None
            else None,
            "first_values": note_first_values(self.model),
            "record": self.record.as_dict() if self.record is not None else None,
            "snapshots": self.snapshots.as_plain() if self.snapshots is not None else None,
            "parent": self.parent,
            "notes": self.notes,
            "machine": {
                **backend.describe(backend.mesh(plan.devices)),
                "system": platform.platform(terse=True),
                "python": platform.python_version(),
                "cores": backend.usable_cores(),
            },
        }

    def shapes(self) -> dict[str, list[Any]]:
        """Return shape and dtype of every parameter and statistic, as plain data."""
        arrays = {**nn.parameters(self.model), **nn.statistics(self.model)}
        return {path: [list(x.shape), str(x.dtype)] for path, x in arrays.items()}

    def check_same(self, earlier: dict[str, Any], where: str) -> None:
        """Raise unless a run that began with an earlier configuration may go on with this.

        Raises:
            CheckpointError: the model is of another architecture.
            ConfigurationError: something else differs.
            RunError: the earlier configuration is damaged.
        """
        plan = planning.of_config(earlier, where)
        check_architecture(
            {path: (tuple(shape), dtype) for path, (shape, dtype) in self.shapes().items()},
            {path: (tuple(shape), dtype) for path, (shape, dtype) in _shapes(earlier).items()},
            where,
        )
        compare(self.config(plan), earlier, where)


def _shapes(config: dict[str, Any]) -> dict[str, list[Any]]:
    return dict(config.get("model", {}).get("parameters", {}))


def _described(optimizer: optim.Optimizer) -> dict[str, Any]:
    try:
        return optimizer.to_config()
    except ConfigurationError:
        return {"name": None, "made_by_hand": repr(optimizer)}


def _structure(model: nn.Module) -> Any:
    try:
        return nn.to_structure(model)
    except ModelError:
        return repr(model)
