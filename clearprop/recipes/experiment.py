"""A recipe with its data: the model is built, trained and evaluated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from clearprop import data, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.catalog import options_as_in_training, options_of
from clearprop.data.columns import taken_lines, taken_notes
from clearprop.data.environment_names import is_environment
from clearprop.data.new_rows import unseen_categories
from clearprop.errors import ConfigurationError, RunError
from clearprop.recipes.catalog import RECIPES, find_recipe
from clearprop.recipes.choice import described
from clearprop.recipes.recipe import Recipe
from clearprop.recipes.study import Study
from clearprop.training import (
    Evaluation,
    Event,
    FitConfig,
    Learning,
    Run,
    evaluate,
    open_run,
    train,
)
from clearprop.training.training_data import Split

RECIPE = "recipe"
"""The key in a run's notes under which its recipe stands: the name and the values."""

CHOSEN = "chosen"
"""The key in a recipe's note under which the settings stand that are not those of its defaults."""

NOTES = "data"
"""The key in a run's notes under which what is to be known of its data stands, such as versions."""

COLUMNS = "columns"
"""The key in a run's notes under which the columns of its table stand, one in each line."""

OWN_ERRORS = ("training error", "development error", "test error")
"""The final numbers of a run that are errors of its loss."""


class RunOptions(TypedDict, total=False):
    """Arguments of `clearprop.training.fit` that do not depend on the recipe."""

    folder: Path | str | None
    resume: bool
    progress: bool
    on_event: Callable[[Event], None] | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """A recipe with its data.

    Attributes:
        name: of the recipe.
        recipe: its configuration, with all values filled in for this data.
        dataset: the whole data set.
        splits: its three parts.
        data_line: a line that describes the data.
    """

    name: str
    recipe: Recipe
    dataset: Dataset
    splits: Splits
    data_line: str

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self.recipe.loss(self.dataset)

    @property
    def algorithm(self) -> Learning | None:
        """What trains the model; None for supervised learning."""
        return self.recipe.algorithm(self.dataset)

    @property
    def outputs(self) -> int:
        """Number of classes, or of values to predict."""
        if self.dataset.task == "regression":
            return int(self.dataset.targets.shape[1])
        return len(self.dataset.class_names or ())

    @property
    def steps(self) -> int:
        """Training steps of the whole run."""
        epochs, batch_size = self.recipe.epochs or 0, self.recipe.batch_size or 1
        return epochs * -(-len(self.splits.train) // batch_size)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Sentences about categories of held-out rows that the training rows do not have."""
        return tuple(unseen_categories(self.dataset, self.splits.preprocessor))

    def model(self) -> nn.Module:
        """Return the model, without values."""
        return self.recipe.model(self.splits.preprocessor, self.outputs)

    def told(self) -> list[tuple[str, str]]:
        """Return what is said of the model before its training: rows of a name and a text."""
        return self.recipe.told(self.splits.preprocessor, self.outputs)

    def train(self, **options: Unpack[RunOptions]) -> Run:
        """Train the model.

        Args:
            options: of `clearprop.training.fit`, such as ``folder``.

        Raises:
            ClearpropError: as raised by `clearprop.training.fit`.
        """
        return train(self.config(**options))

    def config(self, **options: Unpack[RunOptions]) -> FitConfig:
        """Return the arguments of `clearprop.training.fit`, with further options."""
        algorithm = self.algorithm
        optimizes = algorithm is None or algorithm.optimizes
        return FitConfig(
            self.model(),
            self.recipe.training_data(self.splits),
            loss=self.loss if algorithm is None else None,
            algorithm=algorithm,
            optimizer=self.recipe.make_optimizer(self.steps) if optimizes else "adam",
            notes=self._notes(),
            **self.recipe.fit_options(),
            **options,
        )

    def _notes(self) -> dict[str, object]:
        notes: dict[str, object] = {
            RECIPE: {
                "name": self.name,
                "values": self.recipe.model_dump(mode="json"),
                CHOSEN: self.chosen(),
            }
        }
        if self.dataset.notes:
            notes[NOTES] = list(self.dataset.notes)
        taken = self.dataset.taken
        if taken:
            notes[COLUMNS] = [*taken_lines(taken), *taken_notes(taken)]
        return notes

    def chosen(self) -> dict[str, object]:
        """Return the settings without which the recipe would train something else on its data."""
        whole = self.recipe.model_dump(mode="json")
        usual = (
            type(self.recipe)
            .model_fields["data"]
            .get_default(call_default_factory=True)
            .model_dump(mode="json")
        )
        parts = {
            f"data.{name}": whole["data"][name]
            for name in ("dev", "test")
            if whole["data"][name] != usual[name]
        }
        kept = dict(whole)
        # One after the other, since some values follow from others, such as rows from columns.
        for name in [name for name in whole if name != "data"]:
            fewer = {key: value for key, value in kept.items() if key != name}
            if self._filled(fewer) == whole:
                kept = fewer
        return {name: value for name, value in kept.items() if name != "data"} | parts

    def _filled(self, values: Mapping[str, object]) -> Mapping[str, object]:
        """Return all values of the recipe, of which some are given; none where they do not fit."""
        try:
            recipe = type(self.recipe).of(values, where=self.name).suited(self.dataset)
        except ConfigurationError:
            return {}
        return recipe.settled(len(self.splits.train)).model_dump(mode="json")

    def fork(
        self, parent: Path, step: int, values: Mapping[str, object], **options: Unpack[RunOptions]
    ) -> Run:
        """Train a copy of a run from one of its snapshots, with other values of the recipe.

        Args:
            parent: the folder of a run of this experiment.
            step: of the snapshot.
            values: the changed values, by key.
            options: of `clearprop.training.fit`, such as ``folder``.

        Raises:
            ClearpropError: as raised by `clearprop.training.time_machine`.
        """
        return open_run(parent, self.config()).leave(step, self.changed(values).config(**options))

    def changed(self, values: Mapping[str, object]) -> Experiment:
        """Return the experiment with other values of its recipe, and the same data.

        Raises:
            ConfigurationError: an unknown key, a value that cannot be used, or other data.
        """
        if "data" in values:
            raise ConfigurationError(
                "a fork uses the data of its parent", given="other values of data"
            )
        whole = {**self.recipe.model_dump(mode="json"), **values}
        return replace(self, recipe=type(self.recipe).of(whole, where=self.name))

    def numbers(self, run: Run) -> dict[str, float]:
        """Return the final objective and errors of a run by name.

        If the run kept the best weights, the numbers are those of their epoch.
        """
        found: dict[str, float] = {}
        history, error = run.history, "error"
        if self.algorithm is not None and run.loss is not None:
            error = run.loss.error_name
        if len(history):
            last = (run.stopped.best_epoch or len(history)) - 1
            found["objective"] = float(history.objective[last])
            found[f"training {error}"] = float(history.training_error[last])
            if self.splits.dev is not None:
                found[f"development {error}"] = float(history.development_error[last])
            found |= {name: float(column[last]) for name, column in history.metrics.items()}
        if self.algorithm is not None:
            return found
        result = self.evaluate(run.model, self.splits.test)
        if result is not None:
            found["test error"] = result.error
            if result.accuracy is not None:
                found["test accuracy"] = result.accuracy
        return found

    def evaluate(self, model: nn.Module, part: Dataset | None) -> Evaluation | None:
        """Return the evaluation of a model on a part of the data, or None without that part."""
        if part is None:
            return None
        return evaluate(model, part, self.loss, self.splits.preprocessor)


def prepare(
    name: str,
    values: Mapping[str, object] | None = None,
    *,
    known: Preprocessor | None = None,
) -> Experiment:
    """Return a recipe by name with its data loaded and split.

    Args:
        name: of the recipe.
        values: configuration by key; the values of ``data`` are a mapping.
        known: the preprocessor of a run; it says how the columns of its table are read.

    Raises:
        ConfigurationError: an unknown recipe or key, or a value that cannot be used.
        DataError: the data is missing or damaged.

    >>> experiment = prepare("mlp", {"data": {"name": "iris"}, "hidden_sizes": "8", "epochs": 2})
    >>> experiment.data_line
    'iris (150 examples)'
    """
    recipe = of_one_run(name).of(values or {}, where=name)
    dataset, line = _dataset(recipe, known)
    found = recipe.settled_data(dataset)
    recipe = recipe.suited(dataset).model_copy(update={"data": found})
    splits = recipe.split(dataset)
    return Experiment(name, recipe.settled(len(splits.train)), dataset, splits, line)


def _dataset(recipe: Recipe, known: Preprocessor | None) -> tuple[Dataset, str]:
    """Return the data of a recipe; the cells of a table are read as in the training of a run."""
    name = recipe.data.name
    if name is not None and known is not None and known.kind == "table":
        options: dict[str, Any] = {**recipe.data.options(), **options_as_in_training(known)}
        if options.keys() <= {*options_of(name, options)}:
            dataset = data.load(name, **options)
            return recipe.adapted(dataset), described(dataset)
    return recipe.dataset()


def of_one_run(name: str) -> type[Recipe]:
    """Return a recipe by name.

    Raises:
        ConfigurationError: there is no recipe of that name, or it is a study.
    """
    kind = find_recipe(name)
    if issubclass(kind, Study):
        raise ConfigurationError(
            f"{name} is a study: it has no single model",
            fix=f"clearprop train {name}",
        )
    return kind


def of_run(config: Mapping[str, object], where: str) -> Experiment:
    """Return the experiment that a run's configuration describes, with the same data and split.

    Args:
        config: as `clearprop.training.read_run` returns it.
        where: the run folder, for messages.

    Raises:
        RunError: no recipe started the run, or its data has changed.
    """
    name, values = recipe_of(config, where)
    # A run is looked at on any devices, and goes on with those of its plan.
    values = {key: value for key, value in values.items() if key not in ("mesh", "fully_sharded")}
    record = _section(config, "preprocessor")
    # What the run stored of its columns decides, also where another version would read them anew.
    known = Preprocessor.from_json(json.dumps(record), where) if record else None
    experiment = prepare(name, values, known=known)
    asked = _section(config, "data")
    before = asked.get("fingerprint")
    train = experiment.splits.train
    now = Split(train.name, train.inputs, train.targets, train).fingerprint()
    # Random play depends on the machine's rounding; the environment has a version in its name.
    is_play = is_environment(asked.get("name"))
    if before is not None and before != now and not is_play:
        raise RunError(
            "the data has changed since the run was trained",
            where=where,
            given=experiment.data_line,
            expected=f"{asked.get('examples')} training examples of {asked.get('name')}, unchanged",
            fix="restore the data; to evaluate the model on other data: "
            "clearprop evaluate RUN --data FILE",
        )
    return experiment


def is_of_recipe(config: Mapping[str, object]) -> bool:
    """Return whether a recipe started the run of a configuration."""
    return bool(_section(_section(config, "notes"), RECIPE))


def recipe_of(config: Mapping[str, object], where: str) -> tuple[str, dict[str, object]]:
    """Return name and values of the recipe that a run's configuration describes.

    Raises:
        RunError: no recipe started the run.
    """
    note = _section(_section(config, "notes"), RECIPE)
    if str(note.get("name")) not in RECIPES:
        raise RunError(
            "no recipe started this run, so its data and its model are not known here",
            where=where,
            fix="continue it in Python: cp.fit(..., folder=..., resume=True)",
        )
    return str(note["name"]), dict(_section(note, "values"))


def _section(config: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = config.get(name)
    return found if isinstance(found, Mapping) else {}
