"""The search for values of a recipe: what is searched, pruned, kept, continued and said."""

from __future__ import annotations

import json
import math
import random
import shlex
from pathlib import Path
from typing import Any

import pytest

from clearprop.cli import main
from clearprop.errors import ConfigurationError, RunError, for_shell
from clearprop.recipes import find_recipe, prepare, search
from clearprop.recipes.configuration import assigned
from clearprop.recipes.hyperparameter_search import (
    DIVERGED,
    DONE,
    PRUNED,
    SEARCH,
    OptunaProposals,
    Space,
    Trial,
)
from clearprop.recipes.recipe import Recipe

BASE: dict[str, object] = {"data": {"name": "iris"}, "epochs": "3", "hidden_sizes": "4"}
OVER = ["learning_rate=log:1e-4:1e-1", "hidden_sizes=4;8,4"]


class RandomProposals:
    """Draws values, and stops a trial whose error after an epoch is above a bound."""

    def __init__(self, over: list[str] = OVER, bound: float = math.inf, seed: int = 0) -> None:
        self.spaces = [Space.parse(text) for text in over]
        self.draw = random.Random(seed)
        self.bound = bound
        self.seen: list[Any] = []

    def ask(self) -> dict[str, str]:
        values = {}
        for space in self.spaces:
            if space.kind == "choices":
                values[space.key] = self.draw.choice(space.choices)
            else:
                low, high = math.log(space.low), math.log(space.high)
                values[space.key] = f"{math.exp(self.draw.uniform(low, high)):.4g}"
        return values

    def is_behind(self, error: float, epoch: int) -> bool:
        self.seen.append((epoch, error))
        return error > self.bound

    def tell(self, trial: Trial) -> None:
        self.seen.append((trial.state, trial.error))


# --- what is searched ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("learning_rate=log:1e-4:1e-1", Space("learning_rate", "log", 1e-4, 1e-1)),
        ("dropout=lin:0:0.5", Space("dropout", "lin", 0.0, 0.5)),
        ("epochs=int:2:9", Space("epochs", "int", 2.0, 9.0)),
        ("hidden_sizes=8,16,8", Space("hidden_sizes", "choices", choices=("8", "16"))),
        ("hidden_sizes=8;64,32", Space("hidden_sizes", "choices", choices=("8", "64,32"))),
    ],
)
def test_values_are_read(text: str, space: Space) -> None:
    assert Space.parse(text) == space


