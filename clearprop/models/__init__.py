"""Architectures, one readable file each."""

from clearprop.models.lenet5 import LeNet5
from clearprop.models.mlp import MLP

__all__ = ["MLP", "LeNet5"]
