"""Run folders on the command line: new ones with a number, and existing ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from clearprop import nn, processes
from clearprop.data import Preprocessor
from clearprop.errors import CheckpointError, ConfigurationError, RunError, nearest
from clearprop.files import read_record, write_errors
from clearprop.recipes.catalog import RUNS
from clearprop.training import load_model, load_preprocessor
from clearprop.training.run_config import CONFIG
from clearprop.training.run_folder import MODEL


@contextlib.contextmanager
def new_run(given: str | None, recipe: str) -> Iterator[Path]:
    """Yield the folder of a new run; a folder made here is removed if it stays empty."""
    if given is not None:
        yield Path(given)
        return
    folder = Path(processes.from_first(lambda: str(_next_folder(recipe)), "run"))
    try:
        yield folder
    finally:
        if processes.is_first():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _next_folder(recipe: str) -> Path:
    with write_errors(RUNS):
        RUNS.mkdir(exist_ok=True)
        taken = [path.name.removeprefix(f"{recipe}-") for path in RUNS.glob(f"{recipe}-*")]
        number = max((int(text) for text in taken if text.isdecimal()), default=0)
        while True:
            number += 1
            folder = RUNS / f"{recipe}-{number}"
            # If two processes choose the same number, only one of them makes the folder.
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)
                return folder


def existing_run(text: str) -> Path:
    """Return the folder of a run.

    Raises:
        ConfigurationError: there is no such folder; the nearest name is suggested.
        RunError: the folder is that of a study.
    """
    path = Path(text)
    if path.is_dir():
        refuse_study(path)
        return path
    known = sorted(str(place) for place in path.parent.glob("*") if place.is_dir())
    known += sorted(str(place) for place in RUNS.glob("*") if place.is_dir())
    close = nearest(text, known)
    raise ConfigurationError(
        "there is no such run folder",
        where=text,
        fix=f"did you mean {close!r}?" if close else "clearprop train RECIPE makes one",
    )


def refuse_study(folder: Path) -> None:
    """Check that a folder is not that of a study, which has neither a model nor curves.

    Raises:
        RunError: the folder is that of a study.
    """
    try:
        config = read_record(folder / CONFIG, RunError, "")
    except RunError:  # whoever reads the configuration says what is wrong with it
        return
    if config.get("study"):
        name = "NAME"
        with contextlib.suppress(AttributeError, TypeError, KeyError):
            name = config["notes"]["recipe"]["name"]
        raise RunError(
            "this is the folder of a study: it has no single model",
            where=str(folder),
            fix=f"open its report.html; to repeat the study: clearprop train {name}",
        )


def trained(folder: Path) -> tuple[nn.Module, Preprocessor]:
    """Return the model of a run and its preprocessor.

    Raises:
        CheckpointError: the run has no model yet, or no preprocessor.
    """
    if not (folder / MODEL).is_file():
        refuse_study(folder)
        raise CheckpointError(
            "the run has no model yet",
            where=str(folder),
            fix=f"clearprop resume {folder}",
        )
    preprocessor = load_preprocessor(folder)
    if preprocessor is None:
        raise CheckpointError(
            "the model was trained on plain arrays: it is not known how to prepare other inputs",
            where=str(folder),
            fix="use it in Python: cp.load, cp.predict",
        )
    return load_model(folder), preprocessor
