"""The recipe ``dqn``: a deep Q-network learns to act in an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import jax
import numpy as np

from clearprop import models, nn
from clearprop.algorithms import DeepQLearning
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.environments import Environment, find_environment, play
from clearprop.glass.drawings.action_values import PLANES, action_values
from clearprop.glass.drawings.episode import episode_of
from clearprop.glass.style import SOFT, Drawing, axes_grid, drawn, line
from clearprop.recipes.configuration import Count, Fraction, Listed, OrNone, PositiveFraction, Rate
from clearprop.recipes.recipe import Activation, FitOptions, NetworkRecipe, ScheduleName
from clearprop.training import History
from clearprop.training.training_data import Data

EPISODES = 100
"""So many episodes are played at the end; gymnasium's thresholds are of their mean return."""

SUITED: dict[str, Mapping[str, object]] = {
    "MountainCar-v0": {
        "learning_rate": 1e-3,
        "n_steps": 3,
        "capacity": 50_000,
        "repeat": 20,
        "exploration": 0.02,
        "exploration_steps": 80_000,
        "average": 0.999,
        "batch_size": 4,
        "epochs": 20,
        "keep_best": True,
    },
    # With less exploration the replay soon holds one way of swinging only, and the returns fall.
    "Acrobot-v1": {
        "n_steps": 3,
        "capacity": 50_000,
        "exploration": 0.1,
        "exploration_steps": 100_000,
        "average": 0.999,
        "batch_size": 4,
        "epochs": 20,
        "keep_best": True,
    },
}
"""The values that differ from the defaults in an environment, unless they are given."""


