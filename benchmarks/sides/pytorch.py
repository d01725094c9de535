"""PyTorch: a plain loop over rows of one tensor, which is quicker than a `DataLoader`.

Shape letters: C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.material import Material, Weights
from benchmarks.sides import pytorch_gan
from benchmarks.sides.pytorch_gpt import GPT, write
from benchmarks.sides.torch_resnet import ResNet20
from benchmarks.turns import Passed

LossOf = Callable[[Tensor, Tensor], Tensor]


def train_eager(material: Material, passed: Passed) -> None:
    """Train without end, as most people write it."""
    _train(material, passed, tuned=False)


def train_tuned(material: Material, passed: Passed) -> None:
    """Train without end, with what PyTorch's tuning guide adds to the plain loop."""
    _train(material, passed, tuned=True)


def train_compiled(material: Material, passed: Passed) -> None:
    """Train without end, tuned, with model and loss compiled together."""
    _train(material, passed, tuned=True, wrap=torch.compile)


def _train(
    material: Material,
    passed: Passed,
    *,
    tuned: bool,
    wrap: Callable[[LossOf], LossOf] = lambda loss_of: loss_of,
) -> None:
    torch.set_num_threads(material.cores)
    configuration = material.configuration
    if configuration.network in ("gan", "dcgan"):
        pytorch_gan.train(material, passed, tuned=tuned)
    model = _model(material)
    if configuration.network == "writer":
        write(model, material, passed)
    x, y = torch.from_numpy(material.inputs), torch.from_numpy(material.targets).long()
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2)
        layout = torch.channels_last if tuned else torch.contiguous_format
        x = x.contiguous(memory_format=layout)
        model = model.to(memory_format=layout)
    optimizer = _optimizer(configuration.optimizer, model, configuration.learning_rate, tuned)
    loss_of = wrap(_loss(configuration.network, model))
    y = x if configuration.network == "autoencoder" else y
    model.train()
    while True:
        total = torch.zeros(())
        for rows in torch.split(torch.randperm(len(x)), configuration.batch_size):
            optimizer.zero_grad()
            loss = loss_of(x[rows], y[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        passed(total.item() / configuration.steps_per_pass)


def _loss(network: str, model: nn.Module) -> LossOf:
    if network == "autoencoder":
        squares = nn.MSELoss()
        return lambda inputs, targets: squares(model(inputs), targets)
    criterion = nn.CrossEntropyLoss()
    # Of a text every place counts alike.
    return lambda inputs, targets: criterion(model(inputs).flatten(0, -2), targets.flatten())


def _optimizer(
    name: str, model: nn.Module, learning_rate: float, fused: bool
) -> torch.optim.Optimizer:
    # False would forbid what the default leaves open.
    choice = True if fused else None
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=learning_rate, fused=choice)
    return torch.optim.SGD(model.parameters(), lr=learning_rate, fused=choice)


def _model(material: Material) -> nn.Module:
    configuration = material.configuration
    if configuration.network in ("gpt", "writer"):
        return GPT(configuration.sizes, material.weights)
    if configuration.network == "lstm":
        return LastStep(configuration.sizes, material.weights)
    if configuration.network == "resnet20":
        residual = ResNet20()
        _set_weights(residual, material.weights)
        return residual
    activation = {"tanh": nn.Tanh, "relu": nn.ReLU}[configuration.activation]
    if configuration.network == "lenet5":
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            activation(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            activation(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120),
            activation(),
            nn.Linear(120, 84),
            activation(),
            nn.Linear(84, 10),
        )
    else:
        layers: list[nn.Module] = []
        for weight, _ in material.weights:
            layers += [nn.Linear(*weight.shape), activation()]
        if configuration.network == "autoencoder":
            layers[len(layers) // 2 - 1] = nn.Identity()  # the code is linear
        model = nn.Sequential(*layers[:-1])
    _set_weights(model, material.weights)
    return model


class LastStep(nn.Module):
    """Classes from what an LSTM shows at the last step."""

    def __init__(self, sizes: tuple[int, ...], weights: Weights) -> None:
        super().__init__()
        _, features, units, classes = sizes
        self.lstm = nn.LSTM(features, units, batch_first=True)
        self.output = nn.Linear(units, classes)
        (W, _), (U, _), last = weights
        for parameter, weight in ((self.lstm.weight_ih_l0, W), (self.lstm.weight_hh_l0, U)):
            parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
        # Its second bias, which is of no use, stays zero and is not learned: one bias as here.
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)
        _set_weights(self.output, [last])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, classes) of sequences (B, T, features)."""
        return self.output(self.lstm(x)[0][:, -1])


def _set_weights(model: nn.Module, weights: Weights) -> None:
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    previous_kernel = False
    for layer, (weight, bias) in zip(layers, weights, strict=True):
        is_kernel = weight.ndim == 4
        if is_kernel:
            weight = weight.transpose(3, 2, 0, 1)
        else:
            if previous_kernel and len(weight) == 400:
                # Flattened here from (C, H, W), and in the material from (H, W, C).
                weight = weight.reshape(5, 5, 16, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
            weight = weight.T
        previous_kernel = is_kernel
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            if layer.bias is not None:
                layer.bias.copy_(torch.from_numpy(bias))
