"""Convolution: the operations, and the formulations that compute them."""

from clearprop.ops.conv.geometry import output_size
from clearprop.ops.conv.operations import (
    convolution,
    convolution_bias_error,
    convolution_input_error,
    convolution_kernel_error,
    convolution_transpose,
    true_convolution,
)

__all__ = [
    "convolution",
    "convolution_bias_error",
    "convolution_input_error",
    "convolution_kernel_error",
    "convolution_transpose",
    "output_size",
    "true_convolution",
]
