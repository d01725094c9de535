"""What `fit` was asked for, kept whole: it can be asked for again with something changed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import jax

from clearprop import nn, optim
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.training.augmentation import Augment
from clearprop.training.augmentation import find as find_augmentations
from clearprop.training.events import Event
from clearprop.training.material import Data, Development, gather
from clearprop.training.precision import checked as checked_precision
from clearprop.training.recording import Record
from clearprop.training.settings import Settings
from clearprop.training.snapshots import Given, Snapshots
from clearprop.training.task import Task

NOT_FOR_FORKS = ("resume",)
"""What `fit` takes and a fork does not."""

DROPOUT = "dropout"
"""The change that stands for the rate of every `nn.Dropout` of the model."""


BATCH_SIZE = 32
"""Examples of a step unless told otherwise; where there are fewer, all of them."""


@dataclass(frozen=True, eq=False)
class Order:
    """The arguments of `fit`; it says what they are."""

    model: nn.Module
    data: Data
    loss: str | nn.Loss | Callable[[Any, Any], Any] = "cross_entropy"
    optimizer: str | optim.Optimizer | Mapping[str, Any] = "adam"
    epochs: int = 10
    batch_size: int | None = None
    learning_rate: Any = None
    seed: int = 0
    dev: Development = None
    freeze: Iterable[str] = ()
    patience: int | None = None
    keep_best: bool | None = None
    average: float | None = None
    augment: Augment | None = None
    label_smoothing: float | None = None
    precision: str | None = None
    record: Record | Iterable[str] | None = None
    snapshots: Given = None
    folder: Path | str | None = None
    resume: bool = False
    checkpoint_every: int | None = None
    steps_per_call: int | None = None
    devices: int | None = None
    progress: bool = True
    on_event: Callable[[Event], None] | None = None
    notes: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        # What can be read only once is read here: an order may be carried out again, for a fork.
        for name in ("freeze", "record", "snapshots"):
            given = getattr(self, name)
            if isinstance(given, Iterable) and not isinstance(given, str):
                object.__setattr__(self, name, tuple(given))

    @property
    def target(self) -> Path | None:
        """Where the run is written."""
        return Path(self.folder) if self.folder is not None else None

    @functools.cached_property
    def rule(self) -> optim.Optimizer:
        """The learning rule, before its average."""
        return optim.create(self.optimizer, self.learning_rate)

    def task(self) -> Task:
        """Return what is asked for, checked; nothing is computed yet.

        Raises:
            ClearpropError: what `fit` says of it.
        """
        chosen = nn.find_loss(self.loss)
        if self.label_smoothing is not None:
            chosen = nn.smoothed(chosen, self.label_smoothing)
        settings = self._settings(chosen)
        rule = self.rule
        if self.average is not None:
            rule = optim.chain(rule, optim.average_parameters(self.average))
        material = gather(self.data, self.dev, chosen, self.seed)
        if self.batch_size is None:
            settings = replace(settings, batch_size=min(BATCH_SIZE, len(material.train)))
        settings.check(len(material.train), len(material.dev) if material.dev is not None else 0)
        task = Task(
            self.model if nn.is_initialized(self.model) else self.model.init(self.seed),
            material,
            chosen,
            rule,
            settings,
            dict(self.notes or {}),
            find_augmentations(self.augment),
            Record.of(self.record),
            Snapshots.of(self.snapshots),
        )
        task.check()
        return task

    def _settings(self, loss: nn.Loss) -> Settings:
        return Settings(
            epochs=self.epochs,
            batch_size=BATCH_SIZE if self.batch_size is None else self.batch_size,
            seed=self.seed,
            freeze=tuple(self.freeze),
            patience=self.patience,
            keep_best=self.patience is not None if self.keep_best is None else self.keep_best,
            steps_per_call=self.steps_per_call,
            devices=self.devices,
            checkpoint_every=self.checkpoint_every,
            label_smoothing=loss.smoothing or None,
            precision=checked_precision(self.precision),
        )

    def changed(self, changes: Mapping[str, Any]) -> Order:
        """Return the order with something changed, for a fork.

        Args:
            changes: arguments of `fit`; options of the optimizer, such as ``beta1``; and
                ``dropout``, the rate of every `nn.Dropout`. Folder and snapshots are the fork's
                own: there are none unless they are given.

        Raises:
            ConfigurationError: an unknown name (the nearest is suggested), or what cannot be
                changed so.
        """
        known = {field.name for field in fields(self)} - set(NOT_FOR_FORKS)
        of_rule = {} if "optimizer" in changes else _options(_config(self.rule))
        unknown = [name for name in changes if name not in known | of_rule.keys() | {DROPOUT}]
        if unknown:
            raise unknown_name("change", unknown[0], [*known, *of_rule, DROPOUT], where="fork")
        rest = {name: value for name, value in changes.items() if name in known}
        new = {
            name: value
            for name, value in changes.items()
            if name in of_rule and "optimizer" not in changes
        }
        if "optimizer" in changes:
            rest.setdefault("learning_rate", None)
        elif new:
            rest["optimizer"] = optim.from_config(_with(_config(self.rule), new))
            rest["learning_rate"] = None
        elif "learning_rate" in changes:
            raise ConfigurationError(
                "the optimizer has no learning rate by that name",
                where="fork",
                given=repr(self.rule)[:160],
                fix="give another optimizer: fork(step, optimizer=...)",
            )
        if DROPOUT in changes:
            rest["model"] = _dropping(rest.get("model", self.model), changes[DROPOUT])
        return replace(self, **{"folder": None, "resume": False, "snapshots": None, **rest})


def _config(rule: optim.Optimizer) -> dict[str, Any]:
    try:
        return rule.to_config()
    except ConfigurationError:
        return {}  # made by hand: it can only be exchanged whole


def _options(config: Any) -> dict[str, Any]:
    """Return the options of a rule and of its parts, by name."""
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


def _with(config: Any, new: Mapping[str, Any]) -> Any:
    """Return the configuration of a rule with some options changed, wherever they stand."""
    if isinstance(config, list):
        return [_with(part, new) for part in config]
    if not isinstance(config, Mapping):
        return config
    return {
        name: new[name] if name in new else value if name == "learning_rate" else _with(value, new)
        for name, value in config.items()
    }


def _dropping(model: nn.Module, rate: float) -> nn.Module:
    def is_dropout(part: Any) -> bool:
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
