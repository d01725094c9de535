"""The facts about a run or a model that the rules of a diagnosis look at.

Shape letters: N examples, D numbers of an example, K classes, T steps of a sequence.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, training, tree
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import by_name, rows_of
from clearprop.errors import ClearpropError, ConfigurationError, kind_of
from clearprop.glass.diagnosis.finding import Grade
from clearprop.glass.diagnosis.reference import MOST_EXAMPLES, Reference, neighbours
from clearprop.glass.diagnosis.signals import PASS, PASSES, Signals, examine, through_time
from clearprop.glass.subject import Subject
from clearprop.glass.wording import number, percent
from clearprop.nn.recording import LossLike
from clearprop.training.initial_values import Change, changes
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.run_folder import MODEL
from clearprop.training.training_data import Development, Split, TrainingData, gather

Numbers = NDArray[Any]
Given = Splits | Dataset | tuple[object, object] | None

PERCEPTRON = "perceptron"
"""The loss of Rosenblatt's rule, which corrects single mistakes and does not minimize the loss."""


@dataclass(frozen=True, eq=False)
class TrainedInFolder:
    """The contents of a run folder.

    Attributes:
        model: as the run left it; None where the run was cut off before it saved one.
        config: the arguments of the run.
        history: the three curves.
        losses: mean loss of every step's batch, float32 (steps,).
        stopped: why the run ended; None while it goes on, or where it was cut off.
        non_finite: where a number stopped being finite, if one did.
        preprocessor: turns raw inputs into the model's; None where plain arrays were given.
    """

    model: nn.Module | None
    config: Mapping[str, Any]
    history: training.History
    losses: NDArray[np.float32]
    stopped: training.Stopped | None
    non_finite: training.NonFinite | None
    preprocessor: Preprocessor | None

    @classmethod
    def of(cls, folder: Path | str) -> TrainedInFolder:
        """Read a run folder.

        Raises:
            RunError: it contains no run.
            CheckpointError: its model is damaged.
        """
        record, path = training.read_run(folder), Path(folder)
        known = (path / MODEL).is_file()
        return cls(
            training.load(path) if known else None,
            record.config,
            record.history,
            record.losses,
            next((e for e in reversed(record.events) if isinstance(e, training.Stopped)), None),
            next((e for e in reversed(record.events) if isinstance(e, training.NonFinite)), None),
            training.load_preprocessor(path) if known else None,
        )


