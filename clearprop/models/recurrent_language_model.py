"""A recurrent language model: predicts the next token from all tokens before it.

Shape letters: B texts, T tokens, D features of a token, H units of a layer, V tokens of the
vocabulary.
"""

from __future__ import annotations

from typing import overload

from clearprop import nn
from clearprop.models.checks import check_tokens
from clearprop.nn.checks import one_of
from clearprop.nn.fields import Array

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class RecurrentLanguageModel(nn.Module):
    """Predicts the next token at each place of a text.

        tokens                        (B, T)
        embedding, dropout            (B, T, D)
        recurrent layers              (B, T, H)
        dropout, linear: logits       (B, T, V)

    The state summarizes the text before, and its size does not grow with the text:
    ``model(tokens, state)`` continues from a state and also returns the next state.

    Args:
        vocabulary: V.
        cell: "rnn" (tanh units), "lstm" or "gru".
        embedding_features: D.
        hidden_size: H.
        layers: number of recurrent layers.
        dropout: rate in training, on embeddings, between layers and before the last one.

    Raises:
        ConfigurationError: there is no such cell, or a size is not positive.
        ShapeError: the input is not (B, T) with at least one token.

    >>> import jax.numpy as jnp
    >>> model = RecurrentLanguageModel(65, embedding_features=8, hidden_size=16).init(0)
    >>> tokens = jnp.array([[3, 1, 4, 1, 5]])
    >>> logits, state = model(tokens[:, :3], model.begin(1))
    >>> on, _ = model(tokens[:, 3:], state)
    >>> bool(jnp.allclose(on, model(tokens)[:, 3:], atol=1e-6))
    True

    Source: Mikolov et al. (2010), *Recurrent neural network based language model*; with an LSTM,
    Sundermeyer et al. (2012).
    """

    embedding: nn.Embedding
    recurrent: nn.RNN | nn.LSTM | nn.GRU
    output: nn.Linear
    dropout: nn.Dropout

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: str = "lstm",
        embedding_features: int = 32,
        hidden_size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        one_of("RecurrentLanguageModel", CELLS, cell=cell)
        self.embedding = nn.Embedding(
            vocabulary, embedding_features, weight_init=nn.initializers.normal(0.1)
        )
        between = dropout if layers > 1 else 0.0
        self.recurrent = CELLS[cell](
            embedding_features, hidden_size, layers=layers, dropout=between
        )
        self.output = nn.Linear(hidden_size, vocabulary)
        self.dropout = nn.Dropout(dropout)

    @overload
    def __call__(self, tokens: Array, state: None = None) -> Array: ...

    @overload
    def __call__(self, tokens: Array, state: object) -> tuple[Array, object]: ...

    def __call__(self, tokens: Array, state: object = None) -> Array | tuple[Array, object]:
        check_tokens(tokens)
        embedded = self.dropout(self.embedding(tokens))
        read, after = self.recurrent(embedded, state, return_state=True)
        logits = self.output(self.dropout(read))
        return logits if state is None else (logits, after)

    def begin(self, batch: int, length: int | None = None) -> object:
        """Return the state before the first token of a batch of texts.

        Other models need ``length``, to make room for so many tokens; this one ignores it.
        """
        return self.recurrent.zero_state(batch, self.embedding.weight.dtype)
