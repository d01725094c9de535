"""The point sets of the playground: each is decided by its seed alone.

Circle, exclusive-or, Gaussians, spiral, plane and plane of Gaussians are those of TensorFlow
Playground, by its formulas. The scripts that the page writes make their data with this module.

Shape letters: N examples, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clearprop import bounds
from clearprop.errors import ConfigurationError, DataError, unknown_name
from clearprop.studio.playground.point_set import SQUARE, PointSet, shuffled_parts

RADIUS = 5.0
"""Of circle and exclusive-or, so that noise stays within the square."""

PADDING = 0.3
"""How far the points of exclusive-or stay away from the axes."""

TURNS = 1.75
"""Of each arm of the spiral."""

MOONS = 3.3
"""How many times larger the moons are than those of scikit-learn, to fill the square."""

MOST_NOISE = 0.5
MOST_CLASSES = 6

Doubles: TypeAlias = NDArray[np.float64]
Made: TypeAlias = tuple[Doubles, NDArray[np.generic]]
Draw: TypeAlias = "Callable[[np.random.Generator, int, float, int], Made]"
"""(source of random numbers, N, noise, K) -> places (N, 2) and targets (N,)."""


@dataclass(frozen=True)
class PointKind:
    """A kind of point set.

    Attributes:
        about: one sentence.
        classes: their names; empty for a regression, and for a kind whose number can be chosen.
        draw: makes it.
        chosen: whether the number of classes can be chosen.
        each: the word for each class where it can.
    """

    about: str
    classes: tuple[str, ...]
    draw: Draw
    chosen: bool = False
    each: str = ""


def made(
    kind: str,
    *,
    examples: int = 500,
    noise: float = 0.0,
    test: float = 0.5,
    classes: int = 2,
    seed: int = 0,
) -> PointSet:
    """Return a point set; one seed always gives the same points.

    Args:
        kind: of `KINDS`.
        examples: how many points there are, training and test part together.
        noise: from 0 to 0.5, as in TensorFlow Playground.
        test: the fraction that is held out.
        classes: 2 to 6, for "spiral" and "blobs"; the other kinds have their own number.
        seed: of the points, and of which are held out.

    Raises:
        ConfigurationError: an unknown kind, or a number out of its range.
        DataError: no point is left to train with.

    >>> points = made("circle", examples=6)
    >>> points.targets.shape, points.training, points.task
    ((6,), 3, 'two classes')
    """
    if kind not in KINDS:
        raise unknown_name("point set", kind, KINDS, where="data.kind")
    if not 0 <= bounds.number(noise, "noise") <= MOST_NOISE:
        raise ConfigurationError(
            "noise is out of range",
            where="data.noise",
            given=f"{noise:g}",
            expected="a number from 0 to 0.5",
        )
    bounds.whole(examples, "examples", 2)
    bounds.whole(classes, "classes", 2, most=MOST_CLASSES)
    found = KINDS[kind]
    count = classes if found.chosen else max(1, len(found.classes))
    places, targets = found.draw(np.random.default_rng(seed), examples, noise, count)
    names = tuple(f"{found.each} {k + 1}" for k in range(count)) if found.chosen else found.classes
    return _split(places, targets, names, test, seed, found.about)


def drawn(
    points: Sequence[tuple[float, float, float]], *, test: float = 0.5, seed: int = 0
) -> PointSet:
    """Return points that a user drew: x1, x2 and the target of each.

    Where all targets are whole numbers from 0 to 5 they are numbers of classes, else the targets
    of a regression.

    Raises:
        DataError: there are no points, all are of one class, or none is left to train with.

    >>> drawn([(0.0, 1.0, 0), (1.0, 2.0, 1)], test=0.0).task
    'two classes'
    """
    if len(points) < 2:
        raise DataError(
            "there are too few points to learn from",
            where="data.points",
            given=f"{len(points)}",
            expected="two at least",
            fix="draw points of two classes into the picture",
        )
    table = np.asarray(points, np.float64).reshape(len(points), 3)
    places, targets = table[:, :2], table[:, 2]
    is_class = bool(np.isin(targets, range(MOST_CLASSES)).all())
    if is_class and len(np.unique(targets)) < 2:
        raise DataError(
            "all points are of one class, so there is nothing to tell apart",
            where="data.points",
            given=f"{len(points)} points of class {int(targets[0])}",
            fix="draw points of another class too",
        )
    count = max(2, int(targets.max()) + 1)
    names = tuple(f"class {k + 1}" for k in range(count)) if is_class else ()
    about = f"The {len(points)} points that you drew."
    return _split(places, targets, names, test, seed, about)


def _split(
    places: Doubles,
    targets: NDArray[np.generic],
    names: tuple[str, ...],
    test: float,
    seed: int,
    about: str,
) -> PointSet:
    order, training = shuffled_parts(len(targets), test, seed)
    return PointSet(
        places[order].astype(np.float32),
        targets[order].astype(np.int32 if names else np.float32),
        training,
        names,
        about=about,
    )


# --- the kinds -----------------------------------------------------------------------------------


def _uniform(rng: np.random.Generator, shape: int | tuple[int, ...], reach: float) -> Doubles:
    return rng.uniform(-reach, reach, shape)


def _members(count: int, classes: int) -> list[int]:
    """Return how many points each class gets: as equal as possible."""
    return [count // classes + (k < count % classes) for k in range(classes)]


def _around(radii: Doubles, angles: Doubles) -> Doubles:
    return np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1)


def _circle(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    inner, outer = _members(count, 2)
    radii = np.concatenate([
        rng.uniform(0, RADIUS * 0.5, inner),
        rng.uniform(RADIUS * 0.7, RADIUS, outer),
    ])  # fmt: skip
    places = _around(radii, rng.uniform(0, 2 * np.pi, count))
    moved = places + _uniform(rng, (count, 2), RADIUS) * noise
    return places, np.linalg.norm(moved, axis=1) < RADIUS * 0.5


def _xor(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    places = _uniform(rng, (count, 2), RADIUS)
    places += np.where(places > 0, PADDING, -PADDING)
    moved = places + _uniform(rng, (count, 2), RADIUS) * noise
    return places, moved.prod(axis=1) >= 0


def _deviation(noise: float) -> float:
    """Return the deviation of a Gaussian, whose variance grows with the noise from 0.5 to 4."""
    return float(np.sqrt(0.5 + noise / MOST_NOISE * 3.5))


def _centered(rng: np.random.Generator, count: int, noise: float, centers: Doubles) -> Made:
    targets = np.repeat(np.arange(len(centers)), _members(count, len(centers)))
    return centers[targets] + rng.normal(0, _deviation(noise), (count, 2)), targets


def _gauss(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    return _centered(rng, count, noise, np.array([[-2.0, -2.0], [2.0, 2.0]]))


def _blobs(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    turns = np.arange(classes) / classes * 2 * np.pi
    return _centered(rng, count, noise, _around(np.full(classes, 4.0), turns))


def _spiral(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    arms, targets = [], []
    for k, n in enumerate(_members(count, classes)):
        along = np.arange(n) / n
        angles = TURNS * along * 2 * np.pi + 2 * np.pi * k / classes
        arms.append(_around(along * RADIUS, angles) + _uniform(rng, (n, 2), 1.0) * noise)
        targets.append(np.full(n, (k + 1) % classes))  # of two arms the first is the class 1
    return np.concatenate(arms), np.concatenate(targets)


def _moons(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    lower, upper = _members(count, 2)
    a, b = np.linspace(0, np.pi, upper), np.linspace(0, np.pi, lower)
    places = np.concatenate([
        np.stack([np.cos(a), np.sin(a)], axis=1),
        np.stack([1 - np.cos(b), 0.5 - np.sin(b)], axis=1),
    ])  # fmt: skip
    places += rng.normal(0, 1, (count, 2)) * noise
    targets = np.repeat([1, 0], [upper, lower])
    return (places - [0.5, 0.25]) * MOONS, targets


def _plane(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    places = _uniform(rng, (count, 2), SQUARE)
    moved = places + _uniform(rng, (count, 2), SQUARE) * noise
    return places, moved.sum(axis=1) / 10


HILLS = np.array([
    [-4.0, 2.5, 1.0], [0.0, 2.5, -1.0], [4.0, 2.5, 1.0],
    [-4.0, -2.5, -1.0], [0.0, -2.5, 1.0], [4.0, -2.5, -1.0],
])  # fmt: skip
"""Places and signs of the hills and hollows of "gauss-plane", (6, 3)."""


def _gauss_plane(rng: np.random.Generator, count: int, noise: float, classes: int) -> Made:
    places = _uniform(rng, (count, 2), SQUARE)
    moved = places + _uniform(rng, (count, 2), SQUARE) * noise
    far = np.linalg.norm(moved[:, None] - HILLS[:, :2], axis=2)
    heights = HILLS[:, 2] * np.clip(1 - far / 2, 0, 1)
    strongest = np.abs(heights).argmax(axis=1)
    return places, heights[np.arange(count), strongest]


KINDS: dict[str, PointKind] = {
    "circle": PointKind(
        "One class lies within a circle, the other around it.", ("outside", "inside"), _circle
    ),
    "xor": PointKind(
        "Exclusive-or: the class says whether x1 and x2 have the same sign.",
        ("different signs", "same sign"),
        _xor,
    ),
    "gauss": PointKind(
        "Two clouds, around (-2, -2) and (2, 2); a single line can separate them.",
        ("lower cloud", "upper cloud"),
        _gauss,
    ),
    "spiral": PointKind(
        "Each class is an arm of a spiral, wound around the others.", (), _spiral, True, "arm"
    ),
    "moons": PointKind(
        "Two half circles that reach into each other.", ("lower moon", "upper moon"), _moons
    ),
    "blobs": PointKind(
        "Each class is a cloud; the clouds stand in a ring.", (), _blobs, True, "cloud"
    ),
    "plane": PointKind("A regression: the target is (x1 + x2) / 10.", (), _plane),
    "gauss-plane": PointKind(
        "A regression: the target has three hills and three hollows.", (), _gauss_plane
    ),
}
"""The sets that `made` makes, by name."""
