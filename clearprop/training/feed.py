"""The examples of the compiled calls: on the devices, or read from the host ahead of time.

Shape letters: N examples, E epochs, K steps of a call, B batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, cast

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import processes
from clearprop.data import Batch, batches, epoch_order
from clearprop.training.algorithm import Array
from clearprop.training.batch_stream import BatchSplit
from clearprop.training.callback import Portion
from clearprop.training.compiled_steps import CompiledSteps
from clearprop.training.training_data import Split


class Feed:
    """The training examples, in an order that the seed and the epoch decide.

    Args:
        part: the examples.
        compiled: on whose devices they are put.
        batch_size: B.
        seed: of the orders.
    """

    def __init__(self, part: Split, compiled: CompiledSteps, batch_size: int, seed: int) -> None:
        self.part = part
        self._compiled = compiled
        self._batch_size = batch_size
        self._seed = seed
        self._orders: dict[int, Any] = {}
        self._ahead: tuple[tuple[int, int, int], Portion] | None = None
        self._stream: tuple[int, int, Iterator[Any]] | None = None
        self._apart = compiled.placement.apart
        self.resident = None if part.streamed or self._apart else on_devices(part, compiled)

    def portion(self, epoch: int, step: int, count: int) -> Portion:
        """Return the examples of a call.

        Args:
            epoch: which epoch, from 0.
            step: the first step of the call within the epoch.
            count: steps of the call.
        """
        wanted = (epoch, step, count)
        if self._ahead is not None and self._ahead[0] == wanted:
            portion = self._ahead[1]
        else:
            portion = self._make(*wanted)
        self._ahead = None
        return portion

    def prepare(self, epoch: int, step: int, count: int) -> None:
        """Prepare a portion while the devices still work on another."""
        self._ahead = ((epoch, step, count), self._make(epoch, step, count))

    def orders(self, epoch: int, count: int) -> NDArray[np.int32]:
        """Return the orders of some epochs from one on, int32 (E, N)."""
        N = len(self.part)
        every = [epoch_order(N, self._seed, epoch + e) for e in range(count)]
        return np.stack(every).astype(np.int32)

    def _make(self, epoch: int, step: int, count: int) -> Portion:
        start = step * self._batch_size
        size = min(self._batch_size, len(self.part) - start)
        if self._apart and not self.part.streamed:
            return self._own_part(epoch, start, count, size)
        if self.resident is None:
            return self._from_stream(epoch, step, count, size)
        if epoch not in self._orders:
            order = epoch_order(len(self.part), self._seed, epoch).astype(np.int32)
            # The epoch before is kept too: a call of it may have to be made again.
            last = {e: o for e, o in self._orders.items() if e == epoch - 1}
            self._orders = {**last, epoch: self._compiled.put(order)}
        return Portion(self.resident, self._orders[epoch], start, size)

    def _from_stream(self, epoch: int, step: int, count: int, size: int) -> Portion:
        if self._stream is None or self._stream[:2] != (epoch, step):
            stream = self._begun(epoch, step)
        else:
            stream = self._stream[2]
        taken = [next(stream) for _ in range(count)]
        if self._apart and isinstance(self.part, BatchSplit):
            total = 0
            for x in jax.tree.leaves(taken):
                total = zlib.crc32(np.ascontiguousarray(x), total)
            processes.check_same(
                {f"the batches of epoch {epoch + 1}": f"those with the checksum {total:08x}"},
                fix="let the iterable yield the same batches everywhere: shuffle with one seed",
            )
            own = self._compiled.placement.columns(size)
            taken = [jax.tree.map(lambda x: x[own], one) for one in taken]
        self._stream = (epoch, step + count, stream)
        pool = jax.tree.map(lambda *parts: np.concatenate(parts), *(Batch(*one) for one in taken))
        own = self._compiled.placement.columns(size)
        if self.part.weights is not None:
            rows = self._rows(epoch, step * self._batch_size, count, size)
            pool = pool._replace(weights=self.part.weights[rows[:, own].ravel()])
        if self._apart:
            return self._joined(pool, count, size)
        order = np.arange(len(pool.targets), dtype=np.int32)
        return Portion(self._compiled.put(pool), cast(Array, self._compiled.put(order)), 0, size)

    def _rows(self, epoch: int, start: int, count: int, size: int) -> NDArray[np.intp]:
        """Return the rows of the examples of a call, (K, B)."""
        order = epoch_order(len(self.part), self._seed, epoch)
        return order[start : start + count * size].reshape(count, size)

    def _own_part(self, epoch: int, start: int, count: int, size: int) -> Portion:
        """Return the examples of a call, of which each process reads a part."""
        rows = self._rows(epoch, start, count, size)
        own = rows[:, self._compiled.placement.columns(size)]
        return self._joined(self.part.rows(own.ravel()), count, size)

    def _joined(self, own: Batch, count: int, size: int) -> Portion:
        """Return a portion of batches of which this process has read its part."""
        placement = self._compiled.placement
        columns = placement.columns(size)
        shape = (count, columns.stop - columns.start)
        parts = jax.tree.map(lambda x: np.asarray(x).reshape(*shape, *x.shape[1:]), own)
        order = self._compiled.put(np.arange(count * size, dtype=np.int32))
        return Portion(placement.joined(parts, (count, size)), cast(Array, order), 0, size)

    def _begun(self, epoch: int, step: int) -> Iterator[Any]:
        """Return the batches of an epoch from a step on."""
        if isinstance(self.part, BatchSplit):
            return self.part.epoch(step)
        assert self.part.dataset is not None
        return batches(
            self.part.dataset,
            self._batch_size,
            self._seed,
            epoch,
            start_batch=step,
            drop_remainder=False,
            columns=self._compiled.placement.columns,
        )


def on_devices(part: Split, compiled: CompiledSteps) -> Batch:
    """Return a part with all its examples on every device."""
    if part.targets is part.inputs:  # one copy serves as both
        placed = compiled.put(Batch(np.asarray(part.inputs), np.zeros(0), part.weights))
        return placed._replace(targets=placed.inputs)
    inputs = jax.tree.map(np.asarray, part.inputs)
    return compiled.put(Batch(inputs, part.targets, part.weights))
