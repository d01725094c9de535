"""Architectures, one readable file each."""

from clearprop.models.enlarge import Enlarge
from clearprop.models.lenet5 import LeNet5
from clearprop.models.mlp import MLP
from clearprop.models.perceptron import Perceptron

__all__ = ["MLP", "Enlarge", "LeNet5", "Perceptron"]
