"""Micro-batches: the parts of a batch whose gradients are added up to that of the batch.

Shape letters: B batch, M micro-batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from clearprop.data import Batch
from clearprop.training.algorithm import Array

T = TypeVar("T")


def over_parts(batch: Batch, size: int, one: Callable[[Batch, Array | int, T], T], begin: T) -> T:
    """Return ``one(part, number, carry)`` after all parts of a batch, one after the other.

    Every part has M examples; what is left over is a last, smaller part. The loop is compiled, and
    the memory of one part is used again for the next.

    Args:
        batch: its examples.
        size: M.
        one: is given a part, its number from 0, and what it returned for the part before.
        begin: what ``one`` is given for the first part.
    """
    whole, rest = divmod(len(batch.targets), size)

    def part(number: Any) -> Batch:
        # Every whole-th example: where a batch is spread over devices, so is each of its parts.
        def rows(x: Array) -> Array:
            table = jnp.asarray(x)[: whole * size].reshape(size, whole, *x.shape[1:])
            row: Array = jax.lax.dynamic_index_in_dim(table, number, axis=1, keepdims=False)
            return row

        found: Batch = jax.tree.map(rows, batch)
        return found

    carry = begin
    if whole:
        carry = jax.lax.fori_loop(0, whole, lambda k, now: one(part(k), k, now), carry)
    if rest:
        last: Batch = jax.tree.map(lambda x: jnp.asarray(x)[whole * size :], batch)
        carry = one(last, whole, carry)
    return carry


def parts(batch: Batch, size: int) -> list[Batch]:
    """Return the parts of a batch in the order of `over_parts`, as a list."""
    whole, rest = divmod(len(batch.targets), size)
    slices = [slice(k, whole * size, whole) for k in range(whole)]
    slices += [slice(whole * size, None)] * bool(rest)
    return [jax.tree.map(lambda x, s=s: x[s], batch) for s in slices]
