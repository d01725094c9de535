"""Evaluating a model on examples, and predicting with it.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import device_memory, nn
from clearprop.data import Batch, Dataset, Preprocessor
from clearprop.data.sources import by_name, rows_of
from clearprop.device_memory import call_size
from clearprop.display import Shown
from clearprop.errors import DataError, ModelError, ShapeError
from clearprop.nn.recording import LossLike
from clearprop.training.algorithm import Arrays
from clearprop.training.checks import check_one_array
from clearprop.training.compiled_steps import EVALUATION_BATCH, CompiledSteps
from clearprop.training.foreign_mends import mends_for
from clearprop.training.given import encoded
from clearprop.training.learning import Learning
from clearprop.training.metrics import Metrics, compute, find_metrics
from clearprop.training.model_inputs import ModelInputs, on_device
from clearprop.training.own_loss import suited
from clearprop.training.predictions import classes
from clearprop.training.seam import WRONG_MEASURES, find_mismatches
from clearprop.training.seam.examples import spaced
from clearprop.training.training_data import Split, arrays_split, check_labels
from clearprop.training.weights import EQUAL, Weighting, counted, of_examples, weighing


class Score(NamedTuple):
    """The loss and the error of a model on some examples.

    Attributes:
        objective: mean loss.
        error: fraction of wrong predictions, or root mean square error.
    """

    objective: float
    error: float


def score_split(
    compiled: CompiledSteps, arrays: Arrays, split: Split, resident: Batch | None
) -> Score:
    """Return the score of a model on a split.

    Args:
        compiled: the compiled calls of its algorithm.
        arrays: its trained parameters and its statistics.
        split: the examples.
        resident: the same examples on the devices; None where they are read in batches.
    """
    n = len(split)
    if resident is not None:
        objective, error = (float(x) for x in compiled.evaluate(arrays, resident))
    else:
        objective = error = 0.0
        for start in range(0, n, EVALUATION_BATCH):
            rows = np.arange(start, min(start + EVALUATION_BATCH, n))
            sums = compiled.evaluate(arrays, put_rows(split, rows, compiled))
            objective, error = objective + float(sums.objective), error + float(sums.error)
    return Score(objective / n, float(compiled.algorithm.finish(np.float64(error / n))))


def put_rows(split: Split, rows: NDArray[np.intp], compiled: CompiledSteps) -> Batch:
    """Return some examples on the devices; of several processes each reads a part of them."""
    placement = compiled.placement
    if not placement.apart:
        return compiled.put(split.rows(rows))
    own = split.rows(rows[placement.columns(len(rows))])
    return placement.joined(own, (len(rows),))


def score_without_targets(
    algorithm: Learning, model: nn.Module, dataset: Dataset, preprocessor: Preprocessor | None
) -> Score:
    """Return the mean objective and error of an algorithm without targets on a part of the data.

    Args:
        algorithm: as it was bound to the model.
        model: with its parameters.
        dataset: the examples as they are kept.
        preprocessor: of the run.
    """
    arrays = {**nn.parameters(model), **nn.statistics(model)}
    totals, sums = jax.jit(algorithm.totals), np.zeros(2)
    for start in range(0, len(dataset), EVALUATION_BATCH):
        rows = np.arange(start, min(start + EVALUATION_BATCH, len(dataset)))
        batch = Batch(rows_of(dataset.inputs, rows), dataset.targets[rows])
        sums += [float(x) for x in totals(arrays, batch, np.ones(len(rows), bool))]
    objective, error = sums / len(dataset)
    return Score(float(objective), float(algorithm.finish(error)))


def outputs_of(
    compiled: CompiledSteps, arrays: Arrays, split: Split, resident: Batch | None
) -> NDArray[Any]:
    """Return the outputs of a model for a split, (N, ...); the arguments are `score_split`'s."""
    if resident is not None:
        return compiled.outputs(arrays, resident)
    starts = range(0, len(split), EVALUATION_BATCH)
    parts = [
        compiled.outputs(
            arrays,
            put_rows(split, np.arange(k, min(k + EVALUATION_BATCH, len(split))), compiled),
        )
        for k in starts
    ]
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """How a model does on a data set.

    Attributes:
        examples: N.
        objective: mean loss.
        error: fraction of wrong predictions, or root mean square error in the units of the targets.
        error_name: what that error is called.
        outputs: of the model for every example, in the units of the targets, (N, ...).
        confusion: int (K, K), how many examples of each true class (row) were given each prediction
            (column); None where the task is no classification.
        class_names: of the rows and columns.
        metrics: those that were asked for, by name.
    """

    examples: int
    objective: float
    error: float
    error_name: str
    outputs: NDArray[Any]
    confusion: NDArray[np.int64] | None
    class_names: tuple[str, ...] | None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float | None:
        """Fraction of right predictions; None where the task is not classification."""
        return 1 - self.error if self.confusion is not None else None

    def __repr__(self) -> str:
        said = {self.error_name: self.error, "accuracy": self.accuracy, "objective": self.objective}
        said |= dict(self.metrics)
        numbers = ", ".join(f"{name} {x:.4g}" for name, x in said.items() if x is not None)
        return f"<Evaluation of {self.examples:,} examples: {numbers}>"


