"""Small ONNX models that the tests read."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 0.3


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list]],
    outputs: dict[str, tuple[int, list]],
    constants: dict[str, np.ndarray],
    opset: int = 17,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
        [helper.make_tensor_value_info(n, t, s) for n, (t, s) in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def convolutional() -> onnx.ModelProto:
    """A network named as PyTorch names it: two convolutions, one of them depthwise, and a head."""
    node = helper.make_node
    nodes = [
        node(
            "Conv",
            ["x", "features.0.weight", "features.0.bias"],
            ["a"],
            "/features/features.0/Conv",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        ),
        node(
            "BatchNormalization",
            [
                "a",
                "features.1.weight",
                "features.1.bias",
                "features.1.running_mean",
                "features.1.running_var",
            ],
            ["b"],
            "/features/features.1/BatchNormalization",
        ),
        node("Relu", ["b"], ["c"], "/features/features.2/Relu"),
        node(
            "Conv",
            ["c", "features.3.weight"],
            ["d"],
            "/features/features.3/Conv",
            group=4,
            kernel_shape=[3, 3],
            strides=[2, 2],
            pads=[1, 1, 1, 1],
        ),
        node("GlobalAveragePool", ["d"], ["e"], "/pool/GlobalAveragePool"),
        node("Shape", ["e"], ["s"], "/Shape"),
        node("Gather", ["s", "zero"], ["batch"], "/Gather", axis=0),
        node("Unsqueeze", ["batch", "first"], ["size"], "/Unsqueeze"),
        node("Concat", ["size", "rest"], ["shape"], "/Concat", axis=0),
        node("Reshape", ["e", "shape"], ["f"], "/Reshape"),
        node(
            "Gemm",
            ["f", "classifier.weight", "classifier.bias"],
            ["y"],
            "/classifier/Gemm",
            transB=1,
        ),
    ]
    constants = {
        "features.0.weight": weights(0, 4, 1, 3, 3),
        "features.0.bias": weights(1, 4),
        "features.1.weight": 1 + weights(2, 4),
        "features.1.bias": weights(3, 4),
        "features.1.running_mean": weights(4, 4),
        "features.1.running_var": 1 + np.abs(weights(5, 4)),
        "features.3.weight": weights(6, 4, 1, 3, 3),
        "classifier.weight": weights(7, 10, 4),
        "classifier.bias": weights(8, 10),
        "zero": np.array(0, np.int64),
        "first": np.array([0], np.int64),
        "rest": np.array([-1], np.int64),
    }
    size = ["batch", 1, 8, 8]
    return model_of(nodes, {"x": (FLOAT, size)}, {"y": (FLOAT, ["batch", 10])}, constants)
