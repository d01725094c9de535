"""Whether what comes later in a text has no influence on the outputs before it."""

from __future__ import annotations

from typing import Any

from clearprop import models, nn, ops

MODELS = (models.GPT, models.RecurrentLanguageModel)

OF_EACH_PLACE = (
    nn.Embedding,
    nn.LearnedPositions,
    nn.SinusoidalPositions,
    nn.Dropout,
    nn.Linear,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.FeedForward,
    nn.TransformerBlock,
    nn.RNNCell,
    nn.LSTMCell,
    nn.GRUCell,
)
"""Layers that read one place after another, or whose parts say what they read."""


def is_causal(model: nn.Module) -> bool:
    """Return whether the output at each place depends on this place and on earlier ones alone.

    That is known of the language models of the library, as long as each layer in them is one of
    theirs. Of any other model False is returned: it may average over places, normalize over them,
    or read the text from its end.

    >>> is_causal(models.RecurrentLanguageModel(5)), is_causal(nn.GRU(3, 4))
    (True, False)
    """
    return type(model) in MODELS and all(
        layer is model or _reads_back(layer) for layer in nn.modules(model).values()
    )


def _reads_back(layer: Any) -> bool:
    kind = type(layer)
    if kind in (nn.RNN, nn.LSTM, nn.GRU):
        return layer.backward_cells is None
    if kind is nn.MultiHeadAttention:
        return bool(layer.causal)
    if isinstance(layer, nn.Activation):
        # A function of the user's own may read other places.
        return layer.function in ops.ACTIVATIONS.values()
    return kind in OF_EACH_PLACE
