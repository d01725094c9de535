"""Steps of environments per second of deep Q-learning, beside PyTorch and stable-baselines3.

``.venv-peers/bin/python -m benchmarks.deep_q`` measures the three in turn, in one process: acting,
storing and learning in CartPole-v1, with ten environments, one update of 128 transitions for ten
steps, and the network 4-120-84-2. A side whose library is not installed is left out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ENVIRONMENTS, BATCH, CAPACITY, WARMUP, TARGET_EVERY = 10, 128, 10_000, 1_000, 50
SIZES = (120, 84)
RATE, DISCOUNT, EPSILON = 2.5e-4, 0.99, 0.05
TURNS = 3


def clearprop_side(steps: int) -> Callable[[], float]:
    """Return a function that trains for so many steps of environments, and says the seconds."""
    import jax

    from clearprop import models
    from clearprop.algorithms import DeepQLearning
    from clearprop.data.environments import find_environment
    from clearprop.training.compiled_steps import CompiledSteps
    from clearprop.training.feed import Portion
    from clearprop.training.fit_config import FitConfig
    from clearprop.training.run_setup import RunSetup

    scale = find_environment("CartPole-v1").scale
    config = FitConfig(
        models.QNetwork(4, 2, hidden_sizes=SIZES, scale=scale),
        "CartPole-v1",
        algorithm=DeepQLearning(
            capacity=CAPACITY,
            warmup=WARMUP,
            target_every=TARGET_EVERY,
            epsilon=(EPSILON, EPSILON),
            epoch_steps=steps,
        ),
        learning_rate=RATE,
        batch_size=ENVIRONMENTS,
        epochs=1,
    )
    setup = RunSetup.of(config)

    plan = setup.plan()
    placement = setup.placement(plan)
    compiled = CompiledSteps(
        *(setup.algorithm, plan, placement, setup.state_shapes, setup.frozen), jax.random.key(1)
    )
    state = compiled.put(setup.state())
    count = steps // ENVIRONMENTS
    data = compiled.put(setup.data.train.first(steps))
    order = compiled.put(np.arange(steps, dtype=np.int32))

    def turn() -> float:
        began, now, done = time.perf_counter(), state, 0
        while done < count:
            some = min(plan.steps_per_call, count - done)
            portion = Portion(data, order, done * ENVIRONMENTS, ENVIRONMENTS)
            now, measured = compiled.steps(now, portion, some)
            done += some
        jax.block_until_ready(measured)
        return time.perf_counter() - began

    return turn


def torch_side(steps: int) -> Callable[[], float]:
    """Return the same algorithm as a plain loop in PyTorch, with gymnasium's vector environment."""
    import gymnasium
    import torch
    from torch import nn

    def network() -> Any:
        return nn.Sequential(
            nn.Linear(4, SIZES[0]),
            nn.ReLU(),
            nn.Linear(SIZES[0], SIZES[1]),
            nn.ReLU(),
            nn.Linear(SIZES[1], 2),
        )

    def turn() -> float:
        worlds = gymnasium.make_vec(
            "CartPole-v1", num_envs=ENVIRONMENTS, vectorization_mode="vector_entry_point"
        )
        draw = np.random.default_rng(0)
        online, target = network(), network()
        target.load_state_dict(online.state_dict())
        optimizer = torch.optim.Adam(online.parameters(), RATE)
        kept = (
            np.zeros((CAPACITY, 4), np.float32),
            np.zeros(CAPACITY, np.int64),
            np.zeros(CAPACITY, np.float32),
            np.zeros((CAPACITY, 4), np.float32),
            np.zeros(CAPACITY, np.float32),
        )
        added = 0

        def act(seen: Any, epsilon: float) -> Any:
            nonlocal added
            with torch.no_grad():
                actions = online(torch.from_numpy(seen)).argmax(1).numpy()
            randomly = draw.random(ENVIRONMENTS) < epsilon
            actions = np.where(randomly, draw.integers(0, 2, ENVIRONMENTS), actions)
            after, rewards, terminated, _, _ = worlds.step(actions)
            rows = np.arange(added, added + ENVIRONMENTS) % CAPACITY
            for part, new in zip(kept, (seen, actions, rewards, after, terminated), strict=True):
                part[rows] = new
            added += ENVIRONMENTS
            return after

        seen, _ = worlds.reset(seed=0)
        for _ in range(WARMUP // ENVIRONMENTS):
            seen = act(seen, 1.0)
        began = time.perf_counter()
        for update in range(steps // ENVIRONMENTS):
            seen = act(seen, EPSILON)
            if update % TARGET_EVERY == 0:
                target.load_state_dict(online.state_dict())
            rows = draw.integers(0, min(added, CAPACITY), BATCH)
            before, actions, rewards, after, ended = (torch.from_numpy(part[rows]) for part in kept)
            with torch.no_grad():
                best = online(after).argmax(1, keepdim=True)
                y = rewards + DISCOUNT * (1 - ended) * target(after).gather(1, best)[:, 0]
            q = online(before).gather(1, actions[:, None])[:, 0]
            loss = ((q - y) ** 2).mean() / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - began

    return turn


def baselines_side(steps: int) -> Callable[[], float]:
    """Return stable-baselines3's DQN with the same sizes; it has no double form."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_vec_env

    def turn() -> float:
        agent = DQN(
            "MlpPolicy",
            make_vec_env("CartPole-v1", n_envs=ENVIRONMENTS, seed=0),
            learning_rate=RATE,
            buffer_size=CAPACITY,
            learning_starts=0,
            batch_size=BATCH,
            gamma=DISCOUNT,
            train_freq=1,
            gradient_steps=1,
            target_update_interval=TARGET_EVERY * ENVIRONMENTS,
            exploration_fraction=1e-6,
            exploration_final_eps=EPSILON,
            policy_kwargs={"net_arch": list(SIZES)},
            device="cpu",
        )
        began = time.perf_counter()
        agent.learn(steps)
        return time.perf_counter() - began

    return turn


def main(steps: int = 20_000) -> None:
    """Measure, in turn, and print the medians; a side whose library is missing is left out."""
    sides = {}
    for name, side in (
        ("clearprop", clearprop_side),
        ("PyTorch", torch_side),
        ("stable-baselines3", baselines_side),
    ):
        try:
            sides[name] = side(steps)
        except ImportError as missing:
            print(f"{name:18} is left out: {missing.name} is not installed")
    sides["clearprop"]()  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(TURNS):
        for name, turn in sides.items():
            seconds[name].append(turn())
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        times = median / medians["clearprop"]
        spread = ", ".join(f"{steps / one:,.0f}" for one in seconds[name])
        print(
            f"{name:18} {steps / median:10,.0f} steps/s ({spread}); {times:.1f} times the seconds"
        )


if __name__ == "__main__":
    main()
