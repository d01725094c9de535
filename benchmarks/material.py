"""The examples and initial weights of a configuration, the same for every side.

Files carry them to the process of each side, because `configure_cpu`, which the side of clearprop
calls, changes JAX for the whole process.

Shape letters: N examples, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.configurations import Configuration

Weights = list[tuple[NDArray[np.float32], NDArray[np.float32]]]

LENET5_SHAPES = [(5, 5, 1, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)]


@dataclass(frozen=True)
class Material:
    """The data and the weights of a side.

    Attributes:
        configuration: of the benchmark.
        inputs: float32 (N, features), or (N, H, W, 1) for LeNet-5; standardized. For a text int32
            (N, T).
        targets: int32 labels (N,), for a text (N, T).
        weights: weight and bias of each layer; matrices (in, out), kernels (H, W, in, out).
        cores: number of threads that a side may use.
    """

    configuration: Configuration
    inputs: NDArray[Any]
    targets: NDArray[np.int32]
    weights: Weights
    cores: int


def write(configuration: Configuration, folder: Path) -> None:
    """Write the material of a configuration into a folder."""
    inputs, targets = examples_of(configuration)
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "targets.npy", targets)
    arrays: dict[str, Any] = {
        f"weight{i}": weight for i, (weight, _) in enumerate(first_weights(configuration))
    }
    np.savez(folder / "weights.npz", **arrays)
    (folder / "configuration.json").write_text(configuration.to_json())


def read(folder: Path, cores: int) -> Material:
    """Return the material in a folder."""
    configuration = Configuration.from_json((folder / "configuration.json").read_text())
    with np.load(folder / "weights.npz") as saved:
        matrices = [saved[f"weight{i}"] for i in range(len(saved.files))]
    return Material(
        configuration,
        np.load(folder / "inputs.npy"),
        np.load(folder / "targets.npy"),
        [(weight, np.zeros(weight.shape[-1], np.float32)) for weight in matrices],
        cores,
    )


def gpt_shapes(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the shapes of a GPT's matrices, in the order of its material.

    The order is embedding, positions, and in each block query, key, value, output and both layers
    of the feed-forward network. All biases are 0, all normalizations start as the identity.
    """
    vocabulary, context, width, layers, _ = sizes
    block = [(width, width)] * 4 + [(width, 4 * width), (4 * width, width)]
    return [(vocabulary, width), (context, width), *block * layers]


def resnet_shapes() -> list[tuple[int, ...]]:
    """Return the shapes of ResNet-20's kernels and of its last matrix."""
    widths = [16] * 6 + [32] * 6 + [64] * 6
    kernels = [(3, 3, before, after) for before, after in pairwise([1, 16, *widths])]
    return [*kernels, (64, 10)]


def gan_shapes(configuration: Configuration) -> list[tuple[int, ...]]:
    """Return the shapes of the generator's weights, then those of the discriminator's."""
    if configuration.network == "gan":
        sizes = configuration.sizes
        return [*pairwise(sizes), *pairwise((sizes[-1], *sizes[1:-1], 1))]
    noise, width = configuration.sizes
    small, double = 7 * 7 * 2 * width, 2 * width
    return [
        *((noise, small), (4, 4, double, width), (4, 4, width, 1)),
        *((4, 4, 1, width), (4, 4, width, double), (small, 1)),
    ]


def first_weights(configuration: Configuration) -> Weights:
    """Return Glorot's uniform weights, and biases of 0."""
    if configuration.network == "lenet5":
        shapes: list[tuple[int, ...]] = list(LENET5_SHAPES)
    elif configuration.network == "resnet20":
        shapes = resnet_shapes()
    elif configuration.network in ("gpt", "writer"):
        shapes = gpt_shapes(configuration.sizes)
    elif configuration.network in ("gan", "dcgan"):
        shapes = gan_shapes(configuration)
    elif configuration.network == "lstm":
        _, features, units, classes = configuration.sizes
        shapes = [(features, 4 * units), (units, 4 * units), (units, classes)]
    else:
        shapes = list(pairwise(configuration.sizes))
    random = np.random.default_rng(0)
    weights = []
    for shape in shapes:
        window = int(np.prod(shape[:-2]))
        limit = np.sqrt(6 / (window * (shape[-2] + shape[-1])))
        weight = random.uniform(-limit, limit, shape).astype(np.float32)
        weights.append((weight, np.zeros(shape[-1], np.float32)))
    return weights


def examples_of(configuration: Configuration) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return inputs and targets of a configuration, real ones."""
    from clearprop import data

    if configuration.network in ("gpt", "writer"):
        return _windows(configuration)
    dataset = data.load(configuration.data)
    inputs: NDArray[Any] = np.asarray(dataset.inputs, np.float32)
    targets = np.asarray(dataset.targets, np.int32)
    if configuration.data == "iris":
        # The two species that no line separates, by length and width of the petals.
        rows = targets > 0
        inputs, targets = inputs[rows, 2:], targets[rows] - 1
    inputs, targets = inputs[: configuration.examples], targets[: configuration.examples]
    if len(inputs) < configuration.examples:
        raise ValueError(f"{configuration.data} has {len(inputs)} examples")
    if configuration.network in ("gan", "dcgan"):
        return inputs / (255 if inputs.ndim == 4 else 1), targets
    if configuration.network in ("mlp", "autoencoder"):
        inputs = inputs.reshape(len(inputs), -1)
    if configuration.network == "resnet20":
        inputs = np.pad(inputs, ((0, 0), (2, 2), (2, 2), (0, 0)))
    if configuration.network == "lstm":
        inputs = _patches(inputs)
    # Pictures have one mean and deviation; a table has them for each column.
    axis = 0 if inputs.shape[-1] < 10 and inputs.ndim == 2 else None
    return (inputs - inputs.mean(axis=axis)) / inputs.std(axis=axis), targets


def _patches(pictures: NDArray[Any]) -> NDArray[Any]:
    """Return pictures (N, 28, 28, 1) as sequences of 10 x 10 patches of 8 x 8, (N, 100, 64)."""
    places = np.linspace(0, 20, 10).round().astype(int)
    patches = [pictures[:, i : i + 8, j : j + 8, 0] for i in places for j in places]
    return np.stack(patches, axis=1).reshape(len(pictures), 100, 64)


def _windows(configuration: Configuration) -> tuple[Any, Any]:
    """Return windows of a text and the characters to predict, int32 (N, T)."""
    from clearprop import data

    vocabulary, context, *_ = configuration.sizes
    dataset = data.load(configuration.data, sequence_length=context)
    rows = slice(configuration.examples)
    # The text differs a little between versions of Python; so may the number of its characters.
    return tuple(np.minimum(x[rows], vocabulary - 1) for x in (dataset.inputs, dataset.targets))