class DQNRecipe(NetworkRecipe):
    """A deep Q-network: CartPole-v1, or ``--data MountainCar-v0`` and ``--data Acrobot-v1``.

    With ``pip install 'clearprop[rl]'`` every environment of gymnasium with discrete actions is one
    more, such as ``--data LunarLander-v3``.

    ``batch_size`` is the number of environments that act at once, and an epoch has as many steps of
    theirs as ``data.limit`` says. Values that are not given depend on the environment.

    Attributes:
        hidden_sizes: units of each hidden layer.
        activation: of the hidden units.
        duelling: whether the network has a head for the value of a state and one for advantages.
        double: whether the network chooses the action that the target network values.
        discount: of a reward that comes one step later.
        n_steps: rewards in a target before the value of the state after them.
        replay_batch: transitions that a training step learns from.
        capacity: transitions that the replay keeps.
        warmup: steps of random play before the first training step.
        target_every: training steps from one update of the target network to the next.
        exploration: the fraction of random actions at the end; at the beginning all are.
        exploration_steps: steps of environments over which it falls.
        repeat: a random action is repeated for 1 to so many steps.
        delta: the error from which on the loss is linear; none takes half the square.
        priority: exponent of the TD errors in prioritized replay; 0 draws uniformly.
        keep_best: whether the network is that of the epoch with the highest evaluation return.
    """

    preferred: ClassVar[tuple[str, ...]] = ("CartPole-v1",)
    passes: ClassVar[int] = 30
    small_steps: ClassVar[int] = 0
    batch_sizes: ClassVar[tuple[int, int]] = (10, 10)
    of_data_set: ClassVar[Mapping[str, Mapping[str, object]]] = SUITED

    learning_rate: Rate = 2.5e-4
    schedule: ScheduleName = "cosine"
    average: Annotated[PositiveFraction | None, OrNone] = 0.995
    hidden_sizes: Annotated[tuple[Count, ...], Listed] = (120, 84)
    activation: Activation = "relu"
    duelling: bool = False
    double: bool = True
    discount: Fraction = 0.99
    n_steps: Count = 1
    replay_batch: Count = 128
    capacity: Count = 10_000
    warmup: Count = 1_000
    target_every: Count = 50
    exploration: Fraction = 0.05
    exploration_steps: Count = 50_000
    repeat: Count = 1
    delta: Annotated[Rate | None, OrNone] = None
    priority: Fraction = 0.0
    keep_best: bool = False

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit`, with the best epoch where it is asked for."""
        best: FitOptions = {"keep_best": True, "monitor": "evaluation return"}
        return {**super().fit_options(), **(best if self.keep_best else {})}

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be of an environment."""
        find_environment(dataset.name)
        return dataset

    def training_data(self, splits: Splits) -> Data:
        """Return the environment, in which the algorithm acts itself."""
        return find_environment(splits.train.name)

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the Q-network, with an output for each action."""
        (observations,) = preprocessor.encoded_shape
        return models.QNetwork(
            observations,
            outputs,
            hidden_sizes=self.hidden_sizes,
            activation=self.activation,
            duelling=self.duelling,
            scale=find_environment(self.data.name or self.preferred[0]).scale,
        )

    def algorithm(self, dataset: Dataset) -> DeepQLearning:
        """Return deep Q-learning with these values."""
        return DeepQLearning(
            discount=self.discount,
            n_steps=self.n_steps,
            double=self.double,
            replay_batch=self.replay_batch,
            capacity=self.capacity,
            warmup=self.warmup,
            target_every=self.target_every,
            epsilon=(1.0, self.exploration),
            epsilon_steps=self.exploration_steps,
            repeat=self.repeat,
            delta=self.delta,
            priority=self.priority,
            epoch_steps=len(dataset),
        )

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the mean return of episodes without random actions, and the lowest of them."""
        environment = find_environment(splits.train.name)
        returns = self._returns(model, environment)
        return {
            f"mean return of {EPISODES} episodes": float(returns.mean()),
            "lowest return": float(returns.min()),
        }

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return whether the environment counts as solved."""
        environment = find_environment(splits.train.name)
        if environment.solved is None:
            return [f"{environment.name} has no return from which on it counts as solved"]
        mean = float(self._returns(model, environment).mean())
        solved = "solved" if mean >= environment.solved else "not solved"
        return [
            f"{solved}: {environment.name} counts as solved from a mean return of "
            f"{environment.solved:g} over {EPISODES} episodes"
        ]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return the returns over time, an episode, and the values over a plane of states."""
        environment = find_environment(splits.train.name)
        found = [episode_of(model, environment, self._key())]
        if len(history) > 1:
            found = [draw_returns(history, environment, len(splits.train)), *found]
        if environment.name in PLANES:
            found.append(action_values(model, environment))
        return found

    def _key(self) -> jax.Array:
        """Return the key of the episodes at the end; no training or evaluation before has it."""
        return jax.random.fold_in(jax.random.key(self.seed), 2**31 - 1)

    def _returns(self, model: Any, environment: Environment) -> np.ndarray:
        played = jax.jit(
            lambda key: play(environment, lambda seen: model(seen).argmax(axis=1), EPISODES, key)
        )(self._key())
        return np.asarray(played.returns)


@drawn
def draw_returns(history: History, environment: Environment, steps: int) -> Drawing:
    """Draw the return of the episodes and the values that the network expects, over the run.

    Args:
        history: of the run.
        environment: in which it acted.
        steps: of environments in an epoch.
    """
    figure, (left, right) = axes_grid(1, 2, width=7.4, height=3.2)
    taken = history.epoch * steps / 1000
    for i, name in enumerate(("return", "evaluation return")):
        left.plot(taken, history.metrics[name], label=name, **line(i))
    if environment.solved is not None:
        left.axhline(environment.solved, color=SOFT, linewidth=1, label="solved")
    left.set_title("return of an episode")
    left.legend()
    right.plot(taken, history.metrics["mean Q"], **line(2))
    right.set_title("mean Q")
    for axes in (left, right):
        axes.set_xlabel("thousands of steps of environments")
    return Drawing(
        "Returns",
        figure,
        "The return is the mean of the last 100 episodes, with random actions in them; the "
        "evaluation has none. Mean Q is what the network expects in states of random play. Where "
        "it grows and the returns fall, the network overestimates its actions.",
    )
