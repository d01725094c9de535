"""Architectures, one file for each."""

from clearprop.models.alexnet import AlexNet
from clearprop.models.attentive_decoder import AttentiveDecoder
from clearprop.models.autoencoder import (
    Autoencoder,
    ConvolutionalAutoencoder,
    DenseAutoencoder,
    TiedAutoencoder,
)
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
from clearprop.models.partition import (
    LogPartition,
    annealed_log_partition,
    exact_log_partition,
    log_likelihood,
)
from clearprop.models.perceptron import Perceptron, kesler, rosenblatt
from clearprop.models.q_network import QNetwork
from clearprop.models.rbm import RBM
from clearprop.models.recurrent_language_model import RecurrentLanguageModel
from clearprop.models.resnet import ResNet, resnet18, resnet34, resnet50, small_resnet
from clearprop.models.search import Beams, beam_search
from clearprop.models.self_organizing_map import SelfOrganizingMap
from clearprop.models.sentence_encoder import SentenceEncoder
from clearprop.models.seq2seq import Seq2Seq
from clearprop.models.stacked import stacked
from clearprop.models.tagger import Tagger
from clearprop.models.transcription import greedy_search, transcribe
from clearprop.models.transformer import Transformer
from clearprop.models.variational_autoencoder import VariationalAutoencoder
from clearprop.models.word_classifier import WordClassifier

__all__ = [
    "BERT",
    "GAN",
    "GPT",
    "MLP",
    "RBM",
    "AlexNet",
    "AttentiveDecoder",
    "Autoencoder",
    "Beams",
    "Border",
    "Captioner",
    "ConvolutionalAutoencoder",
    "DenseAutoencoder",
    "Enlarge",
    "Forecaster",
    "LeNet5",
    "LogPartition",
    "MaskedWords",
    "McCullochPitts",
    "Perceptron",
    "PictureDiscriminator",
    "PictureGenerator",
    "QNetwork",
    "RecurrentLanguageModel",
    "ResNet",
    "SelfOrganizingMap",
    "SentenceEncoder",
    "Seq2Seq",
    "Tagger",
    "TextClassifier",
    "TiedAutoencoder",
    "Transformer",
    "VariationalAutoencoder",
    "WordClassifier",
    "annealed_log_partition",
    "beam_search",
    "choose",
    "dcgan",
    "exact_log_partition",
    "generate",
    "greedy_search",
    "kesler",
    "log_likelihood",
    "mlp_gan",
    "resnet18",
    "resnet34",
    "resnet50",
    "rosenblatt",
    "small_resnet",
    "stacked",
    "transcribe",
]
