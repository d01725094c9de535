"""Batches from memory or from disk, in an order that depends on seed and epoch.

Shape letters: N examples, B batch size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import errors_at
from clearprop.data.dataset import Dataset
from clearprop.data.randomness import permutation
from clearprop.data.sources import Indices, rows_of
from clearprop.errors import ConfigurationError, option, run_option

BATCHES_AHEAD = 4


class Batch(NamedTuple):
    """Examples of one step: inputs (B, ...), not yet scaled, and targets (B, ...).

    Several inputs by name are a dict of such arrays. Weights (B,) say how much each example counts
    in the objective; None where all count the same.
    """

    inputs: Any
    targets: NDArray[np.number]
    weights: NDArray[np.floating] | None = None


def epoch_order(length: int, seed: int, epoch: int) -> Indices:
    """Return the order of the rows in one epoch, (N,); every row occurs once.

    Raises:
        ConfigurationError: seed or epoch is negative.

    >>> epoch_order(6, seed=0, epoch=1).tolist() == epoch_order(6, seed=0, epoch=1).tolist()
    True
    """
    return permutation(length, seed, epoch)


def batches_per_epoch(length: int, batch_size: int, *, drop_remainder: bool = True) -> int:
    """Return the number of batches in an epoch.

    Raises:
        ConfigurationError: the batch size is not positive, or larger than the data.

    >>> batches_per_epoch(100, 32), batches_per_epoch(100, 32, drop_remainder=False)
    (3, 4)
    """
    if batch_size < 1:
        raise ConfigurationError(
            "a batch holds at least one example",
            given=f"batch_size={batch_size}",
            fix=run_option("batch_size", 32),
        )
    if batch_size > length and drop_remainder:
        raise ConfigurationError(
            "the batch is larger than the data",
            given=f"batch_size={batch_size} for {length} examples",
            fix=run_option("batch_size", length) + " or less",
        )
    return length // batch_size if drop_remainder else -(-length // batch_size)


def batches(
    dataset: Dataset,
    batch_size: int,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    *,
    shuffle: bool = True,
    drop_remainder: bool = True,
    columns: Callable[[int], slice] | None = None,
) -> Iterator[Batch]:
    """Return the batches of one epoch, from ``start_batch`` on.

    The order depends on ``seed`` and ``epoch`` alone, and is the same for sets in memory and
    streamed sets; a resumed run needs only the numbers of epoch and batch. Grain reads streamed
    sets ahead in threads.

    Args:
        dataset: a part of ``Splits``, or any data set.
        batch_size: examples in a batch.
        seed: the seed of the order.
        epoch: from 0 up; each epoch has its own order.
        start_batch: how many batches of the epoch to leave out.
        shuffle: False takes the rows in their own order.
        drop_remainder: False yields a smaller last batch if rows are left over.
        columns: which examples to read of a batch with so many; by default all.

    Raises:
        ConfigurationError: the batch size is 0 or larger than the data, ``start_batch`` is negative
            or past the end, the seed is negative, or Grain is needed and not installed.

    >>> data = Dataset("ten", np.arange(10.0)[:, None], np.arange(10.0), "regression")
    >>> [batch.inputs.ravel().tolist() for batch in batches(data, 4, shuffle=False, start_batch=1)]
    [[4.0, 5.0, 6.0, 7.0]]
    """
    with errors_at(dataset.name):
        count = batches_per_epoch(len(dataset), batch_size, drop_remainder=drop_remainder)
    if not 0 <= start_batch <= count:
        raise ConfigurationError(
            "this epoch has no such batch",
            where=dataset.name,
            given=f"start_batch={start_batch}",
            expected=f"from 0 to {count}",
        )
    order = epoch_order(len(dataset), seed, epoch) if shuffle else np.arange(len(dataset))
    plan = BatchPlan(dataset, order, batch_size, count, columns)
    if dataset.streamed:
        return _streamed(plan, start_batch)
    return (plan[index] for index in range(start_batch, count))


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """The batches of one epoch by number; Grain and `batches` read from it.

    Args:
        dataset: the source of the rows.
        order: the order of the rows, (N,).
        batch_size: rows in a batch.
        count: batches in the epoch.
        columns: which examples are read of a batch with so many; None for all.
    """

    dataset: Dataset
    order: Indices
    batch_size: int
    count: int
    columns: Callable[[int], slice] | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        if self.columns is not None:
            rows = rows[self.columns(len(rows))]
        return Batch(rows_of(self.dataset.inputs, rows), self.dataset.targets[rows])


def _streamed(plan: BatchPlan, start_batch: int) -> Iterator[Batch]:
    try:
        import grain
    except ImportError as error:
        raise ConfigurationError(
            "this data set is read batch by batch, which needs Grain",
            where=plan.dataset.name,
            given="grain is not installed",
            fix="pip install 'clearprop[stream]', or hold all in memory: "
            + option("stream", False),
        ) from error
    if start_batch == len(plan):
        return iter(())
    options = grain.ReadOptions(
        num_threads=min(8, 2 * (os.cpu_count() or 1)), prefetch_buffer_size=BATCHES_AHEAD
    )
    return iter(grain.MapDataset.source(plan)[start_batch:].to_iter_dataset(options))
