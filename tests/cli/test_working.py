"""``clearprop worked``: handouts, exercises and their marking."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import pytest

from clearprop import nn, tree
from clearprop.cli import main
from clearprop.training import save

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path) -> str:
    layers = [nn.Linear(2, 2, bias=False), "sigmoid", nn.Linear(2, 1, bias=False)]
    weights = {
        "layers.0.weight": jnp.array([[0.1, 0.4], [0.8, 0.6]]),
        "layers.2.weight": jnp.array([[0.3], [0.9]]),
    }
    network = nn.Sequential([*layers, "sigmoid"]).init(0)
    save(tree.replace(network, weights), tmp_path / "small.safetensors")
    return str(tmp_path / "small.safetensors")


def test_a_handout_is_written_to_a_file_or_shown(tmp_path: Path, capsys: Captured) -> None:
    assert main(["worked", "gate", "--output", str(tmp_path / "gate.html")]) == 0
    assert "written" in capsys.readouterr().err
    assert (tmp_path / "gate.html").read_text().startswith("<!DOCTYPE html>")
    assert main(["worked", "gate", "--digits", "2"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# The sigmoid gate, worked out\n")
    assert "= -0.53" in shown


def test_an_exercise_is_made_filled_and_marked(tmp_path: Path, capsys: Captured) -> None:
    sheet = tmp_path / "sheet.md"
    assert main(["worked", "gate", "--blank", "--output", str(sheet)]) == 0
    text = sheet.read_text().replace("(1) ____", "(1) -2.0").replace("(2) ____", "(2) -6.0")
    sheet.write_text(text)
    capsys.readouterr()
    for name in ([], ["gate"]):
        assert main(["worked", *name, "--grade", str(sheet)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "(1) g1: right"
        assert lines[1].endswith("the size is right, the sign is not")
        assert lines[-1] == "mark: 1 of 20 (5 %): 1 right, 0 carried, 1 wrong, 18 empty"


def test_a_model_of_a_file(model: str, capsys: Captured) -> None:
    step = ["--input", "0.35,0.9", "--target", "0.5", "--learning-rate", "1", "--digits", "6"]
    assert main(["worked", model, *step]) == 0
    shown = capsys.readouterr().out
    assert "# One step of small.safetensors, worked out" in shown
    assert "0.682019" in shown
    assert main(["worked", model, *step, "--loss", "log_loss", "--blank"]) == 0
    assert "(1) ____" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "what is to be worked out?"),
        (["gat"], "did you mean 'gate'?"),
        (["gate", "--input", "1"], "--input goes with a model of your own"),
        (["gate", "--digits", "99"], "2 to 12"),
        (["gate", "--output", "sheet.pdf"], "Markdown, LaTeX or HTML"),
        (["--grade", "nothing.md"], "no such file"),
        (["MODEL"], "needs --input"),
        (["MODEL", "--input", "1,2"], "needs --target"),
        (["MODEL", "--input", "1,2", "--target", "1"], "needs --learning-rate"),
        (["MODEL", "--input", "a", "--target", "1", "--learning-rate", "1"], "takes numbers"),
        (["MODEL", "--input", "1", "--target", "1", "--learning-rate", "1"], "(..., 2)"),
        (["MODEL", "--input", "1,2", "--target", "1", "--learning-rate", "1", "--loss", "x"],
         "unknown loss"),
        (["MODEL", "--input", "1,2", "--target", "0.5", "--learning-rate", "1", "--loss",
          "cross_entropy"], "the number of a class"),
        (["MODEL", "--input", "MODEL", "--target", "1", "--learning-rate", "1"], "not known"),
    ],
)  # fmt: skip
def test_bad_input(arguments: list[str], said: str, model: str, capsys: Captured) -> None:
    given = [model if argument == "MODEL" else argument for argument in arguments]
    assert main(["worked", *given]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_text(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "sheet.md").write_bytes(b"\xff\xfe\x00")
    assert main(["worked", "--grade", str(tmp_path / "sheet.md")]) == 2
    assert "not UTF-8 text" in capsys.readouterr().err


def test_a_long_list_of_numbers_is_no_file(model: str, capsys: Captured) -> None:
    step = ["--target", "0.5", "--learning-rate", "1"]
    assert main(["worked", model, "--input", ",".join(["0.25"] * 200), *step]) != 0
    said = capsys.readouterr().err
    assert "200" in said
    assert "too long" not in said
    assert main(["worked", model, "--input", "a" * 5000, *step]) == 2
    assert "takes numbers" in capsys.readouterr().err
    assert main(["worked", "a" * 5000, *step]) == 2
    assert "neither a worked example nor a model" in capsys.readouterr().err


def test_a_class_is_written_filled_and_marked(tmp_path: Path, capsys: Captured) -> None:
    names, folder = tmp_path / "names.csv", tmp_path / "my class"
    names.write_text("Ada\nAlan\n")
    options = ["--seed", "7", "--students", str(names), "--folder", str(folder)]
    assert main(["worked", "gate", *options]) == 0
    shown = capsys.readouterr().out
    assert "students  2: Ada ... Alan" in shown
    assert f"clearprop worked mark '{folder}'" in shown
    sheet = folder / "sheets" / "ada.md"
    sheet.write_text(sheet.read_text().replace("(1) ____", "(1) 99"))
    marks = tmp_path / "marks.csv"
    assert main(["worked", "mark", str(folder), "--output", str(marks)]) == 0
    assert capsys.readouterr().out.startswith("Ada: 0 of ")
    _, ada, alan = marks.read_text().splitlines()
    assert "99 is given" in ada
    assert alan.startswith("Alan,alan.md,0,")
    assert main(["worked", "mark", str(folder), "--filled", str(tmp_path / "my class")]) == 0


def test_one_exercise_of_a_seed_is_written_and_marked(tmp_path: Path, capsys: Captured) -> None:
    sheet = tmp_path / "sheet.md"
    drawn = ["worked", "3-2-1", "--seed", "4"]
    assert main([*drawn, "--blank", "--output", str(sheet)]) == 0
    assert main([*drawn, "--grade", str(sheet)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("mark: 0 of ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["network"], "clearprop worked network --seed 7"),
        (["network", "--seed", "1", "--input", "1"], "network has drawn numbers"),
        (["9-9", "--seed", "1"], "too large"),
        (["gate", "--seed", "1", "--students", "names.csv"], "--folder class"),
        (["gate", "--students", "names.csv", "--folder", "class"], "--seed 7"),
        (["gate", "--seed", "1", "--folder", "class"], "--students names.csv"),
        (["gate", "--seed", "1", "--students", "n", "--folder", "c", "--blank"], "--blank does"),
        (["gate", "--seed", "1", "--students", "nothing.csv", "--folder", "c"], "no such file"),
        (["mark", "nothing"], "not the folder of a class"),
        (["mark"], "CLASS"),
    ],
)  # fmt: skip
def test_bad_input_for_a_class(arguments: list[str], said: str, capsys: Captured) -> None:
    assert main(["worked", *arguments]) == 2
    assert said in capsys.readouterr().err
