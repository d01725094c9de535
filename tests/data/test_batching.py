import builtins
import itertools
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import data
from clearprop.data import Dataset, batches, batches_per_epoch, epoch_order
from clearprop.errors import ConfigurationError, DataError


def numbered(n, stream=None):
    rows = np.arange(float(n))
    return Dataset("rows", rows[:, None], rows, "regression", stream=stream)


def flat(rows):
    return list(itertools.chain.from_iterable(rows))


def rows_of(stream):
    return [batch.inputs.ravel().astype(int).tolist() for batch in stream]


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 2**32),
    st.integers(0, 9),
)
def test_every_row_once_an_epoch(length, size, seed, epoch):
    seen = rows_of(batches(numbered(length), size, seed, epoch, drop_remainder=False))
    assert sorted(flat(seen)) == list(range(length))
    assert all(len(batch) == size for batch in seen[:-1])


@pytest.mark.parametrize("drop_remainder", [True, False])
@pytest.mark.parametrize("shuffle", [True, False])
def test_streamed_batches_equal_those_from_memory(shuffle, drop_remainder):
    pytest.importorskip("grain", reason="streaming is tested where clearprop[stream] is installed")
    options = {"shuffle": shuffle, "drop_remainder": drop_remainder}
    for start in (0, 2, 7):
        held = list(batches(numbered(103), 8, 5, 3, start, **options))
        streamed = list(batches(numbered(103, stream=True), 8, 5, 3, start, **options))
        assert len(held) == len(streamed)
        for one, other in zip(held, streamed, strict=True):
            np.testing.assert_array_equal(one.inputs, other.inputs)
            np.testing.assert_array_equal(one.targets, other.targets)


def test_resuming_gives_the_rest_of_the_same_epoch():
    whole = rows_of(batches(numbered(100), 7, 1, 4))
    for start in range(len(whole) + 1):
        assert rows_of(batches(numbered(100), 7, 1, 4, start)) == whole[start:]


def test_the_order_is_that_of_the_public_function():
    order = epoch_order(50, 2, 6)
    assert flat(rows_of(batches(numbered(50), 10, 2, 6))) == order.tolist()


def test_epochs_and_seeds_differ():
    orders = {tuple(epoch_order(30, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_targets_stay_with_their_inputs():
    parts = data.load("digits").split()
    inputs = {
        row.tobytes(): label
        for row, label in zip(parts.train.inputs, parts.train.targets, strict=True)
    }
    for batch in batches(parts.train, 64, seed=1):
        for row, label in zip(batch.inputs, batch.targets, strict=True):
            assert inputs[row.tobytes()] == label


@pytest.mark.parametrize(
    ("size", "message"),
    [(0, "at least one example"), (-3, "at least one example"), (11, "larger than the data")],
)
def test_unusable_batch_sizes(size, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        batches(numbered(10), size)
    assert caught.value.where == "rows"
    assert caught.value.fix


@pytest.mark.parametrize("start", [-1, 4])
def test_a_start_outside_the_epoch(start):
    with pytest.raises(ConfigurationError, match="from 0 to 3"):
        batches(numbered(10), 3, start_batch=start)


def test_an_evaluated_part_may_be_smaller_than_a_batch():
    assert batches_per_epoch(10, 32, drop_remainder=False) == 1
    assert len(list(batches(numbered(10), 32, shuffle=False, drop_remainder=False))) == 1


@pytest.mark.parametrize("options", [{"seed": -1}, {"epoch": -1}])
def test_negative_seed_or_epoch(options):
    with pytest.raises(ConfigurationError, match="from 0 up"):
        batches(numbered(10), 2, **options)


def test_without_grain_the_fix_is_named(monkeypatch):
    real = builtins.__import__

    def without_grain(name, *rest):
        if name == "grain":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "grain", raising=False)
    monkeypatch.setattr(builtins, "__import__", without_grain)
    with pytest.raises(ConfigurationError, match=r"(?s)clearprop\[stream\].*stream=False"):
        batches(numbered(10, stream=True), 2)


def test_an_error_while_streaming_reaches_the_reader():
    pytest.importorskip("grain", reason="streaming is tested where clearprop[stream] is installed")

    class Broken:
        shape = (20, 1)
        dtype = np.dtype(np.uint8)

        def __len__(self):
            return 20

        def __getitem__(self, rows):
            raise DataError("the picture cannot be read", where="cat.png")

    broken = Dataset("broken", Broken(), np.arange(20) % 2, "classification")
    with pytest.raises(DataError, match=r"cat\.png"):
        list(batches(broken, 4))
