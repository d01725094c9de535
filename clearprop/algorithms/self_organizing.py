"""How a self-organizing map learns: the best unit and its neighbors move to the examples.

Shape letters: B batch, N examples, M units, D numbers of an example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import bounds, nn, ops, tree
from clearprop.autodiff import stop_gradient
from clearprop.data import Batch
from clearprop.errors import ConfigurationError, run_option
from clearprop.models.self_organizing_map import SelfOrganizingMap, as_map
from clearprop.nn.checks import one_of
from clearprop.training.algorithm import Array, Arrays, Measured, TrainState
from clearprop.training.learning import Learning
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.training_data import TrainingData

CODEBOOK = "codebook"

MODES = ("batch", "mini-batch", "online")

MOST_ROWS = 20_000
"""So many examples give the first codebook."""


@dataclass(frozen=True, eq=False)
class SelfOrganizing(Learning):
    """Kohonen's rule: the best unit of an example and its neighbors on the map move towards it.

    With c(x) the best unit of x, and h the neighborhood,

        online, after each example:     w_j += rate h(j, c(x)) (x - w_j)
        mini-batch, after B examples:   w_j += rate / B sum_x h(j, c(x)) (x - w_j)
        batch, once in every epoch:     w_j = sum_x h(j, c(x)) x / sum_x h(j, c(x))

    where ``h(j, c) = exp(-|r_j - r_c|^2 / (2 radius^2))`` for units at the places r, or 1 within
    the radius and 0 outside ("bubble"). Radius and rate fall from example to example online, else
    from epoch to epoch. A batch map has no rate. The size of the batches matters for a mini-batch
    map alone: a batch map collects the sums of a whole epoch, and an online map takes the examples
    of a batch one after the other.

    The objective is the mean of ``|x - w_c(x)|^2``; the quantization error is the mean of the
    distance itself. The topographic error is the fraction of the examples whose second best unit is
    no neighbor of the best.

    Attributes:
        mode: "batch", "mini-batch" or "online".
        radius: of the neighborhood at the beginning; None takes half of the longer side of the map.
        last_radius: at the end.
        neighborhood: "gaussian" or "bubble".
        decay: of radius and rate: "exponential" or "linear".
        rate: at the beginning; not of a batch map.
        last_rate: at the end.
        start: the first points of the units: "pca" lays the map along the two directions in which
            the examples vary most, "random" takes random examples.

    Raises:
        ConfigurationError: an option is out of its range.

    >>> from clearprop import fit
    >>> x = np.random.default_rng(0).uniform(size=(200, 2)).astype(np.float32)
    >>> run = fit(SelfOrganizingMap(5, 5, 2), x, algorithm=SelfOrganizing(), epochs=10,
    ...           progress=False)
    >>> run.history.training_error[-1] < 0.1
    np.True_

    Source: Kohonen (2001), *Self-organizing maps*, third edition.
    """

    mode: Literal["batch", "mini-batch", "online"] = "batch"
    radius: float | None = None
    last_radius: float = 0.5
    neighborhood: Literal["gaussian", "bubble"] = "gaussian"
    decay: Literal["exponential", "linear"] = "exponential"
    rate: float = 0.5
    last_rate: float = 0.01
    start: Literal["pca", "random"] = "pca"

    error_name = "quantization error"
    monitored: ClassVar[Mapping[str, bool]] = {"topographic error": False}
    optimizes = False

    def __post_init__(self) -> None:
        where = type(self).__name__
        one_of(where, MODES, mode=self.mode)
        one_of(where, ("gaussian", "bubble"), neighborhood=self.neighborhood)
        one_of(where, ("exponential", "linear"), decay=self.decay)
        one_of(where, ("pca", "random"), start=self.start)
        if self.radius is not None:
            bounds.positive(self.radius, "radius", where)
        for name in ("last_radius", "rate", "last_rate"):
            bounds.positive(getattr(self, name), name, where)

    # --- the rule --------------------------------------------------------------------------------

    def step(
        self, state: TrainState, frozen: Arrays, batch: Batch, key: Array
    ) -> tuple[TrainState, Measured, Arrays]:
        """Return the state after the examples of a batch; there are no gradients."""
        som = as_map(self.model(frozen, state.parameters, state.statistics), self.name)
        x = jnp.reshape(cast(Array, self.inputs(batch.inputs)), (len(batch.targets), -1))
        moved = {"online": self._online, "mini-batch": self._mini_batch, "batch": self._batch}
        codebook, memory, least = moved[self.mode](som, x, state)
        after = state._replace(parameters={CODEBOOK: codebook}, memory=memory, step=state.step + 1)
        return after, Measured(least.mean(), jnp.sqrt(least).sum()), {}

    def _batch(
        self, som: SelfOrganizingMap, x: Array, state: TrainState
    ) -> tuple[Array, object, Array]:
        """Add a batch to the sums of its epoch; the last one moves the units."""
        sums, counts, least = _gathered(som, x)
        before = cast("tuple[Array, Array]", state.memory)
        sums, counts = before[0] + sums, before[1] + counts

        def moved() -> Array:
            near = self.nearness(som, state)
            weights = near @ counts
            mean = near @ sums / jnp.where(weights > 0, weights, 1)[:, None]
            return jnp.where(weights[:, None] > 0, mean, som.codebook)

        if len(x) == self._context.examples:
            return moved(), before, least
        whole = counts.sum() >= self._context.examples
        codebook = jax.lax.cond(whole, moved, lambda: som.codebook)
        kept = jax.tree.map(lambda sum_: jnp.where(whole, 0, sum_), (sums, counts))
        return codebook, kept, least

    def _mini_batch(
        self, som: SelfOrganizingMap, x: Array, state: TrainState
    ) -> tuple[Array, object, Array]:
        """Move the units by the mean of what the examples of the batch ask for."""
        sums, counts, least = _gathered(som, x)
        near = self.nearness(som, state)
        change = near @ sums - (near @ counts)[:, None] * som.codebook
        rate = self._rate(self._time(state)) / len(x)
        return som.codebook + rate * change, state.memory, least

    def _online(
        self, som: SelfOrganizingMap, x: Array, state: TrainState
    ) -> tuple[Array, object, Array]:
        """Move the units after each example."""
        squares = jnp.asarray(som.distances() ** 2, x.dtype)
        begun = state.step * self._context.batch_size
        times = (begun + jnp.arange(len(x))) / (self._context.epochs * self._context.examples)
        radii, rates = self._radius(som, times), self._rate(times)

        # |x - w|^2 = |w|^2 - 2 w x + |x|^2: one product for each example; |w|^2 follows the move
        # of w. So the codebook is read twice for each example and not four times.
        def one(
            units: tuple[Array, Array], now: tuple[Array, Array, Array, Array]
        ) -> tuple[tuple[Array, Array], Array]:
            codebook, lengths = units
            example, length, radius, rate = now
            products = codebook @ example
            best = jnp.argmin(lengths - 2 * products)
            near = rate * self._near(squares[best], radius)
            kept = 1 - near
            moved = kept[:, None] * codebook + near[:, None] * example
            of_moved = kept * (kept * lengths + 2 * near * products) + near * near * length
            least = lengths[best] - 2 * products[best] + length
            return (moved, of_moved), jnp.maximum(least, 0.0)

        first = som.codebook, (som.codebook**2).sum(axis=1)
        examples = x, (x * x).sum(axis=1), radii, rates
        (codebook, _), least = jax.lax.scan(one, first, examples, unroll=16)
        return codebook, state.memory, least

    def nearness(self, som: SelfOrganizingMap, state: TrainState) -> Array:
        """Return h(j, c) of all units in this epoch, (M, M)."""
        squares = jnp.asarray(som.distances() ** 2, som.codebook.dtype)
        return self._near(squares, self._radius(som, self._time(state)))

    def _near(self, squares: Array, radius: Array) -> Array:
        if self.neighborhood == "bubble":
            # Rounding must not decide whether a unit at the radius belongs to it.
            return (squares <= (radius + 1e-4) ** 2).astype(squares.dtype)
        return jnp.exp(-squares / (2 * radius * radius))

    def _time(self, state: TrainState) -> Array:
        """Return which part of the run is over: 0 in the first epoch, 1 in the last.

        An online map counts its examples.
        """
        context = self._context
        if self.mode == "online":
            return state.step * context.batch_size / (context.epochs * context.examples)
        return state.epoch / max(1, context.epochs - 1)

    def _radius(self, som: SelfOrganizingMap, time: Array) -> Array:
        first = max(som.rows, som.columns) / 2 if self.radius is None else self.radius
        return self._fallen(max(first, self.last_radius), self.last_radius, time)

    def _rate(self, time: Array) -> Array:
        return self._fallen(self.rate, self.last_rate, time)

    def _fallen(self, first: float, last: float, time: Array) -> Array:
        time = jnp.clip(jnp.asarray(time, jnp.float32), 0, 1)
        if self.decay == "linear":
            return first + (last - first) * time
        return first * jnp.exp(time * math.log(last / first))

    # --- what `Learning` asks for ----------------------------------------------------------------

    def objective(
        self, model: nn.Module, batch: Batch, key: Array, memory: object
    ) -> tuple[Array, Array]:
        """Return ``|x - w_c(x)|^2`` of each example, and its root."""
        distances = as_map(model, self.name)(cast(Array, batch.inputs))
        least = ops.min(distances, axis=1)
        return least, jnp.sqrt(stop_gradient(least))

    def first_memory(self, model: nn.Module) -> object:
        """Return the empty sums of an epoch: of the examples of each unit, and their number."""
        som = as_map(model, self.name)
        if self.mode != "batch":
            return ()
        return jnp.zeros((som.units, som.features)), jnp.zeros(som.units)

    def first_optimizer_state(self, parameters: dict[str, Array]) -> object:
        """Return nothing: no optimizer takes the steps."""
        return ()

    def evaluated(self, state: TrainState) -> Arrays:
        """Return the codebook."""
        return {**state.parameters, **state.statistics}

    def observed(self, optimizer: object, metric: Array) -> object:
        """Return nothing: no optimizer sees the metric of an epoch."""
        return optimizer

    def learning_rate(self, state: TrainState) -> Array:
        """Return the rate of the next step; a batch map moves the whole way."""
        return jnp.ones(()) if self.mode == "batch" else self._rate(self._time(state))

    def measures(
        self, state: TrainState, frozen: Arrays, examples: Batch, key: Array
    ) -> dict[str, Array]:
        """Return the topographic error, and the radius of the next epoch."""
        som = as_map(self.model(frozen, self.evaluated(state)), self.name)
        x = cast(Array, self.inputs(examples.inputs))
        found = {"radius": self._radius(som, self._time(state))}
        if som.units == 1:
            return found
        return {"topographic error": topographic_error(som, x), **found}

    def started(self, model: nn.Module, data: TrainingData, seed: int) -> nn.Module:
        """Return the map with its first points among the examples."""
        som = as_map(model, self.name)
        rows = np.arange(min(len(data.train), MOST_ROWS))
        x: Any = ModelInputs(data.preprocessor).inputs(data.train.rows(rows).inputs)
        x = np.asarray(x, np.float64).reshape(len(rows), -1)
        if x.shape[1] != som.features or som.units > len(data.train):
            return model  # `check` says what does not fit
        made = along_components(som, x) if self.start == "pca" else _drawn(som, x, seed)
        codebook = jnp.asarray(made, jnp.float32)
        found: nn.Module = tree.replace(som, {CODEBOOK: codebook})
        return found

    def check(self, model: nn.Module, data: TrainingData, batch_size: int) -> None:
        """Raise unless the model is a map with at most as many units as there are examples.

        Raises:
            ConfigurationError: it is another model, or larger.
            ShapeError: the examples have another number of features.
        """
        som, examples = as_map(model, self.name), len(data.train)
        if som.units > examples:
            side = usual_side(examples)
            raise ConfigurationError(
                "the map is larger than the data",
                where="SelfOrganizingMap",
                given=f"{som.rows} x {som.columns} = {som.units} units for {examples} training "
                "examples",
                expected=f"at most {examples} units; about 5 sqrt({examples}) are usual",
                fix=run_option("rows", side) + ", " + run_option("columns", side),
            )
        super().check(model, data, batch_size)


def usual_side(examples: int) -> int:
    """Return the side of a square map of about 5 sqrt(N) units, and no more than N.

    >>> usual_side(150), usual_side(4)
    (7, 2)

    Source: Vesanto et al. (2000), *SOM toolbox for Matlab 5*.
    """
    units = min(examples, int(5 * math.sqrt(examples)))
    return max(1, math.isqrt(units))


def _gathered(som: SelfOrganizingMap, x: Array) -> tuple[Array, Array, Array]:
    """Return of each unit the sum of its examples, (M, D), and their number, (M,).

    The third part is the least squared distance of each example, (B,).
    """
    distances = som(x)
    chosen = jax.nn.one_hot(jnp.argmin(distances, axis=1), som.units, dtype=x.dtype)
    return chosen.T @ x, chosen.sum(axis=0), distances.min(axis=1)


def topographic_error(som: SelfOrganizingMap, x: Array) -> Array:
    """Return the fraction of examples whose two best units are no neighbors on the map."""
    distances = som(x)
    best = jnp.argmin(distances, axis=1)
    others = jnp.where(jnp.arange(som.units) == best[:, None], jnp.inf, distances)
    return 1.0 - jnp.asarray(som.neighbors())[best, jnp.argmin(others, axis=1)].mean()


def along_components(som: SelfOrganizingMap, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a codebook (M, D) on the plane of the two principal components of examples (N, D).

    The longer side of the map goes along the first component, from one standard deviation below the
    mean to one above.
    """
    middle = x.mean(axis=0)
    _, values, components = np.linalg.svd(x - middle, full_matrices=False)
    deviations = values / math.sqrt(len(x))
    places = som.places()
    extent = np.ptp(places, axis=0)
    around = 2 * (places - places.min(axis=0)) / np.where(extent > 0, extent, 1.0) - 1
    around = np.where(extent > 0, around, 0.0)
    order = [0, 1] if extent[0] > extent[1] else [1, 0]
    used = min(2, len(deviations))
    axes = deviations[:used, None] * components[:used]
    return np.asarray(middle + around[:, order[:used]] @ axes)


def _drawn(som: SelfOrganizingMap, x: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    rows = np.random.default_rng(seed).choice(len(x), som.units, replace=som.units > len(x))
    return np.asarray(x[rows])
