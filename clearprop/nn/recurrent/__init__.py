"""Recurrent layers: a cell computes one step, a layer applies the cell to a sequence."""

from clearprop.nn.recurrent.cell import Cell
from clearprop.nn.recurrent.gru import GRU, GRUCell, GRUGates
from clearprop.nn.recurrent.higher_order import HigherOrderRNN, HigherOrderRNNCell
from clearprop.nn.recurrent.layer import Recurrent
from clearprop.nn.recurrent.lstm import LSTM, LSTMCell, LSTMGates, LSTMState
from clearprop.nn.recurrent.rnn import RNN, RNNCell
from clearprop.nn.recurrent.weights import from_onnx, from_pytorch

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "GRUCell",
    "GRUGates",
    "HigherOrderRNN",
    "HigherOrderRNNCell",
    "LSTMCell",
    "LSTMGates",
    "LSTMState",
    "RNNCell",
    "Recurrent",
    "from_onnx",
    "from_pytorch",
]
