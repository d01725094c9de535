"""``clearprop evaluate`` and ``clearprop predict``: use a trained model on other data."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import data, nn
from clearprop.cli.datasets import options_given
from clearprop.cli.output import complain, say, write_out
from clearprop.cli.runs import existing_run, trained
from clearprop.data import Dataset, Preprocessor
from clearprop.data.catalog import options_as_in_training, options_of
from clearprop.data.environment_names import is_environment
from clearprop.data.new_rows import remarks_on
from clearprop.data.new_texts import reads_words
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.files import write_output
from clearprop.glass.wording import percent
from clearprop.recipes.choice import described
from clearprop.recipes.columns import aligned
from clearprop.recipes.experiment import is_of_recipe, of_one_run, of_run, recipe_of
from clearprop.recipes.transcribing import TranscribingRecipe
from clearprop.training import Evaluation, evaluate, predict
from clearprop.training.evaluation import score_without_targets
from clearprop.training.predictions import classes, probabilities
from clearprop.training.run_config import read_config
from clearprop.training.run_setup import RunSetup
from clearprop.training.without_targets import reported_loss

MOST_CLASSES = 20
OF_ITS_DATA = ("name", "folder", "limit", "dev", "test")
"""The options that choose the data; the other options say how to read it."""


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Evaluate a model and print the result; return the exit code."""
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    model, preprocessor = trained(folder)
    _check_goes_with_data(arguments, "clearprop evaluate")
    if reported_loss(config) is not None:
        return _without_targets(arguments, config, folder)
    if arguments.data is None:
        experiment = of_run(config, str(folder))
        loss, line = experiment.loss, experiment.data_line
        parts = [*experiment.splits.evaluated]
    else:
        other = _other(arguments, config, preprocessor)
        loss, line = str(config["loss"]), described(other)
        name = "all" if other.test is None else "test"
        parts = [(name, (other.test or other).preprocessed(preprocessor))]
    results = [(name, evaluate(model, part, loss, preprocessor)) for name, part in parts]
    say(f"data  {line}\n")
    say("\n".join(evaluation_table(results, f"{parts[0][1].noun}s")))
    return 0


def _without_targets(
    arguments: argparse.Namespace, config: Mapping[str, object], folder: Path
) -> int:
    """Print what the algorithm of a run measures on data, and what its recipe does."""
    model, preprocessor = trained(folder)
    experiment = of_run(config, str(folder))
    algorithm, splits = RunSetup.of(experiment.config()).own_algorithm, experiment.splits
    assert algorithm is not None
    line, parts = experiment.data_line, list(splits.evaluated)
    if arguments.data is not None:
        if is_environment(splits.train.name):
            raise ConfigurationError(
                "a run that acts is judged by whole episodes in its own environment",
                where="clearprop evaluate",
                given=f"--data {arguments.data}",
                fix=f"clearprop evaluate {arguments.RUN}",
            )
        dataset = _other(arguments, config, preprocessor)
        line, part = described(dataset), dataset.test or dataset
        parts = [("all" if dataset.test is None else "test", part.preprocessed(preprocessor))]
    lines = []
    if arguments.data is not None or splits.dev is not None or splits.test is not None:
        rows = [
            (name, len(part), *score_without_targets(algorithm, model, part, preprocessor))
            for name, part in parts
        ]
        lines = [f"{'part':<12}{'examples':>10}{'objective':>12}  {algorithm.error_name}"]
        lines += [f"{name:<12}{n:>10,}{mean:>12.4g}  {error:.4g}" for name, n, mean, error in rows]
    if arguments.data is None:
        found = experiment.recipe.measures(model, splits)
        lines += [f"{name}: {value:.4g}" for name, value in found.items()]
    say(f"data  {line}\n")
    say("\n".join(lines))
    return 0


def shown_error(error: float, *, is_fraction: bool) -> str:
    """Return an error as text: a percentage of wrong predictions, or a number.

    >>> shown_error(0.5, is_fraction=True), shown_error(12.3456, is_fraction=False)
    ('50.00 %', '12.35')
    """
    return percent(error) if is_fraction else f"{error:.4g}"


