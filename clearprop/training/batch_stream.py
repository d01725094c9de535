"""Batches of an iterable, such as a PyTorch ``DataLoader``: its batches are the steps of an epoch.

The iterable is read once before the training, which counts the examples and checks the targets, and
once in every epoch. It decides the order of the examples and the size of a batch.

Shape letters: N examples, B batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop.data import Batch, Dataset, Splits
from clearprop.data.forms import as_array, is_tensor
from clearprop.data.frames import is_frame, is_series
from clearprop.errors import ConfigurationError, DataError, kind_of, run_option
from clearprop.memory import free_memory
from clearprop.training.given import check_pair
from clearprop.training.several_outputs import check_one_output
from clearprop.training.training_data import (
    Data,
    Development,
    Split,
    TrainingData,
    arrays_split,
    examples_of,
    gather,
    together,
)

MOST_OF_MEMORY = 0.5
"""An iterator is read into memory up to this fraction of what is free: it may never end."""


@dataclass(frozen=True, eq=False)
class Batches:
    """Batches that can be read again and again.

    Attributes:
        source: yields (inputs, targets); each reading begins a new iteration.
    """

    source: Iterable[Any]

    def __iter__(self) -> Iterator[tuple[Any, NDArray[Any]]]:
        """Yield inputs and targets of each batch as arrays, checked as those of `fit` are."""
        for number, batch in enumerate(self.source):
            inputs, targets = _pair(batch, number)
            part = arrays_split(f"batch {number + 1}", inputs, targets)
            yield part.inputs, part.targets


def is_batches(data: object) -> bool:
    """Return whether data is an iterable of batches, and not one of the other forms.

    >>> is_batches(iter([])), is_batches(np.zeros(3)), is_batches([(np.zeros((2, 3)), np.zeros(2))])
    (True, False, True)
    """
    if isinstance(data, list):
        return bool(data) and all(_is_batch(one) for one in data)
    if isinstance(data, tuple | str | bytes | Mapping | Splits | Dataset) or hasattr(data, "dtype"):
        return False
    if is_frame(data) or is_series(data) or is_tensor(data):
        return False
    return hasattr(data, "__iter__") and not hasattr(type(data), "collect_schema")


def _is_batch(one: object) -> bool:
    """Return whether an entry of a list is a batch; one that is no pair is told later."""
    if isinstance(one, Mapping):
        return bool(one) and all(map(_has_rows, one.values()))
    if not isinstance(one, tuple) or len(one) < 2:
        return False
    return (isinstance(one[0], Mapping | list) or _has_rows(one[0])) and _has_rows(one[-1])


def _has_rows(value: object) -> bool:
    return len(getattr(value, "shape", ())) > 0


def batches_of(data: Any) -> Batches:
    """Return an iterable as batches; what can be read only once is read into memory.

    Raises:
        DataError: an iterator has more batches than the memory holds, or none.
    """
    if not isinstance(data, Iterator):
        return Batches(data)
    kept: list[Any] = []
    size, most = 0, free_memory()
    for number, batch in enumerate(data):
        inputs, targets = _pair(batch, number)
        arrays = jax.tree.map(np.asarray, (_as_arrays(inputs), as_array(targets, "targets")))
        kept.append(arrays)
        size += sum(x.nbytes for x in jax.tree.leaves(arrays))
        if most is not None and size > MOST_OF_MEMORY * most:
            raise DataError(
                "an iterator can be read only once, so its batches are kept in memory, and they do "
                "not fit",
                where="data",
                given=f"{number + 1:,} batches with {size:,} bytes, and more to come",
                expected="batches that end, or an object whose __iter__ begins anew in every epoch",
                fix="data = itertools.islice(data, 100)  # takes the first 100 batches",
            )
    return Batches(kept)


def data_of(x: object, y: object, loss: object = None) -> Data:
    """Return the data of a call ``fit(model, x, y)`` as one.

    Args:
        x: the data, or the inputs.
        y: the targets; None where ``x`` has them.
        loss: of the call, which may not be several by name.

    Raises:
        ConfigurationError: ``y`` is no targets, or ``x`` brings its own; or there are several
            outputs by name.
    """
    both = y is None and isinstance(x, tuple | list) and len(x) == 2
    check_one_output(cast("tuple[Any, Any]", x)[1] if both else y, loss)
    if not is_batches(x):
        return together(x, y)
    if y is not None:
        raise ConfigurationError(
            "an iterable of batches brings its own targets, so there must be no others beside it",
            where="y",
            given=f"fit(model, {kind_of(x)}, {kind_of(y)})",
            expected="batches (inputs, targets)",
            fix="data = list(zip(x, y)); fit(model, data)  # if both are batches",
        )
    return cast("Data", batches_of(x))


def gathered(
    data: Data | Batches, dev: Development, seed: int, weights: NDArray[np.floating] | None = None
) -> TrainingData:
    """Return the examples of a run, also where an iterable yields them; see `gather`."""
    if is_batches(dev):
        dev = read_all(dev)
    if isinstance(data, Batches):
        return of_batches(data, dev)
    return gather(data, dev, seed, weights)


def number_of(data: Data | Batches) -> int | None:
    """Return how many weights there must be for ``sample_weight``; see `examples_of`.

    Raises:
        ConfigurationError: batches of an iterable come in an order that is not known.
    """
    if isinstance(data, Batches):
        raise ConfigurationError(
            "the batches of an iterable have no order that weights could follow",
            where="sample_weight",
            given="an iterable of batches",
            expected="(inputs, targets), with a weight for each example",
            fix="x, y = (np.concatenate(part) for part in zip(*data)); "
            "fit(model, x, y, sample_weight=...)",
        )
    return examples_of(data)


def read_all(data: Any) -> tuple[Any, Any]:
    """Return all batches of an iterable as one pair of inputs and targets.

    Raises:
        DataError: there is no batch, or one is no pair.
    """
    parts = [(part.inputs, part.targets) for part in map(_checked, enumerate(data))]
    if not parts:
        raise _empty()
    pair: tuple[Any, Any] = jax.tree.map(lambda *xs: np.concatenate(xs), *parts)
    return pair


def read_inputs(data: Any) -> Any:
    """Return the inputs of all batches of an iterable; targets beside them are left out.

    Raises:
        DataError: there is no batch.
    """
    parts = []
    for batch in data:
        # A DataLoader of inputs alone yields them in a list or a tuple of one.
        is_pair = isinstance(batch, tuple | list) and len(batch) in (1, 2)
        parts.append(_as_arrays(batch[0] if is_pair else batch))
    if not parts:
        raise _empty()
    return jax.tree.map(lambda *xs: np.concatenate(xs), *parts)


def _checked(numbered: tuple[int, Any]) -> Split:
    number, batch = numbered
    return arrays_split(f"batch {number + 1}", *_pair(batch, number))


def _as_arrays(inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return {name: as_array(part, name) for name, part in inputs.items()}
    return as_array(inputs, "inputs")


def _empty() -> DataError:
    return DataError(
        "there is no batch",
        where="data",
        expected="an iterable of (inputs, targets)",
        fix="an iterator that was read already is empty: make it anew",
    )


def _pair(batch: Any, number: int) -> tuple[Any, Any]:
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    problem, fix = "a batch is no pair (inputs, targets)", None
    if isinstance(batch, Mapping):
        names = list(batch)
        fix = f"data = [(b[{names[0]!r}], b[{names[-1]!r}]) for b in data]" if names else None
    elif isinstance(batch, tuple | list) and len(batch) > 2:
        names = [f"x{i + 1}" for i in range(len(batch) - 1)]
        together = ", ".join(f'"{name}": {name}' for name in names)
        fix = f"data = [({{{together}}}, y) for {', '.join(names)}, y in data]"
    raise DataError(
        problem,
        where=f"batch {number + 1}",
        given=f"{kind_of(batch)} of {len(batch)}" if hasattr(batch, "__len__") else kind_of(batch),
        expected="(inputs, targets), where inputs may be a dict by name",
        fix=fix,
    )


@dataclass(frozen=True, eq=False)
class FirstRows:
    """Inputs of which only the first rows are kept, to look at shapes and types.

    Attributes:
        rows: of the first batch, or of two where a batch has one example.
        length: N.
    """

    rows: NDArray[Any]
    length: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that all inputs would have as one array, (N, ...)."""
        return (self.length, *self.rows.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        return self.rows.dtype

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, rows: Any, /) -> NDArray[Any]:
        """Return some of the first rows.

        Raises:
            ConfigurationError: another row is asked for.
        """
        places = np.arange(self.length)[rows]
        if places.size and places.max() >= len(self.rows):
            raise ConfigurationError(
                "the batches of an iterable cannot be read by row, as this call needs",
                given=f"row {places.max()}, and {len(self.rows)} rows are kept",
                fix="x, y = map(np.concatenate, zip(*data))  # and give x and y",
            )
        return np.asarray(self.rows[places])


