"""The operations: functions on arrays, each with its gradient rule in the same file."""

from clearprop.autodiff import OPERATIONS, Operation, Value, elementary, stop_gradient
from clearprop.autodiff.elementary import *  # noqa: F403 - named on their own floor
from clearprop.ops import activations, conv
from clearprop.ops.activations import *  # noqa: F403 - a new one is named in its own file alone
from clearprop.ops.attention import (
    attend,
    attention,
    attention_weights,
    causal_mask,
    masked_softmax,
)
from clearprop.ops.conv import *  # noqa: F403 - likewise
from clearprop.ops.ctc import ctc_loss
from clearprop.ops.elementwise import (
    clip,
    cos,
    dropout,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    log1p,
    maximum,
    minimum,
    reciprocal,
    round,
    rsqrt,
    sin,
    sqrt,
    square,
    xlogy,
)
from clearprop.ops.index import gather, one_hot, scatter_add, take, take_along_axis
from clearprop.ops.linalg import dot, einsum, outer
from clearprop.ops.losses import (
    hinge,
    kl_divergence,
    log_loss,
    sigmoid_binary_cross_entropy,
    softmax_cross_entropy,
    squared_error,
    zero_one,
)
from clearprop.ops.methods import give_methods
from clearprop.ops.normalization import batch_norm, layer_norm, weight_norm
from clearprop.ops.pool import (
    average_pool,
    first_largest,
    max_pool,
    read_in_windows,
    spread_over_windows,
    write_in_windows,
)
from clearprop.ops.reduce import argmax, argmin, cumsum, logsumexp, prod, std, var
from clearprop.ops.scan import scan
from clearprop.ops.shape import concatenate, flip, moveaxis, pad, split, squeeze
from clearprop.ops.storage import stored

give_methods()

__all__ = [
    "OPERATIONS",
    "Operation",
    "Value",
    "argmax",
    "argmin",
    "attend",
    "attention",
    "attention_weights",
    "average_pool",
    "batch_norm",
    "causal_mask",
    "clip",
    "concatenate",
    "cos",
    "ctc_loss",
    "cumsum",
    "dot",
    "dropout",
    "einsum",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "first_largest",
    "flip",
    "floor",
    "gather",
    "hinge",
    "kl_divergence",
    "layer_norm",
    "log1p",
    "log_loss",
    "logsumexp",
    "masked_softmax",
    "max_pool",
    "maximum",
    "minimum",
    "moveaxis",
    "one_hot",
    "outer",
    "pad",
    "prod",
    "read_in_windows",
    "reciprocal",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "sigmoid_binary_cross_entropy",
    "sin",
    "softmax_cross_entropy",
    "split",
    "spread_over_windows",
    "sqrt",
    "square",
    "squared_error",
    "squeeze",
    "std",
    "stop_gradient",
    "stored",
    "take",
    "take_along_axis",
    "var",
    "weight_norm",
    "write_in_windows",
    "xlogy",
    "zero_one",
]
__all__ += elementary.__all__
__all__ += activations.__all__
__all__ += conv.__all__