@pytest.mark.parametrize(
    "text",
    ["x", "x=", "=1,2", "x=1", "x=log:0:1", "x=log:1:0.1", "x=lin:a:b", "x=int:1.5:3", "x=lin:0"],
)
def test_a_text_that_says_no_values(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no values to search") as caught:
        Space.parse(text)
    fix = (caught.value.fix or "").removeprefix("--over ")
    assert Space.parse(fix).kind == "log"


# --- the search ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_best_settings_can_be_pasted_and_give_the_error_of_the_trial() -> None:
    found = search("mlp", OVER, values=BASE, trials=3, proposals=RandomProposals())
    assert len(found.trials) == 3
    assert all(len(trial.errors) == 3 and trial.state == DONE for trial in found.trials)
    assert found.best.error == min(trial.error for trial in found.trials)
    words = shlex.split(found.command)
    assert words[:3] == ["clearprop", "train", "mlp"]
    assert words[3::2] == ["--set"] * len(words[4::2])
    again = prepare("mlp", assigned(words[4::2]))
    run = again.train()
    assert float(run.history.development_error[-1]) == pytest.approx(found.best.error)
    table = str(found).splitlines()
    assert table[0].split()[:3] == ["trial", "learning_rate", "hidden_sizes"]
    assert table[1].split()[0] == str(found.trials.index(found.best) + 1)


def test_a_trial_that_is_behind_is_stopped_after_the_epoch() -> None:
    proposals = RandomProposals(bound=-1.0)
    found = search("mlp", OVER, values=BASE, trials=2, proposals=proposals)
    assert [(t.state, len(t.errors), t.error) for t in found.trials] == [(PRUNED, 1, math.inf)] * 2
    assert "pruned" in str(found)
    with pytest.raises(RunError, match="no trial was carried out whole"):
        _ = found.best


def test_a_trial_that_diverges_is_no_end_of_the_search() -> None:
    over = ["learning_rate=log:1e30:1e38"]
    values = {**BASE, "optimizer": "sgd", "activation": "relu"}
    found = search("mlp", over, values=values, trials=1, proposals=RandomProposals(over))
    assert found.trials[0].state == DIVERGED
    assert "diverged" in str(found)


def test_a_search_goes_on_as_if_it_had_not_ended(tmp_path: Path) -> None:
    whole = search("mlp", OVER, values=BASE, trials=3, proposals=RandomProposals())
    shown: list[Trial] = []
    folder = tmp_path / "search"
    search("mlp", OVER, values=BASE, trials=2, folder=folder, proposals=RandomProposals())
    second = RandomProposals()
    found = search(
        *("mlp", OVER), values=BASE, trials=3, folder=folder, proposals=second,
        on_trial=shown.append,
    )  # fmt: skip
    assert found.trials == whole.trials
    assert shown == [whole.trials[2]]  # the others were not trained again
    assert [state for state, _ in second.seen if isinstance(state, str)] == [DONE] * 3


def test_a_folder_with_another_search_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    search("mlp", OVER, values=BASE, trials=1, folder=folder, proposals=RandomProposals())
    for changed in ({"seed": 1}, {"values": {**BASE, "epochs": "4"}}):
        options: dict[str, Any] = {"values": BASE, **changed}
        with pytest.raises(ConfigurationError, match="another"):
            search("mlp", OVER, trials=1, folder=folder, proposals=RandomProposals(), **options)
    with pytest.raises(RunError, match="another version of Optuna"):
        search("mlp", OVER, values=BASE, folder=folder, proposals=RandomProposals(seed=5))
    (folder / SEARCH).write_text("{")
    with pytest.raises(RunError, match="damaged"):
        search("mlp", OVER, values=BASE, folder=folder, proposals=RandomProposals())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    with pytest.raises(ConfigurationError, match="something else"):
        search("mlp", OVER, folder=tmp_path / "other", proposals=RandomProposals())


def test_a_pruned_trial_is_kept_as_valid_json(tmp_path: Path) -> None:
    proposals = RandomProposals(bound=-1.0)
    search("mlp", OVER, values=BASE, trials=1, folder=tmp_path, proposals=proposals)
    (row,) = json.loads((tmp_path / SEARCH).read_text())["trials"]
    assert row["error"] is None


def test_wrong_arguments() -> None:
    for trials, seed in ((0, 0), (1, -1)):
        with pytest.raises(ConfigurationError, match="a search needs values"):
            search("mlp", OVER, values=BASE, trials=trials, seed=seed)
    with pytest.raises(ConfigurationError, match="a search needs values"):
        search("mlp", [], values=BASE)
    over = ["learning_rte=1,2"]
    with pytest.raises(ConfigurationError, match="learning_rte"):
        search("mlp", over, values=BASE, trials=1, proposals=RandomProposals(over))
    without = {**BASE, "data": {"name": "iris", "dev": "0"}}
    with pytest.raises(ConfigurationError, match="development") as caught:
        search("mlp", OVER, values=without, trials=1, proposals=RandomProposals())
    assert for_shell(caught.value.fix or "").endswith("--set data.dev=0.1")


# --- Optuna --------------------------------------------------------------------------------------


def test_without_optuna_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    monkeypatch.chdir(tmp_path)
    assert main(["search", "mlp", "--data", "iris", "--over", OVER[0]]) == 2
    assert "pip install 'clearprop[search]'" in capsys.readouterr().err
    assert not list((tmp_path / "runs").iterdir())


def test_optuna_proposes_the_same_values_for_a_seed() -> None:
    pytest.importorskip("optuna", reason="Optuna, the extra `search`, is not installed")
    spaces = [Space.parse(text) for text in (*OVER, "epochs=int:2:9", "dropout=lin:0:0.5")]

    def asked(seed: int) -> list[dict[str, str]]:
        proposals, found = OptunaProposals(spaces, seed), []
        for number in range(12):
            found.append(proposals.ask())
            proposals.is_behind(0.5, 1)
            state = (DONE, PRUNED, DIVERGED)[number % 3]
            proposals.tell(Trial(found[-1], [0.5], state, 0.5 if state == DONE else math.inf))
        return found

    assert asked(3) == asked(3)
    assert asked(3) != asked(4)
    for values in asked(3):
        assert 1e-4 <= float(values["learning_rate"]) <= 1e-1
        assert values["hidden_sizes"] in ("4", "8,4")
        assert 2 <= int(values["epochs"]) <= 9
        assert 0 <= float(values["dropout"]) <= 0.5


def test_optuna_stops_a_trial_that_is_behind_the_median() -> None:
    pytest.importorskip("optuna", reason="Optuna, the extra `search`, is not installed")
    proposals = OptunaProposals([Space.parse(OVER[0])], 0)
    for _ in range(5):
        values = proposals.ask()
        assert not proposals.is_behind(0.1, 1)
        proposals.tell(Trial(values, [0.1], DONE, 0.1))
    proposals.ask()
    assert proposals.is_behind(0.9, 1)


def test_a_search_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna", reason="Optuna, the extra `search`, is not installed")
    monkeypatch.chdir(tmp_path)
    command = ["search", "mlp", "--data", "iris", "--set", "epochs=2", "--over", OVER[0]]
    assert main([*command, "--trials", "2"]) == 0
    first = capsys.readouterr()
    assert "best: clearprop train mlp " in first.out
    assert main([*command, "--trials", "3", "--folder", "runs/mlp-search-1"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    best = shlex.split(first.out.splitlines()[-1].removeprefix("best: "))
    chosen = find_recipe("mlp").of(assigned(best[4::2]))
    assert isinstance(chosen, Recipe)
    assert chosen.epochs == 2
