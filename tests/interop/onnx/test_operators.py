"""Operators where the conformance cases do not look, compared with onnxruntime or by their rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import clearprop as cp
from clearprop import nn
from clearprop.autodiff import grad
from clearprop.errors import ClearpropError, ModelError, ShapeError
from clearprop.interop.onnx import InferenceSession, load
from tests.interop.onnx.graphs import FLOAT, model_of, weights


def graph(
    nodes: Sequence[onnx.NodeProto],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 17,
    kind: int = FLOAT,
    out: int = 1,
    **inputs: int,
) -> onnx.ModelProto:
    """Return a model whose inputs and output, of ``out`` axes, have any sizes."""
    given = {name: (kind, [None] * rank) for name, rank in inputs.items()}
    return model_of(list(nodes), given, {"y": (FLOAT, [None] * out)}, constants or {}, opset)


def one(operator: str, inputs: str, **attributes: Any) -> list[onnx.NodeProto]:
    return [helper.make_node(operator, inputs.split(), ["y"], operator.lower(), **attributes)]


def reference(proto: onnx.ModelProto, **inputs: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(proto.SerializeToString()).run(["y"], inputs)[0]


def assert_alike(proto: onnx.ModelProto, **inputs: np.ndarray) -> None:
    expected = reference(proto, **inputs)
    found = np.asarray(load(proto)(**inputs))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_of_the_same_size(kernel: int, stride: int) -> None:
    nodes = one("ConvTranspose", "x w", strides=[stride], auto_pad="SAME_UPPER")
    proto = graph(nodes, {"w": weights(0, 2, 3, kernel)}, out=3, x=3)
    x = weights(1, 1, 2, 4)
    if kernel >= stride:
        assert_alike(proto, x=x)
    # By the specification, the size is multiplied by the stride; onnxruntime adds no places.
    found = np.asarray(load(proto)(x))
    expected = reference(proto, x=x)
    assert found.shape[-1] == 4 * stride
    np.testing.assert_allclose(found.sum(-1), expected.sum(-1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_windows_that_overlap_come_back_once(stride: int) -> None:
    options = {"kernel_shape": [3, 3], "strides": [stride, stride]}
    nodes = [
        helper.make_node("MaxPool", ["x"], ["a", "i"], "pool", **options),
        helper.make_node("MaxUnpool", ["a", "i"], ["y"], "unpool", **options),
    ]
    assert_alike(graph(nodes, out=4, x=4), x=weights(2, 1, 1, 5, 5))


def test_padding_that_only_the_ceil_mode_adds_does_not_count() -> None:
    nodes = one("AveragePool", "x", kernel_shape=[2], strides=[2], auto_pad="VALID", ceil_mode=1,
                count_include_pad=1)  # fmt: skip
    assert_alike(graph(nodes, opset=19, out=3, x=3), x=np.ones((1, 1, 5), np.float32))


def test_the_clip_of_an_lstm_holds_for_its_gates() -> None:
    nodes = [
        helper.make_node("LSTM", ["x", "w", "r"], ["y"], "lstm", hidden_size=2, clip=0.1),
    ]
    constants = {"w": 3 * weights(0, 1, 8, 3), "r": weights(1, 1, 8, 2)}
    assert_alike(graph(nodes, constants, out=4, x=3), x=3 * weights(2, 4, 2, 3))


def test_a_scale_of_one_entry_and_float64_in_a_layer_norm() -> None:
    nodes = one("LayerNormalization", "x s")
    assert_alike(graph(nodes, {"s": np.array([1.5], np.float32)}, out=2, x=2), x=weights(0, 3, 4))


def test_places_outside_are_refused() -> None:
    table = graph(one("Gather", "w x"), {"w": weights(0, 4, 2)}, kind=TensorProto.INT64, out=2, x=1)
    for place in (4, -5):
        with pytest.raises(ModelError, match="outside of the axis of 4"):
            load(table)(np.array([place]))
    largest = helper.make_node("TopK", ["x", "k"], ["y", "i"], "largest")
    most = graph([largest], {"k": np.array([5])}, x=1)
    with pytest.raises(ModelError, match="fewer entries"):
        load(most)(np.ones(3, np.float32))
    with pytest.raises(ModelError, match="no such axis"):
        load(graph(one("ReduceSum", "x a"), {"a": np.array([7])}, out=2, x=2))(weights(0, 2, 2))


def test_whole_numbers_that_do_not_fit_are_refused() -> None:
    proto = graph(one("Cast", "x", to=FLOAT), kind=TensorProto.UINT8, x=1)
    with pytest.raises(ShapeError, match="does not hold"):
        load(proto)(np.array([300, -1]))


def test_merged_running_averages_are_not_trained() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], "conv", kernel_shape=[1, 1]),
        helper.make_node(
            "BatchNormalization", ["c", "bn.ones", "bn.zeros", "bn.zeros", "bn.ones"], ["b"], "bn"
        ),
        helper.make_node("GlobalAveragePool", ["b"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["y"], "flat"),
    ]
    constants = {
        "kernel": weights(0, 3, 1, 1, 1),
        "bn.ones": np.ones(3, np.float32),
        "bn.zeros": np.zeros(3, np.float32),
    }
    model = load(graph(nodes, constants, out=2, x=4))
    assert set(model.parameters()) == {"conv.kernel", "bn.ones", "bn.zeros"}
    x, y = np.abs(weights(1, 32, 1, 4, 4)), np.arange(32) % 3
    run = cp.fit(model, x, y, epochs=2, progress=False)
    layer = nn.modules(run.model)["bn"]
    arrays = {name: np.asarray(value) for name, value in vars(layer).items() if "bn" in name or (
        name.startswith(("ones", "zeros")))}  # fmt: skip
    fixed = [value for name, value in arrays.items() if name not in ("ones", "zeros")]
    assert len(fixed) == 2
    assert sorted(float(value.sum()) for value in fixed) == [0.0, 3.0]
    assert not np.array_equal(arrays["ones"], np.ones(3))


def test_draws_differ_from_layer_to_layer_and_from_use_to_use() -> None:
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["a"], "first"),
        helper.make_node("RandomNormalLike", ["x"], ["b"], "second"),
        helper.make_node("Sub", ["a", "b"], ["y"], "difference"),
    ]
    y = np.asarray(load(graph(nodes, x=1))(np.zeros(5, np.float32)))
    assert np.all(y != 0)


def test_gradients_at_zero_are_finite() -> None:
    x = jnp.asarray([[1.0, 2, 3], [0, 0, 0]])
    for nodes in (one("LpNormalization", "x", axis=1), one("ReduceL2", "x", axes=[1])):
        model = load(graph(nodes, out=2, x=2))
        slope = grad(lambda x, model=model: cp.ops.sum(model(x)))(x)
        assert np.all(np.isfinite(slope)), nodes


def test_squares_of_float16_are_added_in_float32() -> None:
    proto = graph(one("ReduceL2", "x", keepdims=0), kind=TensorProto.FLOAT16, out=0, x=1)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    x = np.full(5000, 10, np.float16)
    assert float(load(proto)(x)) == pytest.approx(707.1, rel=1e-3)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        (one("ConstantOfShape", "s"), {"s": np.array([10**11])}),
        (one("Range", "a s b"), {"a": np.array(0), "s": np.array(10**12), "b": np.array(1)}),
        (one("Expand", "a s"), {"a": np.array([1]), "s": np.array([10**11])}),
        (one("Tile", "a s"), {"a": np.array([1]), "s": np.array([10**11])}),
    ],
)
def test_what_is_larger_than_the_memory_is_refused(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]
) -> None:
    proto = graph(nodes, constants, opset=13)
    if nodes[0].op_type != "ConstantOfShape":
        proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    model = load(proto)  # nothing so large is computed ahead
    with pytest.raises(ModelError, match="does not fit into the memory"):
        model()


def test_functions_that_double_are_refused() -> None:
    proto = graph([helper.make_node("F0", ["x"], ["y"], "f", domain="own")], x=1)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for i in range(30):
        inner = [
            helper.make_node(f"F{i + 1}", ["a"], ["b"], domain="own"),
            helper.make_node(f"F{i + 1}", ["b"], ["c"], domain="own"),
        ]
        body = inner if i < 29 else [helper.make_node("Relu", ["a"], ["c"])]
        proto.functions.append(helper.make_function("own", f"F{i}", ["a"], ["c"], body, opsets))
    proto.opset_import.append(helper.make_opsetid("own", 1))
    with pytest.raises(ModelError, match="too many nodes"):
        load(proto)


def test_data_beside_a_file_are_those_of_its_folder_also_in_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor = TensorProto(name="t", data_type=FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    body = [
        helper.make_node("Constant", [], ["k"], value=tensor),
        helper.make_node("Add", ["a", "k"], ["c"]),
    ]
    proto = graph([helper.make_node("F", ["x"], ["y"], "f", domain="own")], x=1)
    opsets = [helper.make_opsetid("", 17)]
    proto.functions.append(helper.make_function("own", "F", ["a"], ["c"], body, opsets))
    proto.opset_import.append(helper.make_opsetid("own", 1))
    folder, other = tmp_path / "model", tmp_path / "other"
    for place, values in ((folder, [1, 2]), (other, [11, 22])):
        place.mkdir()
        (place / "secret.bin").write_bytes(np.array(values, np.float32).tobytes())
    (folder / "m.onnx").write_bytes(proto.SerializeToString())
    monkeypatch.chdir(other)
    model = load(folder / "m.onnx")
    np.testing.assert_array_equal(model(np.zeros(2, np.float32)), [1, 2])
    with pytest.raises(ClearpropError):
        load(proto.SerializeToString())


@pytest.mark.parametrize(
    ("first", "second"), [("a.weight", "a.weight.scale"), ("self.weight", "l.self")]
)
def test_names_that_go_through_other_names(first: str, second: str) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", first], ["a"], "one"),
        helper.make_node("Mul", ["a", second], ["y"], "two"),
    ]
    proto = graph(nodes, {first: weights(0, 2, 3), second: weights(1, 3)}, out=2, x=2)
    assert_alike(proto, x=weights(2, 4, 2))
    assert len(load(proto).parameters()) == 2


def test_a_session_forgets_what_it_does_not_need() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["n"], "nonzero"),
        helper.make_node("Cast", ["n"], ["y"], "cast", to=FLOAT),
    ]
    session = InferenceSession(load(graph(nodes, out=2, x=2)))
    for seed in range(5):
        session(np.round(weights(seed, 40, 40) * 3))
    assert len(session._programs) <= 16
    texts = graph(one("Cast", "x", to=TensorProto.STRING), x=1)
    texts.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING
    session = InferenceSession(load(texts))
    assert session(np.array([3], np.float32)).tolist() == ["3"]
    assert "texts" in str(session.reason)


def test_an_input_is_given_once() -> None:
    model = load(graph(one("Sub", "a b"), a=1, b=1))
    x = np.ones(1, np.float32)
    with pytest.raises(ModelError, match="not those of the graph"):
        model(x, x, a=x)


def test_float64_within_a_larger_program_needs_the_setting() -> None:
    model = load(graph(one("Cast", "x", to=TensorProto.DOUBLE), x=1))
    with pytest.raises(ModelError, match="jax_enable_x64"):
        jax.jit(model)(jnp.ones(2))
