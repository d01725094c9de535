"""The script of a page, run alone, ends with the weights of the page, bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from clearprop import optim
from clearprop.studio.playground import messages as m
from clearprop.studio.playground.script import code_of
from tests.studio.playground.page import SMALL, Page
from tests.studio.session_page import problems

ENDING = """
import json
print(json.dumps({path: np.asarray(x).tolist() for path, x in weights.items()}))
"""


def ran(source: str, folder: Path) -> dict[str, list[Any]]:
    """Run a script in a folder of its own, and return its weights."""
    path = folder / "page.py"
    path.write_text("import numpy as np\n" + source + ENDING, encoding="utf-8")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, path.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *said, weights = done.stdout.splitlines()
    assert said[0].startswith("training part: <Evaluation of ")
    found: dict[str, list[Any]] = json.loads(weights)
    return found


def shown(page: Page) -> dict[str, list[Any]]:
    return {path: array.tolist() for path, array in page.picture.weights().items()}


def changed(**values: Any) -> m.Settings:
    return msgspec.structs.replace(SMALL, **values)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with Page() as made:
        yield made


def repeated(page: Page, folder: Path, *requests: m.Request) -> str:
    """Ask for something, and compare the weights of the page with those of its script."""
    assert not problems(page.ask(*requests))
    assert ran(page.script, folder) == shown(page)
    return page.script


@pytest.mark.optimized
def test_whole_epochs_are_a_call_of_fit(page: Page, tmp_path: Path) -> None:
    steps = [m.StepOnce("epoch")] * 3
    script = repeated(page, tmp_path, m.Configure(SMALL), *steps)
    assert "cp.fit(" in script
    assert "epochs=3" in script
    assert "LiveRun" not in script


@pytest.mark.optimized
def test_everything_that_was_done_by_hand(page: Page, tmp_path: Path) -> None:
    faster = changed(learning_rate=0.2, l2=0.01, batch_size=6)
    layers = (m.LayerSettings(4, "relu"), m.LayerSettings(2, "sigmoid"))
    other = changed(
        loss="binary_cross_entropy",
        optimizer=m.OptimizerSettings("adam", {"beta1": 0.8, "amsgrad": 1.0}),
        schedule=m.ScheduleSettings("cosine", {"steps": 50}),
        dropout=0.25,
        layers=layers,
    )
    script = repeated(
        page,
        tmp_path,
        m.Configure(SMALL),
        m.StepOnce("batch"),
        m.Edit("layers.2.weight", (3, 1), 0.1),
        m.StepOnce("epoch"),
        m.Choose(4),
        m.StepOnce("example"),
        m.ForkRun(faster),
        m.StepOnce("batch"),
        m.Edit("layers.0.bias", (2,), -0.7),
        m.StepOnce("epoch"),
        m.ForkRun(other),
        m.StepOnce("epoch"),
        m.StepOnce("batch"),
    )
    assert script.count("live.fork(") == 2
    assert "live.step_with([4])" in script
    assert 'nn.Sequential("relu", nn.Dropout(0.25))' in script
    assert script.count("live.change(") == 2
    compile(script, "page.py", "exec")


@pytest.mark.optimized
def test_what_was_taken_back_is_not_repeated(page: Page, tmp_path: Path) -> None:
    script = repeated(
        page,
        tmp_path,
        m.Configure(SMALL),
        m.StepOnce("epoch"),
        m.Edit("layers.4.bias", (0,), 0.3),
        m.StepOnce("batch"),
        m.Edit("layers.4.bias", (0,), 9.0),
        m.StepOnce("example"),
        m.StepOnce("epoch"),
        m.PageBack(5),
        m.StepOnce("batch"),
    )
    assert "0.3" in script
    assert "9.0" not in script
    assert "step_with" not in script


@pytest.mark.slow
@pytest.mark.optimized
def test_a_run_that_met_a_number_that_is_not_finite(page: Page, tmp_path: Path) -> None:
    plane = m.DataSettings("plane", examples=40, noise=0.1, seed=5)
    page.ask(m.Configure(changed(data=plane, learning_rate=30.0, seed=7)), m.Play())
    page.until(lambda item: isinstance(item, m.Playing) and item.ended == "non-finite")
    repeated(page, tmp_path)


@pytest.mark.slow
@pytest.mark.optimized
def test_a_run_that_was_played(page: Page, tmp_path: Path) -> None:
    page.ask(m.Configure(changed(epochs=100_000)), m.Speed(400.0), m.Play())
    page.receive_for(0.5)
    repeated(page, tmp_path, m.Pause())


class Kept(NamedTuple):
    path: Path


@pytest.mark.slow
@pytest.mark.optimized
def test_the_users_own_points(tmp_path: Path) -> None:
    table = tmp_path / "own table.csv"
    rows = [f"{i % 5},{i * i % 7},{'a' if i % 3 else 'b'}" for i in range(30)]
    table.write_text("one,two,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    kind = m.DataSettings("table", table=table.name, target="kind", columns=("PCA",), examples=20)
    points = tuple(m.PagePoint(x / 7, -x / 3, x / 9) for x in range(-9, 10))
    drawn = m.DataSettings("drawn", points=points, test=0.3)
    with Page({table.name: Kept(table)}) as page:
        for data, script_needs in ((kind, "tables.of_table("), (drawn, "datasets.drawn(drawn")):
            settings = changed(data=data, weight_init="uniform", features=("x1*x2", "sin(x1)"))
            folder = tmp_path / data.kind
            folder.mkdir()
            shutil.copy(table, folder)
            script = repeated(page, folder, m.Configure(settings), m.StepOnce("batch"))
            assert script_needs in script
            assert "weight_init=initializers.uniform()" in script


def test_a_script_stands_before_the_first_step(page: Page) -> None:
    page.ask(m.Configure(SMALL))
    assert "advance" not in page.script
    assert page.script.startswith('"""The network of the playground after 0 steps: circle, 4-2')
    assert all(len(line) <= 100 for line in page.script.splitlines())


def test_optimizers_and_schedules_as_code() -> None:
    rate = optim.schedules.warmup(10, then=optim.schedules.cosine(0.1, 50), start=0.5)
    made = optim.chain(optim.add_l1_penalty(0.5, min_ndim=2), optim.muon(rate, nesterov=False))
    code = code_of(made)
    again = eval(code, {"optim": optim})
    assert again.to_config() == made.to_config()
    assert code == (
        "optim.chain(optim.add_l1_penalty(0.5, min_ndim=2), optim.muon(learning_rate="
        "optim.schedules.warmup(10, optim.schedules.cosine(0.1, 50), start=0.5), nesterov=False))"
    )


def test_of_edits_of_one_number_in_a_row_the_last_is_written(page: Page) -> None:
    edits = [m.Edit("layers.4.bias", (0,), value) for value in (1.0, 1.5)]
    page.ask(m.Configure(SMALL), *edits, m.Edit("layers.4.weight", (0, 0), 7.0), edits[0])
    assert page.script.count("live.change(") == 3
    assert page.script.count("changed[0] = 1.5") == page.script.count("changed[0] = 1.0") == 1
