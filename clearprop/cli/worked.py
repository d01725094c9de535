"""``clearprop worked``: a worked-out training step as a handout or an exercise, and its marks."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import data, nn
from clearprop.cli.output import complain, say
from clearprop.data.texts import read_text
from clearprop.errors import ConfigurationError, DataError, RunError, nearest
from clearprop.glass.equations import LECTURES, WorkedSolution, grade, lecture, worked_solution
from clearprop.training import load_model, load_preprocessor
from clearprop.training.run_folder import read_config

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
    solution = _solution(arguments)
    if arguments.blank:
        solution = solution.blank()
    if arguments.output is None:
        say(solution.markdown.rstrip("\n"))
    else:
        complain(f"written: {solution.write(arguments.output)}")
    return 0


def _grade(arguments: argparse.Namespace) -> int:
    filled = read_text(Path(arguments.grade))
    marks = grade(filled) if arguments.NAME is None else _solution(arguments).grade(filled)
    say(str(marks))
    return 0


def _solution(arguments: argparse.Namespace) -> WorkedSolution:
    of_model = {
        "--input": arguments.input,
        "--target": arguments.target,
        "--learning-rate": arguments.learning_rate,
        "--loss": arguments.loss,
    }
    if arguments.NAME in LECTURES:
        given = [option for option, value in of_model.items() if value is not None]
        if given:
            raise ConfigurationError(
                f"{given[0]} goes with a model of your own: {arguments.NAME} has fixed numbers",
                where=WHERE,
            )
        return lecture(arguments.NAME, arguments.digits)
    return _of_file(arguments)


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
