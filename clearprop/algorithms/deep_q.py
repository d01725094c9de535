"""Deep Q-learning: a network learns the value of every action from its own experience.

One compiled step acts in several environments, stores what happened, draws from the replay and
updates the network. `clearprop.data.environments` acts, `replay.py` stores and draws.

Shape letters: B environments, R drawn transitions, O numbers of an observation, A actions.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import jax
import jax.numpy as jnp

from clearprop import bounds, nn, ops, tree
from clearprop.algorithms import replay as buffer
from clearprop.algorithms.replay import Drawn, Places, Replay
from clearprop.data import Batch
from clearprop.data.environments import (
    Acting,
    Environment,
    Episodes,
    find_environment,
    play,
    random_play,
)
from clearprop.data.environments.interaction import interact, mean_of_last
from clearprop.data.environments.random_play import STEPS, play_at_random
from clearprop.errors import ConfigurationError, run_option
from clearprop.training.algorithm import Arrays, Numeric, TrainState
from clearprop.training.learning import Learning, Options
from clearprop.training.training_data import TrainingData, gather

Array = jax.Array

BEGINNING, PLAYING = 1, 2
"""Separate the random numbers of the first memory and of the evaluation from all others."""


class Lesson(NamedTuple):
    """What a step learns from.

    Attributes:
        observations: (R, O).
        actions: that were taken, (R,).
        targets: what their values should be, (R,).
        weights: how much each counts, (R,).
    """

    observations: Array
    actions: Array
    targets: Array
    weights: Array


class Exploring(NamedTuple):
    """Random actions that are still repeated.

    Attributes:
        actions: in each environment, (B,).
        left: for so many more steps, (B,).
    """

    actions: Array
    left: Array


class Experienced(NamedTuple):
    """The memory of deep Q-learning.

    Attributes:
        acting: the environments.
        exploring: the random actions in them.
        replay: what happened in them.
        lesson: what the last step learned from.
        target: the parameters of the target network, by path.
        steps: training steps, int32.
    """

    acting: Acting
    exploring: Exploring
    replay: Replay
    lesson: Lesson
    target: dict[str, Array]
    steps: Array


@dataclass(frozen=True, eq=False)
class DeepQLearning(Learning):
    """Deep Q-learning: the values of a network approach the targets of Bellman's equation.

    For a transition from s by a with return r over n steps, to s' with the discount g^n::

        y = r + g^n Q_target(s', a')    a' = argmax_a Q(s', a)   or argmax_a Q_target(s', a)
        L = w (Q(s, a) - y)^2 / 2               or w huber(Q(s, a) - y)

    where the double form takes the first a'. The last term of y is missing where the episode
    terminated; a time limit is no such end. ``batch_size`` of `fit` is the number of environments
    that act at once, one step each in a training step. An epoch is ``epoch_steps`` steps of
    environments. The error that is shown is the TD error, the mean of ``|Q(s, a) - y|``.

    Attributes:
        discount: g.
        n_steps: n.
        double: whether the network chooses the action that the target network values.
        replay_batch: transitions of a training step.
        capacity: transitions that the replay keeps.
        warmup: transitions of random play that it holds before the first step.
        target_every: training steps from one update of the target network to the next.
        target_rate: the part of the network that an update of the target network takes.
        delta: the error from which on the loss is linear, as Huber's; None takes half the square.
            Where it is far below the returns, the few transitions that end an episode pull no
            harder than all others, and the values can grow without bound.
        epsilon: the fraction of random actions at the beginning, and at the end.
        epsilon_steps: steps of environments over which it falls linearly.
        repeat: a random action is repeated for 1 to so many steps. Where only many equal actions in
            a row lead to a reward, as in the valley of MountainCar, this finds it.
        priority: the exponent of the errors in prioritized replay; 0 draws uniformly.
        correction: the exponent of the weights that correct for unequal probabilities.
        evaluation_episodes: that are played without random actions after each epoch.
        epoch_steps: steps of environments in an epoch.

    Raises:
        ConfigurationError: an option is out of its range, a replay is smaller than a batch, or the
            network does not fit the environment.

    >>> from clearprop import models
    >>> from clearprop.training import fit
    >>> algorithm = DeepQLearning(epoch_steps=400, warmup=200, evaluation_episodes=5)
    >>> run = fit(models.QNetwork(4, 2), "CartPole-v1", algorithm=algorithm, batch_size=8,
    ...           epochs=1, progress=False)
    >>> sorted(run.history.metrics)
    ['episode length', 'episodes', 'epsilon', 'evaluation return', 'mean Q', 'return']

    Source: Mnih et al. 2015; double: van Hasselt, Guez and Silver 2016, *Deep reinforcement
    learning with double Q-learning*; priorities: Schaul et al. 2016, *Prioritized experience
    replay*; n steps: Watkins 1989, *Learning from delayed rewards*; repeated random actions:
    Dabney, Ostrovski and Barreto 2021, *Temporally-extended epsilon-greedy exploration*.
    """

    discount: float = 0.99
    n_steps: int = 1
    double: bool = True
    replay_batch: int = 128
    capacity: int = 10_000
    warmup: int = 1_000
    target_every: int = 50
    target_rate: float = 1.0
    delta: float | None = None
    epsilon: tuple[float, float] = (1.0, 0.05)
    epsilon_steps: int = 50_000
    repeat: int = 1
    priority: float = 0.0
    correction: float = 0.5
    evaluation_episodes: int = 100
    epoch_steps: int = STEPS

    error_name: ClassVar[str] = "TD error"
    descends: ClassVar[bool] = False
    monitored: ClassVar[Mapping[str, bool]] = {"evaluation return": True, "return": True}
    followed_name: ClassVar[str] = "value of the best action"

    def __post_init__(self) -> None:
        where = type(self).__name__
        for name in ("n_steps", "replay_batch", "target_every", "repeat", "evaluation_episodes"):
            bounds.whole(getattr(self, name), name, 1)
        for name in ("capacity", "warmup", "epsilon_steps", "epoch_steps"):
            bounds.whole(getattr(self, name), name, 1, most=bounds.LARGEST_INT32)
        for name in ("discount", "target_rate"):
            bounds.chance(getattr(self, name), name, where)
        if self.delta is not None:
            bounds.positive(self.delta, "delta", where)
        for name in ("priority", "correction"):
            bounds.not_negative(getattr(self, name), name, where)
        for value in self.epsilon:
            bounds.not_negative(value, "epsilon", where)

    # --- the environment and the examples of a run -----------------------------------------------

    @property
    def environment(self) -> Environment:
        """Where it acts."""
        return find_environment(self._context.data)

    def examples(self, config: Options) -> TrainingData:
        """Return random play as long as an epoch; no step reads it.

        Raises:
            ConfigurationError: there is no such environment, or a development set is asked for.
        """
        environment = find_environment(config.data)
        if config.dev is not None:
            raise ConfigurationError(
                "episodes without random actions are the evaluation, so no examples are held out",
                where="dev",
                given=f"dev={config.dev!r}"[:80],
                fix="leave dev out; evaluation_episodes says how many are played",
            )
        dataset = random_play(environment, self.epoch_steps)
        return gather(dataset.split(dev=0, test=0), None, config.seed)

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless network, environment and replay fit each other.

        Raises:
            ConfigurationError: they do not.
        """
        B, least = batch_size, self.replay_batch
        if self.capacity < max(self.warmup, least) or self.warmup < least + self.n_steps * B:
            raise ConfigurationError(
                "the replay is smaller than a batch that is drawn from it",
                where="DeepQLearning",
                given=f"capacity={self.capacity}, warmup={self.warmup}, replay_batch={least} "
                f"with {B} environments and n_steps={self.n_steps}",
                expected=f"capacity >= warmup >= {least + self.n_steps * B}",
                fix=run_option("warmup", least + self.n_steps * B)
                + ", "
                + run_option("capacity", 10 * (least + B))
                + ", or more",
            )
        if len(data.train) % B:
            fitting = next(n for n in range(B, 0, -1) if len(data.train) % n == 0)
            raise ConfigurationError(
                "an epoch is a whole number of steps in every environment",
                given=f"{len(data.train)} steps of an epoch in {B} environments",
                fix=run_option("batch_size", fitting),
            )
        shape = jax.eval_shape(model, data.train.first(1).inputs).shape
        actions = len(self.environment.actions)
        if shape != (1, actions):
            raise ConfigurationError(
                "a Q-network has one output for each action",
                where=type(model).__name__,
                given=f"outputs of shape {tuple(shape)} for one observation",
                expected=f"(1, {actions}): {', '.join(self.environment.actions)}",
                fix=f"QNetwork({len(self.environment.observations)}, {actions})",
            )

    # --- what is remembered ----------------------------------------------------------------------

    def first_memory(self, model: nn.Module) -> Experienced:
        """Return the environments and the replay after random play."""
        B, environment = self._context.batch_size, self.environment
        key = jax.random.fold_in(jax.random.key(self._context.seed), BEGINNING)
        rounds = -(-self.warmup // B)
        acting, played = play_at_random(environment, rounds, B, key)
        first = jax.tree.map(lambda one: one[0], played)
        kept = self._stored(buffer.empty(first, max(rounds, self.capacity // B)), played)
        zeros = jnp.zeros(self.replay_batch)
        lesson = Lesson(
            jnp.zeros((self.replay_batch, *first.observations.shape[1:])),
            zeros.astype(jnp.int32),
            zeros,
            zeros,
        )
        none = jnp.zeros(B, jnp.int32)
        target, steps = dict(nn.parameters(model)), jnp.zeros((), jnp.int32)
        return Experienced(acting, Exploring(none, none), kept, lesson, target, steps)

    def _stored(self, kept: Replay, played: Any) -> Replay:
        def one(kept: Replay, step: Any) -> tuple[Replay, None]:
            return buffer.add(kept, step, self.n_steps), None

        stored: Replay = jax.jit(functools.partial(jax.lax.scan, one))(kept, played)[0]
        return stored

    def remembered(self, model: nn.Module, batch: Batch, key: Array, memory: Any) -> Experienced:
        """Act, store what happened, draw from the replay, and compute the targets."""
        acting_key, moving_key, drawing_key = jax.random.split(key, 3)
        exploring = self._explored(memory, acting_key)
        best = model(memory.acting.observations).argmax(axis=1).astype(jnp.int32)
        actions = jnp.where(exploring.left > 0, exploring.actions, best)
        acting, happened = interact(self.environment, memory.acting, actions, moving_key)
        kept = buffer.add(memory.replay, happened, self.n_steps)
        target = self._target(model, memory)
        places = self._places(kept, drawing_key)
        drawn = buffer.transitions(kept, places, self.discount, self.n_steps)
        targets = self.targets(model, tree.replace(model, target), drawn)
        weights = jnp.ones_like(targets)
        if self.priority:
            weights = buffer.weights_of(kept, places, self.correction)
            errors = self._values(model, drawn.observations, drawn.actions) - targets
            kept = buffer.with_errors(kept, places, errors, self.priority)
        lesson = Lesson(drawn.observations, drawn.actions, targets, weights)
        return Experienced(acting, exploring, kept, lesson, target, memory.steps + 1)

    def epsilon_at(self, memory: Experienced) -> Array:
        """Return the probability of a random action."""
        first, last = self.epsilon
        passed = memory.steps * self._context.batch_size / self.epsilon_steps
        return first + (last - first) * jnp.minimum(passed, 1.0)

    def _explored(self, memory: Experienced, key: Array) -> Exploring:
        """Return the random actions of this step; some go on, some are new.

        One begins with the probability ``e / (m - e (m - 1))``, where m is the mean number of its
        steps: then the fraction e of all steps is random.
        """
        begins, acts, lasts = jax.random.split(key, 3)
        before, epsilon = memory.exploring, self.epsilon_at(memory)
        mean = (self.repeat + 1) / 2
        shape = before.left.shape
        new = jax.random.uniform(begins, shape) < epsilon / (mean - epsilon * (mean - 1))
        action = jax.random.randint(acts, shape, 0, len(self.environment.actions))
        steps = jax.random.randint(lasts, shape, 1, self.repeat + 1)
        goes_on = before.left > 1
        return Exploring(
            jnp.where(goes_on, before.actions, action),
            jnp.where(goes_on, before.left - 1, jnp.where(new, steps, 0)),
        )

    def _target(self, model: nn.Module, memory: Experienced) -> dict[str, Array]:
        """Return the target network; every so many steps it moves towards the network."""
        rate = jnp.where(memory.steps % self.target_every == 0, self.target_rate, 0.0)
        return {
            path: jnp.where(
                rate == 1, value, memory.target[path] + rate * (value - memory.target[path])
            )
            for path, value in nn.parameters(model).items()
        }

    def _places(self, kept: Replay, key: Array) -> Places:
        if self.priority:
            return buffer.draw_by_priority(kept, self.replay_batch, key)
        return buffer.draw_uniformly(kept, self.replay_batch, key, self.n_steps)

    def targets(self, model: Any, target: Any, drawn: Drawn) -> Array:
        """Return what the values of drawn transitions should be, (R,).

        Args:
            model: the network.
            target: the target network.
            drawn: from the replay.
        """
        q = target(drawn.next_observations)
        choosing = model(drawn.next_observations) if self.double else q
        best = jnp.take_along_axis(q, choosing.argmax(axis=1)[:, None], axis=1)[:, 0]
        return drawn.returns + drawn.discounts * best

    @staticmethod
    def _values(model: Any, observations: Array, actions: Array) -> Array:
        """Return Q(s, a), (R,)."""
        q = model(observations)
        return ops.sum(q * jax.nn.one_hot(actions, q.shape[1]), axis=1)

    # --- learning --------------------------------------------------------------------------------

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: Any
    ) -> tuple[Array, Array]:
        """Return the weighted losses of the drawn transitions, and their TD errors."""
        lesson = memory.lesson
        far = ops.abs(self._values(model, lesson.observations, lesson.actions) - lesson.targets)
        near = far if self.delta is None else ops.minimum(far, self.delta)
        return lesson.weights * near * (far - near / 2), far

    def followed(self, model: nn.Module, batch: Batch, key: Array) -> Array:
        """Return the value of the best action in each state, (B,)."""
        return ops.max(cast(Any, model)(batch.inputs), axis=1)

    def measure(self, outputs: Array, targets: Numeric) -> tuple[Array, Array]:
        """Return the losses, and errors whose sum is B times their mean.

        An epoch divides the sum of all errors by the steps of its environments.
        """
        errors = jnp.asarray(targets)
        return outputs, errors * (self._context.batch_size / self.replay_batch)

    # --- what is measured ------------------------------------------------------------------------

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return what the last episodes and some evaluation episodes came to.

        "return" and "episode length" are means of the last 100 episodes, 0 before the first. "mean
        Q" is the mean over random play of the value of the best action. "evaluation return" is the
        mean of episodes without random actions, which begin in the same states every time.
        """
        model: Any = self.model(frozen, self.evaluated(state))
        memory: Any = state.memory
        returned, length = mean_of_last(memory.acting)
        played = self.played(model, self.evaluation_episodes)
        return {
            "return": returned,
            "episodes": memory.acting.episodes,
            "episode length": length,
            "epsilon": self.epsilon_at(memory),
            "mean Q": model(self.inputs(examples.inputs)).max(axis=1).mean(),
            "evaluation return": played.returns.mean(),
        }

    def played(self, model: Any, count: int) -> Episodes:
        """Return some episodes in which the best action is always taken."""
        key = jax.random.fold_in(jax.random.key(self._context.seed), PLAYING)
        return play(self.environment, lambda o: model(o).argmax(axis=1), count, key)
