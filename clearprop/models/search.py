"""Beam search: the most probable sequences of any model that writes token by token.

Shapes: B examples, K beams, N = B K rows, V tokens of the vocabulary, L tokens at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.checks import positive_sizes
from clearprop.nn.fields import Array

State = TypeVar("State")
Step = Callable[[State, Array], tuple[Array, State]]
"""(state, tokens) -> (log-probabilities, state): the log-probabilities of the next token.

``tokens`` are int32 (N,), the last token of each row; the log-probabilities are (N, V). A state is
any tree of arrays whose first axis has N rows; arrays without an axis are shared by all rows. The
search moves, repeats and drops rows, so a row of the state must hold everything that its example
needs, also the encoder's output and its mask. The state keeps its shapes from step to step."""


class Beams(NamedTuple):
    """The best sequences found, best first.

    Attributes:
        tokens: int32 (B, K, L): without the first token and with the last one; 0 after it.
        lengths: int32 (B, K): how many tokens, the last one included.
        scores: float32 (B, K): log-probability / lengths ** penalty; -inf where there is no
            sequence.
    """

    tokens: Array
    lengths: Array
    scores: Array


class _Search(NamedTuple, Generic[State]):
    """The state of a search: the open beams, and the best sequences that have ended."""

    step: Array
    tokens: Array
    """(B, K, L) of the open beams."""
    sums: Array
    """(B, K): their log-probabilities, -inf where there is no such beam."""
    state: State
    ended: Beams


def beam_search(
    step: Step[State],
    state: State,
    *,
    batch: int,
    length: int,
    first: int = 2,
    last: int = 3,
    beams: int = 4,
    penalty: float = 1.0,
) -> Beams:
    """Find the sequences of highest log-probability / length ** penalty, K beams at a time.

    At each step every open beam is continued by every token, and the best K stay open; of the
    sequences that end, the best K are kept. The search stops when no open beam can become better
    than these, or after ``length`` tokens; open beams then fill the remaining places. One beam is
    greedy search. The whole search is one loop that can be compiled.

    Args:
        step: (state, tokens) -> (log-probabilities, state); see `Step`.
        state: before the first token; the first axis of its arrays has B rows.
        batch: B.
        length: L, the largest number of tokens, the last one included.
        first: the token that begins every sequence, "<bos>".
        last: the token that ends one, "<eos>".
        beams: K.
        penalty: 0 prefers short sequences, 1 compares means.

    Raises:
        ConfigurationError: a number is not positive, or the penalty is below 0.
        ShapeError: the state does not have B rows, or the output of a step is not (N, V).

    >>> table = jnp.log(jnp.array([[0.1, 0.6, 0.3], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3]]))
    >>> found = beam_search(
    ...     lambda state, tokens: (table[tokens], state),
    ...     {}, batch=1, length=4, first=0, last=2, beams=2, penalty=0.0,
    ... )
    >>> found.tokens[0, 0].tolist(), f"{jnp.exp(found.scores[0, 0]):.2f}"
    ([1, 2, 0, 0], '0.48')

    Source: Graves (2012); the division by a power of the length as in Wu et al. (2016), without
    their constants.
    """
    positive_sizes("beam_search", batch=batch, length=length, beams=beams)
    if not penalty >= 0:
        raise ConfigurationError(
            "the penalty must be 0 or more", where="beam_search", given=f"penalty={penalty}"
        )
    search = _begin(state, batch, length, beams, first)

    def may_improve(now: _Search[State]) -> Array:
        # A sum of log-probabilities only falls, and no sequence is longer than L.
        bound = now.sums.max(1) / length**penalty
        return (now.step < length) & jnp.any(bound > now.ended.scores.min(1))

    search = jax.lax.while_loop(
        may_improve, lambda now: _advance(step, now, first, last, penalty), search
    )
    return _finish(search, penalty)


