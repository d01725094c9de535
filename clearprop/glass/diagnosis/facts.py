"""What is known of a run or a model: everything that the rules of a diagnosis look at.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, tree
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import by_name, rows_of
from clearprop.errors import ClearpropError, ConfigurationError, kind_of
from clearprop.glass.diagnosis.reference import MOST_EXAMPLES, Reference, neighbours
from clearprop.glass.diagnosis.signals import PASS, PASSES, Signals, examine, through_time
from clearprop.nn.recording import LossLike
from clearprop.training import History, NonFinite, Stopped, load, load_preprocessor, read_run
from clearprop.training.initial_values import Change, changes
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.run_folder import MODEL
from clearprop.training.training_data import Development, Split, TrainingData, arrays_split, gather

Numbers = NDArray[Any]
Given = Splits | Dataset | tuple[object, object] | None

PERCEPTRON = "perceptron"
"""The loss of Rosenblatt's rule, which corrects and does not descend."""


class Trained(Protocol):
    """What a run tells; a `clearprop.training.Run` and the report's subject are such."""

    @property
    def model(self) -> nn.Module | None:
        """The model as the run left it."""

    @property
    def config(self) -> Mapping[str, Any]:
        """What the run was asked to do."""

    @property
    def history(self) -> History:
        """The three curves."""

    @property
    def losses(self) -> NDArray[np.float32]:
        """The mean loss of every step's batch."""

    @property
    def stopped(self) -> Stopped | None:
        """Why the run ended; None while it goes on, or was cut off."""

    @property
    def non_finite(self) -> NonFinite | None:
        """Where a number stopped being finite, if one did."""

    @property
    def preprocessor(self) -> Preprocessor | None:
        """What turns kept inputs into the model's; None for plain arrays."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """What a run folder tells; its model is None where the run was cut off before it had one."""

    model: nn.Module | None
    config: Mapping[str, Any]
    history: History
    losses: NDArray[np.float32]
    stopped: Stopped | None
    non_finite: NonFinite | None
    preprocessor: Preprocessor | None

    @classmethod
    def of(cls, folder: Path | str) -> Remembered:
        """Return what a folder tells.

        Raises:
            RunError: there is no run in it.
            CheckpointError: its model is damaged.
        """
        record, path = read_run(folder), Path(folder)
        known = (path / MODEL).is_file()
        return cls(
            load(path) if known else None,
            record.config,
            record.history,
            record.losses,
            next((e for e in reversed(record.events) if isinstance(e, Stopped)), None),
            next((e for e in reversed(record.events) if isinstance(e, NonFinite)), None),
            load_preprocessor(path) if known else None,
        )


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known; whatever takes time is measured when it is first asked for.

    Attributes:
        run: what a run tells; None of a model that was not trained here.
        model: with values; None where a run has none yet.
        loss: None where nothing says which it is.
        train: the training examples; None where they are not known.
        dev: the examples that judge; None where there are none.
        other: examples that are neither; None where there are none.
        preprocessor: turns kept inputs into the model's.
        class_names: of the labels.
        feature_names: of the entries of an input.
        fresh: whether the model has its initial values.
    """

    run: Trained | None
    model: nn.Module | None
    loss: nn.Loss | None
    train: Split | None = None
    dev: Split | None = None
    other: Split | None = None
    preprocessor: Preprocessor | None = None
    class_names: tuple[str, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    fresh: bool = False

    @property
    def config(self) -> Mapping[str, Any]:
        """What the run was asked to do; empty of a model without a run."""
        return self.run.config if self.run is not None else {}

    @property
    def settings(self) -> dict[str, Any]:
        """The numbers of the run."""
        return dict(self.config.get("settings", {}))

    @property
    def history(self) -> History | None:
        """The three curves, where a pass was finished and the rule descends."""
        if self.run is None or not len(self.run.history) or self.loss_name == PERCEPTRON:
            return None
        return self.run.history

    @property
    def judged(self) -> NDArray[np.floating] | None:
        """The development error after every pass; None where nothing was held out."""
        if self.history is None or not np.isfinite(self.history.development_error).any():
            return None
        return self.history.development_error

    @property
    def loss_name(self) -> str:
        """What the loss is called; "" where nothing is known of it."""
        return self.loss.name if self.loss is not None else str(self.config.get("loss", ""))

    @property
    def task(self) -> str:
        """Either "classification" or "regression"."""
        return self.loss.task if self.loss is not None else "classification"

    @functools.cached_property
    def changes(self) -> dict[str, Change]:
        """What became of each parameter since the run began."""
        noted = self.config.get("initial_values")
        return changes(noted, self.model) if noted and self.model is not None else {}

    @functools.cached_property
    def frozen(self) -> set[str]:
        """The parameters that were not to be trained."""
        patterns = self.settings.get("freeze") or []
        paths = list(nn.parameters(self.model)) if self.model is not None else []
        return set(tree.match(paths, patterns)) if patterns and paths else set()

    @functools.cached_property
    def broken(self) -> tuple[str, ...]:
        """The parameters with a value that is not finite."""
        if self.model is None:
            return ()
        return tuple(
            path for path, w in nn.parameters(self.model).items()
            if not bool(jnp.isfinite(w).all())
        )  # fmt: skip

    @functools.cached_property
    def signals(self) -> Signals | None:
        """What some examples' passes showed; None where they cannot be made, or are not finite."""
        part = self.train or self.other
        if part is None or self.model is None or self.loss is None or self.broken:
            return None
        seen = examine(self.model, *self.batch(part, PASS * PASSES), self.loss)
        return seen if np.isfinite(seen.objective) else None

    @functools.cached_property
    def by_step(self) -> list[tuple[str, Numbers]]:
        """The error that reaches each step of a recurrent layer's input, (T,), by layer."""
        part = self.train or self.other
        if self.signals is None or part is None or self.model is None or self.loss is None:
            return []
        x, y = self.batch(part, PASS)
        return through_time(self.model, x, y, self.loss, self.signals)

    def batch(self, part: Split, most: int) -> tuple[Any, Any]:
        """Return examples from all over a part as the model and the loss see them."""
        count = min(len(part), most)
        count -= count % PASS if count > PASS else 0
        rows = np.linspace(0, len(part) - 1, count).astype(np.intp)
        return ModelInputs(self.preprocessor).examples(part.inputs, part.targets, rows)

    def flat(self, part: Split, most: int = MOST_EXAMPLES) -> Numbers | None:
        """Return inputs from all over a part as the model sees them, (N, numbers of an example).

        None where an example is words or consists of several inputs.
        """
        if by_name(part.inputs):
            return None
        rows = np.linspace(0, len(part) - 1, min(len(part), most)).astype(np.intp)
        kept = rows_of(part.inputs, rows)
        if self.preprocessor is not None:
            if self.preprocessor.kind == "tokens":
                return None
            kept = np.asarray(self.preprocessor.scaled(kept))
        elif kept.dtype.kind in "iu" and kept.dtype.itemsize > 1:
            return None
        return np.asarray(kept, np.float64).reshape(len(rows), -1)

    def answers(self, part: Split) -> Numbers | None:
        """Return the targets of a part: labels (N,), or numbers (N, outputs); None of sequences."""
        targets = np.asarray(part.targets)
        if self.task != "classification":
            return targets.reshape(len(targets), -1) if targets.dtype.kind == "f" else None
        if targets.ndim == 2 and targets.shape[1] > 1:
            return targets.argmax(axis=1) if targets.dtype.kind == "f" else None
        if targets.ndim > 2:
            return None
        labels = np.rint(targets.reshape(-1)).astype(np.int64)
        return labels if labels.size and labels.min() >= 0 else None

    @functools.cached_property
    def reference(self) -> Reference | None:
        """What like training examples say of each other; None where they cannot be compared."""
        if self.train is None or self.loss_name == PERCEPTRON:
            return None
        x, y = self.flat(self.train), self.answers(self.train)
        if x is None or y is None:
            return None
        rows = np.linspace(0, len(self.train) - 1, len(x)).astype(np.intp)
        return neighbours(x, y[rows], self.task)

    @functools.cached_property
    def baseline(self) -> float | None:
        """The error of always giving the best one answer; None where it is not known."""
        y = self.answers(self.train) if self.train is not None else None
        if y is None:
            return None
        if self.task == "classification":
            return float(1 - np.bincount(y).max() / len(y))
        return float(np.sqrt(np.mean(np.square(y - y.mean(axis=0)))))

    @functools.cached_property
    def skill(self) -> float | None:
        """How far the training error is from that of one answer for all, 0, to none, 1."""
        history = self.history
        if history is None or not np.isfinite(history.training_error[-1]):
            return None
        if self.baseline:
            return 1 - float(history.training_error[-1]) / self.baseline
        first, last = float(history.objective[0]), float(np.nanmin(history.objective))
        return 1 - last / first if first > 0 else None

    @property
    def learned(self) -> bool:
        """Whether the network has learned most of what can be: then the inside is no hindrance."""
        if self.skill is None:
            return False
        possible = 1.0
        if self.reference is not None and self.baseline:
            possible = 1 - self.reference.error / self.baseline
        return self.skill > 0.7 * max(possible, 0.3)


def facts_of_run(
    run: Trained, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return what is known of a run.

    Raises:
        ConfigurationError: the data is of no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    name = run.config.get("loss", "")
    chosen = nn.find_loss(loss) if loss is not None else None
    if chosen is None and name in nn.LOSSES:
        chosen = nn.find_loss(name)
    parts = _parts(data, dev, chosen, run.config, run.preprocessor)
    return Facts(run, run.model, chosen, **parts)


def facts_of_model(
    model: nn.Module, data: Given = None, dev: Development = None, loss: LossLike | None = None
) -> Facts:
    """Return what is known of a model; one without values is looked at with those of seed 0.

    Raises:
        ConfigurationError: the data is of no known form.
        DataError: there are no examples, or inputs and targets do not fit.
    """
    fresh = not nn.is_initialized(model)
    chosen = nn.find_loss(loss) if loss is not None else _likely_loss(data)
    parts = _parts(data, dev, chosen, {}, None)
    return Facts(None, model.init(0) if fresh else model, chosen, fresh=fresh, **parts)


def _likely_loss(data: Given) -> nn.Loss | None:
    if data is None:
        return None
    part = data.train if isinstance(data, Splits) else data
    targets = np.asarray(part.targets if isinstance(part, Dataset) else part[1])
    names = ("cross_entropy", "squared_error")
    return nn.find_loss(names[targets.dtype.kind not in "iub"])


def _parts(
    data: Given,
    dev: Development,
    loss: nn.Loss | None,
    config: Mapping[str, Any],
    preprocessor: Preprocessor | None,
) -> dict[str, Any]:
    if data is None:
        return {"preprocessor": preprocessor}
    names = getattr(data.train if isinstance(data, Splits) else data, "feature_names", None)
    if isinstance(data, Dataset) and (data.preprocessor is not None or preprocessor is not None):
        ours = _whole(data, dev, loss, config) if data.preprocessor is None else None
        if ours is None:
            ready = data if preprocessor is None else data.preprocessed(preprocessor)
            part = Split(ready.name, ready.inputs, ready.targets, ready)
            return {
                _role(part, config): part,
                "preprocessor": preprocessor or ready.preprocessor,
                "class_names": ready.class_names,
                "feature_names": names,
            }
    else:
        ours = _gathered(data, dev, loss, config)
    return {
        "other" if _role(ours.train, config) == "other" else "train": ours.train,
        "dev": ours.dev,
        "preprocessor": preprocessor or ours.preprocessor,
        "class_names": ours.class_names,
        "feature_names": names,
    }


def _gathered(
    data: Given, dev: Development, loss: nn.Loss | None, config: Mapping[str, Any]
) -> TrainingData:
    if not isinstance(data, Splits | Dataset | tuple | list):
        raise ConfigurationError(
            "this is no data to diagnose with",
            given=kind_of(data),
            expected="the Splits or the Dataset of the run, or (inputs, targets)",
        )
    seed = int(config.get("settings", {}).get("seed", 0))
    stand_in = loss or nn.find_loss("squared_error")
    if isinstance(data, tuple | list) and len(data) == 2 and not isinstance(dev, float | int):
        part = arrays_split("data", *data)
        judging = arrays_split("dev", *dev) if isinstance(dev, tuple | list) else None
        return TrainingData(part, judging)
    return gather(data, dev, stand_in, seed)


def _whole(
    data: Dataset, dev: Development, loss: nn.Loss | None, config: Mapping[str, Any]
) -> TrainingData | None:
    """Return the data set of a run split as the run split it; None where it is another one."""
    try:
        ours = _gathered(data, dev, loss, config)
    except ClearpropError:
        return None
    return ours if _role(ours.train, config) == "train" else None


def _role(part: Split, config: Mapping[str, Any]) -> str:
    """Return "train" where these are the examples that the run learned from, else "other"."""
    before = config.get("data", {}).get("fingerprint")
    return "train" if before is None or before == part.fingerprint() else "other"


def named(parts: Iterable[str], most: int = 4) -> str:
    """Return some names as text.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    every = list(parts)
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"
