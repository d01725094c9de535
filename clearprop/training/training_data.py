"""What a run learns from: the training and development examples, in whatever form they were given.

Shape letters: N examples.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data import Batch, Dataset, Preprocessor, Splits, epoch_order
from clearprop.data.checks import in_32_bits
from clearprop.data.environments import Environment
from clearprop.data.forms import as_array
from clearprop.data.frames import column_names, is_frame
from clearprop.data.sources import Inputs, Named, rows_of
from clearprop.errors import ConfigurationError, DataError, kind_of
from clearprop.nn import Loss
from clearprop.training.given import check_pair, in_numbers

Data: TypeAlias = "Splits | Dataset | Environment | tuple[object, object]"
Development: TypeAlias = "Dataset | tuple[object, object] | float | None"

HELD_OUT = 0.1
FINGERPRINT_BYTES = 2**26
FINGERPRINT_ROWS = 64
"""Of examples that are read when needed."""


@dataclass(frozen=True, eq=False)
class Split:
    """Some examples as they are kept.

    Attributes:
        name: for messages.
        inputs: (N, ...), an array or rows that are read when needed; or several by name.
        targets: (N, ...).
        dataset: where they come from; None where plain arrays were given.
        weights: how much each example counts in the objective, (N,); None where all count the same.
    """

    name: str
    inputs: Inputs | Named
    targets: NDArray[Any]
    dataset: Dataset | None = None
    weights: NDArray[np.floating] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def streamed(self) -> bool:
        """Whether the inputs are read in batches instead of living on the devices."""
        return self.dataset is not None and self.dataset.streamed

    def first(self, size: int) -> Batch:
        """Return the first examples, to look at their shapes and types."""
        batch: Batch = jax.tree.map(jnp.asarray, self.rows(np.arange(size)))
        return batch

    def rows(self, rows: NDArray[np.intp]) -> Batch:
        """Return the examples of some rows as they are kept."""
        weights = self.weights[rows] if self.weights is not None else None
        return Batch(rows_of(self.inputs, rows), self.targets[rows], weights)

    def take(self, rows: NDArray[np.intp], name: str | None = None) -> Split:
        """Return some of the examples as a part of its own."""
        weights = self.weights[rows] if self.weights is not None else None
        if self.dataset is not None:
            taken = self.dataset.take(rows)
            return Split(name or self.name, taken.inputs, taken.targets, taken, weights)
        inputs = rows_of(self.inputs, rows)
        return Split(name or self.name, inputs, self.targets[rows], None, weights)

    def fingerprint(self) -> int:
        """Return a checksum of the targets and of the first inputs, up to `FINGERPRINT_BYTES`."""
        number = zlib.crc32(np.ascontiguousarray(self.targets).tobytes(), len(self))
        if not isinstance(self.inputs, Mapping):
            return _fingerprint(self.inputs, number)
        for name in sorted(self.inputs):
            number = _fingerprint(self.inputs[name], zlib.crc32(name.encode(), number))
        return number


def _fingerprint(inputs: Any, number: int) -> int:
    if isinstance(inputs, np.ndarray):
        most = max(1, FINGERPRINT_BYTES // max(1, inputs[:1].nbytes))
        return zlib.crc32(np.ascontiguousarray(inputs[:most]).tobytes(), number)
    rows = np.linspace(0, len(inputs) - 1, min(len(inputs), FINGERPRINT_ROWS)).astype(np.intp)
    return zlib.crc32(np.ascontiguousarray(inputs[rows]).tobytes(), number)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The examples of a run, and what turns them into a model's inputs.

    Attributes:
        train: what is learned from.
        dev: the development set; None where nothing is held out.
        preprocessor: None where plain arrays were given.
        class_names: of the labels, where they have names.
        class_weights: how much each class counts in the objective; None where all count the same.
    """

    train: Split
    dev: Split | None
    preprocessor: Preprocessor | None = None
    class_names: tuple[str, ...] | None = None
    class_weights: tuple[float, ...] | None = None

    @property
    def streamed(self) -> bool:
        """Whether inputs of a split are read in batches instead of living on the devices."""
        return self.train.streamed or (self.dev is not None and self.dev.streamed)

    def as_dict(self) -> dict[str, object]:
        """Return what a run stores of its examples, as plain data."""
        return {
            "name": self.train.name,
            "examples": len(self.train),
            "development_examples": len(self.dev) if self.dev is not None else 0,
            "fingerprint": self.train.fingerprint(),
            "development_fingerprint": self.dev.fingerprint() if self.dev is not None else None,
        }


