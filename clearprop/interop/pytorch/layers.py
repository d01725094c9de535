"""Which array of PyTorch's layers is which array here, and in what order its entries are.

=====================================  =============================================================
here                                   in PyTorch
=====================================  =============================================================
Linear: weight, bias                   Linear: weight, transposed; bias
Conv1d, 2d, 3d: weight, bias           Conv: weight, channels first; bias
ConvTranspose1d, 2d, 3d: weight, bias  ConvTranspose: weight, channels first; bias
BatchNorm: scale, shift,               BatchNorm: weight, bias,
  running_mean, running_variance         running_mean, running_var
LayerNorm: scale, shift                LayerNorm: weight, bias
RMSNorm: scale                         RMSNorm: weight
Embedding, LearnedPositions: weight    Embedding: weight
RNN, LSTM, GRU                         the same; see `clearprop.nn.recurrent.weights`
MultiHeadAttention:                    MultiheadAttention:
  query, key, value, output              in_proj_weight (or q_, k_, v_proj_weight), out_proj
TransformerBlock, DecoderBlock         TransformerEncoderLayer, TransformerDecoderLayer
TransformerEncoder, -Decoder           the same, layers for blocks
Sequential: layers.0                   Sequential: 0
any other field                        the field of this name
=====================================  =============================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.nn.module import Module

Numbers: TypeAlias = NDArray[Any]
Turn: TypeAlias = Callable[[Module, Numbers], Numbers]
"""(layer, array of PyTorch) -> the array with its axes in our order."""

CHILDREN: dict[type[Module], dict[str, str]] = {
    nn.Sequential: {"layers": ""},
    nn.TransformerEncoder: {"blocks": "layers"},
    nn.TransformerDecoder: {"blocks": "layers"},
    nn.TransformerBlock: {
        "attention": "self_attn",
        "attention_norm": "norm1",
        "feedforward": "",
        "feedforward_norm": "norm2",
    },
    nn.DecoderBlock: {
        "attention": "self_attn",
        "attention_norm": "norm1",
        "memory_attention": "multihead_attn",
        "memory_norm": "norm2",
        "feedforward": "",
        "feedforward_norm": "norm3",
    },
    nn.FeedForward: {"hidden": "linear1", "output": "linear2"},
    nn.MultiHeadAttention: {"output": "out_proj"},
}
"""What PyTorch calls the layers in a layer; "" where it has no such step."""

ATTENTION = ("query", "key", "value")
"""The layers of an attention whose weights PyTorch keeps in one array."""


def _same(layer: Module, x: Numbers) -> Numbers:
    return x


def _transposed(layer: Module, x: Numbers) -> Numbers:
    return x.T


def _channels_last(layer: Module, x: Numbers) -> Numbers:
    """(out, in / groups, *window) -> (*window, in / groups, out)."""
    return np.transpose(x, (*range(2, x.ndim), 1, 0)) if x.ndim > 2 else x


def _channels_last_by_group(layer: Module, x: Numbers) -> Numbers:
    """(in, out / groups, *window) -> (*window, in / groups, out), of a transposed convolution."""
    groups: int = getattr(layer, "groups", 1)
    if x.ndim < 3 or len(x) % groups:
        return x
    inputs, outputs, *window = x.shape
    grouped = x.reshape(groups, inputs // groups, outputs, *window)
    turned = np.transpose(grouped, (*range(3, x.ndim + 1), 1, 0, 2))
    return turned.reshape(*window, inputs // groups, groups * outputs)


_AFFINE: dict[str, tuple[str, Turn]] = {"scale": ("weight", _same), "shift": ("bias", _same)}
_CONV: dict[str, tuple[str, Turn]] = {"weight": ("weight", _channels_last), "bias": ("bias", _same)}
_TRANSPOSED_CONV: dict[str, tuple[str, Turn]] = {
    "weight": ("weight", _channels_last_by_group),
    "bias": ("bias", _same),
}

CONVOLUTIONS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)

LEAVES: dict[type[Module], dict[str, tuple[str, Turn]]] = {
    nn.Linear: {"weight": ("weight", _transposed), "bias": ("bias", _same)},
    **dict.fromkeys(CONVOLUTIONS[:3], _CONV),
    **dict.fromkeys(CONVOLUTIONS[3:], _TRANSPOSED_CONV),
    nn.BatchNorm: {
        **_AFFINE,
        "running_mean": ("running_mean", _same),
        "running_variance": ("running_var", _same),
    },
    nn.LayerNorm: _AFFINE,
    nn.RMSNorm: {"scale": ("weight", _same)},
    nn.Embedding: {"weight": ("weight", _same)},
    nn.LearnedPositions: {"weight": ("weight", _same)},
}
"""What PyTorch calls the arrays of a layer, and how their axes are turned."""

IGNORED: dict[type[Module], tuple[str, ...]] = {nn.BatchNorm: ("num_batches_tracked",)}
"""Arrays of PyTorch's layers that change no output."""


def packed_attention(
    layer: nn.MultiHeadAttention, find: Callable[[str], Numbers | None]
) -> dict[str, Numbers]:
    """Return the arrays of query, key and value by path, of PyTorch's MultiheadAttention.

    Args:
        layer: the attention.
        find: returns the array of a name of PyTorch; None where there is none.
    """
    whole = find("in_proj_weight")
    parts = [find(f"{name[0]}_proj_weight") for name in ATTENTION] if whole is None else []
    widths = [getattr(layer, name).out_features for name in ATTENTION]
    ends = [widths[0], widths[0] + widths[1]]
    if whole is not None and whole.ndim == 2:
        parts = list(np.split(whole, ends))
    bias = find("in_proj_bias")
    biases = [None] * 3 if bias is None else np.split(bias, ends)
    found = {}
    for name, weight, shift in zip(ATTENTION, parts, biases, strict=False):
        if weight is not None:
            found[f"{name}.weight"] = weight.T
        if shift is not None:
            found[f"{name}.bias"] = shift
    return found