@dataclass(frozen=True, eq=False)
class BatchSplit(Split):
    """Training examples that an iterable yields anew in every epoch.

    Attributes:
        source: the batches.
        batch_size: B; the last batch may be smaller.
    """

    source: Batches | None = None
    batch_size: int = 1

    def __post_init__(self) -> None:
        if getattr(self, "weights", None) is not None:
            raise ConfigurationError(
                "examples of an iterable have no weights, as it decides their order",
                where="sample_weight",
                fix="x, y = map(np.concatenate, zip(*data)); fit(model, x, y, ...)",
            )

    @property
    def streamed(self) -> bool:
        """True: the examples are read in batches."""
        return True

    def fingerprint(self) -> int:
        """Return a checksum of the targets in any order, as an epoch may have any."""
        ordered = np.sort(np.ravel(self.targets))
        return zlib.crc32(np.ascontiguousarray(ordered).tobytes(), len(self))

    def epoch(self, start: int) -> Iterator[Batch]:
        """Yield the batches of one epoch from a step on.

        Raises:
            DataError: an epoch has other batches than the first reading had.
        """
        assert self.source is not None
        N, B = len(self), self.batch_size
        steps = -(-N // B)
        batches = iter(self.source)
        for number in range(steps):
            inputs, targets = next(batches, (None, self.targets[:0]))
            size = min(B, N - number * B)
            more = number == steps - 1 and next(batches, None) is not None
            if len(targets) != size or more:
                raise DataError(
                    "the batches of this epoch are not those of the first reading",
                    where=f"batch {number + 1 + more}",
                    given="one more batch" if more else f"{len(targets)} examples",
                    expected=f"{N:,} examples in {steps:,} batches" if more else f"{size} examples",
                    fix="yield the same number of examples in every epoch",
                )
            if number >= start:
                yield Batch(inputs, targets)


def of_batches(batches: Batches, dev: object) -> TrainingData:
    """Return the examples of a run that an iterable yields.

    Args:
        batches: read once here.
        dev: (inputs, targets), a data set, or None and 0 for none.

    Raises:
        ConfigurationError: a fraction to hold out.
        DataError: batches have different sizes or shapes, or there are none.
    """
    first: Any = None
    targets, sizes = [], list[int]()
    for inputs, of_batch in batches:
        first = inputs if first is None else first
        if jax.tree.map(_form, inputs) != jax.tree.map(_form, first):
            raise DataError(
                "the batches have different shapes or types",
                where=f"batch {len(sizes) + 1}",
                given=f"examples of {jax.tree.map(_form, inputs)}",
                expected=f"examples of {jax.tree.map(_form, first)}",
            )
        if sizes == [1]:  # checks look at two examples
            first = jax.tree.map(lambda *rows: np.concatenate(rows), first, inputs)
        targets.append(of_batch)
        sizes.append(len(of_batch))
    if first is None:
        raise _empty()
    _check_sizes(sizes)
    N = sum(sizes)
    kept = jax.tree.map(lambda rows: FirstRows(rows, N), first)
    whole = np.concatenate(targets)
    part = BatchSplit("data", kept, whole, source=batches, batch_size=sizes[0])
    return TrainingData(part, _development(dev))


def _form(x: NDArray[Any]) -> tuple[tuple[int, ...], str]:
    return x.shape[1:], str(x.dtype)


def _check_sizes(sizes: list[int]) -> None:
    wrong = [i for i, size in enumerate(sizes) if size != sizes[0] and i < len(sizes) - 1]
    if wrong or sizes[-1] > sizes[0]:
        place = wrong[0] if wrong else len(sizes) - 1
        raise DataError(
            "all batches but the last must have the same size, and the last no more",
            where=f"batch {place + 1}",
            given=f"{sizes[place]} examples after batches of {sizes[0]}",
            fix="x, y = map(np.concatenate, zip(*data))  # then fit(model, x, y) makes the batches",
        )


def _development(dev: Any) -> Split | None:
    if dev is None or (isinstance(dev, int | float) and dev == 0):
        return None
    if isinstance(dev, Dataset):
        return Split(dev.name, dev.inputs, dev.targets, dev)
    if isinstance(dev, tuple) and len(dev) == 2:
        check_pair(*dev)
        return arrays_split("dev", *dev)
    raise ConfigurationError(
        "of batches no fraction can be held out",
        where="dev",
        given=repr(dev)[:80],
        expected="(inputs, targets), or another iterable of batches",
        fix="fit(model, data, dev=(x_dev, y_dev))",
    )


def size_of_batch(part: Split, wanted: int | None, otherwise: int) -> int:
    """Return the examples of a step.

    Args:
        part: the training examples.
        wanted: ``batch_size`` of `fit`.
        otherwise: where none is wanted.

    Raises:
        ConfigurationError: an iterable has batches of another size.
    """
    if not isinstance(part, BatchSplit):
        return min(otherwise, len(part)) if wanted is None else wanted
    if wanted not in (None, part.batch_size):
        raise ConfigurationError(
            "the data comes in batches, and their size is that of a step",
            where="batch_size",
            given=f"batch_size={wanted} and batches of {part.batch_size}",
            fix=run_option("batch_size", part.batch_size),
        )
    return part.batch_size
