"""The rows of what can be written, in files by kind."""

from clearprop.interop.onnx.export.rows import (
    activations,
    attention,
    control,
    convolution,
    elementwise,
    indexing,
    layers,
    products,
    recurrent,
    reductions,
    shapes,
)

__all__ = [
    "activations",
    "attention",
    "control",
    "convolution",
    "elementwise",
    "indexing",
    "layers",
    "products",
    "recurrent",
    "reductions",
    "shapes",
]
