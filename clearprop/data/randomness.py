"""Random orders: the same seed gives the same order on every machine and NumPy version."""

from __future__ import annotations

import numpy as np

from clearprop.data.sources import Indices
from clearprop.errors import ConfigurationError, run_option


def permutation(length: int, seed: int, *streams: int) -> Indices:
    """Return the numbers 0 to length-1 in an order that depends on seed and stream numbers.

    NumPy's compatibility policy fixes the raw bits and a stable sort, on which a resumed run
    relies; ``Generator.permutation`` may change from version to version.

    Raises:
        ConfigurationError: a seed or stream number is negative.

    >>> sorted(permutation(5, 0)) == [0, 1, 2, 3, 4]
    True
    >>> bool((permutation(50, 0, 1) == permutation(50, 0, 2)).all())
    False
    """
    for number in (seed, *streams):
        if number < 0:
            raise ConfigurationError(
                "a seed is a whole number from 0 up", given=repr(number), fix=run_option("seed", 0)
            )
    bits = np.random.Philox(np.random.SeedSequence([int(seed), *map(int, streams)]))
    return np.argsort(bits.random_raw(length), kind="stable")
