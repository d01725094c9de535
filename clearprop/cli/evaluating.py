"""``clearprop evaluate``: a trained model judged on held-out or other data."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from clearprop import data
from clearprop.cli.output import aligned, percent, say, shown_error
from clearprop.cli.runs import existing_run, trained
from clearprop.data import Dataset
from clearprop.data.catalog import options_of
from clearprop.errors import ConfigurationError
from clearprop.recipes.choice import described
from clearprop.recipes.experiment import is_of_recipe, of_one_run, of_run, recipe_of
from clearprop.training import Evaluation, evaluate
from clearprop.training.run_folder import read_config

MOST_CLASSES = 20
OF_ITS_DATA = ("name", "folder", "limit", "dev", "test")
"""What a run was told that says which data to take, not how to read it."""


def run(arguments: argparse.Namespace) -> int:
    """Judge a model and say how it does; returns the exit code."""
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    model, preprocessor = trained(folder)
    parts: list[tuple[str, Dataset]] = []
    if arguments.data is None:
        if arguments.target is not None:
            raise ConfigurationError("--target goes with --data", where="clearprop evaluate")
        experiment = of_run(config, str(folder))
        loss, line = experiment.loss, experiment.data_line
        splits = experiment.splits
        held_out = (("development", splits.dev), ("test", splits.test))
        parts = [(name, part) for name, part in held_out if part is not None]
        parts = parts or [("training", splits.train)]
    else:
        other = named(arguments.data, arguments.target, config)
        loss, line = str(config["loss"]), described(other)
        parts = [("all", other) if other.test is None else ("test", other.test)]
        parts = [(name, part.prepared(preprocessor)) for name, part in parts]
    judged = [(name, evaluate(model, part, loss, preprocessor)) for name, part in parts]
    say(f"data  {line}\n")
    say("\n".join(table(judged, f"{parts[0][1].noun}s")))
    return 0


def named(name: str, target: str | None, config: Mapping[str, object]) -> Dataset:
    """Return another data set as the recipe of a run takes it, not yet prepared.

    What the run was told of its data holds for this too, as far as it is of the same kind: columns
    mean what they meant, and windows are as long. Another target can be named.

    Raises:
        ClearpropError: the data is missing, or not what the model was trained on.
    """
    if not is_of_recipe(config):
        return data.load(name, target=target) if target else data.load(name)
    recipe, values = recipe_of(config, name)
    choice = values.get("data")
    choice = choice if isinstance(choice, dict) else {}
    before = {key: value for key, value in choice.items() if key not in OF_ITS_DATA}
    options = {
        key: value
        for key, value in {**before, "target": target or before.get("target")}.items()
        if value
    }
    known = options_of(name, options)
    asked = ("target",) if target else ()
    kept = {key: value for key, value in options.items() if key in (*known, *asked)}
    chosen = of_one_run(recipe).of({**values, "data": {"name": name, **kept}})
    return chosen.dataset()[0]


def table(judged: list[tuple[str, Evaluation]], noun: str = "examples") -> list[str]:
    """Return how a model does on some parts, as lines; of classes also one by one.

    Args:
        judged: the parts by name.
        noun: what an example is, in the plural.
    """
    is_class = judged[0][1].confusion is not None
    shares = judged[0][1].error_name.find("error rate") >= 0
    task = "classification" if shares else "regression"
    head = ("part", noun, "objective", judged[0][1].error_name)
    rows = [head + (("accuracy",) if is_class else ())]
    for name, one in judged:
        row = (name, f"{one.examples:,}", f"{one.objective:.4f}", shown_error(one.error, task))
        rows.append(row + ((percent(one.accuracy),) if one.accuracy is not None else ()))
    lines = aligned(rows)
    name, last = judged[-1]
    names = last.class_names
    if last.confusion is None or names is None or len(names) > MOST_CLASSES:
        return lines
    classes = [(f"{name}, by class", noun, "right", "most often taken for")]
    for label, (of_class, counts) in enumerate(zip(names, last.confusion, strict=True)):
        total, right = int(counts.sum()), int(counts[label])
        wrong = counts.copy()
        wrong[label] = 0
        other = names[int(wrong.argmax())] if wrong.any() else ""
        classes.append((of_class, f"{total:,}", percent(right / total) if total else "-", other))
    return [*lines, "", *aligned(classes)]