def _begin(state: State, batch: int, length: int, beams: int, first: int) -> _Search[State]:
    def repeated(x: Any) -> Any:
        x = jnp.asarray(x)
        if x.ndim and x.shape[0] != batch:
            raise ShapeError(
                "the state of a search needs one row for each example",
                where="beam_search",
                given=f"an array {x.shape} with batch={batch}",
            )
        return jnp.repeat(x, beams, axis=0) if x.ndim else x

    tokens = jnp.zeros((batch, beams, length), jnp.int32)
    impossible = jnp.full((batch, beams), -jnp.inf, jnp.float32)
    return _Search(
        step=jnp.zeros((), jnp.int32),
        tokens=tokens,
        sums=impossible.at[:, 0].set(0.0),  # at first all beams are the same
        state=jax.tree.map(repeated, state),
        ended=Beams(tokens, jnp.zeros((batch, beams), jnp.int32), impossible),
    )


def _advance(
    step: Step[State], now: _Search[State], first: int, last: int, penalty: float
) -> _Search[State]:
    B, K, _ = now.tokens.shape
    before = jnp.where(now.step > 0, now.tokens[:, :, jnp.maximum(now.step - 1, 0)], first)
    log_probabilities, state = step(now.state, before.reshape(-1))
    if log_probabilities.ndim != 2 or log_probabilities.shape[0] != B * K:
        raise ShapeError(
            "a step must return one row of log-probabilities for each token",
            where="beam_search",
            given=f"{log_probabilities.shape} for {B * K} tokens",
        )
    V = log_probabilities.shape[1]
    gains = log_probabilities.astype(jnp.float32).reshape(B, K, V)
    sums = (now.sums[:, :, None] + gains).reshape(B, K * V)
    # Of 2 K candidates at most K end, so that at least K stay open. One beam is greedy: it ends
    # where the last token is the likeliest.
    best, places = jax.lax.top_k(sums, 1 if K == 1 else min(2 * K, K * V))
    parents, words = places // V, (places % V).astype(jnp.int32)
    written = jnp.take_along_axis(now.tokens, parents[:, :, None], axis=1)
    written = written.at[:, :, now.step].set(words)
    length = now.step + 1
    ends = words == last
    ended = Beams(
        written,
        jnp.full(words.shape, length, jnp.int32),
        jnp.where(ends, best / length.astype(jnp.float32) ** penalty, -jnp.inf),
    )
    sums, chosen = _top(jnp.where(ends, -jnp.inf, best), K)
    rows = (jnp.take_along_axis(parents, chosen, axis=1) + jnp.arange(B)[:, None] * K).reshape(-1)
    return _Search(
        length,
        jnp.take_along_axis(written, chosen[:, :, None], axis=1),
        sums,
        jax.tree.map(lambda x: x[rows] if x.ndim else x, state),
        _best(now.ended, ended, K),
    )


def _top(scores: Array, count: int) -> tuple[Array, Array]:
    missing = max(0, count - scores.shape[1])
    padded = jnp.pad(scores, ((0, 0), (0, missing)), constant_values=-jnp.inf)
    best, places = jax.lax.top_k(padded, count)
    return best, jnp.minimum(places, scores.shape[1] - 1)


def _best(these: Beams, those: Beams, count: int) -> Beams:
    both = _together(these, those)
    scores, places = _top(both.scores, count)
    return _taken(both, places)._replace(scores=scores)


def _together(these: Beams, those: Beams) -> Beams:
    return Beams(*(jnp.concatenate(pair, axis=1) for pair in zip(these, those, strict=True)))


def _taken(beams: Beams, places: Array) -> Beams:
    return Beams(
        jnp.take_along_axis(beams.tokens, places[:, :, None], axis=1),
        jnp.take_along_axis(beams.lengths, places, axis=1),
        jnp.take_along_axis(beams.scores, places, axis=1),
    )


def _finish(search: _Search[State], penalty: float) -> Beams:
    """Return the ended sequences, and open beams in the remaining places."""
    alive = Beams(
        search.tokens,
        jnp.full(search.sums.shape, search.step, jnp.int32),
        search.sums / search.step.astype(jnp.float32) ** penalty,
    )
    both = _together(search.ended, alive)
    beams = search.sums.shape[1]
    goes_on = jnp.arange(2 * beams) >= beams
    kind = jnp.where(jnp.isneginf(both.scores), 2, goes_on.astype(jnp.int32))
    return _taken(both, jnp.lexsort((-both.scores, kind), axis=1)[:, :beams])
