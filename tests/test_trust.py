"""Small, seeded forms of the harnesses of `benchmarks.trust`, and the page with their figures."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.trust import flips
from benchmarks.trust.tally import RESULTS, Tally
from clearprop import files
from clearprop.training.storage import checkpoint, summed

PAGE = Path(__file__).parents[1] / "docs" / "trust.md"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return flips.make(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("kind", ["finished", "interrupted"])
def test_a_changed_byte_is_told_or_changes_nothing(kind: str, runs: dict[str, Path]) -> None:
    found = Counter(flips.flip(runs[kind], kind, random.Random(1), 250))
    assert found["silent"] == 0
    assert found["told"] > 100


def test_without_checksums_the_harness_finds_silent_changes(
    runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(path: Path) -> summed.Agreement:
        return summed.Agreement(path.stat().st_size, unknown=True)

    monkeypatch.setattr(checkpoint, "agrees", lambda values: True)
    monkeypatch.setattr(files, "agrees", lambda values: True)
    monkeypatch.setattr("clearprop.training.run_folder.compared_with_sums", unknown)
    found = Counter(flips.flip(runs["finished"], "finished", random.Random(1), 250))
    assert found["silent"] > 5
    assert "byte" in capsys.readouterr().out


@pytest.mark.slow
def test_every_byte_of_a_run_changed_once(runs: dict[str, Path]) -> None:
    for kind, folder in runs.items():
        assert Counter(flips.flip(folder, kind, random.Random(0), None))["silent"] == 0


@pytest.mark.slow
@pytest.mark.optimized
def test_runs_that_are_killed_end_as_if_they_were_not(tmp_path: Path) -> None:
    results = tmp_path / "kills.json"
    command = [sys.executable, "-m", "benchmarks.trust.kills", "--count", "30"]
    done = subprocess.run(
        [*command, "--results", str(results)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(results.read_text())["runs"]["counts"]
    assert counts["ends identical in every bit"] >= 20


def test_counts_add_up_over_sittings(tmp_path: Path) -> None:
    for sitting in range(2):
        tally = Tally(tmp_path / "a.json")
        assert tally.next_seed("runs") == 3 * sitting
        tally.add("runs", {"identical": 2, "kills": sitting}, 3)
    assert Tally(tmp_path / "a.json").lines() == ["runs: 6 seeds; 4 identical, 1 kills"]


def test_the_page_has_the_figures_that_were_counted() -> None:
    page = PAGE.read_text(encoding="utf-8")
    runs: dict[str, Any] = json.loads((RESULTS / "trust-kills.json").read_text())["runs"]
    counts = runs["counts"]
    kills = sum(counts.get(f"kills: {kind}", 0) for kind in ("time", "operation", "write"))
    assert f"{kills:,} kills" in page
    assert f"{counts['ends identical in every bit']:,} ends" in page
    assert not {"failed", "ends that differ"} & counts.keys()
    flipped = json.loads((RESULTS / "trust-flips.json").read_text())
    for kind in ("finished", "interrupted"):
        assert "silent" not in flipped[kind]["counts"]
        assert f"{sum(flipped[kind]['counts'].values()):,} bytes" in page
    mutants = json.loads((RESULTS / "trust-mutants.json").read_text())
    total: Counter[str] = Counter()
    for one in mutants.values():
        total.update(one["counts"])
    assert f"{sum(total.values()):,} files" in page
    assert sum(total.values()) == total["sound"] + total["refused"]
