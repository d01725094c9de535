"""Attention and normalization as the operators of newer opsets, and as simpler ones of older."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import onnx as library
import pytest
from onnx.reference import ReferenceEvaluator

from clearprop import nn, ops
from clearprop.interop import onnx
from clearprop.interop.onnx.export.model_inputs import named_inputs
from tests.interop.onnx.export_cases import LAYERS, PICTURES, STEPS, Case, reals
from tests.interop.onnx.running import NEWEST, assert_close, assert_exported, moved, run

CAUSAL = "MultiHeadAttention, causal"


def operators(path: Path) -> list[str]:
    return [node.op_type for node in library.load(path).graph.node]


@pytest.mark.parametrize(
    ("layer", "since", "operator", "before"),
    [
        ("GroupNorm", 21, "GroupNormalization", "InstanceNormalization"),
        ("RMSNorm", 23, "RMSNormalization", "Reciprocal"),
        ("MultiHeadAttention", 23, "Attention", "Exp"),
        ("Attention, causal", 23, "Attention", "Exp"),
        (CAUSAL, 23, "RotaryEmbedding", "Concat"),
        ("GELU", 20, "Gelu", "Erf"),
        ("Activation", 18, "Mish", "Softplus"),
        ("SiLU", 24, "Swish", "Sigmoid"),
    ],
)
def test_an_operator_is_written_from_its_opset_on(
    layer: str, since: int, operator: str, before: str, tmp_path: Path
) -> None:
    make, given = LAYERS[layer]
    model = make().init(0)
    newer = operators(onnx.save(model, tmp_path / "new.onnx", given, opset=since))
    older = operators(onnx.save(model, tmp_path / "old.onnx", given, opset=since - 1))
    assert newer.count(operator) == 1 + (operator == "RotaryEmbedding")
    assert before not in newer
    assert operator not in older
    assert before in older


@pytest.mark.parametrize(
    ("layer", "given", "operator"),
    [
        (nn.InstanceNorm(3), PICTURES, "InstanceNormalization"),
        (nn.LayerNorm(4), STEPS, "LayerNormalization"),
        (nn.Activation("hard_swish"), STEPS, "HardSwish"),
        (nn.Activation("hard_sigmoid"), STEPS, "HardSigmoid"),
        (nn.Activation("selu"), STEPS, "Selu"),
        (nn.Activation("celu"), STEPS, "Celu"),
    ],
)
def test_operators_of_every_opset(
    layer: nn.Module, given: Any, operator: str, tmp_path: Path
) -> None:
    assert_exported(layer, 3 * given, tmp_path, 17)
    assert operator in operators(tmp_path / "model.onnx")


class Attends(nn.Module):
    """`ops.attention` of projected sequences, split into heads or not."""

    def __init__(self, heads: int = 0, bias: Any = None, **options: Any) -> None:
        self.query, self.key = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.bias = None if bias is None else nn.Parameter(jnp.asarray(bias))
        self.heads, self.options = heads, tuple(options.items())

    def __call__(self, x: Any, memory: Any, mask: Any = None) -> Any:
        q, k, v = self.query(x), self.key(memory), ops.tanh(memory)
        if self.heads:
            q, k, v = (
                ops.transpose(ops.reshape(y, (*y.shape[:2], self.heads, -1)), (0, 2, 1, 3))
                for y in (q, k, v)
            )
        found = ops.attention(q, k, v, mask, bias=self.bias, **dict(self.options))
        weights = ops.attention_weights(q, k, mask, bias=self.bias, **dict(self.options))
        return found, weights


LONG, SHORT = reals(2, 7, 4), reals(2, 3, 4)
BLIND = np.array([[[1, 0, 1], [0, 0, 0]] * 2 + [[1, 1, 0]], [[0, 0, 0]] * 5], bool)
"""(2, 5, 3): some queries see no key, and the last key is hidden in one example."""
UNSEEN = np.array([[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
BY_HEAD = np.random.default_rng(0).random((2, 2, 5, 5)) < 0.4

CASES: dict[str, Case] = {
    "one head": (Attends, (STEPS, SHORT)),
    "heads": (lambda: Attends(2, scale=0.3), (STEPS, SHORT)),
    "causal": (lambda: Attends(2, causal=True), (STEPS, STEPS)),
    "causal, more keys than queries": (lambda: Attends(causal=True), (STEPS, LONG)),
    "causal, more queries than keys": (lambda: Attends(causal=True), (STEPS, SHORT)),
    "mask": (Attends, (STEPS, SHORT, BLIND)),
    "mask and causal": (lambda: Attends(2, causal=True), (STEPS, STEPS, BY_HEAD)),
    "mask by head": (lambda: Attends(2), (STEPS, STEPS, BY_HEAD)),
    "bias": (lambda: Attends(bias=reals(5, 3)), (STEPS, SHORT)),
    "bias, causal": (lambda: Attends(2, bias=reals(2, 5, 7), causal=True), (STEPS, LONG)),
    "bias and mask": (lambda: Attends(bias=reals(3)), (STEPS, SHORT, BLIND)),
    "queries that see nothing": (lambda: nn.MultiHeadAttention(4, 2), (STEPS, None, UNSEEN)),
    "queries that see nothing of a memory": (
        lambda: nn.MultiHeadAttention(4, 2, key_value_heads=1, rotary=True),
        (STEPS, STEPS[:, ::-1], UNSEEN),
    ),
    "mask of floats": (
        lambda: nn.MultiHeadAttention(4, 2, causal=True),
        (STEPS, None, np.where(UNSEEN[:, None] | (STEPS[..., :1] > 0), STEPS[:, :, :1], -np.inf)),
    ),
    "shared heads with a mask by head": (
        lambda: nn.MultiHeadAttention(4, 2, key_value_heads=1),
        (STEPS, None, BY_HEAD),
    ),
    "sequences without a batch": (lambda: Attends(causal=True), (STEPS[0], STEPS[1])),
    "layer, mask of pairs": (lambda: nn.MultiHeadAttention(4, 2), (STEPS, SHORT, BLIND)),
    "layer, mask of all heads": (
        lambda: nn.MultiHeadAttention(4, 2, causal=True),
        (STEPS, SHORT, BLIND[:, None]),
    ),
    "layer, floats over a memory": (
        lambda: nn.MultiHeadAttention(4, 2, scale=0.7, bias=False),
        (STEPS, SHORT, np.array([[0.5, -np.inf, 1], [-np.inf] * 3], np.float32)),
    ),
    "all of a block": (lambda: nn.TransformerBlock(4, 2, norm="rms"), STEPS),
}


@pytest.mark.parametrize("name", CASES)
def test_attention_with_masks(name: str, tmp_path: Path) -> None:
    make, given = CASES[name]
    assert_exported(make(), given, tmp_path, NEWEST)
    assert "Attention" in operators(tmp_path / "model.onnx")


def test_places_that_a_mask_hides_may_hold_anything(tmp_path: Path) -> None:
    model = moved(nn.MultiHeadAttention(4, 2))
    memory = np.where(UNSEEN[..., None], STEPS, np.nan).astype(np.float32)
    path = onnx.save(model, tmp_path / "m.onnx", (STEPS, memory, UNSEEN), opset=NEWEST)
    made = run(path, {"x": STEPS, "memory": memory, "mask": UNSEEN})
    assert np.isfinite(made[0]).all()
    assert_close(made, model(STEPS, memory, UNSEEN))
    alone, known = Attends(), np.where(BLIND.any(1)[..., None], SHORT, np.nan).astype(np.float32)
    path = onnx.save(moved(alone), tmp_path / "m.onnx", (STEPS, known, BLIND), opset=NEWEST)
    made = run(path, {"x": STEPS, "memory": known, "mask": BLIND})
    assert np.isfinite(made[0]).all()
    assert_close(made, moved(alone)(STEPS, known, BLIND))


def test_weights_that_nothing_reads_are_no_output(tmp_path: Path) -> None:
    make, given = LAYERS["Attention"]
    graph = library.load(onnx.save(make().init(0), tmp_path / "m.onnx", given, opset=23)).graph
    (node,) = [node for node in graph.node if node.op_type == "Attention"]
    assert len(node.output) == 1


def test_the_rows_of_a_batch_and_the_steps_may_be_any_number(tmp_path: Path) -> None:
    make, given = LAYERS[CAUSAL]
    model = moved(make())
    axes = {"x": {0: "batch", 1: "time"}}
    path = onnx.save(model, tmp_path / "m.onnx", given, opset=NEWEST, dynamic_axes=axes)
    for shape in ((1, 9, 4), (3, 2, 4)):
        assert_close(run(path, {"x": reals(*shape)}), model(reals(*shape)))


@pytest.mark.parametrize("name", ["GroupNorm", "RMSNorm", CAUSAL, "SiLU", "InstanceNorm"])
def test_the_newest_opset_in_the_reference_of_onnx(name: str, tmp_path: Path) -> None:
    """The installed onnxruntime ends at an older opset, so the library `onnx` computes the file."""
    newest = library.defs.onnx_opset_version()
    assert newest > NEWEST
    make, given = LAYERS[name]
    model = moved(make())
    path = onnx.save(model, tmp_path / "m.onnx", given, opset=newest)
    arrays = named_inputs(model, given, None).arrays
    made = ReferenceEvaluator(str(path)).run(None, {k: np.asarray(v) for k, v in arrays.items()})
    assert_close(made, model(given))
    assert_close([onnx.load(path)(**arrays)], model(given))


@pytest.mark.parametrize("opset", [21, NEWEST])
def test_a_step_of_training_reads_the_weights_of_attention(opset: int, tmp_path: Path) -> None:
    model = nn.Sequential(nn.TransformerBlock(4, 2, norm="rms"), nn.Linear(4, 3)).init(0)
    y = np.zeros((2, 5, 3), np.float32)
    step = onnx.save_training_step(
        model, tmp_path / "s.onnx", STEPS, y, loss="squared_error", learning_rate=0.1, opset=opset
    )
    other = onnx.save_training_step(
        model, tmp_path / "t.onnx", STEPS, y, loss="squared_error", learning_rate=0.1, opset=17
    )
    assert ("Attention" in operators(step.path)) == (opset >= 23)
    given = {"x": STEPS, "targets": y, **step.values}
    assert_close(run(step.path, given), run(other.path, given))
