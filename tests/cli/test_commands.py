"""The commands, with correct input."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clearprop import data
from clearprop.recipes.experiment import prepare
from clearprop.training import load, predict, read_run
from tests.cli.conftest import IRIS, ROOT, Command, environment


def test_train_says_what_it_takes_and_what_came_of_it(clearprop: Command) -> None:
    answer = clearprop(*(part for part in IRIS if part != "--no-report"))
    assert answer.code == 0
    words = dict(re.findall(r"^(\w[\w ]*?) {2,}(.*)$", answer.out, re.MULTILINE))
    assert words["data"] == "iris (150 examples)"
    assert words["model"] == "67 parameters"
    assert words["run"] == str(Path("runs") / "mlp-1")
    assert words.keys() >= {"objective", "training error", "development error", "test error"}
    assert float(words["test accuracy"].split()[0]) > 60
    assert Path(words["report"]) == Path("runs") / "mlp-1" / "report.html"
    assert words["studio"] == f"clearprop studio {Path('runs') / 'mlp-1'}"
    page = Path(words["report"]).read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "epoch 30/30" in answer.err


def test_runs_are_numbered_and_never_overwritten(clearprop: Command) -> None:
    quick = ("train", "perceptron", "--data", "and", "--no-report")
    for number in (1, 2):
        assert str(Path("runs") / f"perceptron-{number}") in clearprop(*quick).out
    Path("runs/perceptron-7").mkdir()
    assert str(Path("runs") / "perceptron-8") in clearprop(*quick).out


def test_on_xor_the_perceptron_ends_well_and_honestly(clearprop: Command) -> None:
    answer = clearprop("train", "perceptron", "--data", "xor")
    assert answer.code == 0
    assert "no linear decision boundary separates the classes" in answer.out
    assert "w1 + w2 + b <  0" in answer.out
    assert (
        "no linear decision boundary separates" in Path("runs/perceptron-1/report.html").read_text()
    )


def test_xor_shows_its_truth_table(clearprop: Command) -> None:
    answer = clearprop("train", "xor", "--no-report")
    assert answer.code == 0
    rows = re.findall(r"^ ([01])  ([01]) +([01]) +([\d.]+)$", answer.out, re.MULTILINE)
    assert [round(float(row[3])) for row in rows] == [0, 1, 1, 0]


def test_evaluate_repeats_what_train_said(clearprop: Command, iris_run: str) -> None:
    judged = clearprop("evaluate", "run")
    accuracy = re.findall(r"test accuracy +(.*)", iris_run)
    assert re.findall(r"^test +.* (\S+ %)$", judged.out, re.MULTILINE) == accuracy
    development = re.findall(r"development error +(.*)", iris_run)
    assert re.findall(r"^development +\d+ +\S+ +(\S+ %)", judged.out, re.MULTILINE) == development


def test_evaluate_on_other_data_takes_all_of_it(clearprop: Command, iris_run: str) -> None:
    answer = clearprop("evaluate", "run", "--data", "iris")
    assert re.search(r"^all +150 ", answer.out, re.MULTILINE)
    assert all(name in answer.out for name in ("setosa", "versicolor", "virginica"))


def test_report_writes_it_again(clearprop: Command, iris_run: str) -> None:
    assert not Path("run/report.html").exists()
    assert clearprop("report", "run").code == 0
    assert Path("run/report.html").stat().st_size > 10_000


def write_house_prices(path: Path) -> None:
    """Write the diabetes set as a table with a category and empty cells, like a real table."""
    bunch = data.load("diabetes")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "sex", "bmi", "progress"])
        for i, (row, target) in enumerate(zip(bunch.inputs, bunch.targets, strict=True)):
            bmi = "" if i % 50 == 3 else f"{row[2]:.5f}"
            writer.writerow([f"{row[0]:.5f}", "f" if row[1] < 0 else "m", bmi, f"{target[0]:g}"])


def test_a_table_of_ones_own_from_training_to_prediction(
    clearprop: Command, tmp_path: Path
) -> None:
    write_house_prices(tmp_path / "rows.csv")
    trained = clearprop(
        *("train", "mlp", "--data", "rows.csv", "--target", "progress"),
        *("--set", "hidden_sizes=16", "--set", "epochs=20"),
    )
    assert trained.code == 0, trained.err
    assert "test accuracy" not in trained.out
    judged = clearprop("evaluate", "runs/mlp-1", "--data", "rows.csv")
    assert "root mean square error" in judged.out
    (tmp_path / "new.csv").write_text("sex,bmi,age\nf,0.05,0.01\nm,,-0.02\n")
    answer = clearprop("predict", "runs/mlp-1", "--input", "new.csv")
    rows = list(csv.reader(io.StringIO(answer.out)))
    assert rows[0] == ["prediction"]
    assert len(rows) == 3
    assert all(25 < float(row[0]) < 346 for row in rows[1:])
    clearprop("predict", "runs/mlp-1", "--input", "new.csv", "--output", "answers.csv")
    assert (tmp_path / "answers.csv").read_text() == answer.out


def test_predictions_of_classes_come_with_their_chances(clearprop: Command, iris_run: str) -> None:
    rows = list(csv.DictReader(io.StringIO(clearprop("predict", "run", "--data", "iris").out)))
    assert len(rows) == 150
    for row in rows:
        chances = {name: float(value) for name, value in row.items() if name != "prediction"}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert max(chances, key=lambda name: chances[name]) == row["prediction"]
    iris = data.load("iris")
    assert iris.class_names is not None
    truths = [iris.class_names[k] for k in iris.targets]
    right = np.mean([row["prediction"] == truth for row, truth in zip(rows, truths, strict=True)])
    assert right > 0.8


def test_summary_of_a_recipe_its_keys_and_an_activation(clearprop: Command) -> None:
    answer = clearprop("summary", "mlp", "--data", "digits", "--set", "activation=gelu")
    assert answer.code == 0
    assert re.search(r"gelu \(x2\)", answer.out)
    assert re.search(r"^total +50,826 ", answer.out, re.MULTILINE)
    assert re.search(r"^  hidden_sizes +256,128 ", answer.out, re.MULTILINE)


def test_summary_of_a_run_and_of_its_model_file(clearprop: Command, iris_run: str) -> None:
    of_run = clearprop("summary", "run")
    assert re.search(r"^total +67 ", of_run.out, re.MULTILINE)
    assert clearprop("summary", "run/model.safetensors").out == of_run.out


def test_data_list_and_show(clearprop: Command) -> None:
    listed = clearprop("data", "list")
    assert all(f"{row.name} " in listed.out for row in data.list())
    shown = clearprop("data", "show", "wine")
    assert "178" in shown.out
    assert "class_2 48" in shown.out


def test_resuming_a_run_that_has_ended_changes_nothing(clearprop: Command, iris_run: str) -> None:
    before = Path("run/model.safetensors").read_bytes()
    again = clearprop("resume", "run", "--no-report")
    assert again.code == 0
    own = ("run ", "studio ")  # lines that name the folder
    lines = [line for line in again.out.splitlines() if not line.startswith(own)]
    assert lines == [line for line in iris_run.splitlines() if not line.startswith(own)]
    assert Path("run/model.safetensors").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="a process there cannot be sent an interrupt alone")
def test_an_interrupted_run_leaves_a_model_and_goes_on(clearprop: Command, tmp_path: Path) -> None:
    arguments = ["--set", "epochs=400", "--set", "schedule=constant", "--set", "data.name=digits"]
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", "train", "mlp", *arguments, "--no-report"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "the model so far can be used" in err
    assert "clearprop resume" in err
    assert "Traceback" not in err
    made = read_run(tmp_path / "runs" / "mlp-1").history.epoch[-1]
    assert 0 < made < 400
    assert clearprop("evaluate", "runs/mlp-1").code == 0
    config = tmp_path / "runs" / "mlp-1" / "config.json"
    record = json.loads(config.read_text())
    record["notes"]["recipe"]["values"]["epochs"] = int(made) + 3
    del record["checksum"]
    config.write_text(json.dumps(record))
    assert clearprop("resume", "runs/mlp-1", "--no-report").code == 0
    assert read_run(tmp_path / "runs" / "mlp-1").history.epoch[-1] == made + 3


IN_A_NEW_PROCESS = """
import hashlib, sys
from clearprop.training import load_model, load_preprocessor, predict
from clearprop import data, models
folder = sys.argv[1]
outputs = predict(load_model(folder), data.load("digits").inputs, load_preprocessor(folder))
print(hashlib.sha256(outputs.tobytes()).hexdigest(), outputs.shape)
"""


@pytest.mark.optimized
@pytest.mark.parametrize("recipe", ["mlp", "lenet5"])
def test_a_saved_model_predicts_the_same_bits_in_a_new_process(recipe: str, tmp_path: Path) -> None:
    experiment = prepare(recipe, {"data": {"name": "digits"}, "epochs": 1})
    run = experiment.train(folder=tmp_path / "run", progress=False)
    outputs = predict(run.model, data.load("digits").inputs, experiment.splits.preprocessor)
    done = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment(),
    )
    digest = hashlib.sha256(outputs.tobytes()).hexdigest()
    assert done.stdout.strip() == f"{digest} {outputs.shape}"
    again = predict(
        load(tmp_path / "run"), data.load("digits").inputs, experiment.splits.preprocessor
    )
    assert outputs.tobytes() == again.tobytes()
