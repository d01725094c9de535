"""The comparison of estimators: that both sides do the same, and what is told of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.estimators import SETTINGS, SIDES, Setting, Turn, compare, described

SMALL = Setting("64-32-10, batch 50", (32,), 50, np.float32)


def test_both_sides_learn_the_same() -> None:
    x, y = load_digits(return_X_y=True)
    turns = compare(SMALL, x / 16, y, epochs=20, rounds=1)
    (mine,), (other,) = turns["clearprop"], turns["scikit-learn"]
    assert mine.loss == pytest.approx(other.loss, rel=0.2)
    assert mine.accuracy == pytest.approx(other.accuracy, abs=0.02)
    assert mine.accuracy > 0.95


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_settings_are_the_same(setting: Setting) -> None:
    ours, theirs = (side(setting, 7, 3) for side in SIDES.values())
    assert ours.model == theirs.hidden_layer_sizes == setting.hidden
    assert ours.batch_size == theirs.batch_size == setting.batch_size
    assert ours.epochs == theirs.max_iter == 7
    assert ours.learning_rate == theirs.learning_rate_init
    assert ours.optimizer == theirs.solver == "adam"
    assert theirs.alpha == 0
    assert not theirs.early_stopping
    assert theirs.n_iter_no_change > 7


def test_the_ratio_is_that_of_the_medians() -> None:
    def took(call: float, epoch: float) -> Turn:
        later = (call / 2, call / 2)
        return Turn((call, call), later, (epoch, 2 * epoch), (7, 7), None, 0.5, 0.9)

    turns = {
        "clearprop": [took(2, 1), took(2, 1), took(9, 4)],
        "scikit-learn": [took(8, 3), took(8, 3), took(8, 3)],
    }
    told = described(SMALL, turns)
    assert "an epoch: 3.00 (0.75-3.00) on the clock, 3.00 (0.75-3.00) of the processor" in told
    assert "the first call: 4.00 (0.89-4.00) on the clock" in told
    assert "a search: 1.00 (1.00-1.00) on the clock" in told
