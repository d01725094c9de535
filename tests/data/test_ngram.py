import numpy as np
import pytest

from clearprop import data
from clearprop.data.ngram import NGram, counted_bits
from clearprop.errors import ConfigurationError, DataError


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_probabilities_of_all_tokens_sum_to_one(order):
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, 4, (5, 9)), rng.integers(0, 4, (5, 9))
    model = NGram.fit(inputs, targets, tokens=5, order=order)
    new = rng.integers(0, 5, (3, 7))
    total = sum(model.probabilities(new, np.full((3, 7), token)) for token in range(5))
    np.testing.assert_allclose(total, 1)


def test_order_zero_is_the_frequency_and_negative_targets_do_not_count():
    inputs = np.zeros((1, 4), int)
    model = NGram.fit(inputs, np.array([[0, 0, 1, -1]]), tokens=2, order=0)
    np.testing.assert_allclose(
        model.probabilities(inputs, np.array([[0, 1, -1, -1]])), [[3 / 5, 2 / 5, 1, 1]]
    )
    np.testing.assert_allclose(model.bits(inputs, np.array([[1, -1, -1, -1]])), np.log2(5 / 2))


def test_one_context_by_hand():
    # After 0 came 1 twice and 0 once; D(0) = 2, p_0(1) = 3/5.
    model = NGram.fit(np.array([[0], [0], [0]]), np.array([[1], [1], [0]]), tokens=2, order=1)
    chance = model.probabilities(np.array([[0]]), np.array([[1]]))
    np.testing.assert_allclose(chance, (2 + 2 * 3 / 5) / (3 + 2))


def test_longer_contexts_predict_a_real_text_better():
    parts = data.load("python-topics").split()
    bits = [counted_bits(parts.train, parts.test, order) for order in (0, 1, 2)]
    assert bits[0] > bits[1] > bits[2]
    assert 4 < bits[0] < 5.5
    assert 2 < bits[2] < 3.2


def test_what_cannot_be_counted():
    one = np.zeros((1, 1), int)
    with pytest.raises(ConfigurationError, match="order=-1"):
        NGram.fit(one, one, tokens=2, order=-1)
    with pytest.raises(ConfigurationError, match="order=20"):
        NGram.fit(one, one, tokens=100, order=20)
    with pytest.raises(DataError, match="nothing to count"):
        NGram.fit(one, one - 1, tokens=2)
    with pytest.raises(DataError, match="nothing to predict"):
        NGram.fit(one, one, tokens=2).bits(one, one - 1)
