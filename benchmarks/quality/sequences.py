"""The networks of the recipes for texts and series in PyTorch, as most people would write them.

Shape letters: B examples, T places, D features of a place, H units, V tokens, K answers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

LOWEST = -1e30


def embedding(tokens: int, features: int) -> nn.Embedding:
    """Return an embedding whose rows begin small."""
    table = nn.Embedding(tokens, features)
    nn.init.normal_(table.weight, std=0.1)
    return table


class LanguageModel(nn.Module):
    """Recurrent layers over characters, and a score for each that may follow."""

    def __init__(
        self, tokens: int, cell: str, features: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = embedding(tokens, features)
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
        between = dropout if layers > 1 else 0.0
        self.recurrent = kind(features, hidden, layers, batch_first=True, dropout=between)
        self.output = nn.Linear(hidden, tokens)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, V)."""
        read, _ = self.recurrent(self.dropout(self.embedding(x.long())))
        return self.output(self.dropout(read))


class GPT(nn.Module):
    """Causal transformer blocks, normalized first, with the embedding as last layer too."""

    def __init__(
        self, tokens: int, context: int, width: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.places = nn.Parameter(torch.zeros(context, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                heads,
                4 * width,
                dropout,
                activation=lambda x: functional.gelu(x, approximate="tanh"),
                batch_first=True,
                norm_first=True,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        for weight in self.parameters():
            if weight.ndim >= 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, V)."""
        length = x.shape[1]
        hidden = self.dropout(self.embedding(x.long()) + self.places[:length])
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        for block in self.blocks:
            hidden = block(hidden, src_mask=mask, is_causal=True)
        return self.norm(hidden) @ self.embedding.weight.T


class BothWays(nn.Module):
    """A bidirectional LSTM over sequences of unequal length; (B, T, H)."""

    def __init__(self, features: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(
            features, hidden // 2, layers, batch_first=True, bidirectional=True, dropout=between
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return what both ways read at each place; 0 where nothing counts."""
        lengths = mask.sum(1).clamp(min=1)
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        read, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=x.shape[1]
        )
        return read * mask[..., None]


class Tagger(nn.Module):
    """A bidirectional LSTM over words, and a score for each tag at each."""

    def __init__(
        self, words: int, tags: int, features: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = embedding(words, features)
        self.reader = BothWays(features, hidden, layers, dropout)
        self.output = nn.Linear(hidden, tags)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, K)."""
        read = self.reader(self.dropout(self.embedding(x.long())), x != 0)
        return self.output(self.dropout(read))


class WordClassifier(nn.Module):
    """Words read as a bag, by convolutions or by an LSTM, and a score for each class."""

    def __init__(
        self, words: int, classes: int, network: str, features: int, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = embedding(words, features)
        self.network = network
        widths = (3, 4, 5) if network == "cnn" else ()
        self.windows = nn.ModuleList(
            nn.Conv1d(features, hidden // 3, width, padding="same") for width in widths
        )
        self.reader = BothWays(features, hidden) if network == "lstm" else None
        self.output = nn.Linear(features if network == "bag" else hidden, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, K)."""
        mask = x != 0
        embedded = self.dropout(self.embedding(x.long())) * mask[..., None]
        if self.network == "bag":
            read = embedded.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        elif self.reader is not None:
            read = largest(self.reader(embedded, mask), mask)
        else:
            turned = embedded.transpose(1, 2)
            seen = [torch.relu(window(turned)).transpose(1, 2) for window in self.windows]
            read = largest(torch.cat(seen, 2), mask)
        return self.output(self.dropout(read))


def largest(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the largest of each feature over the places that count, 0 where none does."""
    found = x.masked_fill(~mask[..., None], LOWEST).amax(1)
    return found * mask.any(1, keepdim=True)


class Forecaster(nn.Module):
    """The last value, and what a network with a memory adds to it."""

    def __init__(self, network: str, features: int, window: int, hidden: int, horizon: int) -> None:
        super().__init__()
        self.network = network
        if network == "time-delay":
            self.reader: Any = nn.Sequential(
                nn.Flatten(), nn.Linear(window * features, hidden), nn.ReLU()
            )
        elif network == "fsmn":
            self.reader = MemoryNetwork(features, hidden, window)
        elif network in ("rnn", "lstm", "gru"):
            kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[network]
            self.reader = kind(features, hidden, batch_first=True)
        else:
            raise SystemExit(f"PyTorch has no network {network!r} to compare with")
        self.output = nn.Linear(hidden, horizon)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what comes next, (B, P)."""
        read = self.reader(x)
        if isinstance(read, tuple):
            read = read[0][:, -1]
        return x[:, -1, :1] + self.output(read)


class MemoryNetwork(nn.Module):
    """A hidden layer, the weighted sum of its values in the window, and a layer over both."""

    def __init__(self, features: int, hidden: int, window: int) -> None:
        super().__init__()
        self.input = nn.Linear(features, hidden)
        self.coefficients = nn.Parameter(torch.randn(window, hidden) / window**0.5)
        self.direct = nn.Linear(hidden, hidden)
        self.remembered = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the units after the last value, (B, H)."""
        hidden = torch.relu(self.input(x))
        memory = (hidden * self.coefficients.flip(0)).sum(1)
        return torch.relu(self.direct(hidden[:, -1]) + self.remembered(memory))
