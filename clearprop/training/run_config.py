"""The configuration of a run as its folder has it: it is checked before anything believes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from clearprop.errors import RunError
from clearprop.files import content_errors, read_record

CONFIG = "config.json"

FORMAT = 2
"""Of a run folder. Format 1 had other names in its configuration and its checkpoints."""


def read_config(path: Path) -> dict[str, Any]:
    """Return what the run in a folder was asked to do.

    Raises:
        RunError: there is no run, it was cut off before it began, or the file is damaged.
    """
    if not path.is_dir():
        raise RunError("there is no such run folder", where=str(path))
    file = path / CONFIG
    if not file.is_file():
        raise RunError(
            "this folder has no config.json, so no run began in it",
            where=str(path),
            fix="choose the folder of a run, or start a new run in a new folder",
        )
    problem = "the configuration is damaged"
    config = read_record(file, RunError, problem)
    if config.get("format", FORMAT) != FORMAT:
        raise RunError(
            "this run was written by another version of clearprop, which named its parts otherwise",
            where=str(path),
            given=f"format {config['format']!r}",
            expected=f"format {FORMAT}",
            fix="use that version for this run, or train it again with this one",
        )
    with content_errors(file, RunError, problem):
        _check(config, str(file), problem)
    return config


def first_step(config: Mapping[str, Any]) -> int:
    """Return the step at which a run began: that of its parent at which it left it, or 0.

    >>> first_step({"parent": {"step": 30}}), first_step({})
    (30, 0)
    """
    return int((config.get("parent") or {}).get("step", 0))


def _check(config: Mapping[str, Any], where: str, problem: str) -> None:
    """Raise unless the values of a configuration are of their kinds."""
    import pydantic

    try:
        _kinds().model_validate(config)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        given = f"{place} is {first['input']!r}"[:160]
        raise RunError(problem, where=where, given=given, expected=first["msg"]) from error


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


@cache
def _kinds() -> Any:
    """Return the kinds of the values; what is not named here may be of any kind.

    They are made when they are needed: pydantic takes a moment to import.
    """
    from pydantic import (
        AfterValidator,
        BaseModel,
        ConfigDict,
        NonNegativeInt,
        PositiveInt,
        Strict,
    )

    DType = Annotated[str, AfterValidator(_dtype)]

    class Part(BaseModel):
        model_config = ConfigDict(extra="allow", strict=True)

    class Optimizer(Part):
        name: str | None = None
        learning_rate: float | dict[str, Any] | None = None
        weight_decay: float | None = None
        strength: float | None = None
        optimizer: Optimizer | None = None
        parts: list[Optimizer] | None = None

    class Settings(Part):
        epochs: NonNegativeInt | None = None
        batch_size: PositiveInt | None = None
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

    class Data(Part):
        name: str | None = None
        examples: NonNegativeInt | None = None
        development_examples: NonNegativeInt | None = None
        fingerprint: int | None = None
        development_fingerprint: int | None = None

    class Recipe(Part):
        name: str | None = None
        values: dict[str, Any] | None = None

    class Notes(Part):
        recipe: Recipe | None = None
        data: list[str] | None = None
        columns: list[str] | None = None

    class Parent(Part):
        folder: str | None = None
        step: NonNegativeInt = 0
        changed: dict[str, list[Any]] | None = None

    class Model(Part):
        structure: dict[str, Any] | None = None
        parameters: dict[str, Annotated[tuple[list[int], DType], Strict(False)]] | None = None

    class InitialValues(Part):
        crc32: int
        deviation: float
        entries: Annotated[str, AfterValidator(_numbers)]

    class Machine(Part):
        platform: str
        kind: str
        devices: int
        jax: str
        system: str
        python: str
        cores: int

    class Config(Part):
        settings: Settings = Settings()
        loss: str | None = None
        algorithm: dict[str, Any] | None = None
        metrics: list[str] | None = None
        weights: dict[str, Any] | None = None
        task: str | None = None
        optimizer: Optimizer = Optimizer()
        augment: list[Any] | None = None
        data: Data = Data()
        model: Model = Model()
        plan: dict[str, Any] | None = None
        preprocessor: dict[str, Any] | None = None
        initial_values: dict[str, InitialValues | None] | None = None
        record: dict[str, Any] | None = None
        snapshots: int | str | list[int] | None = None
        parent: Parent | None = None
        notes: Notes = Notes()
        machine: Machine | None = None

    return Config
