"""``clearprop summary``: what a model is made of, before or after its training."""

from __future__ import annotations

import argparse
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.cli.output import say
from clearprop.cli.runs import trained
from clearprop.cli.training import chosen_values
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError, ShapeError, unknown_name
from clearprop.recipes import RECIPES, Recipe, Study, find_recipe
from clearprop.recipes.configuration import explained
from clearprop.recipes.experiment import prepare
from clearprop.training import load, load_preprocessor

KEYS = "keys for --set, with the values taken here:"
WIDTH = 110
LONGEST_VALUE = 24


def run_summary(arguments: argparse.Namespace) -> int:
    """Show the layers of a model; returns the exit code."""
    shape = None if arguments.input_shape is None else _shape(arguments.input_shape)
    if arguments.MODEL in RECIPES and issubclass(kind := find_recipe(arguments.MODEL), Study):
        chosen = kind.of(chosen_values(arguments), where=arguments.MODEL)
        say(f"{arguments.MODEL} is a study: {RECIPES[arguments.MODEL].summary}")
        say("\n".join(["", KEYS, *_keys(chosen)]))
        return 0
    if arguments.MODEL in RECIPES:
        experiment = prepare(arguments.MODEL, chosen_values(arguments))
        model = experiment.model()
        table = _table(model, shape, experiment.splits.preprocessor)
        say(f"data  {experiment.data_line}\n")
        say(table)
        say("\n".join(["", KEYS, *_keys(experiment.recipe)]))
        return 0
    if arguments.values or arguments.data or arguments.target:
        raise ConfigurationError(
            "--data, --target and --set go with the name of a recipe",
            where="clearprop summary",
            given=arguments.MODEL,
            expected=f"one of {', '.join(RECIPES)}",
        )
    model, preprocessor = _saved(arguments.MODEL)
    if shape is None and preprocessor is None:
        raise ConfigurationError(
            "the file does not say what an example looks like",
            where=arguments.MODEL,
            fix="--input-shape 28x28x1",
        )
    say(_table(model, shape, preprocessor))
    return 0


def _table(
    model: nn.Module, given: tuple[int, ...] | None, preprocessor: Preprocessor | None
) -> str:
    own = None if preprocessor is None else preprocessor.encoded_shape
    if given is not None and isinstance(own, dict):
        raise ConfigurationError(
            "the model takes several inputs by name",
            where="--input-shape",
            given="x".join(map(str, given)),
            fix="leave it out",
        )
    try:
        return str(nn.summary(model, given or own or (), dtype=_types(preprocessor)))
    except ShapeError as error:
        if given is None:
            raise
        # The model is as it is: the fix of a layer's misfit is meant for those who write one.
        error.fix = (
            "give the shape of one example that the model takes"
            if own is None
            else f"leave --input-shape out: the model takes {'x'.join(map(str, own))}"
        )
        raise


def _types(preprocessor: Preprocessor | None) -> Any:
    """Return the type of a model's inputs, by name where they are several."""
    if preprocessor is not None and preprocessor.kind == "named":
        return {name: _types(part) for name, part in preprocessor.parts.items()}
    tokens = preprocessor is not None and preprocessor.kind == "tokens"
    return np.dtype(np.int32 if tokens else np.float32)


def _saved(text: str) -> tuple[nn.Module, Preprocessor | None]:
    path = Path(text)
    if path.is_dir():
        return trained(path)
    if not path.exists():
        raise unknown_name("recipe, run or model", text, RECIPES)
    return load(path), load_preprocessor(path)


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+([x,]\d+)*", text):
        raise ConfigurationError(
            "this is no shape", where="--input-shape", given=text, expected="such as 28x28x1"
        )
    return tuple(int(size) for size in re.split("[x,]", text))


def _keys(recipe: Recipe | Study) -> list[str]:
    texts = explained(type(recipe))
    rows = []
    for key in texts:
        value: Any = recipe
        for part in key.split("."):
            value = getattr(value, part)
        shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
        rows.append((f"  {key}", shown))
    lines = []
    for line, text in zip(_padded(rows), texts.values(), strict=True):
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=line, subsequent_indent=" " * len(line)
        ) or [line.rstrip()]
    return lines


def _padded(rows: list[tuple[str, str]]) -> list[str]:
    """Return rows as lines of one length, for a text beside them; long values stand alone."""
    keys = max(len(key) for key, _ in rows)
    values = max((len(value) for _, value in rows if len(value) <= LONGEST_VALUE), default=0)
    return [f"{key:{keys}}  {value:{values}}  " for key, value in rows]
