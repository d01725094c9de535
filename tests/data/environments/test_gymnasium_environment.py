"""Environments of gymnasium: their steps, their exact resume, their pictures, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, fit, models, nn
from clearprop.algorithms import DeepQLearning
from clearprop.cli import main
from clearprop.data.environments import (
    EquationEnvironment,
    GymnasiumEnvironment,
    find_environment,
    play,
    trace,
)
from clearprop.data.environments.gymnasium_environment import SEED
from clearprop.data.environments.random_play import play_at_random
from clearprop.errors import ConfigurationError, DataError
from clearprop.glass.drawings.episode import HEIGHT, WIDTH, episode_of
from clearprop.training import Run


class Corridor(gymnasium.Env[np.ndarray, np.int64]):
    """Five places in a row; a step to the right from the last one pays 1 and ends the episode."""

    fails_at = 10**9
    steps = 0

    def __init__(self, length: int = 5) -> None:
        self.length = length
        self.observation_space = gymnasium.spaces.Discrete(length)
        self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = int(self.np_random.integers(2))
        return self.place, {}

    def step(self, action: Any) -> Any:
        Corridor.steps += 1
        if Corridor.steps > Corridor.fails_at:
            raise OSError("the corridor is closed")
        self.place = max(self.place + (1 if action else -1), 0)
        done = self.place == self.length
        return min(self.place, self.length - 1), float(done), done, False, {}


@pytest.fixture(autouse=True)
def corridor() -> Iterator[None]:
    """Register the corridor, which does not fail."""
    Corridor.steps, Corridor.fails_at = 0, 10**9
    gymnasium.register("Corridor-v0", entry_point=Corridor, max_episode_steps=30)
    yield
    del gymnasium.registry["Corridor-v0"]


ALGORITHM = DeepQLearning(
    epoch_steps=200,
    warmup=100,
    replay_batch=32,
    capacity=1_000,
    epsilon_steps=600,
    evaluation_episodes=5,
)


def trained(folder: Path | None = None, epochs: int = 4, **options: Any) -> Run:
    """Return a run in the corridor."""
    network = models.QNetwork(5, 2, hidden_sizes=(16,))
    given: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 4, "progress": False, **options}
    return fit(network, "Corridor-v0", algorithm=ALGORITHM, epochs=epochs, folder=folder, **given)


@pytest.mark.parametrize(
    "name", ["CartPole-v1", "FrozenLake-v1", "Taxi-v4", "Blackjack-v1", "LunarLander-v3"]
)
def test_an_episode_is_that_of_gymnasium_step_by_step(name: str) -> None:
    environment = GymnasiumEnvironment(name)
    count = len(environment.actions)

    def policy(seen: jax.Array) -> jax.Array:
        return (jnp.abs(seen).sum(axis=1) * 1000).astype(jnp.int32) % count

    played = trace(environment, policy, jax.random.key(3))
    theirs = gymnasium.make(name)
    seen, _ = theirs.reset(seed=int(played.variables[0, SEED]))
    rows, rewards, ended = [environment.flat(seen)], [], False
    for action in played.actions:
        assert not ended
        seen, reward, terminated, truncated, _ = theirs.step(int(action))
        rows.append(environment.flat(seen))
        rewards.append(reward)
        ended = terminated or truncated
    assert ended
    np.testing.assert_array_equal(played.observations, np.stack(rows))
    np.testing.assert_array_equal(played.rewards, np.asarray(rewards, np.float32))


def test_its_episodes_are_like_those_of_the_compiled_environment() -> None:
    returns = {}
    for environment in (find_environment("CartPole-v1"), GymnasiumEnvironment("CartPole-v1")):
        played = play(
            environment,
            lambda seen: (seen[:, 2] > 0).astype(jnp.int32),
            60,
            jax.random.key(0),
        )
        returns[type(environment)] = np.asarray(played.returns)
    (ours, theirs) = returns.values()
    error = np.sqrt(ours.var() / 60 + theirs.var() / 60)
    assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_several_act_at_once_and_begin_again() -> None:
    environment = find_environment("FrozenLake-v1")
    acting, played = play_at_random(environment, 120, 6, jax.random.key(0))
    ended = np.asarray(played.terminated | played.truncated)
    assert int(acting.episodes) == ended.sum() > 20
    places = np.asarray(played.observations).argmax(axis=-1)
    after = np.asarray(played.next_observations).argmax(axis=-1)
    begun = np.roll(ended, 1, axis=0)[1:]
    np.testing.assert_array_equal(places[1:][begun], 0)
    np.testing.assert_array_equal(places[1:][~begun], after[:-1][~begun])
    assert set(np.unique(after[np.asarray(played.terminated)])) <= {5, 7, 11, 12, 15}


def test_a_state_is_played_again_where_no_world_stands_there() -> None:
    first, second = (GymnasiumEnvironment("Taxi-v4") for _ in range(2))
    assert first == second
    state, _ = first.reset(jax.random.key(1))
    for i in (0, 1, 3, 0, 2, 1):
        after = first.step(state, jnp.int32(i), jax.random.key(0))
        again = second.step(state, jnp.int32(i), jax.random.key(0))
        second.worlds.__init__()  # type: ignore[misc]  # no world of it is left
        np.testing.assert_array_equal(after.observation, again.observation)
        assert after.reward == again.reward
        state = after.state


def test_a_network_learns_in_it() -> None:
    run = trained(epochs=8)
    measured = run.history.metrics
    assert measured["evaluation return"][-1] == 1.0
    assert measured["episode length"][-1] < measured["episode length"][0]


def test_a_run_resumes_bit_for_bit_in_new_worlds(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", epochs=4)
    trained(tmp_path / "parts", epochs=2)
    rest = trained(tmp_path / "parts", epochs=4, resume=True)
    np.testing.assert_array_equal(whole.losses, rest.losses)
    for path, value in nn.parameters(whole.model).items():
        np.testing.assert_array_equal(value, nn.parameters(rest.model)[path])


@pytest.mark.slow
def test_an_error_of_the_environment_is_told_and_the_run_goes_on_after_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = trained()
    Corridor.steps, Corridor.fails_at = 0, 700
    with pytest.raises(DataError, match="the corridor is closed") as told:
        trained(tmp_path / "run", checkpoint_every=1)
    assert told.value.where is not None
    assert "Corridor-v0, step" in told.value.where
    assert isinstance(told.value.__cause__, OSError)
    assert "Traceback" not in capfd.readouterr().err
    Corridor.fails_at = 10**9
    rest = trained(tmp_path / "run", resume=True, checkpoint_every=1)
    np.testing.assert_array_equal(whole.losses, rest.losses)


def test_an_environment_or_several_that_gymnasium_made_are_copied_with_their_wrappers() -> None:
    made = gymnasium.make("Corridor-v0", length=3)
    with_reward = gymnasium.wrappers.TransformReward(made, lambda reward: reward - 0.5)
    environment = find_environment(with_reward)
    state, seen = environment.reset(jax.random.key(0))
    assert seen.shape == (3,)
    assert environment.step(state, jnp.int32(0), jax.random.key(0)).reward == -0.5
    several = gymnasium.make_vec("Corridor-v0", num_envs=3, vectorization_mode="sync")
    assert find_environment(several).time_limit == 30


def test_one_that_gymnasium_does_not_know_is_answered() -> None:
    with pytest.raises(ConfigurationError, match="does not know this one") as told:
        find_environment(Corridor())
    assert told.value.fix is not None
    assert told.value.fix.startswith('gymnasium.register("Corridor-v0", entry_point=Corridor')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action_space": gymnasium.spaces.Box(-1, 1)}, "not numbered"),
        ({"observation_space": gymnasium.spaces.Box(0, 1, (200, 200))}, "one row of numbers"),
        (
            {"observation_space": gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(3))},
            "one row of numbers",
        ),
    ],
)
def test_spaces_of_another_kind_are_answered(change: dict[str, Any], words: str) -> None:
    class Changed(Corridor):
        def __init__(self) -> None:
            super().__init__()
            self.__dict__.update(change)

    gymnasium.register("Changed-v0", entry_point=Changed)
    try:
        with pytest.raises(ConfigurationError, match=words):
            find_environment("Changed-v0")
    finally:
        del gymnasium.registry["Changed-v0"]


def test_chance_without_a_seed_is_answered() -> None:
    gymnasium.register("Chance-v0", entry_point=Corridor, nondeterministic=True)
    try:
        with pytest.raises(ConfigurationError, match="no seed decides"):
            find_environment("Chance-v0")
    finally:
        del gymnasium.registry["Chance-v0"]


def test_a_missing_gymnasium_is_answered_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(ConfigurationError, match="not installed") as told:
        GymnasiumEnvironment("Taxi-v4")
    assert told.value.fix == "pip install 'clearprop[rl]'"


def test_its_random_play_is_a_data_set_by_its_name() -> None:
    dataset = data.load("FrozenLake-v1", limit=100)
    assert (len(dataset), dataset.input_shape) == (100, (16,))


def test_its_episode_moves_in_the_pictures_of_gymnasium() -> None:
    environment = GymnasiumEnvironment("FrozenLake-v1", is_slippery=False)
    network = models.QNetwork(16, 4).init(0)
    drawing: Any = episode_of(network, environment, jax.random.key(0))
    colors = [len(frame.convert("RGB").getcolors(WIDTH * HEIGHT)) for frame in drawing.frames]
    assert min(colors) > 10
    assert not isinstance(environment, EquationEnvironment)


@pytest.mark.slow
def test_the_command_trains_continues_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--set", "hidden_sizes=32", "--set", "data.limit=1000", "--set", "warmup=200"]
    small += ["--data", "FrozenLake-v1", "--set", "exploration_steps=2000"]
    assert main(["train", "dqn", *small, "--set", "epochs=1", "--folder", "run"]) == 0
    assert main(["resume", "run"]) == 0
    assert main(["report", "run"]) == 0
    capsys.readouterr()
    assert main(["train", "dqn", "--data", "FrozenLak-v1"]) == 2
    assert "did you mean" in capsys.readouterr().err
    Corridor.fails_at = 300
    small[small.index("FrozenLake-v1")] = "Corridor-v0"
    assert main(["train", "dqn", *small, "--set", "epochs=1", "--folder", "broken"]) == 2
    assert "the corridor is closed" in capsys.readouterr().err
