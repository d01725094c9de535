"""Edit distances and error rates."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clearprop.errors import ConfigurationError
from clearprop.recipes.error_rates import edit_distance, sequence_error_rate, token_error_rate

short = some.text("abc", max_size=6)


@functools.cache
def by_definition(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(
        by_definition(a[:-1], b) + 1,
        by_definition(a, b[:-1]) + 1,
        by_definition(a[:-1], b[:-1]) + (a[-1] != b[-1]),
    )


@given(short, short)
def test_the_distance_is_that_of_its_definition(a: str, b: str) -> None:
    assert edit_distance(a, b) == by_definition(a, b)
    assert edit_distance(a, b) == edit_distance(b, a)


@given(short, short, short)
def test_a_way_round_is_never_shorter(a: str, b: str, c: str) -> None:
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_rates_are_over_all_tokens_and_all_sequences() -> None:
    mine = [["K", "AE1", "T"], [], ["D", "AO1", "G", "Z"]]
    right = [["K", "AE1", "T"], ["IH0", "T"], ["D", "AO1", "G"]]
    assert token_error_rate(mine, right) == pytest.approx(3 / 8)
    assert sequence_error_rate(mine, right) == pytest.approx(2 / 3)
    assert sequence_error_rate([("K",)], [["K"]]) == 0


@pytest.mark.parametrize("rate", [token_error_rate, sequence_error_rate])
def test_a_rate_needs_an_answer_a_reference(rate) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigurationError, match="predictions and references differ"):
        rate(["a"], ["a", "b"])
    with pytest.raises(ConfigurationError, match="needs a reference"):
        rate([], [])


def test_what_wants_nothing_has_no_token_rate() -> None:
    with pytest.raises(ConfigurationError, match="no tokens"):
        token_error_rate(["a"], [""])