def together(x: Data | object, y: object) -> Data:
    """Return the data of a call ``fit(model, x, y)`` as one: ``x``, or ``(x, y)``.

    Raises:
        ConfigurationError: ``y`` is no targets, or ``x`` brings its own.
    """
    if y is None:
        return x  # type: ignore[return-value]  # `gather` says what is no data
    if isinstance(y, str | Loss) or callable(y):
        raise ConfigurationError(
            "the third argument of fit is the targets; the loss is given by name",
            given=f"fit(model, x, {y!r})" if isinstance(y, str) else kind_of(y),
            expected="fit(model, x, y, loss=...) or fit(model, data, loss=...)",
            fix=f"loss={y!r}" if isinstance(y, str) else "loss=" + getattr(y, "__name__", "loss"),
        )
    if isinstance(x, Splits | Dataset) or (isinstance(x, tuple) and len(x) == 2):
        raise ConfigurationError(
            "the data brings its own targets, so there must be no others beside it",
            where="y",
            given=f"fit(model, {kind_of(x)}, {kind_of(y)})",
            expected="fit(model, data) or fit(model, x, y)",
            fix="leave y out, or give the development set as dev=...",
        )
    return x, y


def gather(
    data: Data, dev: Development, seed: int, weights: NDArray[np.floating] | None = None
) -> TrainingData:
    """Return the examples of a run.

    Args:
        data: ``Splits`` bring their development part; of a ``Dataset`` a tenth is held out unless
            ``dev`` says otherwise; ``(inputs, targets)`` are taken as they stand.
        dev: the development set, or the fraction to hold out; 0 holds none out.
        seed: decides which examples are held out.
        weights: of the examples of ``(inputs, targets)``, or of the training part of ``Splits``.

    Raises:
        ConfigurationError: the data is of none of these forms.
        DataError: inputs and targets do not fit together.
    """
    if isinstance(data, Dataset):
        held_out = HELD_OUT if dev is None else dev if isinstance(dev, int | float) else 0.0
        data = data.split(dev=held_out, test=0.0, seed=seed)
        dev = None if isinstance(dev, int | float) else dev
    if isinstance(data, Splits):
        found = _of_splits(data, dev)
        return replace(found, train=replace(found.train, weights=weights))
    if isinstance(data, tuple | list) and len(data) == 2:
        data, dev, keeper = in_numbers((data[0], data[1]), dev)
        whole = replace(arrays_split("data", *data), weights=weights)
        found = _of_arrays(whole, dev, seed)
        if keeper is None:
            return found
        return replace(found, preprocessor=keeper, class_names=keeper.class_names)
    raise ConfigurationError(
        "this is no data to train on",
        given=kind_of(data),
        expected="a Dataset, the Splits of one, (inputs, targets), or an iterable of batches",
        fix=_fix_of_data(data),
    )


def examples_of(data: Data) -> int | None:
    """Return how many weights there must be for ``sample_weight``; None where this is no data.

    Raises:
        ConfigurationError: the data is a ``Dataset``, whose rows are yet to be split.
    """
    if isinstance(data, Dataset):
        raise ConfigurationError(
            "which examples of this data set are held out is not known before it is split",
            where="sample_weight",
            given="a Dataset",
            expected="the Splits of one, with a weight for each training example, or (inputs, "
            "targets)",
            fix="splits = dataset.split(); fit(model, splits, sample_weight=...)",
        )
    if isinstance(data, Splits):
        return len(data.train)
    if isinstance(data, tuple | list) and len(data) == 2:
        return len(np.atleast_1d(np.asarray(data[1])))
    return None


