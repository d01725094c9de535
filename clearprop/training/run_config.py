"""The configuration of a run as its folder has it: it is checked before anything believes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    from pydantic import ValidationError

    from clearprop.training.run_config_kinds import WrittenConfig

    try:
        WrittenConfig.model_validate(config)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        given = f"{place} is {first['input']!r}"[:160]
        raise RunError(problem, where=where, given=given, expected=first["msg"]) from error
