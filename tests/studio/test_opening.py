"""What the page opens for a run, a model or a recipe, with the views that there are."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from clearprop.errors import ConfigurationError, RunError
from clearprop.studio import opening as openings
from clearprop.studio.opening import VIEWS, Opening, opening_of
from clearprop.training.run_config import CONFIG
from clearprop.training.run_folder import MODEL
from tests.studio.conftest import small_run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "run"
    small_run(folder)
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """Two runs of one recipe, and one of another."""
    for name in ("mlp-2", "mlp-10", "xor-1"):
        shutil.copytree(made, tmp_path / "runs" / name)
    return tmp_path / "runs"


def views(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(openings, "VIEWS", ("playground", "backward", *names))


def test_the_constants_are_those_of_the_page_and_of_run_folders() -> None:
    source = (ROOT / "studio-ui" / "src" / "views.ts").read_text(encoding="utf-8")
    assert tuple(re.findall(r'^    name: "(.+)",$', source, re.MULTILINE)) == VIEWS
    assert openings.CONFIG == CONFIG
    assert Path(MODEL).suffix == openings.MODEL_SUFFIX


def test_nothing_opens_the_first_view() -> None:
    assert opening_of(None) == Opening("", openings.RUNS, "", ())


def test_a_run_opens_its_view(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views(monkeypatch, "runs")
    run = runs / "größe & co"
    (runs / "xor-1").rename(run)
    found = opening_of(str(run))
    assert found == Opening("#/runs?run=gr%C3%B6%C3%9Fe%20%26%20co", runs.resolve())
    monkeypatch.chdir(run)
    assert opening_of(".") == found


def test_without_a_view_of_runs_it_says_where_to_look(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views(monkeypatch)
    run = runs / "xor-1"
    found = opening_of(str(run))
    assert (found.view, found.runs) == ("", runs.resolve())
    assert found.about == (
        f"the studio has no view of a run yet; `clearprop report {run}` writes its report"
    )
    (run / "report.html").touch()
    assert opening_of(str(run)).about.endswith(f"its report is {run / 'report.html'}")


def test_the_view_of_a_model(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = shutil.copy(runs / "xor-1" / MODEL, runs.parent / "my model.safetensors")
    views(monkeypatch)
    found = opening_of(str(alone), runs)
    assert "clearprop summary" in found.about
    assert (found.view, found.files) == ("", ())
    views(monkeypatch, "models", "runs")
    found = opening_of(str(alone), runs)
    assert found == Opening(
        "#/models?source=file%3Amy%20model.safetensors", runs, "", (Path(alone),)
    )
    assert opening_of(str(runs / "xor-1" / MODEL)).view == "#/runs?run=xor-1"


def test_a_recipe(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views(monkeypatch, "runs")
    assert "`clearprop train lenet5` makes one" in opening_of("lenet5", runs).about
    newest = runs / "mlp-2" / CONFIG
    newest.write_bytes(newest.read_bytes())
    found = opening_of("mlp", runs)
    assert (found.view, found.about) == (
        "#/runs?run=mlp-2",
        f"of mlp it opens the newest run, {runs / 'mlp-2'}",
    )
    views(monkeypatch, "models")
    assert opening_of("mlp", runs) == Opening("#/models?source=recipe%3Amlp", runs)
    assert "makes one" in opening_of("descent", runs).about  # a study has no network


@pytest.mark.parametrize(
    ("what", "fix"), [("lenet", "lenet5"), ("runs/mlp-3", "runs/mlp-2"), ("\0", None)]
)
def test_what_is_not_there(
    runs: Path, monkeypatch: pytest.MonkeyPatch, what: str, fix: str | None
) -> None:
    monkeypatch.chdir(runs.parent)
    with pytest.raises(ConfigurationError, match="unknown run, model or recipe") as caught:
        opening_of(what, Path("runs"))
    assert caught.value.fix == (None if fix is None else f"did you mean {fix!r}?")


def test_a_folder_that_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run began in it"):
        opening_of(str(tmp_path))