def other_data(
    name: str,
    asked: Mapping[str, Any],
    config: Mapping[str, object],
    preprocessor: Preprocessor | None = None,
) -> Dataset:
    """Return another data set as the recipe of a run takes it, not yet preprocessed.

    The options of the run that this kind of data has are used again, such as the length of a
    window, and the cells of a table are read as in training.

    Args:
        name: of the data, a file or a folder.
        asked: options that replace those of the run, such as ``target``.
        config: of the run.
        preprocessor: of the run; its columns say how the cells of a table are read.

    Raises:
        ClearpropError: the data is missing, or of another kind than the data of the run.
    """
    options: dict[str, Any] = dict(asked)
    recipe = None
    if is_of_recipe(config):
        of_recipe, values = recipe_of(config, name)
        choice = values.get("data")
        choice = choice if isinstance(choice, dict) else {}
        before = {key: value for key, value in choice.items() if value and key not in OF_ITS_DATA}
        if preprocessor is not None and preprocessor.kind == "table":
            before.pop("encoding", None)  # its columns know it; the other file may be UTF-8
        accepted = options_of(name, before | options)
        options = {key: value for key, value in before.items() if key in accepted} | options
        recipe = of_one_run(of_recipe).of({**values, "data": {"name": name, **options}})
    of_training = _as_in_training(preprocessor, config) if preprocessor is not None else {}
    accepted = options_of(name, options)
    of_training = {key: value for key, value in of_training.items() if key in accepted}
    if "columns" in of_training:
        _check_has_effect(asked, preprocessor)
    if not of_training:
        return recipe.dataset()[0] if recipe is not None else data.load(name, **options)
    dataset = data.load(name, **{**options, **of_training})
    return recipe.adapted(dataset) if recipe is not None else dataset


def _check_has_effect(asked: Mapping[str, Any], preprocessor: Preprocessor | None) -> None:
    """Raise for options that change nothing, because cells are read as in training.

    ``decimal`` and ``thousands`` hold for the target, as ``numeric`` and ``categorical`` may.
    """
    columns = (preprocessor.raw_columns if preprocessor is not None else None) or ()
    readings = [column.reading for column in columns if column.reading.words]
    for option, value in asked.items():
        is_without = option in ("ignore", "dayfirst") or (
            option in ("numeric", "categorical") and [*value] != [asked.get("target")]
        )
        of_columns = {getattr(reading, option, "") for reading in readings} - {""}
        contradicts = option in ("decimal", "thousands") and of_columns - {value}
        if is_without or contradicts:
            raise ConfigurationError(
                f"{option} has no effect on a trained model: its columns are read as in training",
                where="--set",
                given=f"data.{option}={value}",
                fix="leave the option out",
            )


def _as_in_training(preprocessor: Preprocessor, config: Mapping[str, object]) -> dict[str, Any]:
    """Return the options that read data as in training, with the task that its loss has.

    The classes are not taken over: those that the data has are compared with them afterwards.
    """
    options = dict(options_as_in_training(preprocessor))
    options.pop("class_names", None)
    loss = nn.LOSSES.get(str(config.get("loss")))
    if "task" in options and loss is not None:
        options["task"] = loss.task
    return options


def _other(
    arguments: argparse.Namespace, config: Mapping[str, object], preprocessor: Preprocessor
) -> Dataset:
    """Return the data that the arguments name; print remarks about its rows."""
    asked = options_given(arguments.values, arguments.target)
    dataset = other_data(arguments.data, asked, config, preprocessor)
    for remark in remarks_on(dataset.test or dataset, preprocessor):
        complain(remark)
    return dataset


def _check_goes_with_data(arguments: argparse.Namespace, where: str) -> None:
    for option, value in (("--target", arguments.target), ("--set", arguments.values)):
        if value and arguments.data is None:
            raise ConfigurationError(f"{option} goes with --data", where=where)


def evaluation_table(results: list[tuple[str, Evaluation]], noun: str = "examples") -> list[str]:
    """Return the evaluations of some parts as lines; for the last part also class by class.

    Args:
        results: the name of each part and its evaluation.
        noun: the word for examples, in the plural.
    """
    name, last = results[-1]
    is_fraction = "error rate" in last.error_name
    head = ("part", noun, "objective", last.error_name)
    rows = [head if last.confusion is None else (*head, "accuracy")]
    for part, one in results:
        error = shown_error(one.error, is_fraction=is_fraction)
        row = (part, f"{one.examples:,}", f"{one.objective:.4f}", error)
        rows.append(row if one.accuracy is None else (*row, percent(one.accuracy)))
    lines = aligned(rows)
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


Words: TypeAlias = Sequence[Sequence[str]]
"""The words of some texts."""


def run_predict(arguments: argparse.Namespace) -> int:
    """Write predictions; return the exit code."""
    if (arguments.input is None) == (arguments.data is None):
        raise ConfigurationError(
            "new examples come either from a file or from a data set",
            where="clearprop predict",
            expected="either --input FILE or --data NAME",
        )
    _check_goes_with_data(arguments, "clearprop predict")
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    model, preprocessor = trained(folder)
    if preprocessor.kind == "named":
        return _write(*_transcripts(arguments, model, preprocessor, config), arguments.output)
    reported = reported_loss(config)
    loss = reported or nn.find_loss(str(config["loss"]))
    words: Words | None = None
    if arguments.input is not None:
        inputs, words = _new(arguments.input, preprocessor)
        outputs = predict(model, inputs, preprocessor)
    else:
        dataset = _other(arguments, config, preprocessor)
        part = (dataset.test or dataset).preprocessed(preprocessor)
        if reported is None:
            outputs = evaluate(model, part, loss, preprocessor).outputs
        else:
            outputs = predict(model, part.inputs)
        words = _words(part)
    if outputs.ndim == 3 and words is not None:
        text = as_tags(outputs, words, preprocessor.class_names or ())
    else:
        # The prediction for a continuous text is the token after its last position.
        last = outputs[:, -1] if outputs.ndim == 3 else outputs
        text = as_csv(last, loss, preprocessor.class_names)
    return _write(text, len(outputs), arguments.output)


