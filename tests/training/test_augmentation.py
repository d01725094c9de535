"""Augmentations are right, work on whole batches, and are used only in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import data, nn, ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.training import augmentation, fit
from clearprop.training.augmentation import (
    Crop,
    Cutout,
    Flip,
    Masking,
    Mixup,
    Noise,
    Rotate,
    SaltAndPepper,
    Shift,
)

KEY = jax.random.key(3)
PICTURES = jnp.asarray(np.random.default_rng(0).normal(size=(40, 7, 5, 2)), jnp.float32)


def test_a_shift_moves_every_picture_by_its_own_whole_pixels() -> None:
    moved = np.asarray(Shift(2, fill=0.0)(KEY, PICTURES))
    padded = np.pad(PICTURES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    steps = set()
    for before, after in zip(padded, moved, strict=True):
        found = [
            (a, b)
            for a in range(5)
            for b in range(5)
            if np.array_equal(before[a : a + 7, b : b + 5], after)
        ]
        assert len(found) == 1
        steps.add(found[0])
    assert len(steps) > 12


def test_the_edge_is_repeated_unless_a_fill_is_given() -> None:
    x = jnp.arange(5.0).reshape(1, 1, 5).repeat(30, 0)
    rows = {tuple(row) for row in np.asarray(Shift(1)(KEY, x))[:, 0].tolist()}
    assert rows == {(0, 0, 1, 2, 3), (0, 1, 2, 3, 4), (1, 2, 3, 4, 4)}


@pytest.mark.parametrize("axis", ["horizontal", "vertical"])
def test_a_flip_mirrors_about_half_of_the_pictures(axis: Any) -> None:
    flipped = Flip(axis)(KEY, PICTURES)
    mirrored = jnp.flip(PICTURES, 2 if axis == "horizontal" else 1)
    turned = [bool((y == m).all()) for y, m in zip(flipped, mirrored, strict=True)]
    kept = [bool((y == x).all()) for y, x in zip(flipped, PICTURES, strict=True)]
    assert all(t != k for t, k in zip(turned, kept, strict=True))
    assert 8 < sum(turned) < 32


def test_a_crop_is_a_linear_reading_of_a_window() -> None:
    ramp = jnp.broadcast_to(jnp.arange(9.0)[:, None], (50, 9, 9))
    cut = np.asarray(Crop(0.5)(KEY, ramp))
    slopes = cut[:, 1:, 0] - cut[:, :-1, 0]
    assert np.ptp(slopes, axis=1).max() < 1e-5
    assert 0.5 <= slopes.min() < 0.6 < 0.9 < slopes.max() <= 1 + 1e-5
    assert cut.min() >= 0
    assert cut.max() <= 8
    assert np.ptp(cut, axis=2).max() < 1e-5


def test_a_rotation_turns_about_the_middle() -> None:
    right = np.mgrid[-5.0:6.0, -5.0:6.0][1]
    x = jnp.broadcast_to(jnp.asarray(right, jnp.float32), (30, 11, 11))
    turned = np.asarray(Rotate(20.0)(KEY, x))
    middle = turned[:, 3:8, 3:8]
    # A linear picture stays linear: its slope is rotated by the angle.
    cosine, sine = middle[:, 2, 3] - middle[:, 2, 2], middle[:, 3, 2] - middle[:, 2, 2]
    np.testing.assert_allclose(cosine**2 + sine**2, 1, rtol=1e-4)
    degrees = np.rad2deg(np.arctan2(sine, cosine))
    assert degrees.min() < -10
    assert degrees.max() > 10
    assert np.abs(degrees).max() <= 20
    whole = np.asarray(Rotate(1e-6)(KEY, PICTURES))
    np.testing.assert_allclose(whole, PICTURES, atol=1e-4)
    assert (np.asarray(Rotate(40.0, fill=9.0)(KEY, x)).max(axis=(1, 2)) > 5.5).mean() > 0.5


def test_cutout_paints_one_square_over() -> None:
    ones = jnp.ones((200, 12, 10, 3))
    holes = np.asarray(Cutout(4)(KEY, ones)) == 0
    sizes = holes[..., 0].sum((1, 2))
    assert (holes == holes[..., :1]).all()
    assert sizes.max() == 16
    assert 4 <= sizes.min() < 16
    assert holes.any(0)[..., 0].all()


def test_noise_has_its_deviation() -> None:
    noise = Noise(0.3)(KEY, jnp.zeros((100, 50)))
    assert float(noise.std()) == pytest.approx(0.3, rel=0.05)
    assert abs(float(noise.mean())) < 0.02


def test_mixup_mixes_inputs_and_targets_alike() -> None:
    x = jnp.eye(6)
    mixed, mixing = augmentation.augmented((Mixup(1.0),), KEY, x)
    assert mixing is not None
    targets = mixing.targets(jnp.arange(6), (6, 6))
    np.testing.assert_allclose(mixed, targets, rtol=1e-6)
    np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
    numbers = mixing.targets(jnp.arange(6.0)[:, None], (6, 1))
    np.testing.assert_allclose(numbers[:, 0], targets @ jnp.arange(6.0), rtol=1e-5)
    sides = mixing.targets(jnp.array([0, 1, 0, 1, 1, 0]), (6, 1))
    assert sides.dtype == jnp.float32
    assert sides.shape == (6,)


def test_a_configuration_makes_the_same_again() -> None:
    every = [kind() for kind in augmentation.KINDS.values()]
    assert len(every) == 9
    for one in every:
        assert augmentation.find(one.to_config()) == (one,)


@pytest.mark.parametrize(
    "wrong",
    [
        "rotat",
        {"name": "shift", "pixel": 2},
        {"name": "shift", "pixels": 0},
        {"name": "shift", "fill": "black"},
        {"name": "crop", "smallest": 0.0},
        {"name": "flip", "axis": "sideways"},
        {"name": "noise", "deviation": -1.0},
        ["mixup", "mixup"],
    ],
)
def test_wrong_augmentations_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        augmentation.find(wrong)


@pytest.mark.optimized
def test_a_run_augments_only_in_training_and_goes_on_the_same(
    digits: data.Splits, perceptron: nn.Module, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "batch_size": 128,
        "progress": False,
        "augment": [Shift(1), {"name": "mixup", "alpha": 0.4}],
        "label_smoothing": 0.1,
    }
    whole = fit(perceptron, digits, epochs=3, **options)
    part = fit(perceptron, digits, epochs=2, folder=tmp_path / "run", **options)
    assert part.config["augment"][0] == {"name": "shift", "pixels": 1, "fill": "edge"}
    rest = fit(perceptron, digits, epochs=3, folder=tmp_path / "run", resume=True, **options)
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(value, nn.parameters(rest.model)[path])
    plain = fit(perceptron, digits, epochs=3, **{**options, "augment": None})
    assert not np.array_equal(plain.losses, whole.losses)
    with pytest.raises(ConfigurationError, match="augment"):
        fit(
            perceptron,
            digits,
            epochs=4,
            folder=tmp_path / "run",
            resume=True,
            **{**options, "augment": "flip"},
        )
    with pytest.raises(ConfigurationError, match="label_smoothing"):
        fit(
            perceptron,
            digits,
            epochs=4,
            folder=tmp_path / "run",
            resume=True,
            **{**options, "label_smoothing": 0.2},
        )


def test_what_cannot_be_augmented_is_refused(xor: Any) -> None:
    model = nn.Sequential([nn.Linear(2, 8), ops.tanh, nn.Linear(8, 2)])
    with pytest.raises(ShapeError, match="no pictures"):
        fit(model, xor, batch_size=4, augment="flip", progress=False)
    tokens = np.array([[1, 2], [2, 1]])
    reader = nn.Sequential([nn.Embedding(3, 4), nn.Flatten(), nn.Linear(8, 2)])
    with pytest.raises(ConfigurationError, match="tokens"):
        fit(reader, (tokens, np.array([0, 1])), batch_size=2, augment="noise", progress=False)


@pytest.mark.parametrize(("fill", "value"), [("lowest", float(PICTURES.min())), (0.0, 0.0)])
def test_masking_removes_entries_alone_and_about_so_many(fill: Any, value: float) -> None:
    masked = np.asarray(Masking(0.3, fill)(KEY, PICTURES))
    gone = masked != np.asarray(PICTURES)
    assert np.allclose(masked[gone], value)
    assert gone.mean() == pytest.approx(0.3, abs=0.03)
    assert gone.any(axis=3).mean() == pytest.approx(1 - 0.7**2, abs=0.04)  # channels differ


def test_salt_and_pepper_are_the_extremes_and_equally_many() -> None:
    changed = np.asarray(SaltAndPepper(0.4)(KEY, PICTURES))
    gone = changed != np.asarray(PICTURES)
    assert set(np.unique(changed[gone])) == {float(PICTURES.min()), float(PICTURES.max())}
    assert gone.mean() == pytest.approx(0.4, abs=0.03)
    assert (changed[gone] > 0).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "given", [{"name": "masking", "chance": 1.5}, {"name": "masking", "fill": "black"},
              {"name": "saltandpepper", "chance": -0.1}]
)  # fmt: skip
def test_chances_and_fills_of_noise_are_checked(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        augmentation.find(given)


def test_inputs_that_are_their_own_targets_are_not_moved() -> None:
    x = np.random.default_rng(0).uniform(size=(40, 8, 8, 1)).astype(np.float32)
    model = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    options = {"loss": "squared_error", "epochs": 1, "progress": False}
    for moving in ("shift", "flip", "rotate"):
        with pytest.raises(ConfigurationError, match="the targets are the inputs"):
            fit(model, x, x, augment=moving, **options)
    assert len(fit(model, x, x, augment="noise", **options).losses)
    assert len(fit(model, x, x.copy(), augment="shift", **options).losses)  # own targets
