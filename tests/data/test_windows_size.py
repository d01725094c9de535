"""Windows and features of a table that do not fit into the memory are refused before they exist."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import memory
from clearprop.data.fitted_columns import FittedColumn, encode_columns
from clearprop.data.series import windows
from clearprop.data.texts import text_windows
from clearprop.errors import ConfigurationError


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "usable_memory", lambda: 100_000)


def test_windows_of_a_text() -> None:
    text = "abcde" * 1000
    with pytest.raises(ConfigurationError, match=r"t: the windows would take 7.68 MB") as caught:
        text_windows(text, "t", 200, stride=1)
    assert caught.value.fix is not None
    stride = int(caught.value.fix.split("=")[1])
    assert 1 < stride <= 200
    made = text_windows(text, "t", 200, stride=stride)
    assert made.inputs.nbytes + made.targets.nbytes <= 100_000 / 2


def test_windows_of_a_series() -> None:
    with pytest.raises(ConfigurationError, match="s: the windows would take") as caught:
        windows(np.arange(1000.0), window=300, horizon=10, name="s")
    assert caught.value.fix is not None
    made = windows(np.arange(1000.0), window=int(caught.value.fix.split("=")[1]), horizon=2)
    assert made.inputs.nbytes + made.targets.nbytes <= 100_000


def test_features_of_a_table() -> None:
    names = tuple(str(i) for i in range(100))
    columns = [FittedColumn("age", 3.0, None), FittedColumn("town", "0", names)]
    raw = np.stack([np.arange(100.0), np.arange(100.0)], axis=1)
    assert encode_columns(raw[:50], columns).shape == (50, 101)
    with pytest.raises(ConfigurationError, match=r"town: the features .* 162 kB") as caught:
        encode_columns(raw, columns)
    assert caught.value.fix == "ignore=['town']"
