"""A fix can be pasted as printed, keeps what was asked for, and changes what it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from benchmarks.diagnosis.applied import applied
from clearprop import optim
from clearprop.glass.diagnosis.fix import fit_line, is_adaptive, rate_of, usual_call, usual_rate
from clearprop.glass.diagnosis.gathering import facts_of_run
from clearprop.training import Run, fit
from tests.glass.diagnosis.conftest import network

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)


def run_of(optimizer: Any = "adam", loss: Any = "cross_entropy", **options: Any) -> Run:
    options = {"epochs": 2, "progress": False} | options
    return fit(network(4, 8, 2), (X, Y), loss=loss, optimizer=optimizer, **options)


def after(run: Run, **changed: Any) -> dict[str, Any]:
    """Return the arguments of the call of `fit` that a fix prints."""
    line = fit_line(facts_of_run(run), **changed)
    return dict(applied(line, run.model, (X, Y), dev=(X, Y), loss=len).arguments)


def test_a_fix_is_applied_as_it_is_printed() -> None:
    code = "data = (inputs[:4], targets[:4])\nrun = cp.fit(model, data, loss='hinge', epochs=3)"
    found = applied(code, network(4, 2), (X, Y))
    assert len(found.data[0]) == 4
    assert found.arguments == {"loss": "hinge", "epochs": 3}
    assert applied("model = model.init(0)", network(4, 2), (X, Y)).arguments == {}
    with pytest.raises(TypeError, match="epoch"):
        applied("cp.fit(model, data, epoch=3)", network(4, 2), (X, Y))


@pytest.mark.parametrize(
    "optimizer",
    [
        "sgd",
        optim.adamw(optim.schedules.warmup(5, optim.schedules.cosine(0.2, 20)), weight_decay=0.3),
        optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.2)),
        optim.momentum(optim.schedules.piecewise([0.2, 0.02], [10])),
        optim.muon(optim.schedules.one_cycle(0.2, 4, rise=0.6)),
        optim.lion(optim.schedules.cosine_restarts(0.2, 4, final=0.02)),
        optim.nadam(optim.schedules.cyclic(0.02, 0.2, steps_up=2)),
        optim.lbfgs(optim.schedules.constant(0.2), iterations=2),
        optim.decoupled_weight_decay(optim.momentum(0.2), 0.01, min_ndim=2),
    ],
)
def test_a_lower_rate_lowers_every_rate_and_keeps_the_optimizer(optimizer: Any) -> None:
    run = run_of(optimizer, **({"learning_rate": 0.2} if optimizer == "sgd" else {}))
    before, now = rate_of(facts_of_run(run)), _rates(run.config["optimizer"])
    assert before is not None
    call = after(run, learning_rate=before / 10)
    if optimizer == "sgd":
        assert (call["optimizer"], call["learning_rate"]) == ("sgd", 0.02)
        return
    made = call["optimizer"]
    config = {"name": made, "learning_rate": call["learning_rate"].to_config()} \
        if isinstance(made, str) else made.to_config()  # fmt: skip
    assert config["name"] == optimizer.to_config()["name"]
    assert _rates(config) == pytest.approx([rate / 10 for rate in now], rel=0.01)


def _rates(config: Any) -> list[float]:
    """Return the rates of the first 30 steps."""
    if "parts" in config:
        config = next(part for part in config["parts"] if "learning_rate" in part)
    if "optimizer" in config:
        config = config["optimizer"]
    rate = config["learning_rate"]
    made = optim.schedules.from_config(rate) if isinstance(rate, dict) else rate
    return [float(optim.schedules.as_schedule(made)(step)) for step in range(30)]


def test_more_epochs_stretch_the_schedule() -> None:
    run = run_of("adam", learning_rate=optim.schedules.cosine(0.1, 4), epochs=2)
    call = after(run, epochs=6)
    assert call["learning_rate"].to_config() == {
        "name": "cosine", "initial": 0.1, "steps": 12, "final": 0.0,
    }  # fmt: skip


def test_micro_batches_are_kept_while_they_fit() -> None:
    run = run_of(batch_size=16, micro_batch_size=8)
    assert after(run)["micro_batch_size"] == 8
    assert after(run, batch_size=32)["micro_batch_size"] == 8
    assert "micro_batch_size" not in after(run, batch_size=8)


def test_every_optimizer_by_name_is_adaptive_or_plain() -> None:
    plain = {"sgd", "momentum", "nesterov", "lbfgs", "hessian_free"}
    names = {*optim.optimizer_names(), *optim.second_order_names()} & set(optim.__all__)
    adaptive = {name for name in names if is_adaptive({"name": name})}
    assert names - adaptive == plain


def test_a_loss_of_your_own_is_passed_and_not_named() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        return (outputs[:, 0] - targets) ** 2

    run = run_of(loss=own, epochs=1)
    assert after(run, learning_rate=0.1)["loss"] is len
    fixed = dataclasses.replace(run, config={**run.config, "loss": "cross_entropy"})
    assert after(fixed)["loss"] == "cross_entropy"


@pytest.mark.parametrize(
    ("rate", "usual"), [(1e-5, 0.001), (5e-4, None), (0.01, None), (1.0, 0.001)]
)
def test_a_rate_that_fitted_the_fault_is_set_back(rate: float, usual: float | None) -> None:
    changed = usual_rate(facts_of_run(run_of("adam", learning_rate=rate)))
    assert changed == ({} if usual is None else {"learning_rate": usual})


def test_usual_settings_are_not_advised_to_a_run_that_has_them() -> None:
    line = usual_call(facts_of_run(run_of("sgd", learning_rate=0.1)))
    assert "adam" in line
    assert "epochs=30" in line
    line = usual_call(facts_of_run(run_of("adam", learning_rate=0.001, epochs=30)))
    assert "epochs=90" in line


def test_the_development_set_is_kept() -> None:
    assert after(run_of(dev=(X[:9], Y[:9])))["dev"] == (X, Y)
    assert "dev" not in after(run_of())
    line = fit_line(facts_of_run(run_of(dev=0.2), (X, Y)))
    assert "dev=0.2" in line


def test_a_finding_can_be_applied(trained: Callable[..., Run]) -> None:
    run = trained(learning_rate=1e-6)
    finding = cp.diagnose(run).findings[0]
    found = applied(finding.fix, network(4, 8, 3), (X, Y))
    assert found.arguments["learning_rate"] > 1e-5


def test_the_weights_of_a_run_are_kept() -> None:
    run = run_of(class_weight={0: 1.0, 1: 4.0})
    kept = after(run)["class_weight"]
    again = run_of(class_weight=kept)  # as it is printed
    np.testing.assert_array_equal(again.losses, run.losses)
    line = fit_line(facts_of_run(run_of(sample_weight=np.arange(len(X)) + 1.0)))
    assert "sample_weight=sample_weight" in line
    assert "weight" not in fit_line(facts_of_run(run_of()))
