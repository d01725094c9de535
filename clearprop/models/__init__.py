"""Architectures, one readable file each."""

from clearprop.models.alexnet import AlexNet
from clearprop.models.enlarge import Enlarge
from clearprop.models.gpt import GPT
from clearprop.models.lenet5 import LeNet5
from clearprop.models.mlp import MLP
from clearprop.models.perceptron import Perceptron
from clearprop.models.resnet import ResNet, resnet18, resnet34, resnet50, small_resnet

__all__ = [
    "GPT",
    "MLP",
    "AlexNet",
    "Enlarge",
    "LeNet5",
    "Perceptron",
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "small_resnet",
]
