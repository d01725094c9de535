"""A live run makes the steps of `fit`, goes back, is changed, and is left by forks."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn
from clearprop.autodiff import grad
from clearprop.errors import ConfigurationError, NonFiniteError, ShapeError
from clearprop.nn import find_loss
from clearprop.training import EpochDone, FitConfig, LiveRun, NonFinite, StepsDone, Stopped, fit
from clearprop.training.live_run import KEPT_STATES


def points(n: int = 45) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    return x, np.where(x[:, :1] * x[:, 1:] > 0, 1.0, -1.0).astype(np.float32)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), "tanh", nn.Linear(4, 1), "tanh")


def options(**changed: Any) -> dict[str, Any]:
    return {
        "loss": "squared_error",
        "optimizer": "momentum",
        "learning_rate": 0.1,
        "epochs": 6,
        "batch_size": 10,
        "dev": 0.2,
        "progress": False,
        **changed,
    }


def live(**changed: Any) -> LiveRun:
    return LiveRun(FitConfig(network(), points(), **options(**changed)))


def equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, b[path]) for path, x in a.items())


@pytest.mark.optimized
@pytest.mark.parametrize("parts", [[100], [1] * 30, [3, 1, 4, 1, 5, 9, 2, 6]])
@pytest.mark.parametrize("steps_per_call", [None, 2])
def test_steps_are_those_of_fit_however_they_are_divided(
    parts: list[int], steps_per_call: int | None
) -> None:
    whole = fit(network(), *points(), **options(steps_per_call=steps_per_call))
    made = live(steps_per_call=steps_per_call)
    for steps in parts:
        list(made.advance(steps))
    assert made.ended is not None
    assert made.ended.reason == "finished"
    assert equal(nn.parameters(whole.model), made.parameters)
    assert np.array_equal(whole.losses, made.run.losses)
    assert np.array_equal(whole.history.development_error, made.run.history.development_error)
    assert list(made.advance(5)) == []


def test_it_waits_after_exactly_the_steps_asked_for() -> None:
    made = live()
    seen = []
    for _ in range(9):
        seen += [event for event in made.advance(1) if isinstance(event, EpochDone)]
    assert made.step == 9
    assert [event.step for event in seen] == [4, 8]
    assert made.position.epoch == 2
    assert made.position.step_in_epoch == 1


@pytest.mark.optimized
def test_back_and_forward_again_gives_the_same_bits() -> None:
    made = live()
    list(made.advance(5))
    made.keep()
    list(made.advance(9))
    later, losses = made.parameters, made.run.losses
    made.back(5)
    assert made.step == 5
    assert len(made.run.losses) == 5
    assert len(made.run.history) == 1
    list(made.advance(9))
    assert equal(later, made.parameters)
    assert np.array_equal(losses, made.run.losses)


def test_a_run_that_ended_can_be_taken_back() -> None:
    made = live()
    list(made.advance(3))
    made.keep()
    list(made.advance(100))
    assert made.ended is not None
    made.back(3)
    assert made.ended is None
    list(made.advance(1))
    assert made.step == 4


@pytest.mark.optimized
def test_a_fork_is_the_fork_of_fit() -> None:
    run = fit(network(), *points(), **options(snapshots=[5]))
    forked = run.fork(5, learning_rate=0.5)
    made = live()
    list(made.advance(5))
    made.keep()
    other = made.fork(5, learning_rate=0.5)
    list(other.advance(100))
    assert equal(nn.parameters(forked.model), other.parameters)
    assert np.array_equal(forked.losses, other.run.losses)
    assert other.run.change == forked.change
    list(made.advance(100))
    assert equal(nn.parameters(run.model), made.parameters)


def test_changed_weights_are_those_of_the_next_step_and_can_be_undone() -> None:
    made = live(optimizer="sgd", learning_rate=1e-30)
    list(made.advance(2))
    made.change({"layers.0.bias": np.array([1.0, 2.0, 3.0, 4.0])})
    list(made.advance(1))
    assert made.parameters["layers.0.bias"].tolist() == [1.0, 2.0, 3.0, 4.0]
    made.back(0)
    assert made.parameters["layers.0.bias"].tolist() == [0.0] * 4


def test_wrong_changes_are_told() -> None:
    made = live()
    with pytest.raises(ConfigurationError, match=r"layers\.0\.weight"):
        made.change({"layers.0.weigt": np.zeros((2, 4))})
    with pytest.raises(ShapeError, match=r"\(2, 4\)"):
        made.change({"layers.0.weight": np.zeros((4, 2))})
    with pytest.raises(ConfigurationError, match="the nearest are 0"):
        made.back(3)
    with pytest.raises(ConfigurationError, match="kept in memory"):
        LiveRun(FitConfig(network(), points(), folder="x"))


def test_a_number_that_is_not_finite_ends_it_and_back_mends_it() -> None:
    model = nn.Sequential(nn.Linear(2, 4), "tanh", nn.Linear(4, 1))
    made = LiveRun(FitConfig(model, points(), **options(optimizer="sgd", learning_rate=1e30)))
    seen = list(made.advance(20))
    assert any(isinstance(event, NonFinite) for event in seen)
    assert made.ended is not None
    assert made.ended.reason == "non-finite"
    made.back(0)
    made.change({"layers.2.weight": np.zeros((4, 1))})
    assert made.ended is None


def test_kept_states_are_spread_evenly_over_a_long_run() -> None:
    made = live(epochs=1000)
    for _ in range(1000):
        list(made.advance(3))
        made.keep()
    assert KEPT_STATES // 4 < len(made.steps) <= KEPT_STATES
    assert made.steps[0] == 0
    assert np.diff(made.steps).max() <= 3000 / 64
    middle = min(made.steps, key=lambda step: abs(step - 1500))
    made.back(middle)
    assert abs(made.step - 1500) <= 30


def test_kept_states_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clearprop.training.live_run.KEPT_BYTES", 10_000)
    made = live(epochs=1000)
    for _ in range(200):
        list(made.advance(1))
        made.keep()
    assert 8 <= len(made.steps) < 100


@pytest.mark.optimized
def test_back_undoes_what_was_done_by_hand_at_a_step() -> None:
    made = live()
    list(made.advance(3))
    before = made.parameters
    made.change({"layers.0.bias": np.full(4, 9.0)})
    made.change({"layers.0.bias": np.full(4, 8.0)})
    made.step_with([2])
    made.keep()
    list(made.advance(2))
    made.keep()
    made.back(3)
    assert equal(before, made.parameters)
    made.change({"layers.0.bias": np.full(4, 9.0)})
    other = made.fork(3, learning_rate=0.5)
    assert other.parameters["layers.0.bias"].tolist() == [9.0] * 4
    made.back(3)
    assert equal(before, made.parameters)


def test_the_run_so_far_can_be_diagnosed_and_asked() -> None:
    made = live()
    list(made.advance(6))
    run = made.run
    assert run.stopped.reason == "interrupted"
    assert run.stopped.step == 6
    assert run.predict(points()[0][:3]).shape == (3, 1)


@pytest.mark.optimized
def test_a_step_with_one_example_follows_its_gradient_and_counts_as_no_step() -> None:
    made = live(optimizer="momentum", learning_rate=0.5)
    list(made.advance(3))
    before, model = made.parameters, made.model
    rows = made.setup.data.train.rows(np.array([7]))
    slopes = grad(lambda m: find_loss("squared_error")(m(rows.inputs), rows.targets))(model)
    state: Any = made._trainer.state.optimizer
    made.step_with([7])
    for path, slope in nn.parameters(slopes).items():
        moved = before[path] - 0.5 * (slope + 0.9 * state.velocity[path])
        np.testing.assert_allclose(made.parameters[path], moved, rtol=1e-5, atol=1e-6)
    assert made.step == made.position.step_in_epoch == 3
    list(made.advance(4))
    later = made.parameters
    made.back(3)
    assert equal(before, made.parameters)
    again = live(optimizer="momentum", learning_rate=0.5)
    list(again.advance(3))
    again.step_with([7])
    list(again.advance(4))
    assert equal(later, again.parameters)
    with pytest.raises(ConfigurationError, match="rows from 0 to 35"):
        made.step_with([36])


def broken() -> LiveRun:
    model = nn.Sequential(nn.Linear(2, 4), "tanh", nn.Linear(4, 1))
    return LiveRun(FitConfig(model, points(), **options(optimizer="sgd", learning_rate=1e38)))


def test_a_step_that_would_break_the_numbers_is_not_taken() -> None:
    made = broken()
    made.step_with([0])
    before = made.parameters
    with pytest.raises(NonFiniteError):
        made.step_with([0])
    assert equal(before, made.parameters)


def test_a_change_revives_a_run_that_met_a_number_that_is_not_finite() -> None:
    made = broken()
    list(made.advance(20))
    assert made.ended is not None
    made.change({path: value * 0 for path, value in made.parameters.items()})
    assert made.ended is None
    assert any(isinstance(event, StepsDone) for event in made.advance(1))


def test_a_change_at_the_end_leaves_it_ended() -> None:
    made = live(epochs=1)
    list(made.advance(10))
    made.change({"layers.0.bias": jnp.zeros(4)})
    assert [event.reason for event in made.advance(1) if isinstance(event, Stopped)] == ["finished"]
    assert made.step == 4
