"""Layers, losses and first values: models as frozen trees."""

from clearprop.nn import initializers
from clearprop.nn.activation import Activation
from clearprop.nn.call import apply, current
from clearprop.nn.containers import Flatten, Reshape, Residual, Sequential
from clearprop.nn.conv import Conv1d, Conv2d, Conv3d
from clearprop.nn.dropout import Dropout
from clearprop.nn.linear import Embedding, Linear
from clearprop.nn.losses import (
    LOSSES,
    Loss,
    binary_cross_entropy,
    binary_squared_error,
    cross_entropy,
    find_loss,
    mean_squared_error,
    squared_error,
)
from clearprop.nn.module import (
    Module,
    Parameter,
    is_initialized,
    modules,
    parameters,
    static,
    statistic,
    statistics,
)
from clearprop.nn.normalization import BatchNorm, LayerNorm, WeightNorm
from clearprop.nn.pool import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from clearprop.nn.structure import from_structure, to_structure
from clearprop.nn.summary import LayerSummary, Summary, summary

__all__ = [
    "LOSSES",
    "Activation",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNorm",
    "LayerSummary",
    "Linear",
    "Loss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "Parameter",
    "Reshape",
    "Residual",
    "Sequential",
    "Summary",
    "WeightNorm",
    "apply",
    "binary_cross_entropy",
    "binary_squared_error",
    "cross_entropy",
    "current",
    "find_loss",
    "from_structure",
    "initializers",
    "is_initialized",
    "mean_squared_error",
    "modules",
    "parameters",
    "squared_error",
    "static",
    "statistic",
    "statistics",
    "summary",
    "to_structure",
]