def _fix_of_data(data: object) -> str | None:
    if is_frame(data):
        return f"data = cp.data.load(frame, target={column_names(data)[-1]!r})"
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "__iter__"):
        return "data = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)"
    return "x, y = map(np.array, zip(*data))" if isinstance(data, list) else None


def _of_splits(splits: Splits, dev: Development) -> TrainingData:
    part: Split | None = None
    match dev:
        case Dataset():
            part = _of_dataset(dev.preprocessed(splits.preprocessor))
        case None:
            part = _of_dataset(splits.dev) if splits.dev is not None else None
        case 0:
            part = None
        case _:
            raise ConfigurationError(
                "the data is split already, so its development part cannot be chosen anew",
                given=f"dev={dev!r}"[:80],
                expected="a Dataset, 0 for none, or None for the part that the split has",
                fix="dataset.split(dev=...)",
            )
    names = splits.preprocessor.class_names
    return TrainingData(_of_dataset(splits.train), part, splits.preprocessor, names)


def _of_dataset(dataset: Dataset) -> Split:
    return Split(dataset.name, dataset.inputs, dataset.targets, dataset)


def _of_arrays(part: Split, dev: Development, seed: int) -> TrainingData:
    match dev:
        case None | 0:
            return TrainingData(part, None)
        case tuple() | list() if len(dev) == 2:
            check_pair(*dev)
            return TrainingData(part, arrays_split("dev", *dev))
        case float() if 0 < dev < 1:
            order = epoch_order(len(part), seed, 0)
            held = max(1, round(dev * len(part)))
            rows, held_rows = np.sort(order[held:]), np.sort(order[:held])
            if not len(rows):
                raise DataError("no example is left to train on", given=f"dev={dev}")
            return TrainingData(part.take(rows), part.take(held_rows, "dev"))
    raise ConfigurationError(
        "this is no development set",
        where="dev",
        given=repr(dev)[:80],
        expected="(inputs, targets), or the fraction to hold out",
    )


def arrays_split(name: str, inputs: object, targets: object) -> Split:
    """Return plain arrays as a part, after checking that they fit together.

    Args:
        name: for messages.
        inputs: (N, ...), or several such arrays by name.
        targets: (N, ...).

    Raises:
        DataError: no examples, counts that differ, or entries that are no finite numbers.
    """
    y = _numbers(f"{name}: targets", targets)
    named = inputs if isinstance(inputs, Mapping) else {"": inputs}
    if not named:
        raise DataError("there are no inputs", where=name, given="an empty dict")
    arrays = {}
    for of_one, values in named.items():
        x = arrays[of_one] = _numbers(f"{name}: inputs {of_one}".rstrip(), values)
        if not x.ndim or not y.ndim or len(x) != len(y):
            raise DataError(
                "there must be one target for each example",
                where=f"{name}: inputs {of_one}" if of_one else name,
                given=f"inputs of shape {x.shape} and targets of shape {y.shape}",
            )
    if not len(y):
        raise DataError("there are no examples", where=name)
    return Split(name, arrays if isinstance(inputs, Mapping) else arrays[""], y)


def _numbers(where: str, values: Any) -> NDArray[Any]:
    array = as_array(values, where)
    if array.dtype.kind not in "biuf":
        texts = array.dtype.kind in "US" or all(isinstance(one, str) for one in array.ravel())
        if texts and where.endswith("targets"):
            raise DataError(
                "class names have to become class numbers",
                where=where,
                given=f"names such as {str(array.ravel()[0])!r}",
                fix="names, y = np.unique(y, return_inverse=True)",
            )
        raise DataError("numbers are needed", where=where, given=f"an array of {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            "an entry is not a finite number",
            where=where,
            given=f"{array[place]} at {place}",
            fix="fill or drop what is missing",
        )
    # What is wider than the devices compute with is narrowed once, here.
    if array.dtype.itemsize <= 4 and array.dtype != np.uint32:
        return array
    return array.astype(np.float32) if array.dtype.kind == "f" else in_32_bits(array, where)


