"""The rows of what can be written, in files by kind."""

from clearprop.interop.onnx.export.rows import (
    activations,
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
