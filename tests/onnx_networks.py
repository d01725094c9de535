"""Small networks in ONNX files, and a folder of real pictures, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from clearprop import data

SIDE = 8
CLASSES = 7
"""Of the network in the file: another number than that of the digits."""


def weights(random: np.random.Generator, name: str, *shape: int) -> onnx.TensorProto:
    """Return a tensor of random weights, He's deviation."""
    fan_in = int(np.prod(shape[1:])) or 1
    drawn = random.standard_normal(shape) * np.sqrt(2 / fan_in)
    return numpy_helper.from_array(drawn.astype(np.float32), name)


def saved(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    given: dict[str, Sequence[int | str]],
    outputs: dict[str, Sequence[int | str]],
    tensors: Sequence[onnx.TensorProto],
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Write a checked model; return its path."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, dtype, s) for name, s in given.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in outputs.items()],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def small_cnn(
    path: Path,
    *,
    batch: int | str = "batch",
    softmax: bool = True,
    reshape: Sequence[int] = (-1, 128),
    channels: int = 1,
    side: int | str = SIDE,
    matmul: bool = False,
    classes: int = CLASSES,
    auxiliary: bool = False,
) -> Path:
    """Write a network with the names that PyTorch gives: features.0.weight, classifier.2.weight.

    Args:
        path: of the file.
        batch: the number of examples that the file declares.
        softmax: whether the file ends with probabilities.
        reshape: the shape before the linear layers.
        channels: of the pictures.
        side: height and width that the file declares.
        matmul: whether the last layer is MatMul and Add instead of Gemm.
        classes: outputs of the last layer.
        auxiliary: whether the file has a second output, of the hidden layer.
    """
    random = np.random.default_rng(0)
    layer = helper.make_node
    head: list[Any] = [
        layer(
            "Gemm",
            ["f", "classifier.2.weight", "classifier.2.bias"],
            ["scores"],
            name="/classifier/classifier.2/Gemm",
            transB=1,
        )
    ]
    shape = (classes, 32)
    if matmul:
        shape = (32, classes)
        head = [
            layer("MatMul", ["f", "classifier.2.weight"], ["product"], name="/head/MatMul"),
            layer("Add", ["classifier.2.bias", "product"], ["scores"], name="/head/Add"),
        ]
    nodes = [
        layer(
            "Conv",
            ["x", "features.0.weight", "features.0.bias"],
            ["a"],
            name="/features/features.0/Conv",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        ),
        layer("Relu", ["a"], ["b"], name="/features/features.1/Relu"),
        layer(
            "MaxPool",
            ["b"],
            ["c"],
            name="/features/features.2/MaxPool",
            kernel_shape=[2, 2],
            strides=[2, 2],
        ),
        layer("Reshape", ["c", "shape"], ["d"], name="/Reshape"),
        layer(
            "Gemm",
            ["d", "classifier.0.weight", "classifier.0.bias"],
            ["e"],
            name="/classifier/classifier.0/Gemm",
            transB=1,
        ),
        layer("Relu", ["e"], ["f"], name="/classifier/classifier.1/Relu"),
        *head,
    ]
    if softmax:
        nodes.append(layer("Softmax", ["scores"], ["y"], name="/Softmax", axis=1))
    tensors = [
        weights(random, "features.0.weight", 8, channels, 3, 3),
        weights(random, "features.0.bias", 8),
        numpy_helper.from_array(np.array(reshape, np.int64), "shape"),
        weights(random, "classifier.0.weight", 32, 128),
        weights(random, "classifier.0.bias", 32),
        weights(random, "classifier.2.weight", *shape),
        weights(random, "classifier.2.bias", classes),
    ]
    outputs: dict[str, Sequence[int | str]] = {"y" if softmax else "scores": [batch, classes]}
    if auxiliary:
        outputs["f"] = [batch, 32]
    return saved(path, nodes, {"x": [batch, channels, side, side]}, outputs, tensors)


def digit_pictures(folder: Path, number: int = 400, classes: int = 10) -> Path:
    """Write scikit-learn's digits as PNG files, a folder for each class; return the folder."""
    dataset = data.load("digits")
    pixels: NDArray[Any] = np.asarray(dataset.inputs[np.arange(len(dataset))], np.float64)
    pixels = pixels.reshape(-1, SIDE, SIDE) * (255 / pixels.max())
    rows = np.flatnonzero(dataset.targets < classes)[:number]
    for row in rows:
        place = folder / f"digit {dataset.targets[row]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[row].astype(np.uint8)).save(place / f"{row}.png")
    return folder
