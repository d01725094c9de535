"""The networks of the recipes ``g2p`` and ``caption`` in PyTorch.

Shape letters: B sequences, S places of the memory, T target places, M features of a place, H units
of the decoder, K target tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

Inputs = dict[str, torch.Tensor]


class Writing(NamedTuple):
    """How far a decoder is: its units and cells, what it read last, and what it looks at."""

    units: torch.Tensor
    cells: torch.Tensor
    context: torch.Tensor
    values: torch.Tensor
    keys: torch.Tensor
    mask: torch.Tensor


class AttentiveDecoder(nn.Module):
    """An LSTM that reads from a memory by attention after each step."""

    def __init__(
        self,
        tokens: int,
        features: int,
        embedding: int,
        hidden: int,
        attention: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding)
        self.start = nn.Linear(features, hidden)
        self.cell = nn.LSTMCell(embedding + features, hidden)
        self.key = nn.Linear(features, hidden, bias=False)
        additive = attention == "additive"
        self.query = nn.Linear(hidden, hidden) if additive else None
        self.score = nn.Linear(hidden, 1, bias=False) if additive else None
        self.combined = nn.Linear(hidden + features, hidden)
        self.output = nn.Linear(hidden, tokens)
        self.dropout = nn.Dropout(dropout)

    def begin(self, values: torch.Tensor, mask: torch.Tensor, summary: torch.Tensor) -> Writing:
        """Return the state before the first token."""
        cells = self.start(summary)
        context = values.new_zeros(values.shape[0], values.shape[2])
        return Writing(torch.tanh(cells), cells, context, values, self.key(values), mask)

    def forward(self, tokens: torch.Tensor, state: Writing) -> torch.Tensor:
        """Return logits (B, T, K) of the token that follows each of these."""
        written = []
        for embedded in self.dropout(self.embedding(tokens)).unbind(1):
            state = self.read_on(embedded, state)
            written.append(torch.cat([state.units, state.context], 1))
        return self.logits(torch.stack(written, 1))

    def step(self, state: Writing, tokens: torch.Tensor) -> tuple[torch.Tensor, Writing]:
        """Return logits (B, K) of what follows one more token, (B,), and the state."""
        state = self.read_on(self.dropout(self.embedding(tokens)), state)
        return self.logits(torch.cat([state.units, state.context], 1)), state

    def read_on(self, embedded: torch.Tensor, state: Writing) -> Writing:
        """Return the state after one more token."""
        together = torch.cat([embedded, state.context], 1)
        units, cells = self.cell(together, (state.units, state.cells))
        if self.query is None or self.score is None:
            scores = (units[:, None] * state.keys).sum(-1)
        else:
            scores = self.score(torch.tanh(self.query(units)[:, None] + state.keys)).squeeze(-1)
        weights = torch.softmax(scores.masked_fill(~state.mask, -1e9), -1)
        context = (weights[..., None] * state.values).sum(1)
        return state._replace(units=units, cells=cells, context=context)

    def logits(self, written: torch.Tensor) -> torch.Tensor:
        """Return the scores of the next token."""
        return self.output(self.dropout(torch.tanh(self.combined(written))))


class Seq2Seq(nn.Module):
    """A bidirectional LSTM reads packed sequences, and the decoder writes."""

    def __init__(
        self,
        source_tokens: int,
        target_tokens: int,
        embedding: int,
        hidden: int,
        attention: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(source_tokens, embedding)
        self.encoder = nn.LSTM(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = AttentiveDecoder(
            target_tokens, hidden, embedding, hidden, attention, dropout
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Inputs) -> torch.Tensor:
        """Return logits (B, T, K)."""
        return self.decoder(x["target"].long(), self.encode(x))

    def encode(self, x: Inputs) -> Writing:
        """Return the decoder's state before the first token."""
        source = x["source"].long()
        mask = source != 0
        packed = nn.utils.rnn.pack_padded_sequence(
            self.dropout(self.embedding(source)),
            mask.sum(1).clamp(min=1).cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        read, (last, _) = self.encoder(packed)
        values, _ = nn.utils.rnn.pad_packed_sequence(
            read, batch_first=True, total_length=source.shape[1]
        )
        return self.decoder.begin(self.dropout(values), mask, torch.cat([last[0], last[1]], 1))


class Captioner(nn.Module):
    """Convolutions with pooling see a picture, and the decoder writes."""

    def __init__(
        self,
        shape: tuple[int, ...],
        words: int,
        channels: tuple[int, ...],
        embedding: int,
        hidden: int,
        attention: str,
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((shape[2], *channels), channels, strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.trunk = nn.Sequential(*layers)
        rows, columns = (side // 2 ** len(channels) for side in shape[:2])
        self.places = nn.Parameter(0.02 * torch.randn(rows * columns, channels[-1]))
        self.decoder = AttentiveDecoder(words, channels[-1], embedding, hidden, attention, dropout)

    def forward(self, x: Inputs) -> torch.Tensor:
        """Return logits (B, T, K)."""
        return self.decoder(x["words"].long(), self.encode(x))

    def encode(self, x: Inputs) -> Writing:
        """Return the decoder's state before the first word."""
        seen = self.trunk(x["image"].permute(0, 3, 1, 2).contiguous())
        values = seen.flatten(2).transpose(1, 2) + self.places
        mask = torch.ones(values.shape[:2], dtype=torch.bool)
        return self.decoder.begin(values, mask, values.mean(1))


@torch.no_grad()
def greedy(network: Any, x: Inputs, *, length: int, first: int, last: int) -> list[list[int]]:
    """Return what a trained network writes, the likeliest token at each step until ``last``."""
    network.eval()
    found: list[list[int]] = []
    count = len(next(iter(x.values())))
    for rows in torch.split(torch.arange(count), 256):
        state = network.encode({name: part[rows] for name, part in x.items()})
        before, written = torch.full((len(rows),), first), []
        for _ in range(length):
            logits, state = network.decoder.step(state, before)
            before = logits.argmax(-1)
            written.append(before)
        rows_written = torch.stack(written, 1).tolist()
        found += [row[: row.index(last)] if last in row else row for row in rows_written]
    return found
