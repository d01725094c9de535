"""Two players: their gradients, penalty, steps, measures; resume, recording, refusals."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import fit, models, nn, optim, tree
from clearprop.algorithms import Adversarial, ModeCoverage
from clearprop.algorithms.adversarial import GAMES, PLAYERS
from clearprop.data import Batch
from clearprop.data.mixtures import MIXTURES
from clearprop.errors import ConfigurationError, NonFiniteError
from clearprop.training import EpochDone, StopTraining
from clearprop.training.learning import Context

RING = MIXTURES["gaussian-ring"]
POINTS, MODES = RING.draw(640, 0)
Array = jax.Array


def pair(**options: Any) -> models.GAN:
    return models.mlp_gan(noise=3, hidden=(12, 12), activation="tanh", **options)


def trained(**options: Any) -> Any:
    given: dict[str, Any] = {"algorithm": Adversarial(), "epochs": 2, "batch_size": 64}
    model = options.pop("model", pair())
    return fit(model, (POINTS, MODES), **{**given, "progress": False, **options})


# --- the same losses in plain JAX ----------------------------------------------------------------


def network(weights: dict[str, Array], player: str, x: Array) -> Array:
    for i in (0, 2, 4):
        x = x @ weights[f"{player}.layers.{i}.weight"] + weights[f"{player}.layers.{i}.bias"]
        x = jnp.tanh(x) if i < 4 else x
    return x


def own_losses(
    algorithm: Adversarial,
    weights: dict[str, Array],
    z: Array,
    x: Array,
    share: Array,
    packing: int,
) -> tuple[Array, Array]:
    """Return the losses of both players, as the published equations have them."""

    def packed(y: Array) -> Array:
        return jnp.concatenate(jnp.split(y, packing), axis=-1)

    def judge(y: Array) -> Array:
        return network(weights, "discriminator", y)[:, 0]

    x, generated = packed(x), packed(network(weights, "generator", z))
    real, fake = judge(x), judge(generated)
    probability = jax.nn.sigmoid
    logistic = -jnp.log(probability(real)) - jnp.log(1 - probability(fake))
    of_both = {
        "minimax": (logistic, jnp.log(1 - probability(fake))),
        "non-saturating": (logistic, -jnp.log(probability(fake))),
        "wasserstein": (fake - real, -fake),
        "hinge": (jnp.maximum(0, 1 - real) + jnp.maximum(0, 1 + fake), -fake),
    }
    losses, of_generator = of_both[algorithm.game]
    if algorithm.gradient_penalty:
        at = x if algorithm.penalty_at == "real" else share * x + (1 - share) * generated
        slopes = jax.vmap(jax.grad(lambda y: judge(y[None])[0]))(jax.lax.stop_gradient(at))
        length = jnp.sqrt((slopes**2).sum(axis=-1) + 1e-12)
        wanted = 0.5 * length**2 if algorithm.penalty_at == "real" else (length - 1) ** 2
        losses = losses + algorithm.gradient_penalty * wanted
    return losses.mean(), of_generator.mean()


@pytest.mark.parametrize("penalty", [(0.0, "real"), (2.0, "real"), (10.0, "between")])
@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("packing", [1, 2])
def test_each_players_gradient_is_that_of_its_own_loss(
    game: Any, penalty: Any, packing: int
) -> None:
    with jax.enable_x64(True):
        model = pair(packing=packing).init(3, dtype=jnp.float64)
        algorithm = Adversarial(game, gradient_penalty=penalty[0], penalty_at=penalty[1])
        algorithm = algorithm.bound(Context(model, optim.sgd(0.1)))
        weights = nn.parameters(model)
        state = algorithm.initial_state(model, list(weights), keep_best=False)
        key, x = jax.random.key(5), jnp.asarray(POINTS[:32], jnp.float64)
        measured, _, ours = algorithm.gradients(state, {}, Batch(x, jnp.zeros(32)), key)
        z = model.draw_noise(jax.random.fold_in(key, 1), 32)
        share = jax.random.uniform(jax.random.fold_in(key, 2), (32 // packing, 1))

        def loss(weights: dict[str, Array], player: int) -> Array:
            return own_losses(algorithm, weights, z, x, share, packing)[player]

        for number, player in enumerate(("discriminator", "generator")):
            theirs = jax.grad(loss)(weights, number)
            own = [path for path in weights if path.startswith(player)]
            for path in own:
                np.testing.assert_allclose(ours[path], theirs[path], rtol=1e-8, atol=1e-12)
        both = sum(own_losses(algorithm, weights, z, x, share, packing))
        np.testing.assert_allclose(measured.objective, both, rtol=1e-10)


def test_packs_hold_every_example_and_give_each_its_judgment() -> None:
    model = pair(packing=3).init(0)
    x = jnp.arange(14.0).reshape(7, 2)
    packs = model.packed(x)
    assert packs.shape == (3, 6)
    every = packs.reshape(3, 3, 2)
    assert {float(v) for v in every[..., 0].ravel()} == set(x[:, 0].tolist())
    spread = model.unpacked(jnp.arange(3.0), 7)
    assert spread.shape == (7,)
    for i in range(7):  # the pack whose number it has holds the example
        assert x[i, 0] in every[int(spread[i]), :, 0]
    run = trained(model=pair(packing=3), epochs=1)
    assert np.isfinite(run.losses).all()


def test_the_generator_moves_once_in_several_steps_of_the_critic() -> None:
    algorithm = Adversarial("wasserstein", critic_steps=3, gradient_penalty=10.0)
    run = trained(algorithm=algorithm, epochs=1, snapshots=list(range(7)))
    arrays = [nn.parameters(run.at(step)) for step in range(7)]
    moved = {
        player: [
            any(
                not np.array_equal(before[path], after[path])
                for path in before
                if path.startswith(player)
            )
            for before, after in itertools.pairwise(arrays)
        ]
        for player in PLAYERS
    }
    assert moved["discriminator"] == [True] * 6
    assert moved["generator"] == [False, False, True, False, False, True]


def test_each_player_has_its_optimizer() -> None:
    still = Adversarial(discriminator_optimizer=optim.sgd(1e-30))
    first, run = pair().init(0), trained(algorithm=still, epochs=1, model=pair().init(0))
    before, after = nn.parameters(first), nn.parameters(run.model)
    paths = {player: f"{player}.layers.0.weight" for player in PLAYERS}
    same = {p: np.array_equal(before[path], after[path]) for p, path in paths.items()}
    assert same == {"generator": False, "discriminator": True}


def test_the_average_is_of_the_generator() -> None:
    options: dict[str, Any] = {"epochs": 1, "snapshots": [10]}
    plain, averaged = trained(**options), trained(**options, average=0.9)
    assert np.array_equal(plain.losses, averaged.losses)
    ours, theirs = nn.parameters(averaged.model), nn.parameters(plain.model)
    differs = {p: any(not np.array_equal(ours[k], theirs[k]) for k in ours if k.startswith(p))
               for p in PLAYERS}  # fmt: skip
    assert differs == {"generator": True, "discriminator": False}


def test_measures_name_both_players_and_the_samples() -> None:
    run = trained(algorithm=Adversarial(samples_measures=ModeCoverage(RING)), dev=0.2)
    assert set(run.history.metrics) == {
        "generator objective",
        "discriminator objective",
        "real accuracy",
        "generated accuracy",
        "error at the generator",
        "precision",
        "coverage",
        "spread",
        "modes covered",
        "good fraction",
    }
    assert all(np.isfinite(column).all() for column in run.history.metrics.values())
    assert run.config["algorithm"]["game"] == "non-saturating"
    assert run.config["algorithm"]["samples_measures"]["mode_coverage"]["deviation"] == 0.01


def test_the_conditional_form_learns_which_class_is_where() -> None:
    centers = np.array([[-2.0, 0.0], [2.0, 0.0]], np.float32)
    random = np.random.default_rng(0)
    labels = np.arange(2048) % 2
    x = (centers[labels] + 0.3 * random.standard_normal((2048, 2))).astype(np.float32)
    run = fit(
        models.mlp_gan(noise=2, hidden=(32,), num_classes=2),
        (x, labels),
        algorithm=Adversarial(gradient_penalty=0.1),
        optimizer=optim.adam(3e-3, beta1=0.5, beta2=0.999),
        epochs=25,
        batch_size=128,
        progress=False,
        average=0.99,
    )
    z = run.model.draw_noise(jax.random.key(1), 400)
    for label in (0, 1):
        samples = np.asarray(run.model(z, jnp.full(400, label)))
        assert np.linalg.norm(samples.mean(axis=0) - centers[label]) < 0.5
        assert (np.sign(samples[:, 0]) == np.sign(centers[label, 0])).mean() > 0.95


def test_a_conditional_model_needs_labels() -> None:
    model = pair(num_classes=8).init(0)
    with pytest.raises(ConfigurationError, match="needs the class of every example"):
        model(jnp.zeros((2, 3)))


@pytest.mark.optimized
@pytest.mark.parametrize(
    "algorithm",
    [
        Adversarial(gradient_penalty=0.1, discriminator_optimizer=optim.adam(2e-3, beta1=0.5)),
        Adversarial("wasserstein", critic_steps=3, gradient_penalty=10.0, penalty_at="between"),
    ],
)
def test_a_stopped_run_goes_on_bit_for_bit(algorithm: Adversarial, tmp_path: Path) -> None:
    options: dict[str, Any] = {"algorithm": algorithm, "average": 0.9, "checkpoint_every": 7}
    whole = trained(**options, folder=tmp_path / "whole")

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    trained(**options, folder=tmp_path / "cut", on_event=stop)
    again = trained(**options, folder=tmp_path / "cut", resume=True)
    assert again.losses.tobytes() == whole.losses.tobytes()
    for name, column in whole.history.metrics.items():
        assert np.array_equal(column, again.history.metrics[name]), name
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(nn.parameters(again.model)[path], value), path


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_its_pass_is_recorded_without_a_change_of_a_bit(penalty: float) -> None:
    algorithm = Adversarial(gradient_penalty=penalty, penalty_at="between")
    plain = trained(algorithm=algorithm)
    recorded = trained(algorithm=algorithm, record=["generator*", "discriminator*"])
    assert np.array_equal(plain.losses, recorded.losses)
    names = recorded.recordings.names
    assert {"generator.layers.0", "discriminator.layers.0", "discriminator.layers.0#2"} <= {*names}


@pytest.mark.parametrize("player", PLAYERS)
def test_a_number_that_is_not_finite_names_its_player(player: str) -> None:
    model = pair().init(0)
    path = f"{player}.layers.2.weight"
    weight = nn.parameters(model)[path].at[0, 0].set(jnp.nan)
    with pytest.raises(NonFiniteError, match=player):
        trained(model=tree.replace(model, {path: weight}))


@pytest.mark.parametrize("player", PLAYERS)
def test_a_player_whose_numbers_overflow_is_named(player: str) -> None:
    model = pair().init(0)
    weights = nn.parameters(model)
    path, before = f"{player}.layers.4.weight", f"{player}.layers.2.bias"
    large = {path: jnp.full_like(weights[path], 3e38), before: jnp.full_like(weights[before], 9.0)}
    with pytest.raises(NonFiniteError, match=player):
        trained(model=tree.replace(model, large))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"game": "wasserstien"}, "did you mean 'wasserstein'"),
        ({"penalty_at": "fake"}, "unknown penalty_at"),
        ({"critic_steps": 0}, "critic_steps"),
        ({"gradient_penalty": -1.0}, "the weight of a penalty is 0 or more"),
    ],
)
def test_wrong_options_are_refused(options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Adversarial(**options)


def test_a_model_without_two_players_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="generator and a discriminator"):
        trained(model=nn.Linear(2, 2))


def test_options_are_those_of_the_configuration() -> None:
    assert replace(Adversarial(), game="hinge").to_config()["game"] == "hinge"


def test_a_generator_of_other_examples_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="examples of another shape"):
        trained(model=models.mlp_gan(features=3, hidden=(4,)))


def test_noise_before_the_discriminator_falls_by_its_schedule() -> None:
    blurred = Adversarial(instance_noise=optim.schedules.exponential(0.5, 0.1, every=5))
    plain, run = trained(), trained(algorithm=blurred)
    assert not np.array_equal(plain.losses, run.losses)
    none = trained(algorithm=Adversarial(instance_noise=optim.schedules.constant(1e-12)))
    assert np.allclose(plain.losses, none.losses, rtol=1e-5)
