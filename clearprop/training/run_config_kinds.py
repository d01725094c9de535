"""The kinds of the values in a run's configuration; what is not named here may be of any kind.

Only `run_config` imports this file, where it reads a configuration: pydantic takes a moment.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    Strict,
)


def _numbers(text: str) -> str:
    """Return a text of numbers.

    Raises:
        ValueError: a word of it is no number.
    """
    for word in text.split():
        float(word)
    return text


def _dtype(name: str) -> str:
    """Return the name of a dtype.

    Raises:
        ValueError: it is none.
    """
    try:
        np.dtype(name)  # that of JAX too, such as bfloat16
    except TypeError as error:
        raise ValueError("not the name of a dtype") from error
    return name


Shape = Annotated[tuple[list[int], Annotated[str, AfterValidator(_dtype)]], Strict(False)]


class WrittenPart(BaseModel):
    """A part of a configuration."""

    model_config = ConfigDict(extra="allow", strict=True)


class WrittenSchedule(WrittenPart):
    """A schedule of the learning rate."""

    name: str


class WrittenOptimizer(WrittenPart):
    """An optimizer, which may hold others."""

    name: str | None = None
    learning_rate: float | WrittenSchedule | None = None
    weight_decay: float | None = None
    strength: float | None = None
    optimizer: WrittenOptimizer | None = None
    parts: list[WrittenOptimizer] | None = None


class WrittenSettings(WrittenPart):
    """The arguments of `fit` that are numbers and names."""

    epochs: NonNegativeInt
    batch_size: PositiveInt
    micro_batch_size: PositiveInt | None = None
    seed: int | None = None
    patience: NonNegativeInt | None = None
    steps_per_call: PositiveInt | None = None
    devices: PositiveInt | None = None
    checkpoint_every: PositiveInt | None = None
    freeze: list[str] | None = None
    keep_best: bool | None = None
    monitor: str | dict[str, Any] | None = None
    label_smoothing: float | None = None
    precision: str | None = None


class WrittenData(WrittenPart):
    """What is known of the examples."""

    name: str | None = None
    examples: NonNegativeInt | None = None
    development_examples: NonNegativeInt | None = None
    fingerprint: int | None = None
    development_fingerprint: int | None = None


class WrittenParent(WrittenPart):
    """The run that a fork left."""

    folder: str | None = None
    step: NonNegativeInt = 0
    changed: dict[str, list[Any]] | None = None


class WrittenModel(WrittenPart):
    """The architecture."""

    structure: dict[str, Any] | str | None = None
    parameters: dict[str, Shape] = Field(default_factory=dict)


class WrittenInitialValues(WrittenPart):
    """What is remembered of a parameter's initial values."""

    crc32: int
    deviation: float
    entries: Annotated[str, AfterValidator(_numbers)]


class WrittenMachine(WrittenPart):
    """Where the run was made."""

    platform: str
    kind: str
    devices: int
    jax: str
    system: str
    python: str
    cores: int


class WrittenConfig(WrittenPart):
    """A configuration."""

    settings: WrittenSettings | None = None
    loss: str | None = None
    algorithm: dict[str, Any] | None = None
    metrics: list[str] | None = None
    weights: dict[str, Any] | None = None
    task: str | None = None
    optimizer: WrittenOptimizer = Field(default_factory=WrittenOptimizer)
    augment: list[Any] | None = None
    data: WrittenData = Field(default_factory=WrittenData)
    model: WrittenModel = Field(default_factory=WrittenModel)
    plan: dict[str, Any] | None = None
    preprocessor: dict[str, Any] | None = None
    initial_values: dict[str, WrittenInitialValues | None] | None = None
    record: dict[str, Any] | None = None
    snapshots: int | str | list[int] | None = None
    parent: WrittenParent | None = None
    notes: dict[str, Any] = Field(default_factory=dict)
    machine: WrittenMachine | None = None
