"""The examples run, and print the expected text."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def said(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return capsys.readouterr().out


def test_digits(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"^359 digits .* (\d+\.\d)% right$", said("digits", capsys), re.MULTILINE)
    assert found is not None
    assert float(found[1]) > 95


def test_own_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = said("own_table", capsys)
    assert "inputs of the network: age, sex=man, sex=woman, body mass" in text
    error, spread = map(float, re.findall(r"\d+\.\d", text)[:2])
    assert error < spread
    heavy, light = map(float, re.findall(r": (\d+)", text)[-2:])
    assert heavy > light


def test_one_neuron(capsys: pytest.CaptureFixture[str]) -> None:
    text = said("one_neuron", capsys)
    assert re.search(r"AND\n  a linear decision boundary separates the classes", text)
    assert re.search(r"XOR\n  no linear decision boundary separates the classes", text)
    assert text.rstrip().endswith("the error signal of the bias is 1.0")


ELSEWHERE = {"log_to_trackio": "tests/interop/test_trackio.py"}


def test_every_example_has_its_test() -> None:
    assert all((EXAMPLES.parent / path).is_file() for path in ELSEWHERE.values())
    tested = set(ELSEWHERE)
    tested |= {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested
