"""``clearprop explain``: the page and the table of a pass."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import Command, is_clear


def test_a_run_is_explained_on_an_example(
    clearprop: Command, iris_run: str, tmp_path: Path
) -> None:
    answer = clearprop("explain", "run", "--example", "3")
    assert answer.code == 0, answer.err
    assert "test example 3 of iris: E = " in answer.out
    assert "loss/softmax_cross_entropy" in answer.out
    page = (tmp_path / "run" / "explain.html").read_text("utf-8")
    assert "run: test example 3 of iris" in page
    assert 'id="drop"' in page
    assert 'data-opened="loss/' not in page
    assert str(tmp_path) not in page


def test_without_a_wish_the_worst_mistake_is_explained(
    clearprop: Command, iris_run: str, tmp_path: Path
) -> None:
    answer = clearprop("explain", "run")
    assert answer.code == 0, answer.err
    found = re.match(r"test example (\d+) of iris, the (wrong|right) prediction with the largest "
                     r"loss: E = ([\d.e-]+)\n", answer.out)  # fmt: skip
    assert found
    assert "with the largest loss" in (tmp_path / "run" / "explain.html").read_text("utf-8")
    each = [clearprop("explain", "run", "--example", str(i)).out for i in range(15)]
    losses = [float(re.search(r"E = ([\d.e-]+)", out)[1]) for out in each]  # type: ignore[index]
    assert float(found[3]) == losses[int(found[1])]
    if found[2] == "right":
        assert float(found[3]) == max(losses)


def test_a_node_is_told_with_its_equations_and_why(
    clearprop: Command, iris_run: str, tmp_path: Path
) -> None:
    answer = clearprop("explain", "run", "--node", "layers.0/matmul", "--output", "page.html")
    assert answer.code == 0, answer.err
    assert "backward" in answer.out
    assert "its error signal" in answer.out
    assert "layers.1" not in answer.out.partition("forward")[0]
    page = (tmp_path / "page.html").read_text("utf-8")
    assert 'data-opened="layers.0/matmul"' in page
    many = clearprop("explain", "run", "--node", "*.weight", "--output", "page.html")
    assert many.out.count(".weight") == 2


def test_bad_wishes_are_answered(clearprop: Command, iris_run: str, tmp_path: Path) -> None:
    assert is_clear(clearprop("explain", "nowhere"), "no such run folder")
    assert is_clear(clearprop("explain", "run", "--example", "999"), "a number from 0 to")
    assert is_clear(clearprop("explain", "run", "--example", "x"), "no such example")
    answer = clearprop("explain", "run", "--node", "layers.0/matmull")
    assert is_clear(answer, "did you mean 'layers.0/matmul'?")
    assert not (tmp_path / "run" / "explain.html").exists()
    assert is_clear(clearprop("explain", "run", "--output", "no/such/page.html"), "no/such")
