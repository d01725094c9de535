"""Metrics: numbers about all development examples together, with scikit-learn's definitions.

A metric is computed once for the whole set: an area under a curve or an F1 score is no mean over
batches. Classes are those of the largest output, or 1 where the only output reaches its threshold.

Shape letters: N examples, K classes, T places of a sequence.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import elsewhere, nn
from clearprop.errors import ClearpropError, ConfigurationError, kind_of, unknown_name
from clearprop.training.predictions import classes, probabilities

Function: TypeAlias = "Callable[[NDArray[Any], NDArray[Any]], Any]"
Metrics: TypeAlias = "str | Function | Iterable[str | Function] | Mapping[str, Function]"

BINS = 15
"""Equal intervals of confidence of the calibration error, as in its source."""

TOP = re.compile(r"top_([1-9]\d*)_accuracy")


@dataclass(frozen=True, eq=False)
class Answers:
    """The outputs of a model for all examples of a set, and what is true.

    Attributes:
        outputs: in the units of the targets, (N, ...); of a classification before softmax.
        targets: (N, ...).
        loss: says what the outputs mean.
    """

    outputs: NDArray[Any]
    targets: NDArray[Any]
    loss: nn.Loss

    @functools.cached_property
    def by_label(self) -> bool:
        """Whether each output is a question of its own, as with several labels of an example."""
        return self.loss.threshold is not None and self.outputs.shape[1:] not in ((), (1,))

    @functools.cached_property
    def scored(self) -> NDArray[np.float64]:
        """The outputs with one row for each question: (N, K), or the counted places of all."""
        made = np.asarray(self.outputs, np.float64)
        made = made[:, None] if made.ndim == 1 else made
        return made.reshape(-1, made.shape[-1])[self._counts]

    @functools.cached_property
    def truth(self) -> NDArray[np.int64]:
        """The class of each row; of several labels, 0 or 1 for each, (N, K)."""
        targets = np.asarray(self.targets)
        if self.by_label:
            return np.asarray(targets.reshape(self.scored.shape) > 0.5, np.int64)
        if self.loss.threshold is not None:
            return np.asarray(targets.ravel() > 0.5, np.int64)
        if targets.shape == self.outputs.shape:
            targets = targets.argmax(axis=-1)
        return np.asarray(targets.ravel()[self._counts], np.int64)

    @functools.cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class of each row; of several labels, 0 or 1 for each, (N, K)."""
        if self.by_label:
            return np.asarray(self.scored >= (self.loss.threshold or 0.0), np.int64)
        return classes(self.scored, self.loss)

    @property
    def classes(self) -> int:
        """K; 2 for one output."""
        return max(2, int(self.scored.shape[1]))

    @functools.cached_property
    def chances(self) -> NDArray[np.float64]:
        """The probability of each class, (N, K).

        Raises:
            ConfigurationError: the loss has none.
        """
        found = probabilities(self.scored, self.loss) if not self.loss.unknown else None
        if found is None:
            raise ConfigurationError(
                "this metric needs probabilities, and the loss has none",
                where="metrics",
                given=f"the loss {self.loss.name!r}",
                expected="cross_entropy or binary_cross_entropy",
                fix="metrics=['accuracy', 'roc_auc']",
            )
        return found

    @functools.cached_property
    def ranking(self) -> NDArray[np.float64]:
        """What examples are ranked by: the score of class 1, or the probability of each class."""
        if self.by_label or self.scored.shape[1] == 1:
            return self.scored if self.by_label else self.scored[:, 0]
        if self.classes == 2:
            return np.asarray(self.scored[:, 1] - self.scored[:, 0])
        return self.chances

    @functools.cached_property
    def complete(self) -> bool:
        """Whether every class occurs, and of several labels each value."""
        if self.by_label:
            return bool((self.truth.any(axis=0) & ~self.truth.all(axis=0)).all())
        return len(np.unique(self.truth)) == self.classes

    @functools.cached_property
    def numbers(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Targets and outputs of a regression, (N, K) each."""
        made = np.asarray(self.outputs, np.float64).reshape(len(self.outputs), -1)
        return np.asarray(self.targets, np.float64).reshape(made.shape), made

    @functools.cached_property
    def _counts(self) -> NDArray[np.bool_] | slice:
        if not self.loss.skips_negative:
            return slice(None)
        return np.asarray(self.targets).ravel() >= 0


def _sklearn(name: str, of: str = "predicted", **options: Any) -> Callable[[Answers], float]:
    def computed(answers: Answers) -> float:
        from sklearn import metrics

        if of == "numbers":
            return float(getattr(metrics, name)(*answers.numbers, **options))
        return float(getattr(metrics, name)(answers.truth, getattr(answers, of), **options))

    return computed


def _of_class_one(name: str) -> Callable[[Answers], float]:
    plain = _sklearn(f"{name}_score", zero_division=0)

    def computed(answers: Answers) -> float:
        if answers.by_label or answers.classes > 2:
            raise ConfigurationError(
                f"{name} asks for one of two classes",
                where="metrics",
                given=f"{answers.classes} " + ("labels" if answers.by_label else "classes"),
                fix=f"metrics={name + '_macro'!r}  # the mean over the classes",
            )
        return plain(answers)

    return computed


def _macro(name: str, average: str = "macro") -> Callable[[Answers], float]:
    return _sklearn(f"{name}_score", average=average, zero_division=0)


def _ranked(name: str, **options: Any) -> Callable[[Answers], float]:
    plain = _sklearn(name, "ranking", **options)
    return lambda answers: plain(answers) if answers.complete else float("nan")


def _log_loss(answers: Answers) -> float:
    from sklearn import metrics

    if answers.by_label:
        columns = range(answers.classes)
        return float(np.mean([
            metrics.log_loss(answers.truth[:, k], answers.chances[:, k], labels=[0, 1])
            for k in columns
        ]))  # fmt: skip
    labels = np.arange(answers.classes)
    return float(metrics.log_loss(answers.truth, answers.chances, labels=labels))


def _brier(answers: Answers) -> float:
    if answers.by_label:
        return float(np.square(answers.chances - answers.truth).mean())
    wanted = np.eye(answers.classes)[answers.truth]
    total = np.square(answers.chances - wanted).sum(axis=1).mean()
    return float(total / 2 if answers.classes == 2 else total)


def _calibration(answers: Answers) -> float:
    if answers.by_label:
        ones = answers.chances.ravel()
        confidence, right = np.maximum(ones, 1 - ones), answers.predicted.ravel()
        right = right == answers.truth.ravel()
    else:
        confidence, right = answers.chances.max(axis=1), answers.predicted == answers.truth
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, right.astype(np.float64) - confidence, BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _top(k: int) -> Callable[[Answers], float]:
    def computed(answers: Answers) -> float:
        from sklearn import metrics

        K = answers.scored.shape[1]
        if answers.by_label or k >= K:
            raise ConfigurationError(
                "the right class is always among so many",
                where="metrics",
                given=f"top_{k}_accuracy for {K} outputs",
                fix="metrics='accuracy'" if K < 3 else f"metrics='top_{min(k, K - 1)}_accuracy'",
            )
        labels = np.arange(K)
        return float(
            metrics.top_k_accuracy_score(answers.truth, answers.scored, k=k, labels=labels)
        )

    return computed


OF_CLASSES: dict[str, Callable[[Answers], float]] = {
    "accuracy": _sklearn("accuracy_score"),
    "balanced_accuracy": _sklearn("balanced_accuracy_score"),
    "precision": _of_class_one("precision"),
    "recall": _of_class_one("recall"),
    "f1": _of_class_one("f1"),
    "precision_macro": _macro("precision"),
    "recall_macro": _macro("recall"),
    "f1_macro": _macro("f1"),
    "f1_weighted": _macro("f1", "weighted"),
    "matthews_corrcoef": _sklearn("matthews_corrcoef"),
    "cohen_kappa": _sklearn("cohen_kappa_score"),
    "roc_auc": _ranked("roc_auc_score", multi_class="ovr"),
    "average_precision": _ranked("average_precision_score"),
    "log_loss": _log_loss,
    "brier_score": _brier,
    "expected_calibration_error": _calibration,
}
"""Metrics of a classification by name; ``top_k_accuracy`` is one for each number k, such as
"top_5_accuracy". ROC AUC and average precision of K classes are means of one class against the
rest; they are NaN where a class does not occur. Precision, recall and F1 count 0 where their
denominator is 0. The Brier score of two classes is ``mean (p - t)^2``, of more the sum over the
classes. The calibration error has 15 equal intervals of confidence.

Source: Guo et al. 2017, *On calibration of modern neural networks*; the others are
scikit-learn's."""

OF_NUMBERS: dict[str, Callable[[Answers], float]] = {
    "r2": _sklearn("r2_score", "numbers"),
    "mean_absolute_error": _sklearn("mean_absolute_error", "numbers"),
    "mean_squared_error": _sklearn("mean_squared_error", "numbers"),
    "root_mean_squared_error": _sklearn("root_mean_squared_error", "numbers"),
    "median_absolute_error": _sklearn("median_absolute_error", "numbers"),
    "mean_absolute_percentage_error": _sklearn("mean_absolute_percentage_error", "numbers"),
    "explained_variance": _sklearn("explained_variance_score", "numbers"),
    "max_error": lambda answers: float(np.abs(answers.numbers[0] - answers.numbers[1]).max()),
}
"""Metrics of a regression by name, in the units of the targets; of several outputs their mean."""


LESS_IS_BETTER = ("log_loss", "brier_score", "expected_calibration_error")
"""Metrics of a classification of which less is better; of the others more is."""

MORE_IS_BETTER = ("r2", "explained_variance")
"""Metrics of a regression of which more is better; of the others less is."""


@dataclass(frozen=True, eq=False)
class Metric:
    """A number about all examples of a set.

    Attributes:
        name: under which it is reported.
        compute: of the answers of a model.
        task: "classification" or "regression"; "" for a function of your own.
        more_is_better: its direction; None where it is not known.
    """

    name: str
    compute: Callable[[Answers], float]
    task: str = ""
    more_is_better: bool | None = None


def find_metrics(given: Metrics | None) -> tuple[Metric, ...]:
    """Return metrics by their names; a function (outputs, targets) -> number is one too.

    A function gets the outputs of all examples, (N, ...), as `predict` returns them, and the
    targets, (N, ...), both as NumPy arrays.

    Args:
        given: one or several; as a dict they get the names of its keys.

    Raises:
        ConfigurationError: an unknown name, two of one name, or something else.

    >>> [metric.name for metric in find_metrics(["f1", "top_5_accuracy"])]
    ['f1', 'top_5_accuracy']
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        found = tuple(_own(name, function) for name, function in given.items())
    else:
        several = [given] if isinstance(given, str) or callable(given) else given
        if not isinstance(several, Iterable):
            raise _no_metric(given)
        found = tuple(_found(one) for one in several)
    names = [metric.name for metric in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            "two metrics have one name",
            where="metrics",
            given=repr(twice),
            fix="metrics={'first': function, 'second': other}  # gives each its name",
        )
    return found


def is_metric(name: str) -> bool:
    """Return whether a metric has this name, so that it needs no function.

    >>> is_metric("f1"), is_metric("my_own")
    (True, False)
    """
    return name in OF_CLASSES or name in OF_NUMBERS or TOP.fullmatch(name) is not None


def _found(given: object) -> Metric:
    if not isinstance(given, str):
        return _own(getattr(given, "__name__", "metric").strip("<>"), given)
    if top := TOP.fullmatch(given):
        return Metric(given, _top(int(top[1])), "classification", more_is_better=True)
    if given in OF_CLASSES:
        return Metric(given, OF_CLASSES[given], "classification", given not in LESS_IS_BETTER)
    if given in OF_NUMBERS:
        return Metric(given, OF_NUMBERS[given], "regression", given in MORE_IS_BETTER)
    known = [*OF_CLASSES, *OF_NUMBERS, "top_5_accuracy"]
    meant = elsewhere.fix_of(given, elsewhere.METRICS)
    raise unknown_name("metric", given, known, where="metrics", fix=meant)


def _own(name: str, given: object) -> Metric:
    if not callable(given):
        raise _no_metric(given)

    def computed(answers: Answers) -> float:
        made = given(answers.outputs, answers.targets)
        value = np.asarray(made)
        if value.shape not in ((), (1,)) or value.dtype.kind not in "biuf":
            raise ConfigurationError(
                "a metric returns one number",
                where=f"metrics, {name}",
                given=f"{kind_of(made)} of shape {value.shape}",
                fix="return its mean: values.mean()",
            )
        return float(value.reshape(()))

    return Metric(name, computed)


def _no_metric(given: object) -> ConfigurationError:
    return ConfigurationError(
        "a metric is a name or a function (outputs, targets) -> number",
        where="metrics",
        given=kind_of(given),
        fix="metrics=['accuracy', 'f1_macro']",
    )


def check_task(metrics: Iterable[Metric], loss: nn.Loss) -> None:
    """Raise where a metric belongs to another task than the loss.

    Raises:
        ConfigurationError: one does.
    """
    for metric in metrics:
        if metric.task and not loss.comparable:
            raise ConfigurationError(
                f"{metric.name} compares an output with a target, which this loss does not",
                where="metrics",
                given=f"the loss {loss.name!r}",
                fix="metrics=function  # a function (outputs, targets) -> number",
            )
        if metric.task and metric.task != loss.task:
            known = OF_CLASSES if loss.task == "classification" else OF_NUMBERS
            raise ConfigurationError(
                f"{metric.name} is a metric of {metric.task}, and the loss is one of {loss.task}",
                where="metrics",
                given=f"the loss {loss.name!r}",
                expected=", ".join(known),
                fix="metrics='accuracy'" if loss.task == "classification" else "metrics='r2'",
            )


def compute(
    metrics: Iterable[Metric], outputs: NDArray[Any], targets: NDArray[Any], loss: nn.Loss
) -> dict[str, float]:
    """Return each metric of some examples, by its name; NaN where an output is not finite.

    Args:
        metrics: as `find_metrics` returns them.
        outputs: in the units of the targets, (N, ...).
        targets: raw, (N, ...).
        loss: says what outputs and targets mean.

    Raises:
        ConfigurationError: a metric cannot be computed for this loss.

    >>> z, t = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 1])
    >>> compute(find_metrics(["accuracy", "f1"]), z, t, nn.find_loss("cross_entropy"))
    {'accuracy': 0.6666666666666666, 'f1': 0.6666666666666666}
    """
    every = tuple(metrics)
    if not every:
        return {}
    check_task(every, loss)
    answers = Answers(np.asarray(outputs), np.asarray(targets), loss)
    finite = bool(np.isfinite(answers.outputs).all())
    found = {}
    for metric in every:
        if metric.task and not finite:
            found[metric.name] = float("nan")
            continue
        try:
            with warnings.catch_warnings():
                if metric.task:
                    warnings.simplefilter("ignore")  # what is undefined is 0 or NaN, as said above
                found[metric.name] = metric.compute(answers)
        except ClearpropError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"the metric failed: {type(error).__name__}: {error}",
                where=f"metrics, {metric.name}",
                given=f"outputs {answers.outputs.shape}, targets {answers.targets.shape}",
                fix="let the function take (outputs, targets) as NumPy arrays of all examples"
                if not metric.task
                else "check that outputs and targets have these shapes",
            ) from error
    return found
