"""Layers and models with inputs: what the tests write as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop import models, nn

Case = tuple[Callable[[], nn.Module], Any]


def reals(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def whole(below: int, *shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(below).integers(0, below, size=shape).astype(np.int32)


STEPS, PICTURES = reals(2, 5, 4), reals(2, 8, 8, 3)
SHOWN = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
CONNECTED = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 1, 1]])

LAYERS: dict[str, Case] = {
    "ELU": (nn.ELU, STEPS),
    "GELU": (nn.GELU, STEPS),
    "GELU, tanh": (lambda: nn.Activation("gelu_tanh"), STEPS),
    "LeakyReLU": (nn.LeakyReLU, STEPS),
    "LogSoftmax": (nn.LogSoftmax, STEPS),
    "PReLU": (lambda: nn.PReLU(4), STEPS),
    "ReLU": (nn.ReLU, STEPS),
    "Sigmoid": (nn.Sigmoid, STEPS),
    "SiLU": (nn.SiLU, STEPS),
    "Softmax": (nn.Softmax, STEPS),
    "Softplus": (nn.Softplus, STEPS),
    "Tanh": (nn.Tanh, STEPS),
    "Identity": (nn.Identity, STEPS),
    "Activation": (lambda: nn.Activation("mish"), STEPS),
    "Linear": (lambda: nn.Linear(4, 3), reals(2, 4)),
    "Linear of steps": (lambda: nn.Linear(4, 3, bias=False), STEPS),
    "Embedding": (lambda: nn.Embedding(9, 3), whole(9, 2, 5)),
    "Neuron": (lambda: nn.Neuron(4), reals(2, 4)),
    "PartiallyConnected": (lambda: nn.PartiallyConnected(CONNECTED), reals(2, 4)),
    "Lateral": (lambda: nn.Lateral(4, 3), reals(2, 4)),
    "Lateral, to rest": (lambda: nn.Lateral(4, 3, tolerance=1e-6), reals(2, 4)),
    "SpectralNorm": (lambda: nn.SpectralNorm(nn.Linear(4, 3)), reals(2, 4)),
    "WeightNorm": (lambda: nn.WeightNorm(nn.Linear(4, 3)), reals(2, 4)),
    "WeightNorm of Conv1d": (lambda: nn.WeightNorm(nn.Conv1d(4, 3, 2)), STEPS),
    "Flatten": (nn.Flatten, STEPS),
    "Reshape": (lambda: nn.Reshape((10, 2)), STEPS),
    "Residual": (lambda: nn.Residual(nn.Linear(4, 4)), STEPS),
    "Dropout": (lambda: nn.Dropout(0.5), STEPS),
    "BatchNorm": (lambda: nn.BatchNorm(3), PICTURES),
    "BatchNorm of features": (lambda: nn.BatchNorm(4), reals(2, 4)),
    "LayerNorm": (lambda: nn.LayerNorm(4), STEPS),
    "LayerNorm, plain": (lambda: nn.LayerNorm(4, affine=False), STEPS),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), STEPS),
    "InstanceNorm": (lambda: nn.InstanceNorm(3), PICTURES),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3), STEPS),
    "RMSNorm": (lambda: nn.RMSNorm(4), STEPS),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3), STEPS),
    "Conv2d": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), PICTURES),
    "Conv2d, groups": (lambda: nn.Conv2d(4, 4, 3, groups=2, dilation=2), reals(2, 8, 8, 4)),
    "Conv3d": (lambda: nn.Conv3d(2, 3, 2), reals(2, 4, 4, 4, 2)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2), STEPS),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), PICTURES),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 3, 2, stride=2), reals(2, 3, 3, 3, 2)),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), STEPS),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, stride=2, padding=1), PICTURES),
    "MaxPool2d, ceil": (lambda: nn.MaxPool2d(3, ceil_mode=True), PICTURES),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), reals(2, 4, 4, 4, 3)),
    "AvgPool1d": (lambda: nn.AvgPool1d(2), STEPS),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, stride=2, padding=1), PICTURES),
    "AvgPool2d, ceil": (lambda: nn.AvgPool2d(3, ceil_mode=True), PICTURES),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), reals(2, 4, 4, 4, 3)),
    "GlobalAvgPool": (nn.GlobalAvgPool, PICTURES),
    "GlobalMaxPool": (nn.GlobalMaxPool, PICTURES),
    "AdaptiveAvgPool": (lambda: nn.AdaptiveAvgPool(3), PICTURES),
    "AdaptiveMaxPool": (lambda: nn.AdaptiveMaxPool(3), PICTURES),
    "Upsample": (lambda: nn.Upsample(2), PICTURES),
    "Upsample, bilinear": (lambda: nn.Upsample(2, method="linear"), PICTURES),
    "RNN": (lambda: nn.RNN(4, 3), STEPS),
    "RNN, relu": (lambda: nn.RNN(4, 3, nonlinearity="relu"), STEPS),
    "GRU": (lambda: nn.GRU(4, 3), STEPS),
    "GRU, before": (lambda: nn.GRU(4, 3, reset="before", bidirectional=True, layers=2), STEPS),
    "LSTM": (lambda: nn.LSTM(4, 3), STEPS),
    "LSTM, peepholes": (
        lambda: nn.LSTM(4, 3, peepholes=True, bidirectional=True, merge="sum"),
        STEPS,
    ),
    "LSTM, layers": (lambda: nn.LSTM(4, 3, layers=2, bidirectional=True, dropout=0.2), STEPS),
    "LSTM, learned": (lambda: nn.LSTM(4, 3, start="learned"), STEPS),
    "LSTM, mask": (lambda: nn.LSTM(4, 3, bidirectional=True), (STEPS, None, SHOWN)),
    "HigherOrderRNN": (lambda: nn.HigherOrderRNN(4, 3), STEPS),
    "HigherOrderRNN, both": (lambda: nn.HigherOrderRNN(4, 3, bidirectional=True), STEPS),
    "RNNCell": (lambda: nn.RNNCell(4, 3), reals(2, 4)),
    "GRUCell": (lambda: nn.GRUCell(4, 3), reals(2, 4)),
    "LSTMCell": (lambda: nn.LSTMCell(4, 3), reals(2, 4)),
    "HigherOrderRNNCell": (lambda: nn.HigherOrderRNNCell(4, 3), reals(2, 4)),
    "Attention": (lambda: nn.Attention(4, 6, 5), STEPS),
    "Attention, causal": (lambda: nn.Attention(4, 6, 5, scaled=True, causal=True), STEPS),
    "MultiHeadAttention": (lambda: nn.MultiHeadAttention(4, 2), STEPS),
    "MultiHeadAttention, causal": (
        lambda: nn.MultiHeadAttention(4, 2, causal=True, rotary=True, key_value_heads=1),
        STEPS,
    ),
    "MultiHeadAttention, mask": (
        lambda: nn.MultiHeadAttention(4, 2),
        (STEPS, reals(2, 5, 4), SHOWN),
    ),
    "FeedForward": (lambda: nn.FeedForward(4, 8), STEPS),
    "TransformerBlock": (lambda: nn.TransformerBlock(4, 2), STEPS),
    "TransformerEncoder": (lambda: nn.TransformerEncoder(4, 2, layers=2), (STEPS, SHOWN)),
    "DecoderBlock": (lambda: nn.DecoderBlock(4, 2), (STEPS, reals(2, 5, 4))),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(4, 2, layers=2),
        (STEPS, reals(2, 5, 4)),
    ),
    "LearnedPositions": (lambda: nn.LearnedPositions(5, 4), STEPS),
    "SinusoidalPositions": (lambda: nn.SinusoidalPositions(4), STEPS),
    "Delay": (lambda: nn.Delay(2), STEPS),
    "TappedDelayLine": (lambda: nn.TappedDelayLine(3), STEPS),
    "TimeDelay": (lambda: nn.TimeDelay(4, 3, taps=2), STEPS),
    "MemoryBlock": (lambda: nn.MemoryBlock(4, look_back=2, look_ahead=1), STEPS),
    "FSMN": (lambda: nn.FSMN(4, 3, look_back=2), (STEPS, SHOWN)),
    "Sequential": (lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), STEPS),
}

MODELS: dict[str, Case] = {
    "MLP": (lambda: models.MLP([4, 8, 3], dropout=0.5), reals(2, 4)),
    "LeNet5": (models.LeNet5, reals(2, 28, 28, 1)),
    "LeNet5, average": (lambda: models.LeNet5(pooling="average"), reals(2, 28, 28, 1)),
    "AlexNet": (lambda: models.AlexNet(classes=5, hidden_size=32), reals(2, 227, 227, 3)),
    "small_resnet": (lambda: models.small_resnet(8, width=4), reals(2, 32, 32, 3)),
    "resnet18": (lambda: models.resnet18(classes=5), reals(2, 64, 64, 3)),
    "DenseAutoencoder": (lambda: models.DenseAutoencoder((4, 4, 1), 2), reals(2, 4, 4, 1)),
    "TiedAutoencoder": (lambda: models.TiedAutoencoder((4, 4, 1), 2, (8,)), reals(2, 4, 4, 1)),
    "ConvolutionalAutoencoder": (
        lambda: models.ConvolutionalAutoencoder((8, 8, 1), 3, (2, 4)),
        reals(2, 8, 8, 1),
    ),
    "VariationalAutoencoder": (
        lambda: models.VariationalAutoencoder(
            nn.Sequential(nn.Flatten(), nn.Linear(16, 4)),
            nn.Sequential(nn.Linear(2, 16), nn.Reshape((4, 4, 1))),
            2,
        ),
        np.abs(reals(2, 4, 4, 1)) % 1,
    ),
    "PictureGenerator": (lambda: models.PictureGenerator(5, width=4), reals(2, 5)),
    "PictureDiscriminator": (
        lambda: models.PictureDiscriminator(width=4, spectral_norm=True),
        reals(2, 28, 28, 1),
    ),
    "GAN": (lambda: models.mlp_gan(noise=4, hidden=(8,)), reals(2, 4)),
    "GPT": (lambda: models.GPT(11, 8, 8, layers=2, heads=2), whole(11, 2, 6)),
    "GPT, rotary": (
        lambda: models.GPT(11, 8, 8, layers=1, heads=2, positions="rotary", norm="rms"),
        whole(11, 2, 6),
    ),
    "BERT": (lambda: models.BERT(11, 8, 8, layers=2, heads=2), whole(11, 2, 6)),
    "BERT, segments": (
        lambda: models.BERT(11, 8, 8, layers=1, heads=2),
        {"tokens": whole(11, 2, 6), "segments": whole(2, 2, 6)},
    ),
    "MaskedWords": (
        lambda: models.MaskedWords(models.BERT(11, 8, 8, layers=1, heads=2)),
        whole(11, 2, 6),
    ),
    "SentenceEncoder": (
        lambda: models.SentenceEncoder(models.BERT(11, 8, 8, layers=1, heads=2, pooled=False)),
        whole(11, 2, 6),
    ),
    "TextClassifier": (
        lambda: models.TextClassifier(models.BERT(11, 8, 8, layers=1, heads=2), 3),
        whole(11, 2, 6),
    ),
    "Transformer": (
        lambda: models.Transformer(11, 9, 8, layers=1, heads=2),
        {"source": whole(11, 2, 6), "target": whole(9, 2, 5)},
    ),
    "Seq2Seq": (
        lambda: models.Seq2Seq(11, 9, embedding_features=4, hidden_size=6),
        {"source": whole(11, 2, 6), "target": whole(9, 2, 5)},
    ),
    "Seq2Seq, additive": (
        lambda: models.Seq2Seq(11, 9, embedding_features=4, hidden_size=6, attention="additive"),
        {"source": whole(11, 2, 6), "target": whole(9, 2, 5)},
    ),
    "Captioner": (
        lambda: models.Captioner(
            (16, 16, 3), 9, channels=(4, 4), embedding_features=4, hidden_size=6
        ),
        {"image": reals(2, 16, 16, 3), "words": whole(9, 2, 5)},
    ),
    "Tagger": (
        lambda: models.Tagger(11, 3, embedding_features=4, hidden_size=6),
        whole(11, 2, 6),
    ),
    "RecurrentLanguageModel": (
        lambda: models.RecurrentLanguageModel(11, embedding_features=4, hidden_size=6),
        whole(11, 2, 6),
    ),
    "WordClassifier": (
        lambda: models.WordClassifier(11, 3, embedding_features=4, hidden_size=6),
        whole(11, 2, 6),
    ),
    "WordClassifier, convolution": (
        lambda: models.WordClassifier(11, 3, network="cnn", embedding_features=4, hidden_size=6),
        whole(11, 2, 6),
    ),
    "Forecaster": (lambda: models.Forecaster(memory=4), reals(2, 6, 1)),
    "Forecaster, lstm": (lambda: models.Forecaster("lstm", hidden_size=4), reals(2, 6, 1)),
    "QNetwork": (lambda: models.QNetwork(4, 2, hidden_sizes=(8,), duelling=True), reals(2, 4)),
    "Perceptron": (lambda: models.Perceptron(4), reals(2, 4)),
    "McCullochPitts": (
        lambda: models.McCullochPitts([1.0, 1.0, 1.0], 2.0),
        whole(2, 2, 3).astype(np.float32),
    ),
    "RBM": (lambda: models.RBM(6, 4), whole(2, 2, 6).astype(np.float32)),
    "SelfOrganizingMap": (lambda: models.SelfOrganizingMap(3, 4, 2), reals(2, 2)),
    "Border": (lambda: models.Border(10), PICTURES),
    "Enlarge": (lambda: models.Enlarge(2), PICTURES),
}
