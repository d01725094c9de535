"""Algorithms of one's own: objective, memory, measures; resume, recording, reports, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from clearprop import diagnose, fit, nn, ops
from clearprop.algorithms import Learning
from clearprop.data import Batch
from clearprop.errors import ClearpropError, ConfigurationError, NonFiniteError
from clearprop.glass.report import write_report
from clearprop.training import EpochDone, StopTraining, load

Array = jax.Array

DIGITS = (load_digits().data / 16).astype(np.float32)
LABELS = load_digits().target


@dataclass(frozen=True, eq=False)
class NoiseContrast(Learning):
    """Two noisy views of an example are drawn together, and away from the other examples.

    ``L_i = -log softmax_j(cos(z_i, z'_j) / temperature)_i``, SimCLR's loss one way. The memory is
    the mean code, which the measure compares with the codes.
    """

    temperature: float = 0.1
    noise: float = 0.3

    error_name = "wrong pairs"

    def first_memory(self, model: nn.Module) -> dict[str, Array]:
        """Return the mean code before the first step."""
        return {"mean": jnp.zeros(16), "steps": jnp.zeros((), jnp.int32)}

    def remembered(self, model: Any, batch: Batch, key: Array, memory: Any) -> dict[str, Array]:
        """Return the moving mean of the codes."""
        code = model(batch.inputs).mean(axis=0)
        return {"mean": 0.9 * memory["mean"] + 0.1 * code, "steps": memory["steps"] + 1}

    def objective(self, model: Any, batch: Batch, key: Array, memory: Any) -> Any:
        """Return the loss of each example, and whether another one was nearer."""
        views = []
        for i in range(2):
            drawn = jax.random.normal(jax.random.fold_in(key, i), batch.inputs.shape)
            code = model(batch.inputs + self.noise * drawn)
            views.append(code / ops.sqrt(ops.sum(code * code, axis=-1, keepdims=True) + 1e-6))
        logits = ops.matmul(views[0], ops.transpose(views[1])) / self.temperature
        own = jnp.arange(len(batch.targets))
        return ops.softmax_cross_entropy(logits, own), ops.zero_one(logits, own)

    def measures(self, state: Any, frozen: Any, examples: Batch, key: Array) -> dict[str, Array]:
        """Return the spread of the codes around their mean."""
        codes = self.model(frozen, self.evaluated(state))(self.inputs(examples.inputs))
        return {"spread": jnp.std(codes - state.memory["mean"])}


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), "relu", nn.Linear(32, 16))


def trained(**options: Any) -> Any:
    given = {"algorithm": NoiseContrast(), "epochs": 3, "batch_size": 100, "progress": False}
    return fit(network(), DIGITS, **{**given, **options})


def test_an_objective_of_ones_own_is_minimized_and_measured() -> None:
    started = []
    run = trained(dev=0.2, epochs=12, on_event=started.append)
    assert started[0].error == "wrong pairs"
    assert run.history.objective[-1] < 0.6 * run.history.objective[0]
    assert run.history.development_error[-1] < run.history.development_error[0]
    assert run.history.metrics["spread"].shape == (12,)
    assert (run.history.metrics["spread"] > 0).all()
    assert run.config["loss"] == "noise_contrast"
    assert run.config["algorithm"] == {
        "name": "noise_contrast",
        "error_name": "wrong pairs",
        "temperature": 0.1,
        "noise": 0.3,
    }


def test_codes_without_targets_serve_a_linear_classifier() -> None:
    from sklearn.linear_model import LogisticRegression

    run, plain = trained(epochs=20), network().init(0)
    scores = [
        LogisticRegression(max_iter=500).fit(codes[:1200], LABELS[:1200]).score(
            codes[1200:], LABELS[1200:]
        )
        for codes in (np.asarray(run.model(DIGITS)), np.asarray(plain(DIGITS)))
    ]  # fmt: skip
    assert scores[0] > scores[1]


def test_a_stopped_run_goes_on_bit_for_bit_with_its_memory(tmp_path: Path) -> None:
    whole = trained(folder=tmp_path / "whole", snapshots=[54])

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    trained(folder=tmp_path / "cut", on_event=stop, snapshots=[54])
    again = trained(folder=tmp_path / "cut", resume=True, snapshots=[54])
    assert np.array_equal(again.losses, whole.losses)
    assert np.array_equal(again.history.metrics["spread"], whole.history.metrics["spread"])
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(nn.parameters(again.model)[path], value), path


def test_another_option_of_the_algorithm_does_not_resume(tmp_path: Path) -> None:
    trained(folder=tmp_path / "run", epochs=1)
    with pytest.raises(ConfigurationError, match=r"algorithm.noise was 0.3, is 0.1"):
        trained(folder=tmp_path / "run", resume=True, algorithm=NoiseContrast(noise=0.1))


def test_its_pass_is_recorded_without_a_change_of_a_bit(tmp_path: Path) -> None:
    plain, recorded = trained(), trained(record=["layers.*"])
    assert np.array_equal(plain.losses, recorded.losses)
    assert recorded.recordings is not None
    names = recorded.recordings.names
    assert "layers.2" in names
    assert "layers.2#2" in names  # the second view


def test_report_and_diagnosis_and_folder_need_no_targets(tmp_path: Path) -> None:
    run = trained(folder=tmp_path / "run", dev=0.2)
    page = write_report(run, (DIGITS, LABELS)).read_text()
    assert "wrong pairs" in page
    assert "noise contrast" in page
    assert "underfitting" not in {finding.kind for finding in diagnose(run)}
    assert json.loads((tmp_path / "run" / "config.json").read_text())["loss"] == "noise_contrast"
    found = load(tmp_path / "run")
    assert found.predict(DIGITS[:3]).shape == (3, 16)
    with pytest.raises(ConfigurationError, match="not compared with targets"):
        run.evaluate((DIGITS, LABELS))


def test_a_number_that_is_not_finite_is_traced_to_its_operation() -> None:
    @dataclass(frozen=True, eq=False)
    class Logarithm(Learning):
        def objective(self, model: Any, batch: Batch, key: Array, memory: Any) -> Any:
            return ops.log(ops.sum(model(batch.inputs), axis=-1) - 1e6)

    with pytest.raises(NonFiniteError, match="log gave NaN"):
        trained(algorithm=Logarithm())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loss": "squared_error"}, "noise_contrast has no use for loss"),
        ({"metrics": "accuracy"}, "no use for metrics"),
        ({"algorithm": NoiseContrast}, r"algorithm=NoiseContrast\(\)"),
        ({"algorithm": "simclr"}, "this is no algorithm of training"),
    ],
)
def test_what_an_algorithm_does_not_read_is_refused(options: Any, said: str) -> None:
    with pytest.raises(ClearpropError, match=said):
        trained(**options)


def test_an_objective_returns_one_loss_for_each_example() -> None:
    @dataclass(frozen=True, eq=False)
    class Mean(Learning):
        def objective(self, model: Any, batch: Batch, key: Array, memory: Any) -> Any:
            return ops.mean(model(batch.inputs))

    with pytest.raises(ConfigurationError, match=r"shape \(\) for a batch of 100"):
        trained(algorithm=Mean())


@pytest.mark.parametrize("form", [np.asarray, list, lambda x: (x, LABELS)])
def test_inputs_alone_or_with_labels_are_data(form: Callable[[Any], Any]) -> None:
    run = trained(epochs=1, batch_size=50) if form is np.asarray else None
    other = fit(
        network(),
        form(DIGITS),
        algorithm=NoiseContrast(),
        epochs=1,
        batch_size=50,
        progress=False,
    )
    assert len(other.losses) == 36
    if run is not None:
        assert np.array_equal(run.losses, other.losses)
