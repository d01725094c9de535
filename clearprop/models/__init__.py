"""Architectures, one readable file each."""

from clearprop.models.alexnet import AlexNet
from clearprop.models.enlarge import Enlarge
from clearprop.models.generation import choose, generate
from clearprop.models.gpt import GPT
from clearprop.models.lenet5 import LeNet5
from clearprop.models.mcculloch_pitts import McCullochPitts
from clearprop.models.mlp import MLP
from clearprop.models.perceptron import Perceptron
from clearprop.models.resnet import ResNet, resnet18, resnet34, resnet50, small_resnet
from clearprop.models.search import Beams, beam_search

__all__ = [
    "GPT",
    "MLP",
    "AlexNet",
    "Beams",
    "Enlarge",
    "LeNet5",
    "McCullochPitts",
    "Perceptron",
    "ResNet",
    "beam_search",
    "choose",
    "generate",
    "resnet18",
    "resnet34",
    "resnet50",
    "small_resnet",
]
