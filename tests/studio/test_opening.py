"""What the page opens for a run, a model or a recipe, with the views that there are."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from clearprop.errors import ConfigurationError, RunError
from clearprop.studio import opening as openings
from clearprop.studio.opening import Opening, opening_of
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


def test_the_constants_are_those_of_the_page_and_of_run_folders() -> None:
    source = (ROOT / "studio-ui" / "src" / "views.ts").read_text(encoding="utf-8")
    views = re.findall(r'^    name: "(.+)",$', source, re.MULTILINE)
    assert {openings.OF_RUNS, openings.OF_MODELS} <= set(views)
    assert openings.CONFIG == CONFIG
    assert Path(MODEL).suffix == openings.MODEL_SUFFIX


def test_nothing_opens_the_first_view() -> None:
    assert opening_of(None) == Opening("", openings.RUNS, "", ())


def test_a_run_opens_its_view(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs / "größe & co"
    (runs / "xor-1").rename(run)
    found = opening_of(str(run))
    assert found == Opening("#/runs?run=gr%C3%B6%C3%9Fe%20%26%20co", runs.resolve())
    monkeypatch.chdir(run)
    assert opening_of(".") == found


def test_a_model_opens_its_view(runs: Path) -> None:
    alone = shutil.copy(runs / "xor-1" / MODEL, runs.parent / "my model.safetensors")
    assert opening_of(str(alone), runs) == Opening(
        "#/models?source=file%3Amy%20model.safetensors", runs, "", (Path(alone),)
    )
    assert opening_of(str(runs / "xor-1" / MODEL)).view == "#/runs?run=xor-1"


def test_a_recipe_opens_its_network(runs: Path) -> None:
    assert opening_of("mlp", runs) == Opening("#/models?source=recipe%3Amlp", runs)


def test_a_study_opens_its_newest_folder(runs: Path) -> None:
    none = opening_of("descent", runs)
    assert (none.view, none.runs) == ("#/runs", runs)
    assert "`clearprop train descent` makes a run of it" in none.about
    for old, new in (("mlp-10", "descent-10"), ("mlp-2", "descent-2"), ("xor-1", "descent-x")):
        (runs / old).rename(runs / new)
    newest = runs / "descent-2" / CONFIG
    os.utime(newest, (newest.stat().st_mtime + 10,) * 2)
    assert opening_of("descent", runs) == Opening(
        "#/runs?run=descent-2", runs.resolve(), f"of descent it opens {runs / 'descent-2'}"
    )


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
