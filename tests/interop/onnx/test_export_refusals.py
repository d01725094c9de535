"""What ONNX cannot express is refused by operation, layer and mend; determinants it can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import ModelError
from clearprop.interop import onnx
from tests.interop.onnx.export_cases import reals
from tests.interop.onnx.running import assert_exported


class Computes(nn.Module):
    """A function of the input and a matrix."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.weight = nn.Parameter(jnp.asarray(np.eye(4, dtype=np.float32) + reals(4, 4) / 4))
        self.function = function

    def __call__(self, x: Any) -> Any:
        return self.function(x, self.weight)


DECOMPOSED = r"solves no systems of equations[^$]*compute it outside of the model"
DRAWN = r"which draws random numbers,[^$]*as an input; dropout draws in training alone"
OTHER = r"has no counterpart there[^$]*write it by other operations"


@pytest.mark.parametrize(
    ("function", "named", "message"),
    [
        (lambda x, w: x @ ops.inv(w), "the operation 'inv'", DECOMPOSED),
        (lambda x, w: ops.solve(w, x.T).T, "the operation 'solve'", DECOMPOSED),
        (lambda x, w: x * ops.slogdet(w)[1], "the operation 'slogdet'", DECOMPOSED),
        (lambda x, w: x @ ops.cholesky(w @ w.T), "the operation 'cholesky'", DECOMPOSED),
        (lambda x, w: x @ ops.eigh(w + w.T)[1], "the operation 'eigh'", DECOMPOSED),
        (lambda x, w: x @ ops.svd(w)[0], "the operation 'svd'", DECOMPOSED),
        (lambda x, w: x @ jnp.linalg.qr(w)[0], "the operation 'qr'", DECOMPOSED),
        (
            lambda x, w: x + jax.random.normal(jax.random.key(0), (4,)),
            "the operation 'random_seed'",
            DRAWN,
        ),
        (lambda x, w: jax.scipy.special.digamma(x), "the operation 'digamma'", OTHER),
        (lambda x, w: jnp.abs(jnp.fft.fft(x)), "the number type", "complex64[^$]*real and imagin"),
        (
            lambda x, w: jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x),
            "the operation 'pure_callback'",
            r"calls no functions of Python[^$]*outside of the model",
        ),
        (
            lambda x, w: jax.lax.sort((x, x), num_keys=2)[0],
            "sorting",
            r"several keys[^$]*one key after the other",
        ),
        (
            lambda x, w: jax.lax.switch(jnp.int32(w[0, 0]), [lambda: x, lambda: -x, lambda: x + 1]),
            "a choice between several branches",
            r"If has two[^$]*cond inside",
        ),
    ],
)
def test_a_refusal_names_operation_layer_and_mend(
    function: Callable[[Any, Any], Any], named: str, message: str, tmp_path: Path
) -> None:
    model = nn.Sequential(nn.Linear(4, 4), Computes(function)).init(0)
    with pytest.raises(ModelError, match=rf"^layers\.1: {named}[^$]*{message}"):
        onnx.save(model, tmp_path / "m.onnx", reals(2, 4))
    assert not (tmp_path / "m.onnx").exists()


def test_a_step_of_training_with_dropout_says_how_to_leave_it_out(tmp_path: Path) -> None:
    layers = nn.Linear(4, 3), nn.Dropout(0.5)
    y = np.zeros((2, 3), np.float32)
    with pytest.raises(ModelError, match=rf"layers\.1: [^$]*{DRAWN}[^$]*nn\.Dropout\(0\)"):
        onnx.save_training_step(
            nn.Sequential(*layers).init(0),
            tmp_path / "s.onnx",
            reals(2, 4),
            y,
            loss="squared_error",
        )
    model = nn.Sequential(layers[0], nn.Dropout(0)).init(0)
    onnx.save_training_step(model, tmp_path / "s.onnx", reals(2, 4), y, loss="squared_error")


@pytest.mark.parametrize("opset", [17, 24])
def test_a_determinant_is_an_operator(opset: int, tmp_path: Path) -> None:
    assert_exported(Computes(lambda x, w: x * ops.det(w)), reals(2, 4), tmp_path, opset)
    x = reals(2, 3, 4, 4)
    assert_exported(Computes(lambda x, w: ops.det(x @ w)), x, tmp_path, opset)
