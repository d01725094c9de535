"""Predictions for rows in a file, of a model that was not trained on a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from clearprop.recipes import prepare
from tests.cli.conftest import Command, is_clear


def test_a_model_of_a_truth_table_takes_rows_of_a_file(clearprop: Command, tmp_path: Path) -> None:
    prepare("xor").train(tmp_path / "run", progress=False)
    (tmp_path / "new.csv").write_text("a,b\n0,1\n1,1\n")
    (tmp_path / "all.csv").write_text("x1,x2,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")

    def answers(*arguments: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(clearprop("predict", "run", *arguments).out))
        return [row["answer"] for row in rows]

    assert answers("--input", "new.csv") == ["1", "0"]
    assert answers("--data", "all.csv", "--target", "y") == ["0", "1", "1", "0"]
    answer = clearprop("evaluate", "run", "--data", "all.csv", "--target", "y")
    assert "100.00 %" in answer.out
    assert is_clear(
        clearprop("predict", "run", "--input", "all.csv"),
        "3 columns: x1, x2, y",
        "2 columns of numbers, without a target",
    )
    assert is_clear(
        clearprop("predict", "run", "--input", "new.csv", "--target", "y"), "goes with --data"
    )
    (tmp_path / "text.csv").write_text("a,b\n0,one\n")
    assert is_clear(clearprop("predict", "run", "--input", "text.csv"), "column 'b'")
