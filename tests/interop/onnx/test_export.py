"""Models written as ONNX: what onnxruntime computes from a file is what clearprop computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx as library
import pytest

from clearprop import models, nn, ops, tree
from clearprop.errors import ModelError
from clearprop.interop import onnx
from tests.interop.onnx.export_cases import LAYERS, MODELS, STEPS, reals, whole
from tests.interop.onnx.running import NEWEST, assert_exported, run

QUICK = ("Linear", "Conv2d", "BatchNorm", "MaxPool2d", "LSTM", "MultiHeadAttention", "LayerNorm")


@pytest.mark.parametrize("name", QUICK)
def test_a_layer_computes_the_same_in_onnxruntime_and_after_it_is_read(
    name: str, tmp_path: Path
) -> None:
    make, given = LAYERS[name]
    assert_exported(make(), given, tmp_path, 21)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [17, NEWEST])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name: str, opset: int, tmp_path: Path) -> None:
    make, given = LAYERS[name]
    assert_exported(make(), given, tmp_path, opset)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [17, NEWEST])
@pytest.mark.parametrize("name", MODELS)
def test_every_model(name: str, opset: int, tmp_path: Path) -> None:
    make, given = MODELS[name]
    assert_exported(make(), given, tmp_path, opset)


LEFT_OUT = {
    "Module": "the base of all modules",
    "AttentiveDecoder": "its state is made by the models that hold it, which are written",
    "Autoencoder": "the base of the autoencoders, which are written",
    "ResNet": "the class of resnet18 and small_resnet, which are written",
}


def test_every_layer_and_model_is_written_or_left_out_with_a_reason() -> None:
    made = {type(make()).__name__ for make, _ in (*LAYERS.values(), *MODELS.values())}
    inside = (nn.modules(make()).values() for make, _ in MODELS.values())
    made |= {type(layer).__name__ for layers in inside for layer in layers}
    wanted = {
        name
        for place in (nn, models)
        for name in place.__all__
        if isinstance(getattr(place, name), type) and issubclass(getattr(place, name), nn.Module)
    }
    assert wanted - made <= set(LEFT_OUT)
    assert set(LEFT_OUT) <= wanted


def nodes_of(path: Path) -> list[Any]:
    return list(library.load(path).graph.node)


def test_layers_that_onnx_has_are_one_node_with_the_path_of_the_layer(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).init(0)
    path = onnx.save(model, tmp_path / "m.onnx", np.ones((1, 3), np.float32))
    named = [(node.op_type, node.name) for node in nodes_of(path)]
    assert named[:3] == [
        ("Gemm", "layers.0/Gemm"),
        ("Relu", "layers.1/Relu"),
        ("Gemm", "layers.2/Gemm"),
    ]
    weights = {tensor.name for tensor in library.load(path).graph.initializer}
    assert weights == set(model.parameters())


def test_a_recurrent_layer_is_one_operator(tmp_path: Path) -> None:
    path = onnx.save(nn.LSTM(4, 3).init(0), tmp_path / "m.onnx", STEPS)
    assert [node.op_type for node in nodes_of(path)].count("LSTM") == 1


def test_a_weight_that_two_layers_share_is_there_once(tmp_path: Path) -> None:
    model = models.TiedAutoencoder((4, 4, 1), 2, (8,)).init(0)
    path = onnx.save(model, tmp_path / "m.onnx", reals(2, 4, 4, 1))
    stored = [tensor.name for tensor in library.load(path).graph.initializer]
    assert set(model.parameters()) <= set(stored)
    assert len(stored) == len(set(stored))


class OwnLayer(nn.Module):
    """A module of clearprop's operations, and one of JAX's."""

    def __init__(self) -> None:
        self.table = nn.Parameter(jnp.asarray(reals(4, 4)))
        self.b = nn.Parameter(jnp.asarray(reals(4)))

    def __call__(self, x: Any) -> Any:
        scores = ops.einsum("bti,ij->btj", x, self.table)
        best = ops.take_along_axis(scores, ops.argsort(scores, axis=-1), axis=-1)
        return ops.tanh(best + self.b) * jnp.arange(x.shape[1])[:, None]


def test_a_module_of_ones_own_is_written_by_its_operations(tmp_path: Path) -> None:
    assert_exported(OwnLayer(), STEPS, tmp_path, 21)


class Writes(nn.Module):
    """Reads and writes at places that are computed."""

    def __call__(self, x: Any) -> Any:
        places = jnp.argmax(jnp.asarray(x)[:, :, 0], axis=1)
        rows = jnp.arange(x.shape[0])
        written = jnp.asarray(x).at[rows, places].add(1.0)
        return written[rows, places - 1], written.at[:, 1:3, ::2].set(0.5)


def test_reading_and_writing_at_computed_places(tmp_path: Path) -> None:
    assert_exported(Writes(), STEPS, tmp_path, 21)


class Frozen(nn.Module):
    def __call__(self, x: Any) -> Any:
        return x * np.cos(np.arange(x.shape[0]))[:, None].astype(np.float32)


def test_a_graph_for_one_size_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="for the sizes of the example alone"):
        onnx.save(Frozen(), tmp_path / "m.onnx", reals(2, 4))
    path = onnx.save(Frozen(), tmp_path / "m.onnx", reals(2, 4), dynamic_axes={})
    (output,) = run(path, {"x": reals(2, 4)})
    np.testing.assert_allclose(output, Frozen()(reals(2, 4)), rtol=1e-6)


class Sizes(nn.Module):
    """What depends on the size of the batch in several ways."""

    def __call__(self, x: Any) -> Any:
        B, T = x.shape[:2]
        flat = ops.reshape(x, shape=(B * T, -1))
        return flat * (1 / B) + T * B / (T * B - 1), ops.sum(x, axis=0) / (B + 1)


def test_sizes_with_names_may_differ_from_call_to_call(tmp_path: Path) -> None:
    axes = {"x": {0: "batch", 1: "time"}}
    path = onnx.save(
        Sizes(), tmp_path / "m.onnx", STEPS, dynamic_axes=axes, output_names=["one", "two"]
    )
    graph = library.load(path).graph
    assert [d.dim_param for d in graph.input[0].type.tensor_type.shape.dim] == ["batch", "time", ""]
    assert [value.name for value in graph.output] == ["one", "two"]
    for shape in ((2, 5, 4), (6, 3, 4), (1, 9, 4)):
        for got, want in zip(run(path, {"x": reals(*shape)}), Sizes()(reals(*shape)), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_a_truncated_loop_is_written_with_the_same_outputs(tmp_path: Path) -> None:
    model = nn.GRU(4, 3, truncate=2).init(0)  # the file has no error signals to cut off
    path = onnx.save(model, tmp_path / "m.onnx", STEPS)
    np.testing.assert_allclose(run(path, {"x": STEPS})[0], model(STEPS), rtol=1e-5, atol=1e-6)


def test_an_lstm_may_have_any_number_of_steps(tmp_path: Path) -> None:
    model = nn.LSTM(4, 3).init(0)
    axes = {"x": {0: "batch", 1: "time"}}
    path = onnx.save(model, tmp_path / "m.onnx", STEPS, dynamic_axes=axes)
    x = reals(3, 9, 4)
    np.testing.assert_allclose(run(path, {"x": x})[0], model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 12}, "the opset cannot be written"),
        ({"opset": 99}, "the opset cannot be written"),
        ({"input_names": ["a", "b"]}, "every array of the inputs needs a name"),
        ({"output_names": ["a", "b"]}, "every output needs a name"),
        ({"dynamic_axes": {"y": [0]}}, "there is no such input or axis"),
        ({"dynamic_axes": {"x": [2]}}, "there is no such input or axis"),
    ],
)
def test_options_that_do_not_fit(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        onnx.save(nn.Linear(4, 3).init(0), tmp_path / "m.onnx", reals(2, 4), **options)


def test_an_imported_model_is_written_as_its_own_nodes(tmp_path: Path) -> None:
    make, given = MODELS["Tagger"]
    first = onnx.save(make().init(0), tmp_path / "first.onnx", given)
    read = onnx.load(first)
    changed = tree.replace(read, {path: 2 * w for path, w in read.parameters().items()})
    second = onnx.save(changed, tmp_path / "second.onnx")
    again = onnx.load(second)
    operators = [step.operator for step in read.plan.steps]
    assert [node.op_type for node in nodes_of(second)] == operators
    assert list(again.parameters()) == list(changed.parameters())
    np.testing.assert_array_equal(again(given), changed(given))
    np.testing.assert_allclose(run(second, {"x": given})[0], changed(given), rtol=1e-5, atol=1e-5)
    with pytest.raises(ModelError, match="its own nodes"):
        onnx.save(changed, tmp_path / "third.onnx", opset=17)


def test_an_imported_model_inside_another_one_is_written_too(tmp_path: Path) -> None:
    inner = onnx.load(onnx.save(nn.Linear(4, 3).init(0), tmp_path / "inner.onnx", reals(2, 4)))
    assert_exported(nn.Sequential(inner, nn.Linear(3, 2)), reals(2, 4), tmp_path, 21)


def test_integers_and_half_precision_keep_their_types(tmp_path: Path) -> None:
    class Counts(nn.Module):
        def __call__(self, x: Any) -> Any:
            x = jnp.asarray(x)
            return x * 2 % 3, x > 4, (x / 3).astype(jnp.float16)

    path = onnx.save(Counts(), tmp_path / "m.onnx", whole(9, 2, 3))
    for got, want in zip(run(path, {"x": whole(9, 2, 3)}), Counts()(whole(9, 2, 3)), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
