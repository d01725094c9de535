"""Architectures, one readable file each."""

from clearprop.models.alexnet import AlexNet
from clearprop.models.bert import BERT, MaskedWords, TextClassifier
from clearprop.models.enlarge import Enlarge
from clearprop.models.generation import choose, generate
from clearprop.models.gpt import GPT
from clearprop.models.lenet5 import LeNet5
from clearprop.models.mcculloch_pitts import McCullochPitts
from clearprop.models.mlp import MLP
from clearprop.models.perceptron import Perceptron, rosenblatt
from clearprop.models.resnet import ResNet, resnet18, resnet34, resnet50, small_resnet
from clearprop.models.search import Beams, beam_search
from clearprop.models.transformer import Transformer

__all__ = [
    "BERT",
    "GPT",
    "MLP",
    "AlexNet",
    "Beams",
    "Enlarge",
    "LeNet5",
    "MaskedWords",
    "McCullochPitts",
    "Perceptron",
    "ResNet",
    "TextClassifier",
    "Transformer",
    "beam_search",
    "choose",
    "generate",
    "resnet18",
    "resnet34",
    "resnet50",
    "rosenblatt",
    "small_resnet",
]
