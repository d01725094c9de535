from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from clearprop import data
from clearprop.data import mnist
from clearprop.errors import ConfigurationError, DataError
from clearprop.recipes import choice
from clearprop.recipes.choice import DataChoice

PICTURES = ("fashion-mnist", "mnist", "digits")


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Simulate a machine without picture sets and without a network; return its data folder."""
    monkeypatch.setattr(mnist, "_places", lambda known, folder=None: [tmp_path / known.name])

    def unreachable(known: mnist.IdxSet) -> None:
        raise DataError(f"{known.name} {choice.NOT_FETCHED}", where=str(tmp_path))

    monkeypatch.setattr(mnist, "_downloaded", unreachable)
    return tmp_path


def write_idx_set(folder: Path) -> None:
    folder.mkdir()
    pictures = np.arange(20 * 28 * 28, dtype=np.uint8).reshape(20, 28, 28)
    labels = np.arange(20, dtype=np.uint8) % 10
    for stem in mnist.STEMS:
        array = pictures if "images" in stem else labels
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        (folder / f"{stem}.gz").write_bytes(gzip.compress(head + array.tobytes()))


def test_without_picture_sets_the_digits_are_taken_and_it_is_said(no_pictures: Path) -> None:
    dataset, line = DataChoice().load(PICTURES)
    assert dataset.name == "digits"
    assert line == "digits (1,797 examples); fashion-mnist and mnist not at hand"


def test_a_set_that_is_here_comes_before_a_better_one_that_is_not(no_pictures: Path) -> None:
    write_idx_set(no_pictures / "mnist")
    dataset, line = DataChoice().load(PICTURES)
    assert dataset.name == "mnist"
    assert line == "mnist (20 + 20 test examples); fashion-mnist not at hand"


def test_the_best_set_needs_no_word(no_pictures: Path) -> None:
    write_idx_set(no_pictures / "mnist")
    write_idx_set(no_pictures / "fashion-mnist")
    assert DataChoice().load(PICTURES)[1] == "fashion-mnist (20 + 20 test examples)"


def test_a_damaged_set_is_not_passed_over(no_pictures: Path) -> None:
    write_idx_set(no_pictures / "fashion-mnist")
    file = no_pictures / "fashion-mnist" / f"{mnist.TRAIN_IMAGES}.gz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match="train-images"):
        DataChoice().load(PICTURES)


def test_where_nothing_is_at_hand_that_is_said(no_pictures: Path) -> None:
    with pytest.raises(DataError, match="no data set of this recipe"):
        DataChoice().load(("fashion-mnist",))


def test_options_reach_the_loader(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("id,a,b\n" + "\n".join(f"{i},{i % 7},{i % 2}" for i in range(40)))
    chosen = DataChoice(name=str(file), target="b", ignore=("id",), task="regression")
    dataset, line = chosen.load(PICTURES)
    assert (dataset.feature_names, dataset.task) == (("a",), "regression")
    assert line == "rows.csv (40 examples)"


def test_an_option_that_the_data_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="target"):
        DataChoice(name="iris", target="x").load(PICTURES)


def test_a_truth_table_is_not_split() -> None:
    splits = DataChoice().split(data.load("xor"), seed=0)
    assert (len(splits.train), splits.dev, splits.test) == (4, None, None)


def test_the_fractions_decide_the_split() -> None:
    splits = DataChoice(dev=0.2, test=0.0).split(data.load("iris"), seed=0)
    assert splits.dev is not None
    assert (len(splits.train), len(splits.dev), splits.test) == (120, 30, None)
