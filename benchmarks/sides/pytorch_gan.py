"""PyTorch: two players in a plain loop, both steps from the same state as in `Adversarial`.

Shape letters: C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from benchmarks.material import Material, Weights
from benchmarks.turns import Passed

BETAS = (0.5, 0.999)


def train(material: Material, passed: Passed, *, tuned: bool) -> None:
    """Train both players without end."""
    configuration = material.configuration
    noise = configuration.sizes[0]
    make = _points if configuration.network == "gan" else _pictures
    generator, discriminator = make(material.weights)
    x = torch.from_numpy(material.inputs)
    if x.ndim == 4:
        layout = torch.channels_last if tuned else torch.contiguous_format
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        generator, discriminator = (
            part.to(memory_format=layout) for part in (generator, discriminator)
        )
    rate, fused = configuration.learning_rate, True if tuned else None
    of_generator, of_discriminator = (
        torch.optim.Adam(part.parameters(), lr=rate, betas=BETAS, fused=fused)
        for part in (generator, discriminator)
    )
    while True:
        total = torch.zeros(())
        for rows in torch.split(torch.randperm(len(x)), configuration.batch_size):
            made = generator(torch.randn(len(rows), noise))
            real, fake = discriminator(x[rows]), discriminator(made.detach())
            judged = (softplus(-real) + softplus(fake)).mean()
            of_discriminator.zero_grad()
            judged.backward()
            # Without this, the gradients of its weights would be computed for nothing.
            discriminator.requires_grad_(False)
            deceived = softplus(-discriminator(made)).mean()
            of_generator.zero_grad()
            deceived.backward()
            discriminator.requires_grad_(True)
            of_discriminator.step()
            of_generator.step()
            total += judged.detach() + deceived.detach()
        passed(total.item() / configuration.steps_per_pass)


def _points(weights: Weights) -> tuple[nn.Module, nn.Module]:
    half = len(weights) // 2
    made = []
    for part in (weights[:half], weights[half:]):
        layers: list[nn.Module] = []
        for weight, _ in part:
            linear = nn.Linear(*weight.shape)
            _copy(linear, weight.T)
            layers += [linear, nn.LeakyReLU(0.01)]
        made.append(nn.Sequential(*layers[:-1]))
    return made[0], made[1]


def _pictures(weights: Weights) -> tuple[nn.Module, nn.Module]:
    project, up1, up2, conv1, conv2, output = (weight for weight, _ in weights)
    noise, (_, _, double, width) = len(project), up1.shape
    generator = nn.Sequential(
        nn.Linear(noise, 7 * 7 * double),
        nn.Unflatten(1, (double, 7, 7)),
        nn.BatchNorm2d(double),
        nn.ReLU(),
        nn.ConvTranspose2d(double, width, 4, stride=2, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        nn.Sigmoid(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, double, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * double, 1),
    )
    # Maps are (H, W, C) in the material and (C, H, W) here.
    _copy(
        generator[0], project.reshape(noise, 7, 7, double).transpose(3, 1, 2, 0).reshape(-1, noise)
    )
    _copy(generator[4], up1.transpose(2, 3, 0, 1))
    _copy(generator[7], up2.transpose(2, 3, 0, 1))
    _copy(discriminator[0], conv1.transpose(3, 2, 0, 1))
    _copy(discriminator[2], conv2.transpose(3, 2, 0, 1))
    _copy(discriminator[5], output.reshape(7, 7, double).transpose(2, 0, 1).reshape(1, -1))
    return generator, discriminator


def _copy(layer: nn.Module, weight: np.ndarray) -> None:
    given = torch.from_numpy(np.ascontiguousarray(weight))
    parameters: dict[str, Tensor] = dict(layer.named_parameters())
    with torch.no_grad():
        parameters["weight"].copy_(given)
        parameters["bias"].zero_()
