"""The configurations of the benchmarks: networks on real data, each with its goal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Configuration:
    """A training step that is the same for every side.

    Attributes:
        name: on the command line.
        title: in the table.
        network: "mlp", "autoencoder", "lenet5", "resnet20", "lstm", "gpt", "gan", "dcgan", or
            "writer", a GPT that writes a text and does not learn.
        sizes: for an MLP or an autoencoder, whose middle layer is its linear code, the units of
            each layer, from the inputs to the outputs; for a GPT
            vocabulary, context, width, layers and heads; for an LSTM steps, features, units and
            classes; for a GAN those of its generator, of a convolutional one noise and width;
            empty for LeNet-5 and ResNet-20.
        activation: of the hidden units, "tanh", "relu" or "gelu_tanh".
        data: the name of the data set in `clearprop.data`.
        examples: number of examples, a multiple of the batch size, so that every batch is full.
        batch_size: examples of a step.
        optimizer: "sgd" or "adam".
        learning_rate: of the optimizer.
        check_passes: epochs before the first timed round; after them all losses must be alike.
        goal: time of a step of PyTorch (eager) divided by that of clearprop.
    """

    name: str
    title: str
    network: str
    sizes: tuple[int, ...]
    activation: str
    data: str
    examples: int
    batch_size: int
    optimizer: str
    learning_rate: float
    check_passes: int
    goal: float

    def __post_init__(self) -> None:
        if self.examples % self.batch_size:
            raise ValueError(f"{self.name}: {self.examples} examples are no full batches")

    @property
    def steps_per_pass(self) -> int:
        """Steps of one epoch."""
        return self.examples // self.batch_size

    def shortened(self, parts: int) -> Configuration:
        """Return the configuration with fewer examples, but at least ten steps in an epoch."""
        steps = min(self.steps_per_pass, max(10, self.steps_per_pass // parts))
        return replace(self, examples=steps * self.batch_size)

    def to_json(self) -> str:
        """Return the configuration as text for the process of a side."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """Return what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "sizes": tuple(values["sizes"])})


CONFIGURATIONS = {
    each.name: each
    for each in (
        Configuration(
            name="tiny",
            title="2-8-4-2 network, batch 10, SGD, iris (two species by their petals)",
            network="mlp",
            sizes=(2, 8, 4, 2),
            activation="tanh",
            data="iris",
            examples=100,
            batch_size=10,
            optimizer="sgd",
            learning_rate=0.1,
            check_passes=100,
            goal=25.0,
        ),
        Configuration(
            name="mlp64",
            title="MLP 784-256-128-10, batch 64, Adam, Fashion-MNIST",
            network="mlp",
            sizes=(784, 256, 128, 10),
            activation="relu",
            data="fashion-mnist",
            examples=59904,
            batch_size=64,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=2.2,
        ),
        Configuration(
            name="mlp512",
            title="MLP 784-256-128-10, batch 512, Adam, Fashion-MNIST",
            network="mlp",
            sizes=(784, 256, 128, 10),
            activation="relu",
            data="fashion-mnist",
            examples=59904,
            batch_size=512,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=2,
            goal=1.3,
        ),
        Configuration(
            name="autoencoder",
            title="Autoencoder 784-256-32-256-784, batch 64, Adam, Fashion-MNIST",
            network="autoencoder",
            sizes=(784, 256, 32, 256, 784),
            activation="relu",
            data="fashion-mnist",
            examples=59904,
            batch_size=64,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.0,
        ),
        Configuration(
            name="lenet128",
            title="LeNet-5, batch 128, Adam, Fashion-MNIST",
            network="lenet5",
            sizes=(),
            activation="relu",
            data="fashion-mnist",
            examples=59904,
            batch_size=128,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.8,
        ),
        Configuration(
            name="lstm",
            title="LSTM, 100 steps of 64, 256 units, batch 32, Adam, patches of Fashion-MNIST",
            network="lstm",
            sizes=(100, 64, 256, 10),
            activation="tanh",
            data="fashion-mnist",
            examples=640,
            batch_size=32,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.3,
        ),
        Configuration(
            name="resnet20",
            title="ResNet-20, batch 64, Adam, Fashion-MNIST with a border to 32 x 32",
            network="resnet20",
            sizes=(),
            activation="relu",
            data="fashion-mnist",
            examples=768,
            batch_size=64,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=2,
            goal=1.0,
        ),
        Configuration(
            name="gpt",
            title="GPT, 4 layers, width 256, 8 x 128 characters, Adam, Python's help topics",
            network="gpt",
            sizes=(104, 128, 256, 4, 4),
            activation="gelu_tanh",
            data="python-topics",
            examples=160,
            batch_size=8,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.1,
        ),
        Configuration(
            name="generation",
            title="The same GPT writes: 8 characters go on to 128, one at a time; a token a step",
            network="writer",
            sizes=(104, 128, 256, 4, 4),
            activation="gelu_tanh",
            data="python-topics",
            examples=120,
            batch_size=1,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.6,
        ),
        Configuration(
            name="gan",
            title="GAN, 16-64-64-2 against 2-64-64-1, batch 256, Adam, a ring of 8 Gaussians",
            network="gan",
            sizes=(16, 64, 64, 2),
            activation="leaky_relu",
            data="gaussian-ring",
            examples=49920,
            batch_size=256,
            optimizer="adam",
            learning_rate=1e-3,
            check_passes=1,
            goal=1.5,
        ),
        Configuration(
            name="dcgan",
            title="Convolutional GAN, 64 numbers of noise, batch 64, Adam, Fashion-MNIST",
            network="dcgan",
            sizes=(64, 32),
            activation="relu",
            data="fashion-mnist",
            examples=1280,
            batch_size=64,
            optimizer="adam",
            learning_rate=5e-4,
            check_passes=2,
            goal=1.0,
        ),
    )
}