def check_labels(part: Split, loss: Loss, outputs: tuple[int, ...], like: tuple[int, ...]) -> None:
    """Raise unless every label is the number of one of the model's outputs.

    For a loss of one output, class or not, the targets are chances: 0 to 1.

    Args:
        part: the examples.
        loss: says whether targets are labels.
        outputs: shape of the model's output for a batch.
        like: shape of the targets of that batch.

    Raises:
        DataError: a label is out of range.
    """
    targets = part.targets
    if not loss.comparable:
        _check_several(part, loss, outputs)
        return
    if loss.threshold is not None:
        _check_chances(part)
        return
    is_label = targets.dtype.kind in "iu" and len(like) == len(outputs) - 1
    if loss.task != "classification" or not is_label:
        return
    classes = outputs[-1]
    wrong = targets >= classes if loss.skips_negative else (targets < 0) | (targets >= classes)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            "a label is out of range",
            where=part.name,
            given=f"label {targets[place]} of example {place[0]}",
            expected=f"0 to {classes - 1}, as the model has {classes} outputs",
            fix=_fix_of_labels(targets, classes),
        )


def _check_several(part: Split, loss: Loss, outputs: tuple[int, ...]) -> None:
    """Raise unless the labels of an alignment are classes, and those of pairs 1 or -1."""
    targets = part.targets
    if loss.name == "ctc" and len(outputs) == 3 and targets.dtype.kind in "iu":
        wrong, expected = (targets == 0) | (targets >= outputs[-1]), f"1 to {outputs[-1] - 1}"
    elif loss.name.startswith("cosine_embedding"):
        wrong, expected = ~np.isin(targets, (-1, 1)), "1 or -1"
    else:
        return
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        pairs = bool(np.isin(targets, (0, 1)).all())
        raise DataError(
            "a label is out of range",
            where=part.name,
            given=f"label {targets[place]} of example {place[0]}",
            expected=expected,
            fix="y = 2 * y.astype(int) - 1" if pairs else None,
        )


def _fix_of_labels(targets: NDArray[Any], classes: int) -> str:
    low, high = int(targets.min()), int(targets.max())
    if low == -1 and high == 1 and not (targets == 0).any():
        return "y = (y + 1) // 2  # turns -1 and 1 into 0 and 1"
    if low == 1 and high == classes:
        return "y = y - 1  # the labels start at 1"
    if low < 0:
        return "y = np.unique(y, return_inverse=True)[1]  # numbers the classes from 0"
    return f"give the last layer {high + 1} units"


def _check_chances(part: Split) -> None:
    targets = part.targets
    wrong = (targets < 0) | (targets > 1)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        signs = bool(np.isin(targets, (-1, 1)).all())
        raise DataError(
            "a target is out of range",
            where=part.name,
            given=f"target {targets[place]} of example {place[0]}",
            expected="0 to 1, as the loss takes a class or not",
            fix=_fix_of_chances(targets, signs),
        )


def _fix_of_chances(targets: NDArray[Any], signs: bool) -> str:
    if signs:
        return "y = (y + 1) / 2  # turns -1 and 1 into 0 and 1"
    if not np.array_equal(targets, np.round(targets)):
        return "loss = 'squared_error'  # these are numbers and no classes"
    classes = np.unique(targets)
    if len(classes) == 2:
        return f"y = y == {int(classes[1])}  # codes the classes 0 and 1"
    labels = "y = y.ravel().astype(int); "
    return f"{labels}loss = 'cross_entropy'  # and {len(classes)} outputs, for as many classes"
