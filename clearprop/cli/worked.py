"""``clearprop worked``: a worked-out training step as a handout or an exercise, and its marks."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import data, nn
from clearprop.cli.output import complain, say
from clearprop.data.texts import read_text
from clearprop.errors import ConfigurationError, DataError, RunError, nearest
from clearprop.glass.equations import (
    EXERCISES,
    LECTURES,
    WorkedSolution,
    exercise,
    grade,
    lecture,
    mark_class,
    read_students,
    worked_solution,
    write_class,
)
from clearprop.training import load_model, load_preprocessor
from clearprop.training.run_config import read_config

WHERE = "clearprop worked"


def run_worked(arguments: argparse.Namespace) -> int:
    """Write a handout, or mark a filled exercise; return the exit code."""
    if arguments.grade is not None:
        return _grade(arguments)
    if arguments.NAME is None:
        raise ConfigurationError(
            "what is to be worked out?",
            where=WHERE,
            expected=f"{', '.join(LECTURES)}, a run or a .safetensors file; or --grade FILE",
        )
    if arguments.students is not None or arguments.folder is not None:
        return _write_class(arguments)
    solution = _solution(arguments)
    if arguments.blank:
        solution = solution.blank()
    if arguments.output is None:
        say(solution.markdown.rstrip("\n"))
    else:
        complain(f"written: {solution.write(arguments.output)}")
    return 0


def run_mark(arguments: argparse.Namespace) -> int:
    """Mark the exercises of a class; return the exit code."""
    marks = mark_class(arguments.CLASS, arguments.filled)
    say(str(marks))
    if arguments.output is not None:
        complain(f"written: {marks.write(arguments.output)}")
    return 0


def _write_class(arguments: argparse.Namespace) -> int:
    examples = {"seed": "--seed 7", "students": "--students names.csv", "folder": "--folder class"}
    for name, example in examples.items():
        if getattr(arguments, name) is None:
            raise ConfigurationError(
                f"the exercises of a class need --{name}", where=WHERE, fix=example
            )
    given = [
        option
        for option, is_given in (
            *((option, value is not None) for option, value in _of_model(arguments).items()),
            ("--blank", arguments.blank),
            ("--output", arguments.output is not None),
        )
        if is_given
    ]
    if given:
        raise ConfigurationError(f"{given[0]} does not go with --students", where=WHERE)
    students = read_students(arguments.students)
    folder = Path(arguments.folder)
    write_class(folder, arguments.NAME, arguments.seed, students, digits=arguments.digits)
    say(f"students  {len(students)}: {students[0]} ... {students[-1]}")
    say(f"sheets    {folder / 'sheets'} (.md to fill in, .html to print)")
    say(f"keys      {folder / 'keys'}")
    say(f"mark with clearprop worked mark {shlex.quote(str(folder))} --output marks.csv")
    return 0


def _of_model(arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "--input": arguments.input,
        "--target": arguments.target,
        "--learning-rate": arguments.learning_rate,
        "--loss": arguments.loss,
    }


def _grade(arguments: argparse.Namespace) -> int:
    filled = read_text(Path(arguments.grade))
    marks = grade(filled) if arguments.NAME is None else _solution(arguments).grade(filled)
    say(str(marks))
    return 0


def _solution(arguments: argparse.Namespace) -> WorkedSolution:
    if arguments.seed is None and arguments.NAME not in LECTURES:
        if arguments.NAME in EXERCISES:
            raise ConfigurationError(
                "the numbers of this exercise are drawn from a seed",
                where=arguments.NAME,
                fix=f"clearprop worked {arguments.NAME} --seed 7",
            )
        return _of_file(arguments)
    given = [option for option, value in _of_model(arguments).items() if value is not None]
    if given:
        source = "has fixed numbers" if arguments.seed is None else "has drawn numbers"
        raise ConfigurationError(
            f"{given[0]} goes with a model of your own: {arguments.NAME} {source}", where=WHERE
        )
    if arguments.seed is not None:
        return exercise(arguments.NAME, arguments.seed, digits=arguments.digits)
    return lecture(arguments.NAME, arguments.digits)


def _of_file(arguments: argparse.Namespace) -> WorkedSolution:
    place = Path(arguments.NAME)
    if not os.path.exists(place):
        close = nearest(arguments.NAME, LECTURES)
        raise ConfigurationError(
            "this is neither a worked example nor a model",
            where=arguments.NAME,
            expected=f"{', '.join(LECTURES)}, a run or a .safetensors file",
            fix=f"did you mean {close!r}?" if close else None,
        )
    examples = {"input": "0.35,0.9", "target": "0.5", "learning_rate": "0.1"}
    for name, example in examples.items():
        if getattr(arguments, name) is None:
            option = f"--{name.replace('_', '-')}"
            raise ConfigurationError(
                f"the step of a model needs {option}", where=WHERE, fix=f"{option} {example}"
            )
    loss = nn.find_loss(arguments.loss or _loss_of(place) or "squared_error")
    return worked_solution(
        load_model(place),
        _example(arguments.input, place),
        _target(arguments.target, loss),
        arguments.learning_rate,
        loss,
        digits=arguments.digits,
        title=f"One step of {place.name}",
    )


def _loss_of(place: Path) -> str | None:
    """Return the loss of a run; None for a file of weights."""
    if place.is_dir():
        with contextlib.suppress(RunError):
            return str(read_config(place)["loss"])
    return None


def _example(text: str, place: Path) -> Any:
    """Return an example as the model reads it: from numbers, or the first of a file, prepared."""
    # Numbers come first, because the system refuses a long list of them as the name of a file.
    try:
        return _numbers(text, "--input")
    except ConfigurationError:
        if not os.path.exists(text):
            raise
    preprocessor = load_preprocessor(place)
    if preprocessor is None:
        raise ConfigurationError(
            "it is not known how to prepare a file for this model",
            where=str(place),
            fix="give the numbers as the model reads them: --input 0.35,0.9",
        )
    inputs = data.load_inputs(text, preprocessor)
    if not len(inputs):
        raise DataError("the file holds no example", where=text)
    return np.asarray(inputs)[:1]


def _target(text: str, loss: nn.Loss) -> Any:
    numbers = _numbers(text, "--target")
    if loss.name in ("cross_entropy", "sequence_cross_entropy") and len(numbers) == 1:
        if not numbers[0].is_integer():
            raise ConfigurationError("the target is the number of a class", given=text)
        return np.asarray([int(numbers[0])])
    return numbers


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ConfigurationError(
            f"{option} takes numbers, separated by commas without spaces"
            + (", or a file" if option == "--input" else ""),
            where=WHERE,
            given=text,
            fix=f"{option} 0.35,0.9",
        ) from None
