"""The loss around a trained model on a plane through its weights, and the path of the training.

Shape letters: T snapshots, P parameters, S points along a side of the grid, N examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, tree
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.glass.drawings.choice import Batch
from clearprop.glass.drawings.snapshots import ExampleData, Training, examples_for, snapshots_of
from clearprop.nn.recording import LossLike

Floats = NDArray[np.float64]
Direction = dict[str, Floats]
Directions = Literal["random", "pca"]

BATCH = 512


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss on a plane through the weights of a model, and the path of the training in it.

    Attributes:
        across: coordinates along the first direction, (S,).
        up: coordinates along the second direction, (S,).
        losses: mean loss at each point, (S, S): rows go up, columns across.
        directions: the two directions, each an array for every parameter.
        center: the loss of the model in the middle, at (0, 0).
        steps: of the snapshots, (T,); the last is the model in the middle.
        path: the point of the plane that is nearest to each snapshot, (T, 2).
        path_losses: the loss of each snapshot itself, (T,).
        fraction: of the sum of the path's squared distances from its end, how much lies in the
            plane; None for a single model.
    """

    across: Floats
    up: Floats
    losses: Floats
    directions: tuple[Direction, Direction]
    center: float
    steps: NDArray[np.int64]
    path: Floats
    path_losses: Floats
    fraction: float | None


def landscape_of(
    training: Training,
    data: ExampleData,
    loss: LossLike = "cross_entropy",
    *,
    directions: Directions = "random",
    side: int = 25,
    reach: float = 1.0,
    seed: int = 0,
    preprocessor: Preprocessor | None = None,
) -> Landscape:
    """Return the losses over a plane through the last model of a training.

    Args:
        training: a model, a run with snapshots, or a list of (step, model).
        data: the examples whose mean loss is the height; see `loss_surface`.
        loss: the name of a loss, a `nn.Loss`, or a function (outputs, targets) -> values.
        directions: "random" (`filter_normalized`) or "pca" (`principal`).
        side: S, an odd number, so that the middle is the model.
        reach: random directions go from -reach to reach, or farther where the path does.
        seed: of the random directions.
        preprocessor: of the run that trained the model, where the data is raw.

    Raises:
        ConfigurationError: unknown directions, an even or small side, too short a path for "pca".
        ModelError: a model has no values or another architecture.

    >>> model = nn.Linear(2, 1, bias=False).init(0)
    >>> found = landscape_of(model, (np.eye(2), np.ones((2, 1))), "squared_error", side=3)
    >>> found.losses.shape, bool(abs(found.losses[1, 1] - found.center) < 1e-6)
    ((3, 3), True)
    """
    if directions not in ("random", "pca"):
        raise unknown_name("directions", directions, ("random", "pca"))
    if side < 3 or side % 2 == 0 or not reach > 0:
        raise ConfigurationError(
            "a loss surface cannot have this size",
            given=f"side={side}, reach={reach}",
            expected="an odd side from 3, a reach above 0",
        )
    snapshots = snapshots_of(training)
    model = snapshots[-1][1]
    weights = _vectors(model)
    path = [{n: w - weights[n] for n, w in _vectors(m).items()} for _, m in snapshots]
    pair = principal(path) if directions == "pca" else filter_normalized(model, seed)
    places, fraction = _projected(path, pair)
    across, up = _coordinates(places, side, reach, directions)
    x, y = examples_for(data, preprocessor)
    chosen = nn.find_loss(loss)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    heights = losses_at(model, pair, grid, x, y, chosen)
    path_losses = np.array(
        [losses_at(m, pair, np.zeros((1, 2)), x, y, chosen)[0] for _, m in snapshots]
    )
    return Landscape(
        across=across,
        up=up,
        losses=heights.reshape(side, side),
        directions=pair,
        center=float(path_losses[-1]),
        steps=np.array([step for step, _ in snapshots], np.int64),
        path=places,
        path_losses=path_losses,
        fraction=fraction,
    )


def filter_normalized(model: nn.Module, seed: int = 0) -> tuple[Direction, Direction]:
    """Return two random directions whose filters are as long as the model's own.

    d <- d |w| / |d| for the weights w of each filter: the weights of one unit, along the last axis
    of an array; of an embedding, the row of one token. Parameters of one axis, such as biases and
    gains, do not change.

    Raises:
        ConfigurationError: there are no weights of two axes.

    >>> first, _ = filter_normalized(nn.Linear(3, 2).init(0))
    >>> sorted(first), float(np.abs(first["bias"]).max())
    (['bias', 'weight'], 0.0)

    Source: Li, Xu, Taylor, Studer and Goldstein (2018), *Visualizing the loss landscape*.
    """
    random = np.random.default_rng(seed)
    weights = _vectors(model)
    if not any(w.ndim > 1 and w.any() for w in weights.values()):
        raise ConfigurationError(
            "there are no weights to scale random directions by",
            given=f"{len(weights)} parameters, none of two axes that is not zero",
            fix='directions="pca"',
        )
    by_row = {path for path, layer in nn.modules(model).items() if isinstance(layer, nn.Embedding)}

    def direction() -> Direction:
        found = {}
        for path, w in weights.items():
            d = random.standard_normal(w.shape)
            if w.ndim < 2:
                found[path] = np.zeros(w.shape)
                continue
            axes = (1,) if path.rpartition(".")[0] in by_row else tuple(range(w.ndim - 1))
            long, wanted = (np.sqrt((v**2).sum(axis=axes, keepdims=True)) for v in (d, w))
            found[path] = d * wanted / long
        return found

    return direction(), direction()


