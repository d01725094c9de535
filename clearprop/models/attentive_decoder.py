"""A recurrent decoder that reads from a memory by attention before every token it writes.

Shape letters: B sequences, T tokens written, S places of the memory, M features of a place,
E features of an embedding, H units of the decoder, A features that are compared, K tokens known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.models.checks import check_tokens
from clearprop.nn.checks import one_of, sequences
from clearprop.nn.fields import Array


class AttendedMemory(NamedTuple):
    """The sequence that the decoder attends to.

    Attributes:
        values: (B, S, M), the features of each place.
        keys: (B, S, A), compared with the units of the decoder to score each place.
        mask: bool (B, S), True for places that count.
    """

    values: Array
    keys: Array
    mask: Array


class Writing(NamedTuple):
    """The state of a decoder; the first axis of every array is the sequence.

    Attributes:
        recurrent: state of the recurrent cell.
        context: (B, M), the last weighted mean of the memory.
        memory: the sequence that the decoder attends to.
    """

    recurrent: nn.LSTMState
    context: Array
    memory: AttendedMemory


class DotScore(nn.Module):
    """Scores by a product: score_j = s^T W h_j, of the decoder's units s and a place h_j.

    Shapes: s (B, H), keys W h (B, S, H), scores (B, S).

    >>> import jax.numpy as jnp
    >>> score = DotScore(4, 6).init(0)
    >>> score(jnp.ones((2, 4)), score.keys(jnp.ones((2, 5, 6)))).shape
    (2, 5)

    Source: Luong, Pham and Manning (2015), the form "general".
    """

    key: nn.Linear

    def __init__(self, hidden_size: int, memory_features: int) -> None:
        self.key = nn.Linear(memory_features, hidden_size, bias=False)

    def keys(self, values: Array) -> Array:
        """Return the keys of all places, which are the same at every step."""
        return self.key(values)

    def __call__(self, units: Array, keys: Array) -> Array:
        return ops.sum(ops.expand_dims(units, axis=1) * keys, axis=-1)


class AdditiveScore(nn.Module):
    """Scores by a small network: score_j = v^T tanh(W s + U h_j).

    Shapes: s (B, H), keys U h (B, S, A), scores (B, S).

    >>> import jax.numpy as jnp
    >>> score = AdditiveScore(4, 6, 3).init(0)
    >>> score(jnp.ones((2, 4)), score.keys(jnp.ones((2, 5, 6)))).shape
    (2, 5)

    Source: Bahdanau, Cho and Bengio (2015).
    """

    query: nn.Linear
    key: nn.Linear
    output: nn.Linear

    def __init__(self, hidden_size: int, memory_features: int, features: int) -> None:
        self.query = nn.Linear(hidden_size, features)
        self.key = nn.Linear(memory_features, features, bias=False)
        self.output = nn.Linear(features, 1, bias=False)

    def keys(self, values: Array) -> Array:
        """Return the keys of all places, which are the same at every step."""
        return self.key(values)

    def __call__(self, units: Array, keys: Array) -> Array:
        hidden = ops.tanh(ops.expand_dims(self.query(units), axis=1) + keys)
        return ops.squeeze(self.output(hidden), axis=-1)


class AttentiveDecoder(nn.Module):
    """Writes a sequence token by token, and reads from a memory by attention before each token.

        s_t = LSTM([e(y_{t-1}); c_{t-1}], s_{t-1})        units of the decoder
        a_t = softmax over the places j of score(s_t, h_j)  attention weights
        c_t = sum_j a_tj h_j                              context
        p_t = softmax(W tanh(V [s_t; c_t]))               the next token

    Shapes: tokens (B, T) whole numbers, the token before each place; logits (B, T, K). Places of
    the memory that the mask hides have no influence; where all are hidden, c_t is 0.

    Args:
        tokens: K.
        memory_features: M.
        summary_features: of the summary from which the first state is computed.
        embedding_features: E.
        hidden_size: H.
        attention: "dot" or "additive", how places are scored.
        dropout: rate on embeddings and on the input of the last layer.

    Raises:
        ConfigurationError: an unknown kind of attention, or a size is not positive.

    >>> import jax.numpy as jnp
    >>> decoder = AttentiveDecoder(9, 6, 6, embedding_features=4, hidden_size=8).init(0)
    >>> values, mask = jnp.ones((2, 5, 6)), jnp.ones((2, 5), bool)
    >>> state = decoder.begin(values, mask, jnp.ones((2, 6)))
    >>> decoder(jnp.array([[2, 4, 5], [2, 6, 7]]), state).shape
    (2, 3, 9)

    Source: Bahdanau, Cho and Bengio (2015), Luong, Pham and Manning (2015). Attention follows the
    recurrent step as in the second, which feeds V [s_t; c_t] back; here c_t is fed back.
    """

    embedding: nn.Embedding
    start: nn.Linear
    cell: nn.LSTMCell
    reading: nn.Linear
    score: DotScore | AdditiveScore
    combined: nn.Linear
    output: nn.Linear
    dropout: nn.Dropout

    def __init__(
        self,
        tokens: int,
        memory_features: int,
        summary_features: int,
        *,
        embedding_features: int = 64,
        hidden_size: int = 128,
        attention: str = "dot",
        dropout: float = 0.0,
    ) -> None:
        one_of("AttentiveDecoder", ("additive", "dot"), attention=attention)
        self.embedding = nn.Embedding(tokens, embedding_features)
        self.start = nn.Linear(summary_features, hidden_size)
        self.cell = nn.LSTMCell(embedding_features, hidden_size)
        self.reading = nn.Linear(memory_features, 4 * hidden_size, bias=False)
        self.score = (
            DotScore(hidden_size, memory_features)
            if attention == "dot"
            else AdditiveScore(hidden_size, memory_features, hidden_size)
        )
        self.combined = nn.Linear(hidden_size + memory_features, hidden_size)
        self.output = nn.Linear(hidden_size, tokens)
        self.dropout = nn.Dropout(dropout)

    def begin(self, values: Array, mask: Array, summary: Array) -> Writing:
        """Return the state before the first token.

        Args:
            values: (B, S, M), the memory.
            mask: bool (B, S), True for places that count.
            summary: (B, summary_features), from which the first recurrent state is computed.

        Raises:
            ShapeError: the memory has no place.
        """
        sequences(values, None, name="memory", least=1)
        B, _, M = values.shape
        cells = self.start(summary)
        context = jnp.zeros((B, M), values.dtype)
        memory = AttendedMemory(values, self.score.keys(values), mask)
        return Writing(nn.LSTMState(ops.tanh(cells), cells), context, memory)

    def __call__(self, tokens: Array, state: Writing) -> Array:
        """Return logits (B, T, K) of the token that follows each of these."""
        return self.write(tokens, state)[0]

    def write(self, tokens: Array, state: Writing) -> tuple[Array, Array, Writing]:
        """Return logits (B, T, K), attention (B, T, S), and the state after the last token."""
        check_tokens(tokens)

        def body(before: tuple[nn.LSTMState, Array], projected: Array) -> tuple[Any, Any]:
            after, weights = self._read_on(projected, Writing(*before, state.memory))
            return after[:2], (after.recurrent.hidden, after.context, weights)

        projected = ops.moveaxis(self._projected(tokens), 1, 0)
        last, written = ops.scan(body, (state.recurrent, state.context), projected)
        units, contexts, weights = (ops.moveaxis(y, 0, 1) for y in written)
        return self._logits(units, contexts), weights, Writing(*last, state.memory)

    def step(self, state: Writing, tokens: Array) -> tuple[Array, Writing]:
        """Return log-probabilities (B, K) of the token after one more token (B,), and the state."""
        after, _ = self._read_on(self._projected(tokens), state)
        return ops.log_softmax(self._logits(after.recurrent.hidden, after.context)), after

    def _projected(self, tokens: Array) -> Array:
        """Return what the tokens add to the gates, for all steps at once: it needs no state."""
        return self.cell.project(self.dropout(self.embedding(tokens)))

    def _read_on(self, projected: Array, state: Writing) -> tuple[Writing, Array]:
        """Return the state after one more token, and the attention weights."""
        memory = state.memory
        recurrent = self.cell.step(projected + self.reading(state.context), state.recurrent)
        weights = ops.masked_softmax(self.score(recurrent.hidden, memory.keys), memory.mask)
        context = ops.sum(ops.expand_dims(weights, axis=-1) * memory.values, axis=1)
        return Writing(recurrent, context, memory), weights

    def _logits(self, units: Array, context: Array) -> Array:
        hidden = ops.tanh(self.combined(ops.concatenate([units, context], axis=-1)))
        return self.output(self.dropout(hidden))
