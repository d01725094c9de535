"""What `fit` was asked to do, checked before anything is touched."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from clearprop.errors import ConfigurationError

SECTIONS = (
    "settings",
    "loss",
    "optimizer",
    "augment",
    "data",
    "preprocessor",
    "model",
    "record",
    "snapshots",
)
"""The parts of a configuration that a resumed run must share with its beginning."""

NOT_COUNTED = ("freeze", "keep_best", "label_smoothing", "precision")
"""The settings that are no whole numbers."""


@dataclass(frozen=True)
class Settings:
    """The numbers of a run.

    Attributes:
        epochs: passes over the training examples.
        batch_size: examples of a step.
        seed: of first values, of orders and of dropout.
        freeze: patterns of parameters that are not trained.
        patience: passes without a better development error after which to stop.
        keep_best: whether the model is that of the best pass.
        steps_per_call: steps of a compiled call; None chooses.
        devices: how many devices share a batch; None chooses.
        checkpoint_every: steps after which a checkpoint is due; None goes by time.
        label_smoothing: the part of every target that all classes share; None for nothing.
        precision: the type that layers compute in; None for that of the parameters.

    Raises:
        ConfigurationError: a number out of its range.
    """

    epochs: int
    batch_size: int
    seed: int = 0
    freeze: tuple[str, ...] = ()
    patience: int | None = None
    keep_best: bool = False
    steps_per_call: int | None = None
    devices: int | None = None
    checkpoint_every: int | None = None
    label_smoothing: float | None = None
    precision: str | None = None

    def __post_init__(self) -> None:
        lowest = {"epochs": 0, "seed": 0}
        for name, value in asdict(self).items():
            if name in NOT_COUNTED or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest.get(name, 1):
                raise ConfigurationError(
                    f"{name} is out of range",
                    given=f"{name}={value!r}",
                    expected=f"a whole number from {lowest.get(name, 1)} up",
                )

    def check(self, examples: int, development_examples: int) -> None:
        """Raise unless these numbers fit the data.

        Raises:
            ConfigurationError: the batch is larger than the data, or nothing judges.
        """
        if self.batch_size > examples:
            raise ConfigurationError(
                "the batch is larger than the data",
                given=f"batch_size={self.batch_size} for {examples} training examples",
                fix=f"batch_size={examples} or less",
            )
        if self.patience is not None and not development_examples:
            raise ConfigurationError(
                "early stopping needs examples that judge",
                given=f"patience={self.patience} and no development examples",
                fix="hold some out: dev=0.1",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return {**asdict(self), "freeze": list(self.freeze)}


def compare(config: dict[str, Any], earlier: dict[str, Any], where: str) -> None:
    """Raise unless a run may go on with this configuration.

    More or fewer epochs may be asked for; everything else has to be what the run began with.

    Raises:
        ConfigurationError: something differs; it is named.
    """
    changed = differences(config, earlier)
    changed.pop("settings.epochs", None)
    if changed:
        texts = [f"{name} was {old!r}, is {new!r}" for name, (old, new) in changed.items()]
        raise ConfigurationError(
            "a run goes on only with the configuration that it began with",
            where=where,
            given="; ".join(text[:160] for text in texts[:3]),
            fix="give the same configuration, or start a new run in another folder",
        )


def differences(config: dict[str, Any], earlier: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what a configuration has changed of an earlier one: old and new value by name.

    >>> differences({"settings": {"epochs": 9}, "loss": "a"}, {"settings": {"epochs": 3}})
    {'settings.epochs': (3, 9), 'loss': (None, 'a')}
    """
    found: dict[str, tuple[Any, Any]] = {}
    for section in SECTIONS:
        old, new = earlier.get(section), config.get(section)
        if isinstance(old, dict) and isinstance(new, dict):
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            found |= {f"{section}.{key}": (old.get(key), new.get(key)) for key in keys}
        elif old != new:
            found[section] = (old, new)
    return found
