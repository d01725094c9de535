"""The configuration of a training run: `fit` fills it, and everything reads it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import jax

from clearprop import bounds, nn, optim
from clearprop.errors import ConfigurationError, kind_of, option, run_option, unknown_name
from clearprop.nn.fields import Shardings
from clearprop.nn.recording import LossLike
from clearprop.training.augmentation import Augment, Augmentation
from clearprop.training.augmentation import find as find_augmentations
from clearprop.training.batch_stream import size_of_batch
from clearprop.training.events import Event
from clearprop.training.learning import Context, Learning, skeleton
from clearprop.training.metrics import Metric, Metrics, find_metrics
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.monitor import Monitor, find_monitor
from clearprop.training.own_loss import suited_to
from clearprop.training.recording.recorder import Record
from clearprop.training.snapshots import Given as Steps
from clearprop.training.supervised import SupervisedLearning
from clearprop.training.training_data import Data, Development, TrainingData
from clearprop.training.weights import ClassWeight, Weighting

NOT_FOR_FORKS = ("resume",)
"""What `fit` takes and a fork does not."""

DROPOUT = "dropout"
"""The change that stands for the rate of every `nn.Dropout` of the model."""

BATCH_SIZE = 32
"""Examples of a step unless given; where there are fewer, all of them."""

PRECISIONS = ("float32", "bfloat16")

LOSS = "cross_entropy"
"""The loss unless one is given."""

OF_SUPERVISED = (
    "loss",
    "micro_batch_size",
    "augment",
    "label_smoothing",
    "class_weight",
    "sample_weight",
    "ignore_index",
    "pos_weight",
    "metrics",
    "precision",
)
"""What only supervised learning reads, and an algorithm that says so."""

LOWEST = {
    "epochs": 0,
    "batch_size": 1,
    "micro_batch_size": 1,
    "seed": 0,
    "patience": 1,
    "steps_per_call": 1,
    "devices": 1,
    "checkpoint_every": 1,
}
"""The smallest values of the whole numbers in a configuration."""

HIGHEST = {"epochs": bounds.LARGEST_INT32, "seed": 2**63 - 1}
"""The largest values: compiled steps count epochs in 32 bits, and JAX takes a seed of 64."""


@dataclass(frozen=True, eq=False)
class FitConfig:
    """The arguments of `fit`, which describes them.

    Raises:
        ConfigurationError: a number out of its range, or an unknown precision.
    """

    model: nn.Module
    data: Data
    loss: LossLike | None = None
    algorithm: Learning | None = None
    optimizer: str | optim.Optimizer | Mapping[str, object] = "adam"
    epochs: int = 10
    batch_size: int | None = None
    micro_batch_size: int | None = None
    learning_rate: optim.Rate | Mapping[str, object] | None = None
    seed: int = 0
    dev: Development = None
    freeze: str | Iterable[str] = ()
    patience: int | None = None
    keep_best: bool | None = None
    monitor: str | None = None
    average: float | None = None
    augment: Augment | None = None
    label_smoothing: float | None = None
    class_weight: ClassWeight | None = None
    sample_weight: object = None
    ignore_index: int | None = None
    pos_weight: object = None
    metrics: Metrics | None = None
    precision: str | None = None
    record: Record | str | Iterable[str] | None = None
    snapshots: Steps = None
    folder: Path | str | None = None
    resume: bool = False
    checkpoint_every: int | None = None
    steps_per_call: int | None = None
    devices: int | None = None
    mesh: Mapping[str, int] | None = None
    sharding: Shardings | None = None
    fully_sharded: bool | None = None
    progress: bool = True
    on_event: Callable[[Event], None] | None = None
    notes: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        # An iterator can be read only once, and a configuration is used again for a fork.
        for name in ("freeze", "record", "snapshots", "metrics"):
            given = getattr(self, name)
            if isinstance(given, str) and name == "freeze":  # one pattern
                object.__setattr__(self, name, (given,))
            elif isinstance(given, Iterable) and not isinstance(given, str | Mapping):
                object.__setattr__(self, name, tuple(given))

    def check_numbers(self) -> None:
        """Raise unless every number is in its range and the precision is known.

        Raises:
            ConfigurationError: one is not.
        """
        for name, lowest in LOWEST.items():
            value = getattr(self, name)
            if value is not None or name in ("epochs", "seed"):
                bounds.whole(value, name, lowest, most=HIGHEST.get(name))
        if self.precision is not None and self.precision not in PRECISIONS:
            raise unknown_name("precision", str(self.precision), PRECISIONS)
        if self.mesh is not None and self.devices is not None:
            raise ConfigurationError(
                "the mesh says over how many devices a batch is divided",
                where="mesh",
                given=f"mesh={self.mesh} and devices={self.devices}",
                fix=f'mesh={{"data": {self.devices}}} alone',
            )
        if self.fully_sharded is not None and not isinstance(self.fully_sharded, bool):
            raise ConfigurationError(
                "a run is fully sharded or not",
                where="fully_sharded",
                given=repr(self.fully_sharded),
                expected="True or False",
            )
        for name in ("sharding", "fully_sharded"):
            if getattr(self, name) and self.mesh is None:
                raise ConfigurationError(
                    f"{name} divides arrays over the axes of a mesh, and there is none",
                    where=name,
                    fix=run_option("mesh", {"data": -1}),
                )

    def check_algorithm(self) -> None:
        """Raise unless the algorithm reads every option that is given.

        Raises:
            ConfigurationError: it does not, or it is none.
        """
        algorithm = self.algorithm
        if algorithm is None:
            return
        if not isinstance(algorithm, Learning):
            raise ConfigurationError(
                "this is no algorithm of training",
                where="algorithm",
                given=kind_of(algorithm),
                expected="None for supervised learning, or one of clearprop.algorithms",
                fix=f"algorithm={algorithm.__name__}()"
                if isinstance(algorithm, type) and issubclass(algorithm, Learning)
                else "leave it out",
            )
        for name in OF_SUPERVISED:
            if getattr(self, name) is not None and name not in algorithm.takes:
                raise ConfigurationError(
                    f"{algorithm.name} has no use for {name}, which belongs to supervised learning",
                    where=name,
                    given=f"{name}=... and algorithm={type(algorithm).__name__}(...)",
                    fix=f"leave {name} out",
                )
        if not algorithm.optimizes:
            given: dict[str, object] = {
                "learning_rate": self.learning_rate,
                "average": self.average,
                "optimizer": None if self.optimizer == "adam" else self.optimizer,
            }
            for name, value in given.items():
                if value is not None:
                    raise ConfigurationError(
                        f"{algorithm.name} takes its steps without an optimizer",
                        where=name,
                        given=f"{name}={value!r}",
                        fix=f"leave {name} out; the options of {type(algorithm).__name__} decide",
                    )

    @property
    def path(self) -> Path | None:
        """Where the run is written."""
        return Path(self.folder) if self.folder is not None else None

    @property
    def keeps_best(self) -> bool:
        """Whether the result is the model of the best epoch."""
        return self.patience is not None if self.keep_best is None else self.keep_best

    @functools.cached_property
    def resolved_loss(self) -> nn.Loss:
        """The loss, with label smoothing and the weight of positive targets."""
        found = self.weighting.loss(nn.find_loss(self.loss or LOSS))
        if self.label_smoothing is not None:
            found = nn.smoothed(found, self.label_smoothing)
        return found

    @functools.cached_property
    def resolved_metrics(self) -> tuple[Metric, ...]:
        """The metrics of the development examples."""
        return find_metrics(self.metrics)

    @functools.cached_property
    def resolved_monitor(self) -> Monitor | None:
        """What decides which epoch is the best; None for the development error."""
        if self.monitor is None:
            return None
        measures = self.algorithm.monitored if self.algorithm is not None else {}
        return find_monitor(
            self.monitor, self.resolved_metrics, self.patience, self.keeps_best, measures
        )

    @property
    def weighting(self) -> Weighting:
        """How much examples and classes count."""
        return Weighting(self.class_weight, self.sample_weight, self.ignore_index, self.pos_weight)

    @functools.cached_property
    def own_optimizer(self) -> optim.Optimizer:
        """The optimizer, without the average of the parameters."""
        return optim.create(self.optimizer, self.learning_rate)

    @functools.cached_property
    def resolved_optimizer(self) -> optim.Optimizer:
        """The optimizer, with the average of the parameters."""
        if self.average is None:
            return self.own_optimizer
        return optim.chain(self.own_optimizer, optim.average_parameters(self.average))

    def for_data(self, data: TrainingData) -> FitConfig:
        """Return the configuration with its batch size resolved for the data.

        Raises:
            ConfigurationError: the batch is larger than the data, a micro-batch larger than the
                batch or used with a recording, or early stopping has no development set.
        """
        examples = len(data.train)
        size = size_of_batch(data.train, self.batch_size, BATCH_SIZE)
        if size > examples:
            raise ConfigurationError(
                "the batch is larger than the data",
                given=f"batch_size={size} for {examples} training examples",
                fix=run_option("batch_size", examples) + " or less",
            )
        micro = self.micro_batch_size
        if micro is not None and micro > size:
            raise ConfigurationError(
                "a micro-batch is a part of a batch, and larger than it",
                given=f"micro_batch_size={micro} for batch_size={size}",
                fix=run_option("micro_batch_size", size) + " or less",
            )
        if micro is not None and micro < size and self.record is not None:
            raise ConfigurationError(
                "a recording looks at the pass of a whole batch, and micro-batches have none",
                given=f"record=... with micro_batch_size={micro} for batch_size={size}",
                fix="leave out record or micro_batch_size",
            )
        if not (data.dev is not None and len(data.dev)):
            self._check_without_development()
        return replace(self, batch_size=size)

    def _check_without_development(self) -> None:
        """Raise where something is asked of development examples, and there are none."""
        measured = self.algorithm is not None and self.monitor in self.algorithm.monitored
        asked = {
            "patience": self.patience is not None and not measured,
            "metrics": bool(self.resolved_metrics),
            "monitor": self.monitor is not None and not measured,
        }
        problems = {
            "patience": "early stopping needs a development set",
            "metrics": "metrics are those of the development set, and there is none",
            "monitor": "what is monitored is a number of the development set, and there is none",
        }
        for name in (name for name, is_asked in asked.items() if is_asked):
            raise ConfigurationError(
                problems[name],
                where=None if name == "patience" else name,
                given=f"{name}={self.patience} and no development examples"
                if name == "patience"
                else "no development examples",
                fix="hold some examples out: " + option("dev", 0.1),
            )

    def bound_algorithm(self, model: nn.Module, data: TrainingData) -> Learning:
        """Return the algorithm that trains a model."""
        inputs = ModelInputs(data.preprocessor)
        assert self.batch_size is not None
        context = Context(
            skeleton(model),
            self.resolved_optimizer,
            inputs,
            self.patience,
            self.batch_size,
            self.seed,
            len(data.train),
            self.epochs,
            self.data,
        )
        if self.algorithm is not None:
            return self.algorithm.bound(context)
        loss = suited_to(self.resolved_loss, model, inputs, data.train)
        if data.class_weights is not None and loss.skips_negative:
            loss = nn.class_weighted(loss, data.class_weights)
        if self.micro_batch_size is not None and loss.pooled and loss.measured is None:
            raise ConfigurationError(
                "the parts of a batch do not add up to a loss that is no mean of its examples",
                where="micro_batch_size",
                given=f"the loss {loss.name!r}, which returns one value for a batch",
                fix="let the loss return one value for each example, without its mean or sum",
            )
        return SupervisedLearning(
            loss, self.augmentations, self.precision, self.micro_batch_size, context=context
        )

    @functools.cached_property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """How examples are changed in training."""
        return find_augmentations(self.augment)

    def augmentations_as_plain(self) -> list[dict[str, object]] | None:
        """Return the augmentations as plain data; None for none."""
        return [one.to_config() for one in self.augmentations] or None

    def settings(self) -> dict[str, object]:
        """Return the numbers of the configuration as plain data."""
        numbers = {name: getattr(self, name) for name in LOWEST}
        return {
            **numbers,
            "freeze": list(self.freeze),
            "keep_best": self.keeps_best,
            "monitor": self.monitor,
            "label_smoothing": self.resolved_loss.smoothing or None,
            "precision": self.precision,
        }

    def with_rate(self, learning_rate: optim.Schedule) -> FitConfig:
        """Return the configuration with another learning rate inside its optimizer.

        Raises:
            ConfigurationError: the optimizer has none, or was not made by `clearprop.optim`.
        """
        own = _config(self.own_optimizer)
        if "learning_rate" not in _options(own):
            raise ConfigurationError(
                "the optimizer has no learning rate",
                where="optimizer",
                given=repr(self.own_optimizer)[:160],
                expected=f"one of {', '.join(optim.rated_names())}",
                fix='optimizer="adam"',
            )
        made = optim.from_config(_with(own, {"learning_rate": learning_rate}))
        return replace(self, optimizer=made, learning_rate=None)

    def changed(self, changes: Mapping[str, object]) -> FitConfig:
        """Return the configuration of a fork: this one with some changes.

        Args:
            changes: arguments of `fit`; options of the optimizer, such as ``beta1``; and
                ``dropout``, the rate of every `nn.Dropout`. A fork has no folder and no snapshots
                unless they are given.

        Raises:
            ConfigurationError: an unknown name (the nearest is suggested), or a change that is not
                possible.
        """
        known = {field.name for field in fields(self)} - set(NOT_FOR_FORKS)
        own = _config(self.own_optimizer)
        options = {} if "optimizer" in changes else _options(own)
        unknown = [name for name in changes if name not in known | options.keys() | {DROPOUT}]
        if unknown:
            raise unknown_name("change", unknown[0], [*known, *options, DROPOUT], where="fork")
        rest = {name: value for name, value in changes.items() if name in known}
        new = {name: value for name, value in changes.items() if name in options}
        if "optimizer" in changes:
            rest.setdefault("learning_rate", None)
        elif new:
            rest["optimizer"] = optim.from_config(_with(own, new))
            rest["learning_rate"] = None
        elif "learning_rate" in changes:
            raise ConfigurationError(
                "the optimizer has no learning rate by that name",
                where="fork",
                given=repr(self.own_optimizer)[:160],
                fix="give another optimizer: fork(step, optimizer=...)",
            )
        if DROPOUT in changes:
            rest["model"] = _with_dropout(rest.get("model", self.model), changes[DROPOUT])
        changed: dict[str, Any] = {"folder": None, "resume": False, "snapshots": None, **rest}
        return replace(self, **changed)


def _config(optimizer: optim.Optimizer) -> dict[str, Any]:
    try:
        return optimizer.to_config()
    except ConfigurationError:
        return {}  # not made by clearprop.optim: it can only be replaced as a whole


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an optimizer and of its parts, by name."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        parts = value if isinstance(value, list) else [value]
        inner = [part for part in parts if isinstance(part, Mapping)]
        if name == "learning_rate" or not inner:
            found[name] = value
        else:
            for part in inner:
                found |= _options(part)
    found.pop("name", None)
    return found


def _with(config: Any, new: Mapping[str, object]) -> Any:
    """Return the configuration of an optimizer with some options changed, at any depth."""
    if isinstance(config, list):
        return [_with(part, new) for part in config]
    if not isinstance(config, Mapping):
        return config
    return {
        name: new[name] if name in new else value if name == "learning_rate" else _with(value, new)
        for name, value in config.items()
    }


def _with_dropout(model: Any, rate: Any) -> nn.Module:
    def is_dropout(part: object) -> bool:
        return isinstance(part, nn.Dropout)

    if not any(map(is_dropout, nn.modules(model).values())):
        raise ConfigurationError(
            "the model has no nn.Dropout whose rate could be changed",
            where="fork",
            given=f"{DROPOUT}={rate}",
            fix="give a model with one: fork(step, model=...)",
        )
    changed: nn.Module = jax.tree.map(
        lambda part: nn.Dropout(rate) if is_dropout(part) else part, model, is_leaf=is_dropout
    )
    return changed