def _write(text: str, count: int, place: str | None) -> int:
    if place is None:
        write_out(text)
    else:
        write_output(Path(place), text)
        complain(f"{count:,} predictions in {place}")
    return 0


def _transcripts(
    arguments: argparse.Namespace, model: nn.Module, preprocessor: Preprocessor, config: Any
) -> tuple[str, int]:
    """Return a table of the sequences that a model writes for new examples, and their number.

    The outputs for a part would not do: they are predictions after the right beginning.

    Raises:
        ConfigurationError: the recipe of the run writes no sequences.
    """
    place = arguments.input or arguments.data
    recipe, values = recipe_of(config, str(arguments.RUN))
    kind = of_one_run(recipe)
    if not issubclass(kind, TranscribingRecipe):
        raise ConfigurationError(
            "the model takes several inputs by name",
            where=str(arguments.RUN),
            fix="use it in Python: cp.load, cp.predict",
        )
    new: Path | data.Dataset = Path(place)
    if arguments.data is not None:
        dataset = _other(arguments, config, preprocessor)
        new = (dataset.test or dataset).preprocessed(preprocessor)
    rows = kind.of(values).transcripts(model, preprocessor, new)
    return _csv([("example", "prediction"), *rows]), len(rows)


def _new(path: str, preprocessor: Preprocessor) -> tuple[Any, Words | None]:
    """Return new examples, and for texts their words; print what is unknown to the model."""
    if preprocessor.kind == "table" and Path(path).exists():
        rows = data.new_rows(path, preprocessor)
        for remark in rows.remarks:
            complain(remark)
        return rows.inputs, None
    if not reads_words(preprocessor) or not Path(path).exists():
        return data.load_inputs(path, preprocessor), None
    texts = data.new_texts(path, preprocessor)
    for remark in texts.remarks:
        complain(remark)
    return texts.tokens, texts.words


def _words(part: data.Dataset) -> Words | None:
    """Return the words of a part with a tag for each word; None for another part."""
    vocabulary = part.vocabularies.get(INPUTS)
    if part.task != "text" or vocabulary is None or vocabulary.level == "character":
        return None
    return [[vocabulary.tokens[token] for token in row if token] for row in part.inputs]


def as_tags(outputs: NDArray[np.generic], words: Words, names: tuple[str, ...]) -> str:
    """Return the tags of words as a table: number of the text, word, predicted tag.

    >>> as_tags(np.array([[[0.0, 1.0], [1.0, 0.0]]]), [["go"]], ("noun", "verb")).splitlines()
    ['text,word,prediction', '1,go,verb']
    """
    rows: list[tuple[str, ...]] = [("text", "word", "prediction")]
    tags = np.asarray(outputs).argmax(axis=-1)
    for number, (text, row) in enumerate(zip(words, tags, strict=True), start=1):
        rows += [(str(number), word, names[tag]) for word, tag in zip(text, row, strict=False)]
    return _csv(rows)


def as_csv(outputs: NDArray[np.generic], loss: nn.Loss, names: tuple[str, ...] | None) -> str:
    """Return outputs as a table: the predictions, and the probability of each class.

    >>> as_csv(np.array([[0.0, 1e3]]), nn.find_loss("cross_entropy"), ("rain", "sun")).splitlines()
    ['prediction,rain,sun', 'sun,0,1']
    """
    return _csv(_rows(np.asarray(outputs, np.float64), loss, names))


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _rows(
    outputs: NDArray[np.float64], loss: nn.Loss, names: tuple[str, ...] | None
) -> Iterator[list[str]]:
    if loss.task != "classification" or names is None:
        width = outputs.shape[1] if outputs.ndim > 1 else 1
        yield ["prediction"] if width == 1 else [f"prediction{k + 1}" for k in range(width)]
        yield from ([f"{value:.7g}" for value in row] for row in outputs.reshape(-1, width))
        return
    chances = probabilities(outputs, loss)
    yield ["prediction", *(names if chances is not None else ())]
    for index, label in enumerate(classes(outputs, loss)):
        row = [] if chances is None else [f"{chance:.7g}" for chance in chances[index]]
        yield [names[label], *row]
