"""Whole numbers beyond 32 bits: exact by themselves, and never cut off in silence elsewhere."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx as library
import pytest
from onnx import TensorProto, helper, numpy_helper

import clearprop as cp
from clearprop import nn, ops, tree
from clearprop.autodiff import grad
from clearprop.errors import DataError, ModelError
from clearprop.interop import onnx

BIG = 2**40 + 3
NUMBERS = np.array([[BIG, 2], [3, 4]] * 8)


def loaded(nodes: list[Any], given: Any, made: Any, **constants: Any) -> onnx.OnnxModel:
    graph = helper.make_graph(
        nodes,
        "whole numbers",
        [helper.make_tensor_value_info("x", *given)],
        [helper.make_tensor_value_info("y", *made)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    library.checker.check_model(proto, full_check=True)
    return onnx.load(proto)


def remainders() -> onnx.OnnxModel:
    """Return a model with a weight: a product with the remainders of its inputs."""
    nodes = [
        helper.make_node("Mod", ["x", "divisor"], ["a"]),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["b", "w"], ["y"], name="product"),
    ]
    given, made = (TensorProto.INT64, ["n", 2]), (TensorProto.FLOAT, ["n", 2])
    return loaded(nodes, given, made, divisor=np.int64([1000]), w=np.eye(2, dtype=np.float32))


def sum_within(model: onnx.OnnxModel, x: Any) -> Any:
    """Return the gradient of the summed outputs, a larger program with 32 bits."""
    return jax.jit(grad(lambda w: ops.sum(tree.replace(model, w)(x))))(model.parameters())


def test_an_input_beyond_32_bits_is_refused_within_a_larger_program() -> None:
    model = remainders()
    np.testing.assert_array_equal(model(NUMBERS)[0], [BIG % 1000, 2])
    np.testing.assert_array_equal(onnx.InferenceSession(model)(NUMBERS)[0], [BIG % 1000, 2])
    with pytest.raises(
        ModelError, match=rf"^x: the input 'x' needs 64 bits[^$]*2 to {BIG}[^$]*x64"
    ):
        sum_within(model, NUMBERS)
    with jax.enable_x64(True):
        wide = jnp.asarray(NUMBERS)
    with pytest.raises(ModelError, match="the input 'x' needs 64 bits"):
        sum_within(model, wide)
    with pytest.raises(ModelError, match=r"the input 'x' has 64 bits[^$]*int64[^$]*int32"):
        jax.jit(lambda m, x: m(x))(model, wide)
    ((slope, _), _) = sum_within(model, NUMBERS % 1_000_000)["product.weight"]
    assert slope == 8 * (BIG % 1_000_000 % 1000 + 3)
    with jax.enable_x64(True):
        ((slope, _), _) = sum_within(model, NUMBERS)["product.weight"]
    assert slope == 8 * (BIG % 1000 + 3)


def test_a_known_output_beyond_32_bits_is_exact_or_refused() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["size"]),
        helper.make_node("Mul", ["size", "k"], ["y"]),
    ]
    model = loaded(nodes, (TensorProto.FLOAT, ["n"]), (TensorProto.INT64, [1]), k=np.int64([BIG]))
    x = np.ones(2, np.float32)
    assert np.asarray(model(x)) == 2 * BIG
    assert np.asarray(jax.jit(lambda: model(x))()) == 2 * BIG
    with pytest.raises(ModelError, match=rf"the output 'y' needs 64 bits[^$]*{2 * BIG}"):
        jax.jit(model)(x)


def test_a_constant_beyond_32_bits_is_refused_within_a_larger_program() -> None:
    nodes = [helper.make_node("Add", ["x", "k"], ["y"])]
    given = TensorProto.INT64, ["n"]
    model = loaded(nodes, given, given, k=np.int64([BIG]))
    assert np.asarray(model(np.array([1])))[0] == BIG + 1
    with pytest.raises(ModelError, match=rf"Add_0[^$]*a constant needs 64 bits[^$]*{BIG}"):
        jax.jit(model)(np.array([1], np.int32))


@pytest.mark.parametrize("imported", [True, False])
def test_training_takes_no_whole_numbers_that_would_be_cut_off(imported: bool) -> None:
    model = remainders() if imported else nn.Sequential(nn.Embedding(5, 2), nn.Flatten())
    y = np.zeros((16, 2 if imported else 4), np.float32)
    options: dict[str, Any] = {"loss": "squared_error", "epochs": 1, "progress": False}
    message = rf"inputs[^$]*more than 32 bits[^$]*2 to {BIG}[^$]*return_inverse"
    with pytest.raises(DataError, match=message):
        cp.fit(model, NUMBERS, y, **options)
    run = cp.fit(model, NUMBERS % 5, y, **options)
    assert run.predict(NUMBERS % 5).shape == y.shape
    with pytest.raises(DataError, match=message):
        run.predict(NUMBERS)
    with pytest.raises(DataError, match=message):
        run.evaluate((NUMBERS, y))
    small = NUMBERS.astype(np.uint64) % 5
    np.testing.assert_array_equal(run.predict(small), run.predict(NUMBERS % 5))


def test_labels_beyond_32_bits_are_refused() -> None:
    x = np.zeros((4, 2), np.float32)
    with pytest.raises(DataError, match=rf"targets: a whole number needs more[^$]*{BIG}"):
        cp.fit(nn.Linear(2, 3), x, np.array([0, 1, 2, BIG]), epochs=1, progress=False)
