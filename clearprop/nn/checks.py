"""Checks that the layers' constructors share."""

from __future__ import annotations

from clearprop.errors import ConfigurationError


def positive_sizes(layer: str, **sizes: int | tuple[int, ...]) -> None:
    """Raise where a size is not a positive whole number.

    >>> positive_sizes("Linear", in_features=3)
    """
    for name, given in sizes.items():
        for size in given if isinstance(given, tuple) else (given,):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ConfigurationError(
                    f"{name} must be a positive whole number", where=layer, given=repr(given)
                )


def probability(layer: str, **rates: float) -> None:
    """Raise where a rate is not in [0, 1).

    >>> probability("Dropout", rate=0.5)
    """
    for name, rate in rates.items():
        if not 0 <= rate < 1:
            raise ConfigurationError(
                f"{name} must be at least 0 and below 1", where=layer, given=repr(rate)
            )
