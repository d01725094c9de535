"""A trained model together with the preparation of its inputs: what answers for raw examples.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from clearprop import elsewhere, nn
from clearprop.arguments import known_arguments
from clearprop.data import Dataset, Preprocessor
from clearprop.data.forms import as_array
from clearprop.elsewhere import unknown_attribute
from clearprop.errors import ConfigurationError, ModelError, kind_of
from clearprop.nn.recording import LossLike
from clearprop.training import evaluation
from clearprop.training.batch_stream import batches_of, is_batches, number_of, read_all, read_inputs
from clearprop.training.evaluation import Evaluation
from clearprop.training.foreign_mends import mends_for
from clearprop.training.given import pair_for, pair_of
from clearprop.training.metrics import Metrics
from clearprop.training.predictions import classes, probabilities
from clearprop.training.run_config import CONFIG, read_config
from clearprop.training.storage.model_file import load_model, load_preprocessor
from clearprop.training.weights import ClassWeight, Weighting, of_config
from clearprop.training.without_targets import reported_loss


@runtime_checkable
class Trained(Protocol):
    """What `fit` returns, as far as it is used here."""

    @property
    def model(self) -> nn.Module:
        """The trained model."""

    @property
    def preprocessor(self) -> Preprocessor | None:
        """What turns raw inputs into the model's."""

    @property
    def loss(self) -> nn.Loss | None:
        """The loss that was minimized."""


