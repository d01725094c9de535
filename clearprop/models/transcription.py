"""The output sequences of a sequence model, for one input or for many.

Shape letters: B inputs, L tokens at most, K known tokens.
"""

from __future__ import annotations

import functools
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.models.search import State, Step, beam_search
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array

BATCH = 256
"""Number of inputs in a batch; the last batch is padded."""


class Writer(Protocol[State]):
    """A model that `transcribe` can use: it reads an input, then writes token by token.

    `Seq2Seq`, `Captioner` and `Transformer` are such models.
    """

    def begin(self, given: Array, length: int, /) -> State:
        """Return the state before the first of at most L tokens."""

    def step(self, state: State, tokens: Array, /) -> tuple[Array, State]:
        """Return log-probabilities (B, K) of the token after one more token (B,), and the state."""


def greedy_search(
    step: Step[State], state: State, *, batch: int, length: int, first: int = 2, last: int = 3
) -> Array:
    """Write the likeliest token at each step until ``last``; int32 (B, L), ``last`` to the end.

    The likeliest token may not begin the likeliest sequence: see `beam_search`.

    Args:
        step: (state, tokens) -> (log-probabilities, state), as in `beam_search`.
        state: before the first token.
        batch: B.
        length: L.
        first: the token that begins every sequence, "<bos>".
        last: the token that ends one, "<eos>".

    >>> table = jnp.log(jnp.array([[0.1, 0.6, 0.3], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]]))
    >>> print(greedy_search(
    ...     lambda state, tokens: (table[tokens], state), {}, batch=1, length=4, first=0, last=2
    ... ))
    [[1 2 2 2]]
    """

    def write(carry: tuple[State, Array], _: None) -> tuple[tuple[State, Array], Array]:
        state, before = carry
        scores, state = step(state, before)
        word = jnp.where(before == last, last, jnp.argmax(scores, axis=-1).astype(jnp.int32))
        return (state, word), word

    begun = state, jnp.full(batch, first, jnp.int32)
    return jnp.swapaxes(jax.lax.scan(write, begun, None, length=length)[1], 0, 1)


def transcribe(
    model: Writer[State],
    given: NDArray[np.generic] | Array,
    *,
    length: int,
    beams: int = 1,
    first: int = 2,
    last: int = 3,
) -> list[list[int]]:
    """Return the sequence that a model writes for each input, without ``last`` and what follows it.

    Args:
        model: with values in its parameters.
        given: (N, ...), inputs for `Writer.begin`.
        length: the largest number of tokens, ``last`` included.
        beams: 1 is greedy search; more beams find likelier sequences, see `beam_search`.
        first: the token that begins every sequence, "<bos>".
        last: the token that ends one, "<eos>".

    Raises:
        ConfigurationError: a length or a number of beams below 1.
    """
    positive_sizes("transcribe", length=length, beams=beams)
    n, found = len(given), []
    size = min(n, BATCH)
    for start in range(0, n, max(size, 1)):
        rows = np.minimum(np.arange(start, start + size), n - 1)
        tokens = _written(model, jnp.asarray(given[rows]), length, beams, first, last)
        found.append(np.asarray(tokens)[: n - start])
    return [_before(last, row) for part in found for row in part]


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _written(
    model: Writer[State], given: Array, length: int, beams: int, first: int, last: int
) -> Array:
    state, batch = model.begin(given, length), given.shape[0]
    options = {"batch": batch, "length": length, "first": first, "last": last}
    if beams == 1:
        return greedy_search(model.step, state, **options)
    found = beam_search(model.step, state, beams=beams, **options)
    # Behind its length a sequence holds zeros.
    places = jnp.arange(length) < found.lengths[:, 0, None]
    return jnp.where(places, found.tokens[:, 0], last)


def _before(last: int, tokens: NDArray[np.int32]) -> list[int]:
    ends = np.flatnonzero(tokens == last)
    return [int(token) for token in (tokens[: ends[0]] if len(ends) else tokens)]
