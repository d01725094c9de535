"""``clearprop summary``: the layers of a model, before or after its training."""

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
from clearprop.interop.onnx import OnnxModel, load
from clearprop.recipes import RECIPES, Recipe, Study, find_recipe
from clearprop.recipes.configuration import explained
from clearprop.recipes.experiment import prepare
from clearprop.training import load_model, load_preprocessor

KEYS = "keys for --set, with their values:"
WIDTH = 110
LONGEST_VALUE = 24
"""The column of values is not made wider for a longer value."""


def run_summary(arguments: argparse.Namespace) -> int:
    """Show the layers of a model; return the exit code."""
    shape = None if arguments.input_shape is None else _shape(arguments.input_shape)
    if arguments.MODEL in RECIPES:
        recipe: Recipe | Study
        values = chosen_values(arguments)
        if issubclass(kind := find_recipe(arguments.MODEL), Study):
            recipe = kind.of(values, where=arguments.MODEL)
            say(f"{arguments.MODEL} is a study: {RECIPES[arguments.MODEL].summary}")
        else:
            experiment = prepare(arguments.MODEL, values)
            recipe = experiment.recipe
            table = _table(experiment.model(), shape, experiment.splits.preprocessor)
            say(f"data  {experiment.data_line}\n\n{table}")
        say("\n".join(["", KEYS, *_keys(recipe)]))
        return 0
    if arguments.values or arguments.data or arguments.target:
        raise ConfigurationError(
            "--data, --target and --set go with the name of a recipe",
            where="clearprop summary",
            given=arguments.MODEL,
            expected=f"one of {', '.join(RECIPES)}",
        )
    model, preprocessor = _saved(arguments.MODEL)
    if shape is None and isinstance(model, OnnxModel):
        shape = _declared(model)
    if shape is None and preprocessor is None:
        raise ConfigurationError(
            "the file does not contain the shape of an example",
            where=arguments.MODEL,
            fix="--input-shape 28x28x1",
        )
    say(_table(model, shape, preprocessor))
    return 0


def _table(
    model: nn.Module, given: tuple[int, ...] | None, preprocessor: Preprocessor | None
) -> str:
    own = getattr(model, "input_shape", None)
    if own is None and preprocessor is not None:
        own = preprocessor.encoded_shape
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
        # The fix in the error is for the author of a model; here only the shape can be changed.
        error.fix = (
            "give the shape of one example of the model"
            if own is None
            else f"leave --input-shape out: the model takes {'x'.join(map(str, own))}"
        )
        raise


def _types(preprocessor: Preprocessor | None) -> Any:
    """Return the dtype of a model's inputs; by name if there are several."""
    if preprocessor is not None and preprocessor.kind == "named":
        return {name: _types(part) for name, part in preprocessor.parts.items()}
    tokens = preprocessor is not None and preprocessor.kind == "tokens"
    return np.dtype(np.int32 if tokens else np.float32)


def _declared(model: OnnxModel) -> tuple[int, ...] | None:
    """Return the shape of one example, as the file of a network says; None where it does not."""
    slots = model.plan.inputs
    sizes = (slots[0].shape or ())[1:] if len(slots) == 1 else ()
    known = [size for size in sizes if isinstance(size, int)]
    return tuple(known) if known and len(known) == len(sizes) else None


def _saved(text: str) -> tuple[nn.Module, Preprocessor | None]:
    path = Path(text)
    if path.is_dir():
        return trained(path)
    if not path.exists():
        raise unknown_name("recipe, run or model", text, RECIPES)
    if path.suffix.lower() == ".onnx":
        return load(path), None
    return load_model(path), load_preprocessor(path)


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
    longest_key = max(len(key) for key, _ in rows)
    longest = max((len(value) for _, value in rows if len(value) <= LONGEST_VALUE), default=0)
    lines = []
    for (key, value), text in zip(rows, texts.values(), strict=True):
        line = f"{key:{longest_key}}  {value:{longest}}  "
        indent = " " * len(line)
        lines += textwrap.wrap(text, WIDTH, initial_indent=line, subsequent_indent=indent) or [
            line.rstrip()
        ]
    return lines