@dataclass(frozen=True, eq=False, repr=False)
class Predictor:
    """A trained model that takes raw examples: the preparation of its run belongs to it.

    Attributes:
        model: the bare network, which takes prepared inputs.
        preprocessor: turns raw inputs into the model's, and outputs into the units of the targets;
            None where the run was given plain arrays.
        loss: of the run; None where it is a function of your own, or not known.
        ignore_index: the label that the run did not count; None for none.
    """

    model: nn.Module
    preprocessor: Preprocessor | None = None
    loss: nn.Loss | None = None
    ignore_index: int | None = None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, in the order of the outputs; None where they have none."""
        return self.preprocessor.class_names if self.preprocessor is not None else None

    @known_arguments("predict", elsewhere.EVALUATION)
    def predict(self, x: object) -> NDArray[Any]:
        """Return the outputs of the network for raw examples, (N, ...).

        Outputs of a classification are those that the loss takes, so before softmax or sigmoid:
        `probabilities` and `labels` are what they mean. Outputs of a regression are in the units of
        the targets.

        Args:
            x: raw examples (N, ...) in any form that `fit` takes, or several by name; or an
                iterable of batches. Columns of a frame are put in order by name.

        Raises:
            DataError: a column of a frame is missing.
            ShapeError: the examples do not fit the model.
        """
        x = read_inputs(x) if is_batches(x) else x
        return evaluation.outputs(self.model, x, self.preprocessor)

    __call__ = predict

    def probabilities(self, x: object) -> NDArray[np.float64]:
        """Return the probability of each class for raw examples, (N, K).

        Raises:
            ModelError: the model is no classifier whose loss has probabilities.
        """
        made, loss = self.predict(x), self._classifier()
        # What the outputs are for a loss that is a function is not known.
        found = probabilities(made, loss) if made.ndim == 2 and not loss.unknown else None
        if found is None:
            raise ModelError(
                "the loss of this model has no probabilities",
                given=self.loss.name if self.loss is not None else None,
                expected="cross_entropy or binary_cross_entropy, and outputs (N, K)",
                fix="predict(x) returns the outputs as they are",
            )
        return found

    def labels(self, x: object) -> NDArray[Any]:
        """Return the predicted class of each raw example, (N,): its name where classes have names.

        Raises:
            ModelError: the model is no classifier.
        """
        chosen = classes(self.predict(x), self._classifier())
        names = self.class_names
        return chosen if names is None else np.array(names)[chosen]

    @known_arguments("evaluate", elsewhere.EVALUATION)
    def evaluate(
        self,
        data: Dataset | tuple[object, object],
        loss: LossLike | None = None,
        *,
        metrics: Metrics = (),
        class_weight: ClassWeight | None = None,
        sample_weight: object = None,
        ignore_index: int | None = None,
        pos_weight: object = None,
    ) -> Evaluation:
        """Return how the model does on raw or prepared examples.

        Args:
            data: a part of ``Splits``, a raw data set, or raw ``(inputs, targets)``; classes that
                have names may be given by them.
            loss: by default that of the run.
            metrics: names or functions (outputs, targets) -> number; see `training.metrics`.
            class_weight: how much each class counts in the objective, as in `fit`; by default all
                count the same, whatever the run did.
            sample_weight: how much each example counts in the objective, (N,).
            ignore_index: a label that is not counted; by default that of the run.
            pos_weight: how much a target 1 counts; by default as in the run.

        Raises:
            ConfigurationError: the loss is not known.
            ClearpropError: what `clearprop.evaluate` says of the examples.
        """
        pair = None if isinstance(data, Dataset) or is_batches(data) else pair_of(data, loss)
        named = self.loss is not None and loss == self.loss.name
        # The loss of the run by its name has the weight of a target 1 that the run had.
        chosen = self.loss if loss is None or named else loss
        if chosen is None:
            raise ConfigurationError(
                "the loss of this model is not known, as it was a function",
                fix="evaluate(data, loss=...) with that function",
            )
        ignored = ignore_index if ignore_index is not None else self.ignore_index
        weighting = Weighting(class_weight, sample_weight, ignored, pos_weight)
        given: object = None
        if is_batches(data):
            if sample_weight is not None:
                number_of(batches_of(data))  # their order is not known
            pair = read_all(data)
        if pair is not None:
            given, data = pair, pair_for(pair, self.preprocessor)
        with mends_for(given):
            return evaluation.evaluation_of(
                self.model, data, chosen, self.preprocessor, weighting, metrics
            )

    def __getattr__(self, name: str) -> NoReturn:
        """An error; a word of another library is answered with ours."""
        raise unknown_attribute(
            "a trained model", name, vars(type(self)), elsewhere.RUN_ATTRIBUTES, ""
        )

    def _classifier(self) -> nn.Loss:
        if self.loss is None or self.loss.task != "classification":
            raise ModelError(
                "this model is no classifier",
                given=f"the loss {self.loss.name}" if self.loss is not None else "an own loss",
                fix="predict(x) returns the outputs as they are",
            )
        return self.loss

    def __repr__(self) -> str:
        how = "raw examples" if self.preprocessor is not None else "arrays as they are"
        return f"<Predictor of {type(self.model).__name__}, takes {how}>"


Subject: TypeAlias = "nn.Module | Trained | Predictor | Path | str"
"""What can predict: a model, a run, a predictor, the folder of a run or a model file."""

LOOK = 1000
"""So many examples are looked at, to tell raw ones from prepared ones."""

_TRAINED: weakref.WeakKeyDictionary[nn.Module, Preprocessor] = weakref.WeakKeyDictionary()
"""The preprocessors of bare models that came out of runs of this process."""


def remember(model: nn.Module, preprocessor: Preprocessor | None) -> None:
    """Remember with which preparation a bare model was trained, to warn where it is left out."""
    if preprocessor is not None and preprocessor.changes_numbers:
        _TRAINED[model] = preprocessor


@known_arguments("load", elsewhere.EVALUATION)
def load(path: Path | str, like: nn.Module | None = None) -> Predictor:
    """Return the trained model of a run folder or a file, with its preparation.

    Args:
        path: the folder of a run that has ended, or a file that `save` wrote.
        like: a model of the same architecture, for files that do not describe theirs.

    Raises:
        CheckpointError: the file is missing, damaged, or of another architecture.

    >>> import tempfile
    >>> from clearprop.training.storage.model_file import save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(nn.Linear(2, 3).init(0), f"{folder}/model.safetensors")
    ...     load(f"{folder}/model.safetensors").predict([[1.0, 2.0]]).shape
    (1, 3)
    """
    folder = Path(path)
    model, preprocessor = load_model(path, like), load_preprocessor(path)
    config = read_config(folder) if (folder / CONFIG).is_file() else {}
    remember(model, preprocessor)
    return Predictor(model, preprocessor, _loss_of(config), of_config(config).ignore_index)


def predictor_of(subject: Subject, preprocessor: Preprocessor | None = None) -> Predictor:
    """Return what predicts, from a model, a run, a folder or a file.

    Args:
        subject: the model, or what contains it.
        preprocessor: for a bare model; a run brings its own.

    Raises:
        ConfigurationError: it is none of these.
        CheckpointError: a file is missing or damaged.
    """
    if isinstance(subject, nn.Module):
        return Predictor(subject, preprocessor)
    found: Predictor | None = None
    if isinstance(subject, Predictor):
        found = subject
    elif isinstance(subject, Path | str):
        found = load(subject)
    elif isinstance(subject, Trained):
        ignored = of_config(getattr(subject, "config", {})).ignore_index
        found = Predictor(subject.model, subject.preprocessor, subject.loss, ignored)
    if found is not None:
        if preprocessor not in (None, found.preprocessor):
            raise ConfigurationError(
                "what was trained brings its own preparation, and this is another one",
                where="preprocessor",
                fix="leave the preprocessor out, or give the bare model",
            )
        return found
    raise ConfigurationError(
        "this has no trained model",
        given=kind_of(subject),
        expected="a model, what fit or load returned, the folder of a run, or a model file",
    )


@known_arguments("evaluate", elsewhere.EVALUATION)
def evaluate(
    model: Subject,
    dataset: Dataset | tuple[object, object],
    loss: LossLike | None = None,
    preprocessor: Preprocessor | None = None,
    *,
    metrics: Metrics = (),
    class_weight: ClassWeight | None = None,
    sample_weight: object = None,
    ignore_index: int | None = None,
    pos_weight: object = None,
) -> Evaluation:
    """Return how a model does on a data set.

    Args:
        model: a model with values, a run, a predictor, the folder of a run, or a model file. All
            but a bare model bring their preparation and their loss.
        dataset: a part of ``Splits``; or raw, to be prepared here; or ``(inputs, targets)``: raw
            where there is a preparation, else as the model takes them.
        loss: the name of a loss, a `nn.Loss`, or a function (outputs, targets) -> values; by
            default that of the run, or "cross_entropy" for a bare model.
        preprocessor: for a bare model; what ``Splits`` and ``Run`` carry. A part of ``Splits`` has
            it, so that it need not be given.
        metrics: names or functions (outputs, targets) -> number; see `training.metrics`.
        class_weight: how much each class counts in the objective, as in `fit`; by default all count
            the same, whatever the run did.
        sample_weight: how much each example counts in the objective, (N,).
        ignore_index: a label that is not counted; by default that of the run.
        pos_weight: how much a target 1 counts; by default as in the run.

    Raises:
        ConfigurationError: this is no model, its loss is not known, or a weight or a metric is
            wrong.
        DataError: a label is out of range, targets are numbers where the loss takes classes, or the
            part was encoded by another preprocessor.
        ModelError: the model has no values yet.
        ShapeError: the examples do not fit the model.

    >>> import numpy as np
    >>> from clearprop import nn
    >>> model = nn.Linear(2, 3).init(0)
    >>> scored = evaluate(model, (np.ones((4, 2), np.float32), np.array([0, 1, 2, 0])))
    >>> scored.error in (0.5, 0.75), scored.confusion.sum()
    (True, np.int64(4))
    """
    if preprocessor is None and isinstance(model, nn.Module) and isinstance(dataset, Dataset):
        preprocessor = dataset.preprocessor
    known = predictor_of(model, preprocessor)
    dataset = read_all(dataset) if is_batches(dataset) else dataset
    if not isinstance(dataset, Dataset):
        _warn_of_raw(known, pair_of(dataset, loss)[0])
    if loss is None and isinstance(model, nn.Module):
        loss = "cross_entropy"
    return known.evaluate(
        dataset,
        loss,
        metrics=metrics,
        class_weight=class_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        pos_weight=pos_weight,
    )


@known_arguments("predict", elsewhere.EVALUATION)
def predict(
    model: Subject, inputs: object, preprocessor: Preprocessor | None = None
) -> NDArray[Any]:
    """Return a model's outputs for many examples, computed batch by batch in compiled calls.

    Args:
        model: a model with values, a run, a predictor, the folder of a run, or a model file.
        inputs: raw examples (N, ...) for a run, a predictor or a preprocessor, else as the model
            takes them; or several such arrays by name.
        preprocessor: for a bare model: of the run that trained it. Regression outputs are then in
            the units of the targets.

    Raises:
        ConfigurationError: this is no model.
        ModelError: the model has no values yet.
        ShapeError: the examples do not fit the model.

    >>> import numpy as np
    >>> from clearprop import nn
    >>> predict(nn.Linear(2, 3).init(0), np.ones((1000, 2), np.float32)).shape
    (1000, 3)
    """
    known = predictor_of(model, preprocessor)
    inputs = read_inputs(inputs) if is_batches(inputs) else inputs
    _warn_of_raw(known, inputs)
    return known.predict(inputs)


def _warn_of_raw(known: Predictor, inputs: object) -> None:
    """Warn where a bare model is given raw examples that its run would have prepared."""
    before = _TRAINED.get(known.model) if known.preprocessor is None else None
    if before is not None and _is_raw(inputs, before):
        warnings.warn(
            "this model was trained on inputs that its run had prepared, and these look raw: give "
            "the run in place of its model, or the run's preprocessor",
            stacklevel=3,
        )


def _is_raw(inputs: Any, preprocessor: Preprocessor) -> bool:
    """Whether inputs look as they were before a preprocessor: bytes, or numbers of its scale."""
    if preprocessor.kind == "named":
        parts = preprocessor.parts.items()
        return any(name in inputs and _is_raw(inputs[name], part) for name, part in parts)
    given = as_array(inputs)[:LOOK]
    if preprocessor.kind == "bytes":
        return bool(given.dtype == np.uint8)
    center, spread = np.array(preprocessor.center), np.array(preprocessor.spread)
    if given.dtype.kind not in "iuf" or not given.size or given.shape[-1:] != center.shape:
        return False
    rows = given.reshape(-1, len(center)).astype(np.float64)
    return _from_standard((rows - center) / spread) < _from_standard(rows)


def _from_standard(rows: NDArray[np.float64]) -> float:
    """Return how far columns are from mean 0 and deviation 1."""
    deviations = np.maximum(np.nanstd(rows, axis=0), 1e-3)
    return float(np.mean(np.abs(np.nanmean(rows, axis=0)) + np.abs(np.log(deviations))))


def _loss_of(config: Mapping[str, Any]) -> nn.Loss | None:
    name = config.get("loss")
    if (reported := reported_loss(config)) is not None:
        return reported
    return of_config(config).loss(nn.find_loss(str(name))) if name in nn.LOSSES else None