Trained = training.Run | Subject | TrainedInFolder


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known; a fact that takes time to measure is measured when it is first used.

    Attributes:
        run: None for a model that was not trained here.
        model: with values; None where a run has none yet.
        loss: None where it is not known.
        preprocessor: turns raw inputs into the model's; None for plain arrays.
        part: the examples that were given to learn from; None where there are none.
        dev: the development examples; None where there are none.
        class_names: the names of the labels.
        feature_names: the names of the entries of an input.
        dev_fraction: the fraction of the examples that the run held out itself; None where it was
            given its development set, or where that is not known.
    """

    run: Trained | None
    model: nn.Module | None
    loss: nn.Loss | None
    preprocessor: Preprocessor | None = None
    part: Split | None = None
    dev: Split | None = None
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    dev_fraction: float | None = None

    @property
    def config(self) -> Mapping[str, Any]:
        """The arguments of the run; empty for a model without a run."""
        return self.run.config if self.run is not None else {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The numbers among the arguments of the run."""
        settings: Mapping[str, Any] = self.config.get("settings", {})
        return settings

    @functools.cached_property
    def train(self) -> Split | None:
        """The training examples; None where ``part`` is not what the run was trained on."""
        known = self.config.get("data", {}).get("fingerprint")
        if self.part is None or (known is not None and known != self.part.fingerprint()):
            return None
        return self.part

    @property
    def held_out(self) -> int:
        """The number of development examples of the run; 0 where it is not known."""
        return int(self.config.get("data", {}).get("development_examples") or 0)

    @property
    def history(self) -> training.History | None:
        """The three curves, where an epoch was finished and the loss is minimized."""
        if self.run is None or not len(self.run.history) or self.loss_name == PERCEPTRON:
            return None
        return self.run.history

    @property
    def development_error(self) -> NDArray[np.floating] | None:
        """The development error after every epoch; None where no examples were held out."""
        if self.history is None or not np.isfinite(self.history.development_error).any():
            return None
        return self.history.development_error

    @property
    def loss_name(self) -> str:
        """The name of the loss; "" where it is not known."""
        return self.loss.name if self.loss is not None else str(self.config.get("loss", ""))

    @property
    def classifies(self) -> bool:
        """Whether the task is classification; otherwise it is regression."""
        return self.loss is None or self.loss.task == "classification"

    @property
    def grade(self) -> Grade:
        """The grade of a finding inside the network: a note where the network has learned well."""
        return "note" if self.learned else "fault"

    def error_text(self, error: float) -> str:
        """Return an error as text: percent where it is a fraction of wrong predictions."""
        return percent(error) if self.classifies else number(error)

    @functools.cached_property
    def changes(self) -> dict[str, Change]:
        """How each parameter has changed since the run began; empty where that is not known."""
        noted = self.config.get("initial_values")
        return changes(noted, self.model) if noted and self.model is not None else {}

    @functools.cached_property
    def frozen(self) -> set[str]:
        """The parameters that the run was asked not to train."""
        patterns = self.settings.get("freeze") or []
        paths = list(nn.parameters(self.model)) if self.model is not None else []
        return set(tree.match(paths, patterns)) if patterns and paths else set()

    @functools.cached_property
    def broken(self) -> tuple[str, ...]:
        """The parameters with a value that is not finite."""
        arrays = nn.parameters(self.model) if self.model is not None else {}
        return tuple(path for path, w in arrays.items() if not bool(jnp.isfinite(w).all()))

    @functools.cached_property
    def signals(self) -> Signals | None:
        """The outputs and error signals of the layers for some examples.

        None where there are no examples, or where weights or losses are not finite.
        """
        if self.part is None or self.model is None or self.loss is None or self.broken:
            return None
        seen = examine(self.model, *self.batch(self.part, PASS * PASSES), self.loss)
        return seen if np.isfinite(seen.objective) else None

    @functools.cached_property
    def by_step(self) -> list[tuple[str, Numbers]] | None:
        """The size of the error signal at each step of a recurrent layer's input, (T,), by layer.

        None where `signals` are None.
        """
        if self.signals is None or self.part is None or self.model is None or self.loss is None:
            return None
        return through_time(self.model, *self.batch(self.part, PASS), self.loss, self.signals)

    def batch(self, part: Split, most: int) -> tuple[Any, Any]:
        """Return evenly spaced examples of a part as the model and the loss see them."""
        count = min(len(part), most)
        count -= count % PASS if count > PASS else 0
        return ModelInputs(self.preprocessor).examples(
            part.inputs, part.targets, _spaced(part, count)
        )

    def flat(self, part: Split) -> Numbers | None:
        """Return evenly spaced inputs of a part as the model sees them, (N, D).

        None where an example consists of tokens or of several inputs.
        """
        if by_name(part.inputs):
            return None
        kept = rows_of(part.inputs, _spaced(part))
        if self.preprocessor is not None:
            if self.preprocessor.kind == "tokens":
                return None
            kept = np.asarray(self.preprocessor.scaled(kept))
        elif kept.dtype.kind in "iu" and kept.dtype.itemsize > 1:
            return None
        return np.asarray(kept, np.float64).reshape(len(kept), -1)

    def targets(self, part: Split) -> Numbers | None:
        """Return the targets of a part: labels (N,), or numbers (N, outputs).

        None where the targets are sequences or have another form.
        """
        targets = np.asarray(part.targets)
        if not self.classifies:
            return targets.reshape(len(targets), -1) if targets.dtype.kind == "f" else None
        if targets.ndim > 2:
            return None
        if targets.ndim == 2 and targets.shape[1] > 1:
            return targets.argmax(axis=1) if targets.dtype.kind == "f" else None
        labels = np.rint(targets.reshape(-1)).astype(np.int64)
        return labels if labels.size and labels.min() >= 0 else None

    @functools.cached_property
    def reference(self) -> Reference | None:
        """How well each training example is predicted by its nearest neighbors.

        None where examples cannot be compared.
        """
        if self.train is None or self.loss_name == PERCEPTRON:
            return None
        x, y = self.flat(self.train), self.targets(self.train)
        if x is None or y is None:
            return None
        return neighbours(x, y[_spaced(self.train)], self.classifies)

    @functools.cached_property
    def baseline(self) -> float | None:
        """The error of the best constant prediction; None where it is not known."""
        y = self.targets(self.train) if self.train is not None else None
        if y is None:
            return None
        if self.classifies:
            return float(1 - np.bincount(y).max() / len(y))
        return float(np.sqrt(np.mean(np.square(y - y.mean(axis=0)))))

    @functools.cached_property
    def skill(self) -> float | None:
        """The training error on a scale: 0 for the best constant prediction, 1 for no error."""
        history = self.history
        if history is None or not np.isfinite(history.training_error[-1]):
            return None
        if self.baseline:
            return 1 - float(history.training_error[-1]) / self.baseline
        first, last = float(history.objective[0]), float(np.nanmin(history.objective))
        return 1 - last / first if first > 0 else None

    @property
    def learned(self) -> bool:
        """Whether the network has learned most of what the data allows."""
        if self.skill is None:
            return False
        possible = 1.0
        if self.reference is not None and self.baseline:
            possible = 1 - self.reference.error / self.baseline
        return self.skill > 0.7 * max(possible, 0.3)


