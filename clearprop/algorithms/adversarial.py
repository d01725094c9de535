"""Generative adversarial learning: a generator and a discriminator learn against each other.

Shape letters: B examples of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, cast, get_args

import jax
import jax.numpy as jnp

from clearprop import nn, ops, optim
from clearprop.algorithms.samples import compared
from clearprop.autodiff import grad, stop_gradient, value_and_grad
from clearprop.data import Batch
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.nn.checks import positive_sizes
from clearprop.nn.module import unwatched
from clearprop.nn.without_gradient import without_gradient
from clearprop.training.algorithm import Array, Arrays, Measured, TrainState
from clearprop.training.learning import Learning
from clearprop.training.training_data import TrainingData

PLAYERS = ("generator", "discriminator")
"""The parts of a model, and the names of the states of their optimizers."""

NOISE, MIXED, SAMPLED, BLUR = 1, 2, 3, 4
"""Separate the random numbers of a step."""

GameName = Literal["non-saturating", "minimax", "wasserstein", "hinge"]
PenaltyPlace = Literal["real", "between"]


class Game(NamedTuple):
    """What the players minimize, from judgments (B,) of real and of generated examples.

    Attributes:
        discriminator: its loss of each pair of a real and a generated example.
        generator: its loss of each generated example.
    """

    discriminator: Callable[[Any, Any], Any]
    generator: Callable[[Any], Any]


def _logistic(real: Any, generated: Any) -> Any:
    return ops.softplus(-real) + ops.softplus(generated)


GAMES: dict[str, Game] = {
    "non-saturating": Game(_logistic, lambda generated: ops.softplus(-generated)),
    "minimax": Game(_logistic, lambda generated: -ops.softplus(generated)),
    "wasserstein": Game(lambda real, generated: generated - real, lambda generated: -generated),
    "hinge": Game(
        lambda real, generated: ops.relu(1 - real) + ops.relu(1 + generated),
        lambda generated: -generated,
    ),
}


@dataclass(frozen=True, eq=False)
class Adversarial(Learning):
    """Two players: the discriminator tells real from generated, the generator deceives it.

    With judgments s = D(x) of real and s' = D(G(z)) of generated examples, and softplus f:

    | game | discriminator minimizes | generator minimizes |
    | --- | --- | --- |
    | "minimax" | f(-s) + f(s') | -f(s'), that is log(1 - sigmoid(s')) |
    | "non-saturating" | f(-s) + f(s') | f(-s'), that is -log sigmoid(s') |
    | "wasserstein" | s' - s | -s' |
    | "hinge" | max(0, 1 - s) + max(0, 1 + s') | -s' |

    The objective of a step is the sum of both. No error signal of one player's loss reaches the
    parameters of the other, so its gradient holds the gradient of each. Both players take their
    steps from the same state. ``critic_steps`` steps of the discriminator come with one of the
    generator.

    Attributes:
        game: what the players minimize.
        critic_steps: steps of the discriminator for one of the generator.
        gradient_penalty: its weight; 0 for none.
        penalty_at: "between" adds ``weight (|dD/dx| - 1)^2`` at random places between real and
            generated examples; "real" adds ``weight / 2 |dD/dx|^2`` at real examples.
        instance_noise: deviation of noise that is added to real and generated examples before the
            discriminator sees them, in training; a number, or a schedule over the steps.
        discriminator_optimizer: of the discriminator; None takes the optimizer of `fit`, which is
            the generator's.
        samples_measures: numbers by name of samples of the generator, which are taken at the end of
            every epoch; None takes none.
        samples: how many it is given.

    Source: Goodfellow et al. (2014), *Generative adversarial nets*; Gulrajani et al. (2017),
    *Improved training of Wasserstein GANs*; Mescheder, Geiger and Nowozin (2018), *Which training
    methods for GANs do actually converge?* (the penalty at real examples); Miyato et al. (2018)
    (hinge). Deviation: these take the steps of the players one after the other; here both gradients
    belong to one pass, which costs less and is what `record` shows.
    """

    game: GameName = "non-saturating"
    critic_steps: int = 1
    gradient_penalty: float = 0.0
    penalty_at: PenaltyPlace = "real"
    instance_noise: float | optim.Schedule = 0.0
    discriminator_optimizer: optim.Optimizer | None = None
    samples_measures: Callable[[Array], dict[str, Array]] | None = None
    samples: int = 2500

    error_name: ClassVar[str] = "confused pairs"
    monitored: ClassVar[Mapping[str, bool]] = {"coverage": True, "precision": True}
    descends: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            ConfigurationError: an unknown game or place, no step of the discriminator, or a
                negative weight.
        """
        for option, value, known in (
            ("game", self.game, GAMES),
            ("penalty_at", self.penalty_at, get_args(PenaltyPlace)),
        ):
            if value not in known:
                raise unknown_name(option, value, known, where="Adversarial")
        positive_sizes("Adversarial", critic_steps=self.critic_steps, samples=self.samples)
        if not self.gradient_penalty >= 0:
            raise ConfigurationError(
                "the weight of a penalty is 0 or more",
                where="Adversarial",
                given=f"gradient_penalty={self.gradient_penalty}",
            )

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the model has two players that fit the examples.

        Raises:
            ConfigurationError: it has not, or what one makes is no input of the other.
        """
        if not all(isinstance(getattr(model, player, None), nn.Module) for player in PLAYERS):
            raise ConfigurationError(
                "adversarial learning needs a generator and a discriminator",
                where=type(model).__name__,
                expected="a model with these two parts, such as models.GAN",
                fix="models.GAN(generator, discriminator, noise=16), or models.mlp_gan(features=2)",
            )
        batch, pair = self.seen(data.train.first(batch_size)), cast(Any, model)
        labels = self._labels(pair, batch)
        z = jax.ShapeDtypeStruct((batch_size, pair.noise), jnp.float32)
        made = jax.eval_shape(pair, z, labels).shape
        if made != jnp.shape(batch.inputs):
            raise ConfigurationError(
                "the generator makes examples of another shape than the data",
                where="generator",
                given=f"{made[1:]}",
                expected=f"{jnp.shape(batch.inputs)[1:]}",
                fix="another last layer of the generator",
            )
        super().check(model, data, batch_size)

    # --- what the players minimize ---------------------------------------------------------------

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: object
    ) -> tuple[Array, Array]:
        """Return the sum of both players' losses, and whether a pair was confused, (B,) each.

        A pair of a real and a generated example is confused if the real one does not look more
        real. One half of all pairs are confused where nobody can tell them apart.
        """
        pair = cast(Any, model)
        labels = self._labels(pair, batch)
        z = pair.draw_noise(jax.random.fold_in(key, NOISE), len(batch.targets))
        generated = pair(z, labels)
        seen, generated = self._blurred(batch.inputs, generated, key, memory)
        shown = stop_gradient(generated)
        real, fake = pair.judged(seen, labels), pair.judged(shown, labels)
        losses = self._game.discriminator(real, fake)
        if self.gradient_penalty:
            at_real, at_fake = (pair.packed(pair.conditioned(x, labels)) for x in (seen, shown))
            losses = losses + self._penalty(pair, at_real, at_fake, key)
        judge = replace(pair, discriminator=without_gradient(pair.discriminator))
        losses = losses + self._game.generator(judge.judged(generated, labels))
        confused = (stop_gradient(real) <= stop_gradient(fake)).astype(jnp.float32)
        count = len(batch.targets)
        return pair.unpacked(losses, count), pair.unpacked(confused, count)

    def first_memory(self, model: nn.Module) -> object:
        """Return the number of steps, which a schedule of the noise needs; else nothing."""
        return jnp.zeros((), jnp.int32) if callable(self.instance_noise) else ()

    def remembered(self, model: nn.Module, batch: Batch, key: Array, memory: object) -> object:
        """Return the number of this step, from 1."""
        return cast(Array, memory) + 1 if callable(self.instance_noise) else memory

    def _blurred(self, real: Any, generated: Any, key: Array, memory: object) -> tuple[Any, Any]:
        """Return examples and generated ones with noise, where it is asked for."""
        noise = self.instance_noise
        if not nn.current().training or not (callable(noise) or noise):
            return real, generated
        deviation = noise(cast(Array, memory) - 1) if callable(noise) else noise
        drawn = jax.random.normal(jax.random.fold_in(key, BLUR), (2, *real.shape))
        return real + deviation * drawn[0], generated + deviation * drawn[1]

    @property
    def _game(self) -> Game:
        return GAMES[self.game]

    @staticmethod
    def _labels(pair: Any, batch: Batch) -> Array | None:
        return jnp.asarray(batch.targets) if pair.num_classes else None

    def _penalty(self, pair: Any, real: Array, generated: Array, key: Array) -> Array:
        """Return the penalty of the discriminator's slope for each pack of examples, (P,)."""
        at = real
        if self.penalty_at == "between":
            size = (len(real), *(1,) * (len(real.shape) - 1))
            share = jax.random.uniform(jax.random.fold_in(key, MIXED), size)
            at = share * real + (1 - share) * generated
        with unwatched():
            slope = grad(lambda x: ops.sum(pair.discriminator(x)))(at)
        squares = ops.sum(ops.square(slope), axis=tuple(range(1, len(at.shape))))
        if self.penalty_at == "real":
            return 0.5 * self.gradient_penalty * squares
        # The slope of the root is infinite at 0, where a discriminator of constants starts.
        return self.gradient_penalty * ops.square(ops.sqrt(squares + 1e-12) - 1)

    # --- their steps -----------------------------------------------------------------------------

    def _optimizer(self, player: str) -> optim.Optimizer:
        own = self.discriminator_optimizer if player == "discriminator" else None
        return self._context.optimizer if own is None else own

    def first_optimizer_state(self, parameters: dict[str, Array]) -> dict[str, Any]:
        """Return the state of each player's optimizer."""
        return {p: self._optimizer(p).init(_of(p, parameters)) for p in PLAYERS}

    def gradients(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array
    ) -> tuple[Measured, Arrays, Arrays]:
        """Return what a step measures, the new statistics, and the gradients of both players."""
        both = super().gradients
        if self.critic_steps == 1:
            return both(state, frozen, batch, step_key)

        def of_discriminator() -> tuple[Measured, Arrays, Arrays]:
            resting = _of("generator", state.parameters)
            learning = state._replace(parameters=_of("discriminator", state.parameters))
            found = both(learning, {**frozen, **resting}, batch, step_key)
            zeros = {path: jnp.zeros_like(x) for path, x in resting.items()}
            return *found[:2], {**zeros, **found[2]}

        def of_both() -> tuple[Measured, Arrays, Arrays]:
            return both(state, frozen, batch, step_key)

        found: tuple[Measured, Arrays, Arrays] = jax.lax.cond(
            self._generator_moves(state), of_both, of_discriminator
        )
        return found

    def _generator_moves(self, state: TrainState) -> Array:
        return (state.step + 1) % self.critic_steps == 0

    def updates(
        self, state: TrainState, frozen: Arrays, batch: Batch, step_key: Array, gradients: Arrays
    ) -> tuple[Arrays, object]:
        """Return the updates of both players, and the next states of their optimizers."""
        states = cast("dict[str, Any]", state.optimizer)

        def moved(player: str) -> tuple[Arrays, object]:
            of_player = _of(player, gradients), states[player], _of(player, state.parameters)
            found: tuple[Arrays, object] = self._optimizer(player).update(*of_player)
            return found

        def rested() -> tuple[Arrays, object]:
            own = _of("generator", gradients)
            return {path: jnp.zeros_like(x) for path, x in own.items()}, states["generator"]

        if self.critic_steps == 1:
            of_generator = moved("generator")
        else:
            of_generator = jax.lax.cond(
                self._generator_moves(state), lambda: moved("generator"), rested
            )
        of_discriminator = moved("discriminator")
        after = {"generator": of_generator[1], "discriminator": of_discriminator[1]}
        return {**of_generator[0], **of_discriminator[0]}, after

    def evaluated(self, state: TrainState) -> Arrays:
        """Return the parameters and statistics; of the generator the average, where it is kept."""
        states = cast("dict[str, Any]", state.optimizer)
        own = _of("generator", state.parameters)
        averaged = self._context.optimizer.averaged(states["generator"], own)
        return {**state.parameters, **averaged, **state.statistics}

    def observed(self, optimizer: object, metric: Array) -> object:
        """Return the states of the optimizers after they have seen the metric of an epoch."""
        states = cast("dict[str, Any]", optimizer)
        return {p: self._optimizer(p).observe(states[p], metric) for p in PLAYERS}

    def learning_rate(self, state: TrainState) -> Array:
        """Return the learning rate of the generator's next step."""
        states = cast("dict[str, Any]", state.optimizer)
        return self._context.optimizer.learning_rate(states["generator"])

    # --- what is measured at the end of an epoch -------------------------------------------------

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return both players' losses, how the discriminator judges, and how the samples are.

        - "generator objective" and "discriminator objective", without a penalty;
        - "real accuracy" and "generated accuracy": the share of real and of generated examples that
          the discriminator takes for what they are, with the limit 0; of a critic, whose judgments
          have no limit, the middle of both means;
        - "error at the generator": the mean length of the error signal that the generator's loss
          sends to a generated example;
        - of `compared`, and of ``samples_measures``.

        Everything is in evaluation, with the averaged generator where an average is kept.
        """
        pair: Any = self.model(frozen, self.evaluated(state))
        batch, labels = self.seen(examples), self._labels(pair, examples)
        key = jax.random.fold_in(jax.random.fold_in(key, state.step), NOISE)
        z = pair.draw_noise(key, len(examples.targets))
        with nn.forward_pass(pair):
            generated = pair(z, labels)
            real = pair.judged(batch.inputs, labels)

            def deceived(x: Any) -> tuple[Any, Any]:
                fake = pair.judged(x, labels)
                losses = self._game.generator(fake)
                return ops.sum(losses), (losses, fake)

            (_, (losses, fake)), error = value_and_grad(deceived, has_aux=True)(generated)
            judged = self._game.discriminator(real, fake)
        limit = (real.mean() + fake.mean()) / 2 if self.game == "wasserstein" else 0.0
        lengths = jnp.sqrt(jnp.square(error).sum(axis=tuple(range(1, error.ndim))))
        found = {
            "generator objective": losses.mean(),
            "discriminator objective": judged.mean(),
            "real accuracy": (real > limit).mean(),
            "generated accuracy": (fake <= limit).mean(),
            "error at the generator": lengths.mean(),
            **compared(jnp.asarray(batch.inputs), generated),
        }
        if self.samples_measures is not None:
            z = pair.draw_noise(jax.random.fold_in(key, SAMPLED), self.samples)
            drawn = jnp.resize(labels, (self.samples,)) if labels is not None else None
            found |= self.samples_measures(pair(z, drawn))
        return found


def _of(player: str, arrays: Arrays) -> dict[str, Any]:
    """Return the arrays of one player, by their whole paths."""
    return {path: x for path, x in arrays.items() if path.startswith(f"{player}.")}