def evaluation_of(
    model: nn.Module,
    dataset: Dataset | tuple[object, object],
    loss: LossLike,
    preprocessor: Preprocessor | None,
    weighting: Weighting = EQUAL,
    metrics: Metrics = (),
) -> Evaluation:
    """Return how a bare model does on a data set; `clearprop.evaluate` says what they are.

    Here ``(inputs, targets)`` are encoded as a part of ``Splits`` is.
    """
    chosen, model_inputs = weighting.loss(nn.find_loss(loss)), ModelInputs(preprocessor)
    wanted = find_metrics(metrics)
    if isinstance(dataset, Dataset):
        dataset = _prepared(dataset, preprocessor)
        split = Split(dataset.name, dataset.inputs, dataset.targets, dataset)
        names = dataset.class_names
    else:
        split = arrays_split("data", *dataset)
        names = preprocessor.class_names if preprocessor is not None else None
    if weighting.sample_weight is not None:
        split = replace(split, weights=of_examples(weighting.sample_weight, len(split)))
    if weighting.ignore_index is not None:
        split = counted(split, weighting.ignore_index, chosen)
    made, targets = _outputs(model, split.inputs, model_inputs), split.targets
    chosen = suited(chosen, made.shape[1:], model_inputs.targets(targets))
    _check_measures(model, chosen, split, model_inputs)
    check_labels(split, chosen, made.shape, targets.shape)
    split, chosen = weighing(split, chosen, weighting, max(2, made.shape[-1]), names)
    losses = (chosen.measured or chosen.per_example)(
        jnp.asarray(made), jnp.asarray(model_inputs.targets(jnp.asarray(targets)))
    )
    made = np.asarray(model_inputs.restored(made))
    errors = chosen.error(jnp.asarray(made), jnp.asarray(targets))
    return Evaluation(
        examples=len(split),
        objective=_mean(np.asarray(losses), split.weights),
        error=float(chosen.finish(np.asarray(errors).mean(dtype=np.float64))),
        error_name=chosen.error_name,
        outputs=made,
        confusion=_confusion(chosen, made, targets),
        class_names=names,
        metrics=compute(wanted, made, targets, chosen),
    )


def _mean(losses: NDArray[Any], weights: NDArray[Any] | None) -> float:
    """Return the mean of losses (N, ...), weighted where they have weights of a mean of 1."""
    if weights is not None:
        losses = losses * weights.reshape(-1, *(1 for _ in losses.shape[1:]))
    return float(losses.mean(dtype=np.float64))


def outputs(model: nn.Module, inputs: object, preprocessor: Preprocessor | None) -> NDArray[Any]:
    """Return a bare model's outputs for many examples; `clearprop.predict` says what they are."""
    model_inputs, kept = ModelInputs(preprocessor), encoded(inputs, preprocessor)
    with mends_for((inputs, None)):
        return np.asarray(model_inputs.restored(_outputs(model, kept, model_inputs)))


def _check_measures(
    model: nn.Module, loss: nn.Loss, split: Split, model_inputs: ModelInputs
) -> None:
    """Raise where the error of the loss says nothing about these targets.

    An error rate of numbers is 0 where the model has one output, for example.
    """
    if not len(split):
        return
    x, _ = model_inputs.examples(split.inputs, split.targets, slice(0, 2))
    targets = np.asarray(model_inputs.targets(spaced(split.targets)))
    for found in find_mismatches(model, loss, x, targets, scaled=model_inputs.scales_targets):
        if found.severity == "error" and found.kind in WRONG_MEASURES:
            raise found.as_error()