def facts_of_run(
    run: Trained, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return the facts about a run.

    Raises:
        ConfigurationError: the data has no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    name = run.config.get("loss", "")
    if loss is None and name in nn.LOSSES:
        loss = name
    chosen = nn.find_loss(loss) if loss is not None else None
    return _with_data(Facts(run, run.model, chosen, run.preprocessor), data, dev)


def facts_of_model(
    model: nn.Module, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return the facts about a model; one without values gets the initial values of seed 0.

    Raises:
        ConfigurationError: the data has no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    chosen = nn.find_loss(loss) if loss is not None else _likely_loss(data)
    model = model if nn.is_initialized(model) else model.init(0)
    return _with_data(Facts(None, model, chosen), data, dev)


def _likely_loss(data: Given) -> nn.Loss | None:
    if data is None:
        return None
    part = data.train if isinstance(data, Splits) else data
    targets = np.asarray(part.targets if isinstance(part, Dataset) else part[1])
    return nn.find_loss("cross_entropy" if targets.dtype.kind in "iub" else "squared_error")


def _with_data(facts: Facts, data: Given, dev: Development) -> Facts:
    if data is None:
        return facts
    if not isinstance(data, Splits | Dataset | tuple | list):
        raise ConfigurationError(
            "this is no data to diagnose with",
            given=kind_of(data),
            expected="the Splits or the Dataset of the run, or (inputs, targets)",
        )
    seed = facts.settings.get("seed", 0)
    fraction = _held_out_fraction(facts, data) if dev is None else None
    if isinstance(dev, float) or fraction is not None:
        facts = replace(facts, dev_fraction=fraction if dev is None else dev)
        dev = facts.dev_fraction
    ours, preprocessor = None, facts.preprocessor
    if isinstance(data, Dataset) and (data.preprocessor or preprocessor):
        if data.preprocessor is None:
            # The data set as the run has split it, unless the run was trained on another one.
            with contextlib.suppress(ClearpropError):
                ours = gather(data, dev, seed)
        if ours is None or replace(facts, part=ours.train).train is None:
            ready = data if preprocessor is None else data.preprocessed(preprocessor)
            part = Split(ready.name, ready.inputs, ready.targets, ready)
            ours = TrainingData(part, None, ready.preprocessor, ready.class_names)
    else:
        ours = gather(data, dev, seed)
    given = data.train if isinstance(data, Splits) else data
    return replace(
        facts,
        preprocessor=preprocessor or ours.preprocessor,
        part=ours.train,
        dev=ours.dev,
        class_names=ours.class_names,
        feature_names=given.feature_names if isinstance(given, Dataset) else None,
    )


def _held_out_fraction(facts: Facts, data: Given) -> float | None:
    """Return the fraction that a run held out of these arrays itself; None where it did not."""
    known = facts.config.get("data", {})
    if not facts.held_out or isinstance(data, Splits | Dataset) or data is None:
        return None
    whole = gather(data, None, 0).train
    if len(whole) != known.get("examples", 0) + facts.held_out:
        return None
    fraction = facts.held_out / len(whole)
    ours = gather(data, fraction, facts.settings.get("seed", 0)).train
    return fraction if ours.fingerprint() == known.get("fingerprint") else None


def _spaced(part: Split, most: int = MOST_EXAMPLES) -> NDArray[np.intp]:
    """Return evenly spaced rows of a part."""
    return np.linspace(0, len(part) - 1, min(len(part), most)).astype(np.intp)


def named(parts: Iterable[str], most: int = 4) -> str:
    """Return some names as text.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = list(parts)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"
