"""``clearprop predict``: rows of a file, for a model that was not trained on a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import data, nn
from clearprop.recipes import prepare
from clearprop.recipes.experiment import Experiment
from clearprop.training import save
from clearprop.training.run_config import FORMAT
from tests.cli.conftest import Command, is_clear


def test_a_model_of_a_truth_table_takes_rows_of_a_file(clearprop: Command, tmp_path: Path) -> None:
    prepare("xor").train(folder=tmp_path / "run", progress=False)
    (tmp_path / "new.csv").write_text("a,b\n0,1\n1,1\n")
    (tmp_path / "all.csv").write_text("x1,x2,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")

    def answers(*arguments: str) -> list[str]:
        rows = csv.DictReader(io.StringIO(clearprop("predict", "run", *arguments).out))
        return [row["prediction"] for row in rows]

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


def untrained(name: str, folder: Path, **values: Any) -> tuple[Experiment, nn.Module]:
    """Write the folder of a run whose model has its initial values."""
    experiment = prepare(name, values)
    model = experiment.model().init(0)
    folder.mkdir()
    save(model, folder / "model.safetensors", experiment.splits.preprocessor)
    note = {"name": name, "values": experiment.recipe.model_dump(mode="json")}
    config = {"format": FORMAT, "loss": experiment.loss, "notes": {"recipe": note}}
    (folder / "config.json").write_text(json.dumps(config))
    return experiment, model


def test_what_a_model_writes_by_itself(clearprop: Command, tmp_path: Path) -> None:
    untrained("g2p", tmp_path / "run", data={"limit": 60}, hidden_size=8, beams=1)
    (tmp_path / "words.txt").write_text("house\n\nQueue\n")
    answer = clearprop("predict", "run", "--input", "words.txt")
    assert answer.code == 0
    rows = list(csv.reader(io.StringIO(answer.out)))
    assert rows[0] == ["example", "prediction"]
    assert [row[0] for row in rows[1:]] == ["house", "Queue"]
    for name, content, part in (
        ("empty.txt", "", "the file is empty"),
        ("strange.txt", "hy\N{LATIN SMALL LETTER SHARP S}e", "never seen in training"),
        ("rows.csv", "a,b", "trained on words"),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert is_clear(clearprop("predict", "run", "--input", name), part)


def test_captions_of_a_named_set_are_written_not_read_off(
    clearprop: Command, tmp_path: Path
) -> None:
    values = {"data": {"limit": 60}, "hidden_size": 8, "beams": 1, "channels": "4"}
    experiment, model = untrained("caption", tmp_path / "run", **values)
    (tmp_path / "one.txt").write_text("no picture")
    assert is_clear(clearprop("predict", "run", "--input", "one.txt"), "one.txt")
    part = (
        data.load("digit-captions").take(np.arange(3)).preprocessed(experiment.splits.preprocessor)
    )
    told = experiment.recipe.predictions(model, part)  # type: ignore[attr-defined]
    words = part.vocabularies["targets"]
    rows = list(
        csv.reader(io.StringIO(clearprop("predict", "run", "--data", "digit-captions").out))
    )
    assert rows[1:4] == [[str(i + 1), words.decode(row)] for i, row in enumerate(told)]