def principal(path: list[Direction]) -> tuple[Direction, Direction]:
    """Return the two directions, of length 1, in which a path runs farthest from its end.

    They are the first right singular vectors of the matrix whose rows are the path's weights less
    the last ones.

    Args:
        path: weights less those of the end, snapshot by snapshot.

    Raises:
        ConfigurationError: the path has no two directions.

    >>> ways = [{"w": np.array(d)} for d in ([3.0, 0, 4], [0.0, 1, 0], [0.0, 0, 0])]
    >>> first, second = principal(ways)
    >>> np.abs(first["w"]).round(2).tolist(), np.abs(second["w"]).round(2).tolist()
    ([0.6, 0.0, 0.8], [0.0, 1.0, 0.0])
    """
    rows = np.stack([np.concatenate([d.ravel() for d in each.values()]) for each in path])
    # There are few snapshots and many weights: the small matrix of products is enough.
    values, vectors = np.linalg.eigh(rows @ rows.T)
    if len(path) < 3 or values[-2] <= 1e-12 * values[-1]:
        raise ConfigurationError(
            "the path does not have two principal directions",
            given=f"{len(path)} snapshots" if len(path) < 3 else "snapshots on one line",
            expected="at least three snapshots that do not lie on one line",
            fix='fit(..., snapshots=20), or directions="random"',
        )
    ends = np.cumsum([w.size for w in path[0].values()])[:-1]

    def direction(k: int) -> Direction:
        parts = np.split(rows.T @ vectors[:, k] / np.sqrt(values[k]), ends)
        items = zip(path[0].items(), parts, strict=True)
        return {name: part.reshape(w.shape) for (name, w), part in items}

    return direction(-1), direction(-2)


def _vectors(model: nn.Module) -> Direction:
    return {path: np.asarray(w, np.float64) for path, w in nn.parameters(model).items()}


def _projected(
    path: list[Direction], pair: tuple[Direction, Direction]
) -> tuple[Floats, float | None]:
    """Return the nearest points of the plane, (T, 2), and the fraction of the path in the plane."""

    def product(a: Mapping[str, Floats], b: Mapping[str, Floats]) -> float:
        return float(sum((a[name] * b[name]).sum() for name in a))

    # Random directions are not quite orthogonal, so this is a least-squares problem.
    gram = np.array([[product(a, b) for b in pair] for a in pair])
    sides = np.array([[product(way, d) for d in pair] for way in path])
    places = np.linalg.solve(gram, sides.T).T
    whole = sum(product(way, way) for way in path)
    held = float(np.einsum("ti,ij,tj->", places, gram, places))
    return places, held / whole if whole > 0 else None


def _coordinates(
    path: Floats, side: int, reach: float, directions: Directions
) -> tuple[Floats, Floats]:
    """Return coordinates with 0 in the middle, wide enough for the path."""
    least = reach if directions == "random" else 0.0
    far = np.maximum(1.15 * np.abs(path).max(axis=0), least)
    far = np.where(far > 0, far, far.max() or 1.0)
    return np.linspace(-far[0], far[0], side), np.linspace(-far[1], far[1], side)


def losses_at(
    model: nn.Module,
    pair: tuple[Direction, Direction],
    points: Floats,
    x: Batch,
    y: jax.Array,
    loss: nn.Loss,
) -> Floats:
    """Return the mean loss of a model moved to each of some points (P, 2) of the plane.

    One compiled call a batch of examples moves and evaluates the model point by point.
    """
    total = np.zeros(len(points))
    first, second = ({n: d.astype(np.float32) for n, d in each.items()} for each in pair)
    for start in range(0, len(y), BATCH):
        rows = slice(start, start + BATCH)
        part = jax.tree.map(lambda a, rows=rows: jnp.asarray(a[rows]), (x, y))
        total += np.asarray(_sums(model, first, second, points, *part, loss), np.float64)
    return total / len(y)


@partial(jax.jit, static_argnames="loss")
def _sums(
    model: nn.Module,
    first: Mapping[str, jax.Array],
    second: Mapping[str, jax.Array],
    points: jax.Array,
    x: Batch,
    y: jax.Array,
    loss: nn.Loss,
) -> jax.Array:
    weights = nn.parameters(model)

    def at(point: jax.Array) -> jax.Array:
        moved = {
            name: w + (point[0] * first[name] + point[1] * second[name]).astype(w.dtype)
            for name, w in weights.items()
        }
        losses = loss.per_example(tree.replace(model, moved)(x), y)
        return losses.reshape(len(losses), -1).mean(axis=1).sum()

    sums: jax.Array = jax.lax.map(at, jnp.asarray(points, jnp.float32))
    return sums
