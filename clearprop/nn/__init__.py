"""Layers, losses and initializers: models as frozen trees."""

from clearprop import elsewhere
from clearprop.elsewhere import unknown_attribute
from clearprop.nn import initializers, positions, transformer, wiring
from clearprop.nn.activation import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from clearprop.nn.attention import Attention, Cache, MultiHeadAttention
from clearprop.nn.call import current
from clearprop.nn.containers import Flatten, Reshape, Residual, Sequential
from clearprop.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from clearprop.nn.delay import FSMN, Delay, MemoryBlock, TappedDelayLine, TimeDelay
from clearprop.nn.dropout import Dropout
from clearprop.nn.encoder_decoder import TransformerDecoder, TransformerEncoder
from clearprop.nn.fields import Parameter, parameter, static, statistic
from clearprop.nn.linear import Embedding, Linear
from clearprop.nn.losses import (
    LOSSES,
    Loss,
    absolute_error,
    binary_cross_entropy,
    binary_squared_error,
    class_weighted,
    cosine_embedding,
    cross_entropy,
    ctc,
    find_loss,
    huber,
    mean_absolute_error,
    mean_squared_error,
    nll,
    positive_weighted,
    sequence_cross_entropy,
    smooth_l1,
    smoothed,
    squared_error,
    triplet,
)
from clearprop.nn.module import (
    Hook,
    Module,
    apply,
    forward_pass,
    is_initialized,
    modules,
    parameters,
    statistics,
)
from clearprop.nn.neuron import Neuron
from clearprop.nn.normalization import BatchNorm, LayerNorm, LocalResponseNorm, RMSNorm
from clearprop.nn.pool import (
    AdaptiveAvgPool,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from clearprop.nn.positions import LearnedPositions, SinusoidalPositions
from clearprop.nn.recurrent import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    HigherOrderRNN,
    HigherOrderRNNCell,
    LSTMCell,
    LSTMState,
    RNNCell,
)
from clearprop.nn.spectral_norm import SpectralNorm
from clearprop.nn.structure import from_structure, to_structure
from clearprop.nn.summary import LayerSummary, Summary, summary
from clearprop.nn.surgery import features, layer_at, replace_layer
from clearprop.nn.transformer import DecoderBlock, FeedForward, TransformerBlock
from clearprop.nn.weight_norm import WeightNorm
from clearprop.nn.wiring import Lateral, PartiallyConnected

__all__ = [
    "ELU",
    "FSMN",
    "GELU",
    "GRU",
    "LOSSES",
    "LSTM",
    "RNN",
    "Activation",
    "AdaptiveAvgPool",
    "Attention",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Cache",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DecoderBlock",
    "Delay",
    "Dropout",
    "Embedding",
    "FeedForward",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "HigherOrderRNN",
    "HigherOrderRNNCell",
    "Hook",
    "Identity",
    "LSTMCell",
    "LSTMState",
    "Lateral",
    "LayerNorm",
    "LayerSummary",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "Loss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MemoryBlock",
    "Module",
    "MultiHeadAttention",
    "Neuron",
    "Parameter",
    "PartiallyConnected",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "SpectralNorm",
    "Summary",
    "Tanh",
    "TappedDelayLine",
    "TimeDelay",
    "TransformerBlock",
    "TransformerDecoder",
    "TransformerEncoder",
    "WeightNorm",
    "absolute_error",
    "apply",
    "binary_cross_entropy",
    "binary_squared_error",
    "class_weighted",
    "cosine_embedding",
    "cross_entropy",
    "ctc",
    "current",
    "features",
    "find_loss",
    "forward_pass",
    "from_structure",
    "huber",
    "initializers",
    "is_initialized",
    "layer_at",
    "mean_absolute_error",
    "mean_squared_error",
    "modules",
    "nll",
    "parameter",
    "parameters",
    "positions",
    "positive_weighted",
    "replace_layer",
    "sequence_cross_entropy",
    "smooth_l1",
    "smoothed",
    "squared_error",
    "static",
    "statistic",
    "statistics",
    "summary",
    "to_structure",
    "transformer",
    "triplet",
    "wiring",
]


def __getattr__(name: str) -> object:
    losses = {word: f'find_loss("{ours}")' for word, ours in elsewhere.LOSSES.items()}
    raise unknown_attribute("clearprop.nn", name, __all__, losses | elsewhere.LAYERS, "nn.")
