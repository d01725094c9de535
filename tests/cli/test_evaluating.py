"""``clearprop evaluate``: other data is read in the same way as the data of the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.cli import main
from clearprop.recipes import prepare
from tests.cli.conftest import Command, is_clear


def series(path: Path, values: int, slope: float) -> Path:
    rows = [f"{day},{slope * day + day % 7}" for day in range(values)]
    path.write_text("\n".join(["day,sold", *rows]) + "\n")
    return path


def test_a_column_of_another_table_is_a_series_too(clearprop: Command, tmp_path: Path) -> None:
    one, other = series(tmp_path / "a.csv", 90, 0.1), series(tmp_path / "b.csv", 60, 0.2)
    chosen = {"name": str(one), "target": "sold", "window": 14}
    prepare("forecast", {"data": chosen, "epochs": 1}).train(
        folder=tmp_path / "run", progress=False
    )
    answer = clearprop("evaluate", "run", "--data", str(other))
    assert answer.code == 0
    assert "b.csv (46 windows)" in answer.out
    assert len(clearprop("predict", "run", "--data", str(other)).out.splitlines()) == 47
    assert is_clear(
        clearprop("evaluate", "run", "--data", "sunspots", "--target", "sold"), "no option 'target'"
    )


def test_texts_stand_in_the_column_that_the_run_knew(clearprop: Command, tmp_path: Path) -> None:
    for name, count in (("a", 20), ("b", 6)):
        rows = [f"a {word} text,{word}" for word in ("good", "bad")] * count
        (tmp_path / f"{name}.csv").write_text("\n".join(["words,label", *rows]) + "\n")
    chosen = {"name": str(tmp_path / "a.csv"), "target": "label", "text": "words"}
    values = {"data": chosen, "epochs": 1, "network": "bag"}
    prepare("text-classify", values).train(folder=tmp_path / "run", progress=False)
    answer = clearprop("evaluate", "run", "--data", "b.csv")
    assert answer.code == 0
    assert "b.csv (12 texts)" in answer.out


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_words_and_tags_of_a_text_file(clearprop: Command, tmp_path: Path, command: str) -> None:
    sentences = ["the DET\ndog NOUN\nbarks VERB\n", "a DET\ncat NOUN\n"] * 15
    (tmp_path / "a.txt").write_text("\n".join(sentences))
    (tmp_path / "b.txt").write_text("the DET\ncat NOUN\n")
    values = {"data": {"name": str(tmp_path / "a.txt")}, "epochs": 1, "hidden_size": 8}
    prepare("tagger", values).train(folder=tmp_path / "run", progress=False)
    answer = clearprop(command, "run", "--data", "b.txt")
    assert answer.code == 0
    assert ("b.txt (1 sentence)" if command == "evaluate" else "1,the,") in answer.out


def test_a_run_on_a_frame_is_evaluated_as_a_regression(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its targets are few whole numbers, which a file alone would show as classes."""
    rows = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame(rows, columns=["a", "b"])
    y = pd.Series(130.0 + 10 * (np.arange(60) % 5), name="y")
    run = cp.fit(nn.Linear(2, 1), frame, y, loss="squared_error", epochs=3, learning_rate=0.5,
                 folder=tmp_path / "run", progress=False)  # fmt: skip
    file = tmp_path / "t.csv"
    frame.assign(y=y).to_csv(file, index=False)
    assert main(["evaluate", str(tmp_path / "run"), "--data", str(file), "--target", "y"]) == 0
    assert f"{run.evaluate((frame, y)).error:.4g}" in capsys.readouterr().out