def _prepared(dataset: Dataset, preprocessor: Preprocessor | None) -> Dataset:
    """Return a data set encoded by a preprocessor, once."""
    if preprocessor is None or dataset.preprocessor == preprocessor:
        return dataset
    if dataset.preprocessor is None:
        return dataset.preprocessed(preprocessor)
    # Bytes are kept as they are, whichever preprocessor they passed through; tokens are too where
    # the same number is the same token.
    before = dataset.preprocessor
    same_words = preprocessor.vocabularies == before.vocabularies
    if preprocessor.kind == before.kind and (
        preprocessor.kind == "bytes" or (preprocessor.kind == "tokens" and same_words)
    ):
        return dataset
    raise DataError(
        "these examples were encoded by another preprocessor than the model's",
        where=dataset.name,
        fix="give the raw data set, or a part of the Splits that the model was trained on",
    )


def _outputs(model: nn.Module, kept: Any, model_inputs: ModelInputs) -> NDArray[Any]:
    if not nn.is_initialized(model):
        raise ModelError("the model has no values yet", fix="model.init(0), or fit it first")
    if not by_name(kept):
        kept = kept if hasattr(kept, "dtype") else np.asarray(kept)
    n = _examples(kept)

    def prepared(start: int, size: int) -> object:
        rows = np.minimum(np.arange(start, start + size), n - 1)
        return model_inputs.inputs(on_device(rows_of(kept, rows)))

    kind = str(
        jax.tree.map(lambda x: (x.shape[1:], x.dtype), dict(kept) if by_name(kept) else kept)
    )
    size = _fitting(model, kind, functools.partial(prepared, 0), min(n, EVALUATION_BATCH))
    parts = []
    for start in range(0, n, max(size, 1)):
        outputs = _forward(model, prepared(start, size))
        check_one_array(model, outputs)
        parts.append(np.asarray(outputs))
    if not parts:
        inputs = model_inputs.inputs(on_device(kept))
        shape = jax.eval_shape(_forward, model, inputs)
        check_one_array(model, shape)
        return np.zeros(shape.shape, shape.dtype)
    return np.concatenate(parts)[:n]


_fits: weakref.WeakKeyDictionary[nn.Module, dict[tuple[str, int], int]] = (
    weakref.WeakKeyDictionary()
)
"""Of each model, how many examples of some kind it computes at once, for so many that there are."""


def _fitting(model: nn.Module, kind: str, first: Callable[[int], object], size: int) -> int:
    """Return how many examples a model computes at once, so that they fit into the free memory.

    Args:
        model: with its parameters.
        kind: the shape and type of one example.
        first: returns the first examples, as many as it is asked for.
        size: how many are wanted.

    Raises:
        ConfigurationError: a single one does not fit.
    """
    known = _fits.setdefault(model, {})
    wanted = (kind, size)
    while size and wanted not in known:
        taken, limit = call_size(_forward, model, first(size)), device_memory.free()
        if size == 1 and taken is not None:
            device_memory.make_room(
                "one example",
                taken.new,
                where=type(model).__name__,
                given=lambda: f"an example of {kind}",
                fix=lambda limit: "use a smaller model, or smaller examples",
            )
        if size == 1 or taken is None or limit is None or taken.new <= limit:
            known[wanted] = size
        else:
            size = max(1, min(size // 2, size * limit // taken.new))
    return known.get(wanted, size)


def _examples(kept: Any) -> int:
    sizes = set()
    for array in kept.values() if by_name(kept) else [kept]:
        if not np.shape(array) if not hasattr(array, "shape") else not array.shape:
            raise ShapeError("a batch of examples is needed", given="one number")
        sizes.add(len(array))
    if len(sizes) != 1:
        raise ShapeError(
            "the inputs have not as many examples as each other",
            given=", ".join(f"{name}: {len(x)}" for name, x in kept.items()),
        )
    return sizes.pop()


@jax.jit
def _forward(model: Any, x: Any) -> Any:
    return model(x)


def _confusion(
    loss: nn.Loss, outputs: NDArray[Any], targets: NDArray[Any]
) -> NDArray[np.int64] | None:
    if (
        loss.task != "classification"
        or not loss.comparable
        or outputs.ndim != 2
        or len(targets.shape) > 2
    ):
        return None
    if outputs.shape[1] == 1:
        truth, K = targets.reshape(-1) > 0.5, 2
    else:
        truth, K = targets if targets.ndim == 1 else targets.argmax(axis=1), outputs.shape[1]
    pairs = truth.astype(np.int64) * K + classes(outputs, loss)
    return np.bincount(pairs, minlength=K * K).reshape(K, K)
