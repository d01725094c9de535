"""Prediction of a text by counting tokens: the baseline of every language model.

Shape letters: N windows, T places in a window, V tokens of the vocabulary, k order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearprop.data.dataset import Dataset
from clearprop.errors import ConfigurationError, DataError


@dataclass(frozen=True, eq=False)
class NGram:
    """Predicts a token from the k tokens before it, by counts that back off to shorter contexts.

        p_0(x)     = (n(x) + 1) / (n + V)
        p_k(x | h) = (n(h x) + D(h) p_{k-1}(x | h')) / (n(h) + D(h))

    n counts in the training windows, D(h) is the number of different tokens that followed h, and h'
    is h without its first token. A mark of its own stands before the first token of a window.

    Args:
        tokens: V.
        counts: for each order the sorted codes of (context, token) pairs, and the count of each.
        contexts: for each order the sorted codes of contexts, with n(h) and D(h).

    >>> inputs = np.array([[0, 1, 0, 1, 0, 1, 0]])
    >>> model = NGram.fit(inputs, 1 - inputs, tokens=2, order=1)
    >>> print(f"{model.bits(inputs, 1 - inputs):.2f} {model.bits(inputs, inputs):.2f}")
    0.17 3.22

    Source: Witten and Bell (1991), *The zero-frequency problem*; the interpolated form is that of
    Chen and Goodman (1999).
    """

    tokens: int
    counts: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]
    contexts: tuple[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], ...]

    @classmethod
    def fit(
        cls,
        inputs: NDArray[np.integer],
        targets: NDArray[np.integer],
        tokens: int,
        order: int = 2,
    ) -> NGram:
        """Return the counts of windows.

        Args:
            inputs: int (N, T), from 0 to V - 1.
            targets: int (N, T), the token after each place; a negative one is not counted.
            tokens: V.
            order: k, the number of tokens in a context; 0 uses no context.

        Raises:
            ConfigurationError: the order is negative, or too large for this number of tokens.
            DataError: there is nothing to count.
        """
        if order < 0 or (tokens + 1) ** (order + 1) >= 2**63:
            raise ConfigurationError(
                "this order cannot be counted", given=f"order={order} of {tokens} tokens"
            )
        counted = np.asarray(targets) >= 0
        if not counted.any():
            raise DataError("there is nothing to count in this text")
        labels = np.asarray(targets, np.int64)[counted]
        counts, contexts = [], []
        for k in range(order + 1):
            before = _contexts(inputs, tokens, k)[counted]
            pairs, times = np.unique(before * tokens + labels, return_counts=True)
            known, first, different = np.unique(
                pairs // tokens, return_index=True, return_counts=True
            )
            counts.append((pairs, times))
            contexts.append((known, np.add.reduceat(times, first), different))
        return cls(tokens, tuple(counts), tuple(contexts))

    def probabilities(
        self, inputs: NDArray[np.integer], targets: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return the probability of each target, (N, T); 1 for one that is not counted."""
        labels = np.maximum(np.asarray(targets, np.int64), 0)
        (_, totals, _) = self.contexts[0]
        singles = _look_up(self.counts[0], labels)
        chances = (singles + 1) / (totals.sum() + self.tokens)
        for k in range(1, len(self.counts)):
            before = _contexts(inputs, self.tokens, k)
            known, totals, different = self.contexts[k]
            seen = _look_up((known, totals), before)
            kinds = _look_up((known, different), before)
            times = _look_up(self.counts[k], before * self.tokens + labels)
            mixed = (times + kinds * chances) / np.maximum(seen + kinds, 1)
            chances = np.where(seen > 0, mixed, chances)
        return np.where(np.asarray(targets) >= 0, chances, 1.0)

    def bits(self, inputs: NDArray[np.integer], targets: NDArray[np.integer]) -> float:
        """Return the mean of -log2 p over the targets that are counted.

        Raises:
            DataError: no target is counted.
        """
        places = int((np.asarray(targets) >= 0).sum())
        if not places:
            raise DataError("there is nothing to predict in this text")
        return float(-np.log2(self.probabilities(inputs, targets)).sum() / places)


def counted_bits(train: Dataset, test: Dataset, order: int = 2) -> float:
    """Return the bits per token for one part of a text, by the counts of another part.

    >>> from clearprop.data.texts import text_windows
    >>> parts = text_windows("to be or not to be, " * 50, "be", 20).split()
    >>> print(f"{counted_bits(parts.train, parts.test, order=2):.2f}")
    0.11
    """
    tokens = len(train.class_names or ())
    model = NGram.fit(train.inputs, train.targets.astype(np.int32), tokens, order)
    return model.bits(test.inputs, test.targets.astype(np.int32))


def _contexts(inputs: NDArray[np.integer], tokens: int, order: int) -> NDArray[np.int64]:
    """Return a number for the last ``order`` inputs at each place; a missing input counts as V."""
    given = np.asarray(inputs, np.int64)
    code = np.zeros(given.shape, np.int64)
    for back in range(order - 1, -1, -1):
        shifted = np.full(given.shape, tokens, np.int64)
        shifted[:, back:] = given[:, : given.shape[1] - back]
        code = code * (tokens + 1) + shifted
    return code


def _look_up(
    table: tuple[NDArray[np.int64], NDArray[np.int64]], keys: NDArray[np.int64]
) -> NDArray[np.int64]:
    known, values = table
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, values[places], 0)
