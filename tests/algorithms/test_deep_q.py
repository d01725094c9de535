"""Deep Q-learning: Bellman targets against value iteration, its options, resume, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import diagnose, fit, models, nn
from clearprop.algorithms import DeepQLearning
from clearprop.algorithms.replay import Drawn
from clearprop.data.environments import CartPole, EquationEnvironment
from clearprop.errors import ConfigurationError, NonFiniteError
from clearprop.glass.report import write_report
from clearprop.training import EpochDone, StopTraining

Array = jax.Array


@dataclass(frozen=True)
class Chain(EquationEnvironment):
    """Three places in a row: "stay" pays 0.1, "on" pays the number of the place and moves on.

    Behind the last place the episode ends.
    """

    time_limit: int = 20

    name = "Chain"
    actions = ("stay", "on")
    observations = ("first", "second", "third")
    scale = (1.0, 1.0, 1.0)
    solved = 3.0
    source = "a Markov chain that is solved by hand"

    def first(self, key: Array) -> Array:
        """Return the first place."""
        return jnp.zeros(1)

    def advanced(self, variables: Array, action: Array, key: Array) -> Array:
        """Return the place after a step, with the sign of what was done behind the comma."""
        return jnp.floor(variables) + jnp.where(action == 1, 1.0, 0.5)

    def observed(self, variables: Array) -> Array:
        """Return the place as one of three."""
        return jax.nn.one_hot(jnp.minimum(variables[0].astype(jnp.int32), 2), 3)

    def ended(self, variables: Array) -> Array:
        """Return whether the chain was left."""
        return variables[0] >= 3

    def rewarded(self, variables: Array, terminated: Array) -> Array:
        """Return 0.1 for staying, and the number of the place that was left for going on."""
        stayed = variables[0] != jnp.floor(variables[0])
        return jnp.where(stayed, 0.1, jnp.floor(variables[0]) - 1)


DISCOUNT = 0.8


def value_iteration() -> np.ndarray:
    """Return Q* of the chain, (3, 2)."""
    q = np.zeros((3, 2))
    for _ in range(500):
        v = np.append(q.max(axis=1), 0.0)
        q = np.array([[0.1 + DISCOUNT * v[s], s + DISCOUNT * v[s + 1]] for s in range(3)])
    return q


def every_transition() -> Drawn:
    """Return the six transitions of the chain."""
    chain, found = Chain(), []
    for s in range(3):
        for a in range(2):
            place = jnp.array([float(s)])
            state = chain.reset(jax.random.key(0))[0]._replace(variables=place)
            after = chain.step(state, jnp.array(a), jax.random.key(0))
            discount = jnp.where(after.terminated, 0, DISCOUNT)
            found.append((chain.observed(place), a, after.reward, after.observation, discount))
    return Drawn(*(jnp.stack([jnp.asarray(x) for x in part]) for part in zip(*found, strict=True)))


def table(q: np.ndarray) -> Any:
    return lambda observations: observations @ jnp.asarray(q, jnp.float32)


@pytest.mark.parametrize("double", [False, True])
def test_the_targets_of_the_solution_are_the_solution(double: bool) -> None:
    q = value_iteration()
    found = DeepQLearning(double=double).targets(table(q), table(q), every_transition())
    assert np.allclose(np.asarray(found).reshape(3, 2), q, atol=1e-6)


def test_the_double_target_values_the_action_that_the_network_chooses() -> None:
    drawn = Drawn(
        jnp.zeros((1, 3)), jnp.array([0]), jnp.array([1.0]), jnp.eye(3)[:1], jnp.array([0.5])
    )
    network = table(np.array([[9.0, 2.0], [0, 0], [0, 0]]))
    target = table(np.array([[3.0, 7.0], [0, 0], [0, 0]]))
    assert float(DeepQLearning(double=True).targets(network, target, drawn)[0]) == 1 + 0.5 * 3
    assert float(DeepQLearning(double=False).targets(network, target, drawn)[0]) == 1 + 0.5 * 7


@pytest.mark.parametrize(
    "options",
    [
        {"double": False, "delta": 1.0},
        {"duelling": True, "priority": 0.6, "correction": 1.0},
        {"target_rate": 0.05, "target_every": 1},
    ],
)
@pytest.mark.slow
def test_a_network_learns_what_value_iteration_finds(options: dict[str, Any]) -> None:
    options = {**options}
    duelling = options.pop("duelling", False)
    algorithm = DeepQLearning(
        discount=DISCOUNT,
        epsilon=(1.0, 1.0),
        replay_batch=32,
        warmup=200,
        capacity=2000,
        target_every=options.pop("target_every", 20),
        evaluation_episodes=2,
        epoch_steps=4000,
        **options,
    )
    model = models.QNetwork(3, 2, hidden_sizes=(32,), duelling=duelling)
    run = fit(
        model,
        Chain(),
        algorithm=algorithm,
        batch_size=4,
        epochs=2,
        learning_rate=3e-3,
        progress=False,
    )
    q = value_iteration()
    found = np.asarray(run.model(jnp.eye(3)))
    assert np.abs(found - q).max() < 0.05
    assert run.history.training_error[-1] < run.history.training_error[0]


def small(**options: Any) -> DeepQLearning:
    given = {"epoch_steps": 400, "warmup": 200, "capacity": 800, "replay_batch": 32}
    return DeepQLearning(**{**given, "evaluation_episodes": 3, **options})


def trained(**options: Any) -> Any:
    given = {"algorithm": small(), "epochs": 3, "batch_size": 8, "progress": False}
    return fit(models.QNetwork(4, 2, hidden_sizes=(16,)), "CartPole-v1", **{**given, **options})


def test_what_an_epoch_measures_is_of_the_environment() -> None:
    run = trained(algorithm=small(epsilon=(1.0, 0.2), epsilon_steps=800))
    metrics = run.history.metrics
    assert np.allclose(metrics["epsilon"], [0.6, 0.2, 0.2])
    assert (np.diff(metrics["episodes"]) > 0).all()
    # 200 steps of warmup and 400 of the first epoch, in episodes of more than 8 steps.
    assert metrics["episodes"][0] < 600 / 8
    assert np.array_equal(metrics["return"], metrics["episode length"])
    assert (metrics["evaluation return"] >= 8).all()
    assert run.config["data"]["name"] == "CartPole-v1"
    assert run.config["data"]["examples"] == 400
    assert run.history.step.tolist() == [50, 100, 150]


@pytest.mark.parametrize("priority", [0.0, 0.6])
def test_a_killed_run_goes_on_bit_for_bit_with_environment_and_replay(
    tmp_path: Path, priority: float
) -> None:
    options: dict[str, Any] = {"algorithm": small(priority=priority, n_steps=2)}
    whole = trained(folder=tmp_path / "whole", **options)

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    trained(folder=tmp_path / "cut", on_event=stop, **options)
    again = trained(folder=tmp_path / "cut", resume=True, **options)
    assert np.array_equal(again.losses, whole.losses)
    for name, column in whole.history.metrics.items():
        assert np.array_equal(again.history.metrics[name], column), name
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(nn.parameters(again.model)[path], value), path


def test_another_environment_or_option_does_not_resume(tmp_path: Path) -> None:
    trained(folder=tmp_path / "run", epochs=1)
    with pytest.raises(ConfigurationError, match=r"algorithm.discount was 0.99, is 0.9"):
        trained(folder=tmp_path / "run", epochs=1, resume=True, algorithm=small(discount=0.9))
    heavier = {"algorithm": small(), "epochs": 1, "batch_size": 8, "progress": False}
    with pytest.raises(ConfigurationError, match="fingerprint"):
        fit(
            models.QNetwork(4, 2, hidden_sizes=(16,)),
            CartPole(pole_mass=0.2),
            folder=tmp_path / "run",
            resume=True,
            **heavier,
        )


def test_its_pass_is_recorded_without_a_change_of_a_bit() -> None:
    plain, recorded = trained(), trained(record=["layers.*"])
    assert np.array_equal(plain.losses, recorded.losses)
    assert recorded.recordings is not None
    assert "layers.0" in recorded.recordings.names


def test_report_and_diagnosis_and_folder_need_no_data(tmp_path: Path) -> None:
    run = trained(folder=tmp_path / "run")
    page = write_report(run).read_text()
    assert "TD error" in page
    assert "evaluation return" in page
    diagnose(run)
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["algorithm"]["name"] == "deep_q_learning"
    assert written["algorithm"]["n_steps"] == 1


@pytest.mark.slow
def test_a_reward_that_is_not_finite_is_found() -> None:
    @dataclass(frozen=True)
    class Broken(CartPole):
        def rewarded(self, variables: Array, terminated: Array) -> Array:
            return jnp.where(variables[0] > 0.1, jnp.nan, 1.0)

    with pytest.raises(NonFiniteError):
        fit(
            models.QNetwork(4, 2, hidden_sizes=(16,)),
            Broken(),
            algorithm=small(),
            epochs=3,
            batch_size=8,
            progress=False,
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"algorithm": small(warmup=30)}, "the replay is smaller than a batch"),
        ({"algorithm": small(capacity=100)}, "the replay is smaller than a batch"),
        ({"batch_size": 7}, "whole number of steps in every environment"),
        ({"dev": 0.1}, "episodes without random actions are the evaluation"),
        ({"loss": "huber"}, "belongs to supervised learning"),
    ],
)
def test_what_does_not_fit_is_answered(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        trained(**options)


def test_a_network_that_does_not_fit_the_environment_is_answered() -> None:
    with pytest.raises(ConfigurationError, match=r"QNetwork\(4, 2\)"):
        fit(models.QNetwork(4, 3), "CartPole-v1", algorithm=small(), batch_size=8, progress=False)
    with pytest.raises(ConfigurationError, match="did you mean 'CartPole-v1'"):
        fit(models.QNetwork(4, 2), "CartPol-v1", algorithm=small(), batch_size=8, progress=False)


@pytest.mark.parametrize(
    "options", [{"discount": 1.5}, {"n_steps": 0}, {"delta": 0.0}, {"epsilon": (-0.1, 0.0)}]
)
def test_an_option_out_of_its_range_is_answered(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        DeepQLearning(**options)
