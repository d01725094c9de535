"""ResNet-20 for 32 x 32 pictures in PyTorch, with shortcuts that are padded with zeros."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.more:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return functional.relu(x + y)


class ResNet20(nn.Module):
    """Three stages of three blocks with 16, 32 and 64 channels, for gray pictures in 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        blocks, inputs = [], 16
        for outputs in (16, 32, 64):
            for place in range(3):
                stride = 2 if outputs > 16 and not place else 1
                blocks.append(Block(inputs, outputs, stride))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, 10) of pictures (B, 1, 32, 32)."""
        x = functional.relu(self.norm(self.conv(x)))
        return torch.as_tensor(self.output(self.blocks(x).mean((2, 3))))
