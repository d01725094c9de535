"""What samples of a generator say about it: precision, coverage and spread.

Shape letters: N real examples, M samples, D numbers of an example, K modes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from clearprop.data.mixtures import Mixture

Array = jax.Array

NEIGHBORS = 5
"""The neighborhood of a real example reaches to its fifth neighbor, as in the paper on coverage."""

COMPARED = 1000
"""So many real examples, and as many samples, are compared; every pair has a distance."""


def compared(real: Array, samples: Array) -> dict[str, Array]:
    """Return how samples compare with real examples, by the distances between them.

    The neighborhood of a real example is the ball that reaches to its fifth neighbor.

    - "precision": the share of samples that lie in a neighborhood, so how many look real;
    - "coverage": the share of neighborhoods that hold a sample, so how much of the data is reached;
    - "spread": the variance of the samples divided by that of the examples.

    With samples that are real, precision and coverage are near 1. Where samples look real and most
    neighborhoods hold none, the generator has collapsed to some modes of the data.

    Shapes: real (N, ...), samples (M, ...).

    >>> x = jax.random.normal(jax.random.key(0), (500, 2))
    >>> found = compared(x[:250], x[250:])
    >>> [round(float(found[name])) for name in ("precision", "coverage", "spread")]
    [1, 1, 1]

    Source: Kynkaanniemi et al. (2019), *Improved precision and recall metric for assessing
    generative models*; Naeem et al. (2020), *Reliable fidelity and diversity metrics for generative
    models* (coverage).
    """
    x = real[:COMPARED].reshape(len(real[:COMPARED]), -1).astype(jnp.float32)
    y = samples[: len(x)].reshape(len(samples[: len(x)]), -1).astype(jnp.float32)
    nearest = min(NEIGHBORS, len(x) - 1) + 1  # the nearest of all is the example itself
    radius = -jax.lax.top_k(-_squares(x, x), nearest)[0][:, -1]
    inside = _squares(x, y) <= radius[:, None]
    spread = jnp.var(y, axis=0).sum() / jnp.maximum(jnp.var(x, axis=0).sum(), 1e-12)
    return {
        "precision": inside.any(axis=0).mean(),
        "coverage": inside.any(axis=1).mean(),
        "spread": spread,
    }


def _squares(x: Array, y: Array) -> Array:
    """Return the squared distance of every pair, (N, M)."""
    if x.shape[-1] <= 4:  # exact, where the examples are few numbers
        return jnp.square(x[:, None] - y[None]).sum(axis=-1)
    products = x @ y.T
    return jnp.square(x).sum(axis=-1)[:, None] - 2 * products + jnp.square(y).sum(axis=-1)[None]


@dataclass(frozen=True, eq=False)
class ModeCoverage:
    """How many modes of a mixture samples cover, and the share of good ones.

    A sample is good if it lies within three deviations of the nearest mode, and a mode is covered
    if it is the nearest to at least one good sample. Of samples of the mixture itself,
    1 - e^(-9/2) = 98.9 % are good.

    Attributes:
        mixture: what the samples should be drawn from.

    >>> from clearprop.data.mixtures import MIXTURES
    >>> ring = MIXTURES["gaussian-ring"]
    >>> found = ModeCoverage(ring)(jnp.asarray(ring.centers[:5] + 0.001))
    >>> {name: float(value) for name, value in found.items()}
    {'modes covered': 5.0, 'good fraction': 1.0}

    Source: Srivastava et al. (2017), *VEEGAN: reducing mode collapse in GANs using implicit
    variational learning*, section 4.
    """

    mixture: Mixture

    def __call__(self, samples: Array) -> dict[str, Array]:
        """Return the number of modes covered, and the share of good samples, of (M, 2)."""
        centers = jnp.asarray(self.mixture.centers, jnp.float32)
        distances = jnp.sqrt(_squares(samples.astype(jnp.float32), centers))
        good = distances.min(axis=1) <= 3 * self.mixture.deviation
        hits = jnp.zeros(len(centers)).at[distances.argmin(axis=1)].add(good)
        return {"modes covered": (hits > 0).sum(), "good fraction": good.mean()}

    def to_config(self) -> dict[str, object]:
        """Return the mixture as plain data."""
        return {"mode_coverage": self.mixture.to_config()}


GOOD_OF_MIXTURE = 1 - math.exp(-4.5)
"""The share of good samples among those of a mixture itself."""
