"""The rows of the operators, in files by kind."""

from clearprop.interop.onnx.rows import (
    activations,
    control,
    convolution,
    elementwise,
    images,
    indexing,
    normalization,
    quantized,
    random,
    recurrent,
    reductions,
    shapes,
    signals,
    texts,
    training,
)
from clearprop.interop.onnx.table import ROWS, find_row

__all__ = [
    "ROWS",
    "activations",
    "control",
    "convolution",
    "elementwise",
    "find_row",
    "images",
    "indexing",
    "normalization",
    "quantized",
    "random",
    "recurrent",
    "reductions",
    "shapes",
    "signals",
    "texts",
    "training",
]
