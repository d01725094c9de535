import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.data.randomness import permutation
from clearprop.data.splitting import in_order, shuffled, stratified
from clearprop.errors import ConfigurationError, DataError

fractions = st.floats(0, 0.45)
seeds = st.integers(0, 2**40)


@given(st.integers(0, 300), seeds, st.integers(0, 50))
def test_a_permutation_has_every_number_once(length, seed, epoch):
    order = permutation(length, seed, epoch)
    assert sorted(order.tolist()) == list(range(length))


def test_a_permutation_is_the_same_on_every_machine():
    assert permutation(8, 7, 1).tolist() == [7, 6, 1, 4, 3, 2, 5, 0]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), fractions, fractions, seeds)
def test_parts_are_disjoint_and_together_everything(labels, dev, test, seed):
    for split in (stratified, lambda y, *rest: shuffled(len(y), *rest)):
        try:
            parts = split(np.array(labels), dev, test, seed)
        except DataError:
            continue
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))


@given(st.lists(st.integers(0, 4), min_size=20, max_size=300), fractions, seeds)
def test_every_class_has_its_fraction_within_one_row(labels, dev, seed):
    labels = np.array(labels)
    try:
        parts = stratified(labels, dev, 0.1, seed)
    except DataError:
        return
    for name in np.unique(labels):
        count = int((labels == name).sum())
        assert (labels[parts.train] == name).any()
        assert (labels[parts.dev] == name).sum() <= count * dev + 1


def test_seed_decides_the_parts():
    first, same, other = (shuffled(100, 0.2, 0.2, seed) for seed in (1, 1, 2))
    assert first.dev.tolist() == same.dev.tolist() != other.dev.tolist()


def test_in_order_keeps_the_end_for_evaluation():
    parts = in_order(100, 0.1, 0.1)
    assert parts.train.max() < parts.dev.min() <= parts.dev.max() < parts.test.min()


def test_a_class_with_one_example_stays_in_training():
    labels = np.array([0] * 50 + [1])
    assert 50 in stratified(labels, 0.3, 0.3, 0).train


@pytest.mark.parametrize(
    ("dev", "test", "message"),
    [
        (-0.1, 0.1, "dev is the fraction"),
        (0.1, 1.0, "test is the fraction"),
        (0.6, 0.5, "leave no example"),
        (float("nan"), 0.1, "dev is the fraction"),
    ],
)
def test_unusable_fractions(dev, test, message):
    with pytest.raises(ConfigurationError, match=message):
        shuffled(100, dev, test, 0)


def test_a_negative_seed():
    with pytest.raises(ConfigurationError, match="whole number from 0 up"):
        shuffled(100, 0.1, 0.1, -1)


def test_too_few_rows_say_how_to_train_on_all():
    with pytest.raises(DataError, match=r"(?s)4 examples are too few.*dev=0, test=0"):
        stratified(np.array([0, 1, 1, 0]), 0.1, 0.1, 0)
