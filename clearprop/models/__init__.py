"""Architectures, one file for each."""

from clearprop.models.alexnet import AlexNet
from clearprop.models.attentive_decoder import AttentiveDecoder
from clearprop.models.bert import BERT, MaskedWords, TextClassifier
from clearprop.models.border import Border
from clearprop.models.captioner import Captioner
from clearprop.models.enlarge import Enlarge
from clearprop.models.forecaster import Forecaster
from clearprop.models.gan import GAN, PictureDiscriminator, PictureGenerator, dcgan, mlp_gan
from clearprop.models.generation import choose, generate
from clearprop.models.gpt import GPT
from clearprop.models.lenet5 import LeNet5
from clearprop.models.mcculloch_pitts import McCullochPitts
from clearprop.models.mlp import MLP
from clearprop.models.perceptron import Perceptron, rosenblatt
from clearprop.models.recurrent_language_model import RecurrentLanguageModel
from clearprop.models.resnet import ResNet, resnet18, resnet34, resnet50, small_resnet
from clearprop.models.search import Beams, beam_search
from clearprop.models.seq2seq import Seq2Seq
from clearprop.models.tagger import Tagger
from clearprop.models.transcription import greedy_search, transcribe
from clearprop.models.transformer import Transformer
from clearprop.models.word_classifier import WordClassifier

__all__ = [
    "BERT",
    "GAN",
    "GPT",
    "MLP",
    "AlexNet",
    "AttentiveDecoder",
    "Beams",
    "Border",
    "Captioner",
    "Enlarge",
    "Forecaster",
    "LeNet5",
    "MaskedWords",
    "McCullochPitts",
    "Perceptron",
    "PictureDiscriminator",
    "PictureGenerator",
    "RecurrentLanguageModel",
    "ResNet",
    "Seq2Seq",
    "Tagger",
    "TextClassifier",
    "Transformer",
    "WordClassifier",
    "beam_search",
    "choose",
    "dcgan",
    "generate",
    "greedy_search",
    "mlp_gan",
    "resnet18",
    "resnet34",
    "resnet50",
    "rosenblatt",
    "small_resnet",
    "transcribe",
]
