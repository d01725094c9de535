"""GPT in PyTorch, as most people write it: one product for queries, keys and values, and PyTorch's
own attention.

Shape letters: B examples, T tokens, D features, H heads.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.material import Material, Weights
from benchmarks.turns import Passed

Cache = tuple[Tensor, Tensor]


class Block(nn.Module):
    """Self-attention and a feed-forward network, normalized first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 4 * width)
        self.activation = nn.GELU(approximate="tanh")
        self.feedforward = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, kept: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the output, and keys and values of all places so far."""
        B, T, D = x.shape
        parts = self.attention(self.attention_norm(x)).split(D, dim=2)
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in parts)
        if kept is not None:
            k, v = torch.cat([kept[0], k], dim=2), torch.cat([kept[1], v], dim=2)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=kept is None)
        x = x + self.output(y.transpose(1, 2).contiguous().view(B, T, D))
        x = x + self.feedforward(self.activation(self.hidden(self.feedforward_norm(x))))
        return x, (k, v)


class GPT(nn.Module):
    """The network of `clearprop.models.GPT`, with weights from the material.

    Args:
        sizes: vocabulary, context, width, layers and heads.
        weights: see `benchmarks.material.gpt_shapes`.
    """

    def __init__(self, sizes: tuple[int, ...], weights: Weights) -> None:
        super().__init__()
        vocabulary, context, width, layers, heads = sizes
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, vocabulary, bias=False)
        self.scores.weight = self.embedding.weight
        self._load([weight for weight, _ in weights])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, T, vocabulary)."""
        return self.read(tokens, None)[0]

    def read(self, tokens: Tensor, kept: list[Cache] | None) -> tuple[Tensor, list[Cache]]:
        """Return logits, and what was read so far."""
        start = 0 if kept is None else kept[0][0].shape[2]
        places = torch.arange(start, start + tokens.shape[1])
        x = self.embedding(tokens) + self.positions(places)
        caches = []
        for i, block in enumerate(self.blocks):
            x, cache = block(x, None if kept is None else kept[i])
            caches.append(cache)
        return self.scores(self.norm(x)), caches

    @torch.no_grad()
    def _load(self, matrices: list[np.ndarray]) -> None:
        given = [torch.from_numpy(np.ascontiguousarray(x)) for x in matrices]
        self.embedding.weight.copy_(given[0])
        self.positions.weight.copy_(given[1])
        for i, block in enumerate(self.blocks):
            query, key, value, output, hidden, feedforward = given[2 + 6 * i : 8 + 6 * i]
            assert isinstance(block, Block)
            layers = (block.attention, block.output, block.hidden, block.feedforward)
            first = torch.cat([query, key, value], dim=1)
            for layer, weight in zip(layers, (first, output, hidden, feedforward), strict=True):
                layer.weight.copy_(weight.T)
                layer.bias.zero_()


@torch.inference_mode()
def write(model: nn.Module, material: Material, passed: Passed) -> None:
    """Continue the beginning of the text by the likeliest characters, again and again."""
    assert isinstance(model, GPT)
    length = material.configuration.steps_per_pass
    prompt = torch.from_numpy(material.inputs[:1, : material.configuration.sizes[1] - length])
    model.eval()
    while True:
        text = prompt.long()
        logits, kept = model.read(text, None)
        for i in range(length):
            word = logits[:, -1].argmax(dim=-1, keepdim=True)
            text = torch.cat([text, word], dim=1)
            if i + 1 < length:
                logits, kept = model.read(word, kept)
        passed(text.double().mean().item())
