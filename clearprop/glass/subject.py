"""The subject of a report: a run, its model, and the examples on which it is evaluated.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.preprocessor import INPUTS
from clearprop.data.sources import by_name
from clearprop.errors import ConfigurationError, kind_of
from clearprop.glass.colors import gray
from clearprop.glass.wording import cell, visible
from clearprop.nn.recording import LossLike
from clearprop.training import (
    Evaluation,
    History,
    NonFinite,
    Run,
    Stopped,
    load_model,
    load_preprocessor,
    read_run,
)
from clearprop.training.batch_stream import is_batches, read_all
from clearprop.training.evaluation import evaluation_of
from clearprop.training.given import as_prepared
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.training_data import Split, arrays_split
from clearprop.training.weights import Weighting, counted, of_config
from clearprop.training.without_targets import reported_loss

Pair: TypeAlias = tuple[object, object]
"""Inputs and targets as the model and the loss take them."""

EvaluationData: TypeAlias = Splits | Dataset | Pair | None
"""Where the evaluation examples come from."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A run, its model and the examples on which it is evaluated.

    Attributes:
        name: of the run folder; "" where the run was not written.
        model: as the run left it.
        history: the three curves, epoch by epoch.
        losses: mean loss of every step's batch.
        stopped: why the run ended; None while it goes on, or was killed.
        non_finite: where a number was not finite for the first time; None where all were.
        config: the settings of the run.
        preprocessor: turns raw inputs into the model's; None where plain arrays were given.
        loss: that was minimized.
        part: which the evaluation examples are: "test", "development", "training" or "given"; ""
            where there are none.
        examples: the evaluation examples as they are kept; None where there are none.
        class_names: of the labels.
        feature_names: of the entries of an input.
        data_name: of the data set.
        data: all data that was given.
    """

    name: str
    model: nn.Module
    history: History
    losses: NDArray[np.float32]
    stopped: Stopped | None
    non_finite: NonFinite | None
    config: Mapping[str, Any]
    preprocessor: Preprocessor | None
    loss: nn.Loss
    part: str
    examples: Dataset | Pair | None
    class_names: tuple[str, ...] | None
    feature_names: tuple[str, ...] | None
    data_name: str
    data: EvaluationData = None

    def __len__(self) -> int:
        return 0 if self.examples is None else len(self.targets)

    @property
    def inputs(self) -> Any:
        """The inputs of the evaluation examples as they are kept, (N, ...), or several by name."""
        return self.examples.inputs if isinstance(self.examples, Dataset) else self._pair[0]

    @property
    def targets(self) -> Any:
        """Their targets, raw, (N, ...)."""
        return self.examples.targets if isinstance(self.examples, Dataset) else self._pair[1]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example as the model sees it; () where there is none, or several."""
        if self.examples is None or by_name(self.inputs):
            return ()
        return tuple(self.inputs.shape[1:])

    @functools.cached_property
    def evaluation(self) -> Evaluation:
        """The errors of the model on the evaluation examples."""
        assert self.examples is not None
        return evaluation_of(self.model, self.examples, self.loss, self.preprocessor)

    @functools.cached_property
    def is_evaluated(self) -> bool:
        """Whether there are evaluation examples whose outputs are all finite."""
        return len(self) > 0 and bool(np.isfinite(self.evaluation.outputs).all())

    @functools.cached_property
    def chances(self) -> NDArray[np.float64] | None:
        """The probability (N, K) that the model gives to each class; None where it gives none."""
        outputs = np.asarray(self.evaluation.outputs, np.float64)
        if self.evaluation.confusion is None:
            return None
        if outputs.shape[1] > 1:
            powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        if self.loss.name not in ("binary_cross_entropy", "binary_squared_error"):
            return None
        # A probability below e^-500 is shown as 0, and exp of much more than 500 overflows.
        one = outputs if self.loss.threshold == 0.5 else 1 / (1 + np.exp(-outputs.clip(-500, 500)))
        return np.concatenate([1 - one, one], axis=1).clip(0, 1)

    @functools.cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The class (N,) that the model predicts for each example."""
        outputs = self.evaluation.outputs
        if outputs.shape[1] > 1:
            return np.asarray(outputs.argmax(axis=1), np.int64)
        return np.asarray(outputs[:, 0] >= (self.loss.threshold or 0.0), np.int64)

    @functools.cached_property
    def truths(self) -> NDArray[np.int64]:
        """The class (N,) of each example."""
        targets = np.asarray(self.targets)
        if targets.ndim > 1 and targets.shape[1] > 1:
            return np.asarray(targets.argmax(axis=1), np.int64)
        return np.asarray(np.rint(targets.reshape(-1)), np.int64)

    @functools.cached_property
    def losses_by_example(self) -> NDArray[np.float64]:
        """The loss (N,) of each evaluation example."""
        outputs, targets = (
            jnp.asarray(ModelInputs(self.preprocessor).targets(np.asarray(part)))
            for part in (self.evaluation.outputs, self.targets)
        )
        losses = np.asarray(self.loss.per_example(outputs, targets), np.float64)
        return np.asarray(losses.reshape(len(losses), -1).mean(axis=1))

    def worst(self) -> tuple[int, str]:
        """Return the wrong prediction with the largest loss, and its description in words."""
        losses = self.losses_by_example
        if self.evaluation.confusion is None:
            return int(losses.argmax()), ", the one with the largest loss"
        wrong = np.flatnonzero(self.predictions != self.truths)
        if not len(wrong):
            return int(losses.argmax()), ", the right prediction with the largest loss"
        return int(wrong[losses[wrong].argmax()]), ", the wrong prediction with the largest loss"

    @property
    def noun(self) -> str:
        """The noun for one example: "example", "text", "sentence" or "window"."""
        return self.examples.noun if isinstance(self.examples, Dataset) else "example"

    def called(self, row: int) -> str:
        """Return an example's number, and its name where it has one: "12 (1994)"."""
        names = self.examples.row_names if isinstance(self.examples, Dataset) else None
        return str(row) + (f" ({names[row]})" if names is not None else "")

    def text(self, row: int) -> str | None:
        """Return an example that is a text, in the words that the model knows; else None."""
        if not isinstance(self.examples, Dataset) or INPUTS not in self.examples.vocabularies:
            return None
        return self.examples.vocabularies[INPUTS].decode(self.inputs[row])

    def class_name(self, label: int) -> str:
        """Return the name of a class, with signs for white space."""
        names = self.class_names
        known = names is not None and 0 <= label < len(names)
        return visible(names[label]) if names is not None and known else str(label)

    def prediction_texts(self, row: int) -> tuple[str, str]:
        """Return what is predicted for an example, and what is true: classes or numbers."""
        if self.evaluation.confusion is not None:
            return (
                self.class_name(int(self.predictions[row])),
                self.class_name(int(self.truths[row])),
            )
        predicted, true = (
            _numbers(np.asarray(values[row], np.float64).ravel())
            for values in (self.evaluation.outputs, self.targets)
        )
        return predicted, true

    def feature_name(self, i: int) -> str:
        """Return the name of an entry of an input."""
        names = self.feature_names
        return names[i] if names is not None and i < len(names) else f"x{i + 1}"

    def model_examples(self, rows: NDArray[np.intp]) -> tuple[object, jax.Array]:
        """Return some examples as the model and the loss take them."""
        return ModelInputs(self.preprocessor).examples(self.inputs, self.targets, rows)

    @functools.cached_property
    def brightest(self) -> int:
        """The largest byte among some examples; pictures of 16 grays are shown brighter by it."""
        rows = np.arange(min(len(self), 256))
        return int(np.asarray(self.inputs[rows]).max())

    @functools.cached_property
    def reconstructs(self) -> bool:
        """Whether the targets are the inputs, as those of an autoencoder."""
        if isinstance(self.examples, Dataset):
            return self.examples.reconstructs
        if self.loss.task != "regression" or not len(self) or by_name(self.inputs):
            return False
        some = slice(0, 100)
        return np.array_equal(np.asarray(self.inputs[some]), np.asarray(self.targets[some]))

    def picture(self, row: int) -> NDArray[np.uint8]:
        """Return an example (height, width, 1 or 3) as pixels."""
        raw = self.raw_inputs(np.array([row]))[0]
        return self._brightened(raw) if raw.dtype == np.uint8 else gray(raw)

    def reconstruction(self, row: int) -> NDArray[np.uint8]:
        """Return what the model made of an example that is a picture, in the grays of `picture`."""
        made, raw = np.asarray(self.evaluation.outputs[row]), self.inputs[np.array([row])][0]
        if raw.dtype == np.uint8:
            return self._brightened(made.clip(0, 255).round().astype(np.uint8))
        return gray(made, (float(raw.min()), float(raw.max())))

    def _brightened(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not 0 < self.brightest <= 128:
            return pixels
        return np.asarray(np.minimum(pixels * (255 / self.brightest), 255), np.uint8)

    def raw_inputs(self, rows: NDArray[np.intp]) -> NDArray[np.number]:
        """Return some examples in the units of the data."""
        kept = np.asarray(self.inputs[rows])
        is_raw = self.preprocessor is not None and self.preprocessor.kind == "bytes"
        return kept if is_raw else restored_inputs(kept, self.preprocessor)

    @property
    def _pair(self) -> tuple[Any, Any]:
        assert isinstance(self.examples, tuple)
        return self.examples


def _numbers(values: NDArray[np.float64], most: int = 4) -> str:
    shown = ", ".join(cell(float(v), 5) for v in values[:most])
    return shown if len(values) <= most else f"{shown}, ... ({len(values)} numbers)"


def restored_inputs(
    seen: NDArray[np.number], preprocessor: Preprocessor | None
) -> NDArray[np.number]:
    """Return inputs as the model takes them, (..., F), in the units of the data.

    The columns of a table's categories have no unit: they stay 0 and 1.
    """
    if preprocessor is None or not preprocessor.spread:
        return seen
    return np.asarray(seen * np.asarray(preprocessor.spread) + np.asarray(preprocessor.center))


def gather(
    run: Run | Path | str,
    data: EvaluationData = None,
    loss: LossLike | None = None,
) -> Subject:
    """Return the subject of a report on a run.

    Args:
        run: what `fit` returned, or the folder of a run that has ended.
        data: the ``Splits`` of the run, of which the last held-out part is evaluated; one of their
            parts; a raw ``Dataset``; or (inputs, targets) as the model and the loss take them.
        loss: the run's loss, where it has no name in `nn.LOSSES`.

    Raises:
        RunError: the folder holds no run.
        CheckpointError: its model is missing or damaged.
        ConfigurationError: the run's loss is not known by name and none is given.
    """
    if isinstance(run, Run):
        config, folder, curves, losses = run.config, run.folder, run.history, run.losses
        model, preprocessor = run.model, run.preprocessor
        stopped: Stopped | None = run.stopped
        trouble = run.non_finite
    else:
        record, folder = read_run(run), Path(run)
        config, curves, losses = record.config, record.history, record.losses
        model, preprocessor = load_model(folder), load_preprocessor(folder)
        stopped = next((e for e in reversed(record.events) if isinstance(e, Stopped)), None)
        trouble = next((e for e in reversed(record.events) if isinstance(e, NonFinite)), None)
    data = read_all(data) if is_batches(data) else data
    if reported_loss(config) is not None:
        data = None  # there are no targets with which outputs could be compared
    part, examples = _evaluation_part(data, preprocessor)
    if isinstance(examples, Dataset) and examples.preprocessor is None and preprocessor is not None:
        examples = examples.preprocessed(preprocessor)
    examples = _counted(examples, of_config(config), config)
    names = getattr(examples, "class_names", None) or getattr(preprocessor, "class_names", None)
    return Subject(
        name=folder.resolve().name if folder is not None else "",
        model=model,
        history=curves,
        losses=losses,
        stopped=stopped,
        non_finite=trouble,
        config=config,
        preprocessor=preprocessor,
        loss=_loss(config, run.loss if isinstance(run, Run) and loss is None else loss),
        part=part,
        examples=examples,
        class_names=names,
        feature_names=getattr(examples, "feature_names", None)
        or getattr(preprocessor, "feature_names", None),
        data_name=str(config.get("data", {}).get("name", "")),
        data=data,
    )


def _evaluation_part(
    data: EvaluationData, preprocessor: Preprocessor | None
) -> tuple[str, Dataset | Pair | None]:
    if data is None:
        return "", None
    if isinstance(data, Splits):
        return data.evaluated[-1]
    if isinstance(data, Dataset):
        return "given", data
    if isinstance(data, tuple) and len(data) == 2:
        return "given", as_prepared(data, preprocessor)
    raise ConfigurationError(
        "a run cannot be evaluated on this data",
        given=kind_of(data),
        expected="the Splits of the run, one of their parts, or (inputs, targets)",
    )


def _loss(config: Mapping[str, Any], given: LossLike | None) -> nn.Loss:
    if given is not None:
        return nn.find_loss(given)
    if (reported := reported_loss(config)) is not None:
        return reported
    name = config.get("loss", "")
    if name not in nn.LOSSES:
        raise ConfigurationError(
            "the loss of this run is a function of the user's, which a folder cannot hold",
            given=repr(name),
            fix="write_report(run, data, loss=function)",
        )
    return of_config(config).loss(nn.find_loss(name))


def _counted(
    examples: Dataset | Pair | None, weighting: Weighting, config: Mapping[str, Any]
) -> Dataset | Pair | None:
    """Return the examples without the label that the run did not count."""
    if examples is None or weighting.ignore_index is None:
        return examples
    if isinstance(examples, Dataset):
        split = Split(examples.name, examples.inputs, examples.targets, examples)
    else:
        split = arrays_split("the examples", *examples)
    part = counted(split, weighting.ignore_index, _loss(config, None))
    return part.dataset if part.dataset is not None else (part.inputs, part.targets)
