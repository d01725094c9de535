"""Studies: the written files, and errors."""

import json
from pathlib import Path

import pytest

from clearprop.errors import ConfigurationError, RunError
from clearprop.glass.style import Drawing, canvas, drawn
from clearprop.recipes.study import Findings, Study


class Halves(Study):
    """Halves a number repeatedly.

    Attributes:
        steps: how often.
    """

    steps: int = 3

    def carry_out(self, progress: bool = True) -> Findings:
        @drawn
        def draw() -> Drawing:
            figure, axes = canvas(width=3, height=2)
            axes.plot([0.5**i for i in range(self.steps)])
            return Drawing("Halves", figure, "they fall")

        return Findings(["done"], {"last": 0.5**self.steps}, [draw()])


def test_a_study_writes_what_was_asked_found_and_drawn(tmp_path: Path) -> None:
    study = Halves.of({"steps": "2"})
    page = study.write(tmp_path / "new", "halves", study.carry_out())
    assert page == tmp_path / "new" / "report.html"
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert config["notes"]["recipe"] == {"name": "halves", "values": {"seed": 0, "steps": 2}}
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == {"last": 0.25}
    assert [p.name for p in (tmp_path / "new" / "figures").iterdir()] == ["halves.png"]


def test_a_study_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        Halves().write(tmp_path, "halves", Findings([]))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_without_a_report_there_is_none(tmp_path: Path) -> None:
    assert Halves().write(tmp_path / "x", "halves", Findings(["a"]), report=False) is None
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["config.json", "results.json"]


def test_an_unknown_key_is_an_error_as_for_recipes() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'steps'"):
        Halves.of({"step": 3})
