"""A step of training as one graph: onnxruntime trains with it as clearprop does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits

from clearprop import models, nn, optim, tree
from clearprop.autodiff import value_and_grad
from clearprop.errors import ModelError
from clearprop.interop import onnx
from clearprop.optim.creation import optimizer_names
from tests.interop.onnx.export_cases import reals, whole

Batches = Callable[[int], tuple[Any, Any]]


def digits() -> tuple[Any, Any]:
    """Return pictures (N, 28, 28, 1) of written digits, and what they are."""
    found = load_digits()
    large = (found.images / 16).astype(np.float32).repeat(3, 1).repeat(3, 2)
    return np.pad(large, ((0, 0), (2, 2), (2, 2)))[..., None], found.target.astype(np.int32)


def own_losses(
    model: nn.Module, optimizer: optim.Optimizer, loss: Any, batch: Batches, steps: int
) -> list[float]:
    """Return the losses of clearprop's own steps."""
    weights, noted = model.parameters(), nn.statistics(model)
    state = optimizer.init(weights)

    @jax.jit
    def step(weights: Any, noted: Any, state: Any, x: Any, y: Any) -> Any:
        def value(w: Any) -> Any:
            outputs, new = nn.apply(tree.replace(model, {**noted, **w}), x, training=True)
            return nn.find_loss(loss)(outputs, y), new

        (error, new), slopes = value_and_grad(value, has_aux=True)(weights)
        updates, state = optimizer.update(slopes, state, weights)
        return error, optim.apply(weights, updates), {**noted, **new}, state

    losses = []
    for number in range(steps):
        error, weights, noted, state = step(weights, noted, state, *batch(number))
        losses.append(float(error))
    return losses


def losses_of_file(step: onnx.TrainingStep, batch: Batches, steps: int) -> list[float]:
    """Return the losses of the steps that onnxruntime makes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(step.path), options, providers=["CPUExecutionProvider"]
    )
    values, losses = dict(step.values), []
    for number in range(steps):
        x, y = batch(number)
        results = session.run(list(step.outputs), {"x": x, "targets": y, **values})
        error, values = step.after(results)
        losses.append(error)
    return losses


def assert_trains_alike(
    model: nn.Module, x: Any, y: Any, folder: Path, steps: int, size: int, **options: Any
) -> list[float]:
    def batch(number: int) -> tuple[Any, Any]:
        rows = slice(number * size, (number + 1) * size)
        return x[rows], y[rows]

    model = model.init(0)
    step = onnx.save_training_step(model, folder / "step.onnx", x[:2], y[:2], **options)
    rate = options.get("learning_rate")
    named = {} if rate is None else {"learning_rate": rate}
    optimizer = optim.create(options["optimizer"], **named)
    loss = options.get("loss", "cross_entropy")
    got = losses_of_file(step, batch, steps)
    np.testing.assert_allclose(
        got, own_losses(model, optimizer, loss, batch, steps), rtol=1e-5, atol=1e-5
    )
    return got


def test_lenet5_learns_digits_in_onnxruntime_as_in_clearprop(tmp_path: Path) -> None:
    x, y = digits()
    losses = assert_trains_alike(
        models.LeNet5(), x, y, tmp_path, 25, 64, optimizer="adam", learning_rate=0.003
    )
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("opset", [17, 24])
def test_lenet5_in_the_oldest_and_the_newest_opset(opset: int, tmp_path: Path) -> None:
    x, y = digits()
    assert_trains_alike(
        models.LeNet5(pooling="average"), x, y, tmp_path, 25, 64,
        optimizer="adam", learning_rate=0.001, opset=opset,
    )  # fmt: skip


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


@pytest.mark.parametrize("optimizer", optimizer_names())
def test_every_optimizer(optimizer: str, tmp_path: Path) -> None:
    x, y = reals(60, 4), whole(3, 60)
    assert_trains_alike(small(), x, y, tmp_path, 6, 10, optimizer=optimizer)


def test_a_schedule_is_part_of_the_graph(tmp_path: Path) -> None:
    x, y = reals(60, 4), whole(3, 60)
    rate = optim.schedules.cosine(0.5, steps=6)
    assert_trains_alike(small(), x, y, tmp_path, 6, 10, optimizer="sgd", learning_rate=rate)


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm(4), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1), nn.Conv2d(4, 4, 3, stride=2, groups=2),
            nn.AvgPool2d(2, stride=1, padding=1), nn.Flatten(), nn.Linear(16, 3),
        ),
        reals(48, 8, 8, 3),
    ),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1), nn.GELU(), nn.GlobalAvgPool(),
            nn.Linear(4, 3),
        ),
        reals(48, 8, 8, 3),
    ),
    "recurrent": (
        lambda: nn.Sequential(
            nn.LSTM(4, 3), nn.GRU(3, 2, bidirectional=True), nn.Flatten(), nn.Linear(20, 3)
        ),
        reals(48, 5, 4),
    ),
    "transformer": (
        lambda: nn.Sequential(nn.TransformerBlock(4, 2), nn.Flatten(), nn.Linear(20, 3)),
        reals(48, 5, 4),
    ),
    "norms": (
        lambda: nn.Sequential(
            nn.GroupNorm(2, 4), nn.LayerNorm(4), nn.RMSNorm(4), nn.InstanceNorm(4), nn.Flatten(),
            nn.Linear(20, 3),
        ),
        reals(48, 5, 4),
    ),
    "words": (
        lambda: nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(20, 3)),
        whole(9, 48, 5),
    ),
    "residual": (lambda: models.small_resnet(8, width=4, classes=3), reals(48, 16, 16, 3)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network(name: str, tmp_path: Path) -> None:
    make, x = NETWORKS[name]
    assert_trains_alike(
        make(), x, whole(3, 48), tmp_path, 3, 16, optimizer="adam", learning_rate=0.01
    )


LOSSES = {
    "squared_error": reals(40, 3),
    "huber": reals(40, 3),
    "mean_absolute_error": reals(40, 3),
    "binary_cross_entropy": (reals(40, 3) > 0).astype(np.float32),
    "hinge": np.sign(reals(40, 3)),
    "nll": whole(3, 40),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: str, tmp_path: Path) -> None:
    y = LOSSES[loss]
    assert_trains_alike(
        small(), reals(40, 4), y, tmp_path, 4, 10, loss=loss, optimizer="sgd", learning_rate=0.1
    )


def test_what_draws_random_numbers_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).init(0)
    with pytest.raises(ModelError, match="random numbers"):
        onnx.save_training_step(model, tmp_path / "step.onnx", reals(2, 4), whole(3, 2))


def test_an_optimizer_of_second_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="more of the objective"):
        onnx.save_training_step(
            small().init(0), tmp_path / "s.onnx", reals(2, 4), whole(3, 2), optimizer="lbfgs"
        )
