"""Edit distances and error rates of predicted sequences."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from clearprop.errors import ConfigurationError


def edit_distance(given: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    """Return how many insertions, deletions and substitutions turn one sequence into another.

    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i != b_j]), over beginnings of i
    and j tokens.

    >>> edit_distance("kitten", "sitting"), edit_distance("", "abc")
    (3, 3)

    Source: Levenshtein (1966); the table is that of Wagner and Fischer (1974), a row at a time.
    """
    row = list(range(len(wanted) + 1))
    for i, token in enumerate(given, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, start=1):
            changed = diagonal + (token != other)
            diagonal = row[j]
            row[j] = min(changed, diagonal + 1, row[j - 1] + 1)
    return row[-1]


def token_error_rate(
    given: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Hashable]]
) -> float:
    """Return the edits that all predictions need, divided by the number of reference tokens.

    The rate can exceed 1. For phonemes it is the phoneme error rate, for words the word error rate.

    Raises:
        ConfigurationError: the numbers of predictions and references differ, or there is no token.

    >>> token_error_rate(["ab", "xd"], ["abc", "cd"])
    0.4
    """
    _check_numbers(given, wanted)
    total = sum(len(reference) for reference in wanted)
    if not total:
        raise ConfigurationError("an error rate needs a reference token", given="no tokens")
    return sum(map(edit_distance, given, wanted)) / total


def sequence_error_rate(
    given: Sequence[Sequence[Hashable]], wanted: Sequence[Sequence[Hashable]]
) -> float:
    """Return the fraction of predictions with at least one wrong token.

    Raises:
        ConfigurationError: the numbers of predictions and references differ, or there are none.

    >>> sequence_error_rate(["ab", "cd"], ["abc", "cd"])
    0.5
    """
    _check_numbers(given, wanted)
    if not wanted:
        raise ConfigurationError("an error rate needs a reference", given="no references")
    wrong = sum(list(mine) != list(right) for mine, right in zip(given, wanted, strict=True))
    return wrong / len(wanted)


def _check_numbers(given: Sequence[object], wanted: Sequence[object]) -> None:
    if len(given) != len(wanted):
        raise ConfigurationError(
            "the numbers of predictions and references differ",
            given=f"{len(given)} predictions, {len(wanted)} references",
        )
