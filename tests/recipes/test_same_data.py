"""A run finds its own data again: from another folder, and where another default is at hand now."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearprop import data
from clearprop.data import Dataset
from clearprop.errors import DataError
from clearprop.recipes import choice
from clearprop.recipes.experiment import of_run, prepare
from clearprop.training import read_run

SHORT = {"epochs": 1, "hidden_sizes": "4"}


def test_a_file_is_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    iris = data.load("iris")
    rows = [",".join(map(str, (*x, iris.class_names[y]))) for x, y in  # type: ignore[index]  # iris has names
            zip(iris.inputs.tolist(), iris.targets.tolist(), strict=True)]  # fmt: skip
    (tmp_path / "here" / "flowers.csv").write_text("a,b,c,d,kind\n" + "\n".join(rows))
    monkeypatch.chdir(tmp_path / "here")
    table = {"name": "flowers.csv", "target": "kind"}
    prepare("mlp", {**SHORT, "data": table}).train(folder=tmp_path / "run", progress=False)
    config = read_run(tmp_path / "run").config
    monkeypatch.chdir(tmp_path / "there")
    again = of_run(config, "run")
    assert again.dataset.name == "flowers.csv"
    (tmp_path / "here" / "flowers.csv").unlink()
    with pytest.raises(DataError, match=r"flowers\.csv"):
        of_run(config, "run")


def test_a_default_is_the_one_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A better set that is installed later is not the one that the run was trained on."""
    loaded = choice.DataSource._loaded

    def without(source: choice.DataSource, name: str) -> Dataset:
        if name != "digits":
            raise DataError(f"{name} {choice.NOT_FETCHED}")
        return loaded(source, name)

    with monkeypatch.context() as patched:
        patched.setattr(choice.DataSource, "_loaded", without)
        prepare("mlp", SHORT).train(folder=tmp_path / "run", progress=False)
    config = read_run(tmp_path / "run").config
    assert config["notes"]["recipe"]["values"]["data"]["name"] == "digits"
    # Now any set would be at hand, and the first one is tried.
    monkeypatch.setattr(choice.DataSource, "_loaded", lambda source, name: loaded(source, "digits")
                        if name == "digits" else pytest.fail(f"{name} was loaded"))  # fmt: skip
    assert of_run(config, "run").dataset.name == "digits"


@pytest.mark.parametrize("name", ["docstrings", "python-names", "python-topics"])
def test_what_depends_on_an_installation_says_its_version(name: str) -> None:
    found = data.load(name)
    [note] = found.notes
    assert any(character.isdigit() for character in note)
    assert note.split()[-1] == "figures"


def test_a_folder_with_the_name_of_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "iris").mkdir()
    monkeypatch.chdir(tmp_path)
    assert prepare("mlp", {**SHORT, "data": {"name": "iris"}}).recipe.data.name == "iris"
