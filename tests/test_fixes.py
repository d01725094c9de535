"""A fix that names an option is data: Python and the command line write it each in its syntax."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.cli import main
from clearprop.data import LoadOptions
from clearprop.errors import (
    DataError,
    Fix,
    RunError,
    for_shell,
    one_of,
    option,
    run_option,
)
from clearprop.recipes import find_recipe
from clearprop.recipes.choice import DataSource
from clearprop.recipes.configuration import assigned

ROOT = Path(__file__).parents[1] / "clearprop"
FLOORS = ("data", "training", "recipes", "cli", "models", "backend.py")
RUN_OPTIONS = {
    *("batch_size", "micro_batch_size", "epochs", "learning_rate", "mesh", "optimizer", "seed"),
}
FRACTIONS = {"dev", "test"}

VALUES: dict[str, Any] = {
    "target": "the y",
    "task": "classification",
    "ignore": ["a b", "c"],
    "categorical": ["id"],
    "numeric": ["x,1", "[y]"],
    "decimal": ",",
    "thousands": ".",
    "dayfirst": True,
    "na_values": ["-99"],
    "encoding": "cp1252",
    "skiprows": 2,
    "folder": "pictures",
    "size": (8, 12),
    "channels": 4,
    "stream": False,
    "sequence_length": 7,
    "stride": 3,
    "window": 5,
    "horizon": 2,
    "text": "words",
    "tags": True,
    "limit": 100,
    "stress": True,
    "pronunciations": "all",
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for floor in FLOORS:
        place = ROOT / floor
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            yield path.name, ast.parse(path.read_text(encoding="utf-8"))


def said(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the texts below a node that may be a fix or a note."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        if isinstance(node, ast.JoinedStr) or isinstance(node.value, str):
            yield node
        return
    if isinstance(node, ast.keyword) and node.arg == "given":
        return
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Argument"
    ):
        return  # the help of an option says what follows it
    for child in ast.iter_child_nodes(node):
        is_problem = (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.endswith("Error")
            and child in node.args[:1]
        )
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not (is_problem or is_docstring):
            yield from said(child)


def written(node: ast.expr) -> str:
    """Return a text of the sources, with 7 in the place of each value."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr)
    return "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in node.values)


def calls(name: str) -> Iterator[str]:
    """Yield the first argument of each call of a function in the sources."""
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[0] if node.args else None
                if node.func.id == name and isinstance(first, ast.Constant):
                    yield str(first.value)


def test_no_text_of_the_sources_spells_an_option_in_the_syntax_of_python() -> None:
    names = "|".join({*VALUES, *RUN_OPTIONS, *FRACTIONS})
    spelled = re.compile(rf"(?<![.\w-])(?<!--set )({names})=([\[('\d]|True|False)")
    texts = [(path, written(node)) for path, tree in sources() for node in said(tree)]
    assert len(texts) > 2000
    wrong = [
        (path, text)
        for path, text in texts
        if spelled.search(text) and not re.search(r"\w\(|--set ", text)
    ]
    assert not wrong


def test_every_option_of_a_fix_exists_on_the_command_line() -> None:
    of_data, of_training = set(calls("option")), set(calls("run_option"))
    assert len(of_data) > 10
    assert len(of_training) > 2
    assert of_data <= {*DataSource.model_fields, *FRACTIONS}
    assert of_training <= set(find_recipe("mlp").model_fields) & RUN_OPTIONS


def test_every_option_of_the_data_has_a_value_here() -> None:
    python = set(LoadOptions.__annotations__) - {"columns", "class_names", "transparency"}
    assert set(VALUES) == python


@pytest.mark.parametrize("name", VALUES)
def test_an_option_of_the_data_can_be_pasted_on_both_sides(name: str) -> None:
    fix = option(name, VALUES[name])
    assert eval(f"dict({fix})") == {name: VALUES[name]}
    words = shlex.split(for_shell(fix))
    if name == "target":
        assert words == ["--target", "the y"]
        return
    assert words[0] == "--set"
    found = assigned(words[1:])["data"]
    assert isinstance(found, dict)
    chosen = getattr(DataSource.of({name: found[name]}, where="--set"), name)
    wanted = VALUES[name]
    assert (list(chosen) if isinstance(chosen, list | tuple) else chosen) == (
        list(wanted) if isinstance(wanted, list | tuple) else wanted
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 12),
        ("micro_batch_size", 4),
        ("seed", 0),
        ("learning_rate", 0.01),
        ("optimizer", "sgd"),
    ],
)
def test_an_option_of_training_can_be_pasted_on_both_sides(name: str, value: object) -> None:
    fix = run_option(name, value)
    assert eval(f"dict({fix})") == {name: value}
    assert for_shell(fix) == f"--set {name}={value}"
    kind = find_recipe("mlp")
    assert getattr(kind.of(assigned([f"{name}={value}"])), name) == value


def test_parts_are_kept_in_every_way_of_writing_a_text() -> None:
    left = "leave it out: " + option("ignore", ["id"])
    both = one_of([left, option("numeric", ["id"]) + " reads it", "correct it"])
    assert both == "leave it out: ignore=['id'], or numeric=['id'] reads it, or correct it"
    assert for_shell(both) == (
        "leave it out: --set data.ignore=id, or --set data.numeric=id reads it, or correct it"
    )
    assert [named.name for named in both.options] == ["ignore", "numeric"]
    for again in (copy.deepcopy(both), pickle.loads(pickle.dumps(both)), Fix(both)):
        assert again == both
        assert for_shell(again) == for_shell(both)
    assert json.loads(json.dumps([both])) == [str(both)]


def test_an_error_is_said_in_both_syntaxes() -> None:
    error = DataError("a column has no value", where="t.csv", fix=option("ignore", ["a"]))
    assert str(error) == "t.csv: a column has no value\n  fix:      ignore=['a']"
    assert error.for_shell() == "t.csv: a column has no value\n  fix:      --set data.ignore=a"
    assert error.fix == "ignore=['a']"
    plain = DataError("x", fix="size=3 is the field of a layer")
    assert plain.for_shell() == str(plain)


def test_a_folder_with_a_run_is_continued_in_both_syntaxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    model = nn.Sequential([nn.Linear(3, 1)])
    folder = tmp_path / "a run"

    def fit(**options: Any) -> cp.training.Run:
        return cp.fit(model, x, x[:, :1], loss="squared_error", epochs=1, folder=folder, **options)

    fit()
    with pytest.raises(RunError) as caught:
        fit()
    found = re.search(r"\w+=True", caught.value.fix or "")
    assert found is not None
    assert fit(**eval(f"dict({found[0]})")).history
    assert main(["train", "xor", "--folder", str(folder)]) == 2
    assert f"clearprop resume '{folder}'" in capsys.readouterr().err
    assert "resume=True" not in caught.value.for_shell()
