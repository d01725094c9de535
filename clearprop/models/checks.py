"""Checks of inputs and sizes that several models share."""

from __future__ import annotations

from collections.abc import Mapping

from clearprop.errors import ConfigurationError, ShapeError
from clearprop.nn.fields import Array


def check_tokens(tokens: Array, most: int | None = None) -> None:
    """Check that the input is a batch of texts: rows of tokens, (B, T) with T of 1 or more.

    Args:
        tokens: the input.
        most: the largest T; None for no limit.

    Raises:
        ShapeError: it has other axes, no token, or too many tokens.
    """
    length = tokens.shape[1] if len(tokens.shape) == 2 else 0
    if not 0 < length <= (most or length):
        raise ShapeError(
            "the model takes texts as rows of tokens",
            given=f"input of shape {tuple(tokens.shape)}",
            expected=f"(batch, 1 to {most} tokens)"
            if most
            else "(batch, tokens), at least one token",
            fix="cut longer texts into windows of the context" if most and length > most else None,
        )


def named_shapes(x: object) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of a dict by name, sorted; {} for any other input."""
    return {name: tuple(x[name].shape) for name in sorted(x)} if isinstance(x, Mapping) else {}


def check_pair(x: Mapping[str, Array]) -> None:
    """Check that the inputs are a source and a target for each of B sequences.

    Raises:
        ShapeError: they are something else.
    """
    given = named_shapes(x)
    fitting = (
        list(given) == ["source", "target"]
        and all(len(shape) == 2 and shape[1] for shape in given.values())
        and given["source"][0] == given["target"][0]
        and all(x[name].dtype.kind in "iu" for name in x)
    )
    if not fitting:
        raise ShapeError(
            "the model takes a source and a target",
            given=str(given or type(x).__name__),
            expected="whole numbers by name: source (batch, S) and target (batch, T), each with "
            "at least one place",
        )


def shared(features: int, parts: int, what: str, where: str) -> int:
    """Return how many of the features each part gets.

    Raises:
        ConfigurationError: the parts cannot get equal numbers.

    >>> shared(12, 3, "three windows", "here")
    4
    """
    if not parts or features < parts or features % parts:
        raise ConfigurationError(
            f"the features are divided evenly among {what}",
            where=where,
            given=f"{features} features for {parts}",
            fix=f"hidden_size={max(1, -(-features // max(parts, 1))) * max(parts, 1)}",
        )
    return features // parts


def half(hidden_size: int, where: str) -> int:
    """Return the units of one direction of a bidirectional layer.

    Raises:
        ConfigurationError: the number of units is odd.
    """
    return shared(hidden_size, 2, "the two directions", where)
