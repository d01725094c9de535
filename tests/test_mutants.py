"""Damaged files of every format end in a result or in an error of clearprop; the harness itself."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the system can neither fork nor limit a process")

from benchmarks.trust.formats import FORMATS
from benchmarks.trust.mutants import add, empty, is_failure, keep, ranges, table, to_do
from benchmarks.trust.mutations import KINDS, damaged
from benchmarks.trust.reading import Reading, mutant, sound_files

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", FORMATS)
def test_a_sound_file_is_read(name: str, tmp_path: Path) -> None:
    FORMATS[name].make(tmp_path)
    FORMATS[name].read(tmp_path)


def run(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the harness in a process of its own, because that of the tests has threads."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.trust.mutants",
            "--results",
            str(results),
            "--failed",
            str(results.parent / "failed"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def check(results: Path, count: int, *names: str) -> None:
    chosen = [word for name in names for word in ("--format", name)]
    done = run(results, "--count", str(count), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    for one in json.loads(results.read_text()).values():
        assert one["seeds"] == [[0, count - 1]]
        assert one["counts"]["refused"] > 0


def test_damaged_files_end_well(tmp_path: Path) -> None:
    check(tmp_path / "results.json", 10, *(n for n in FORMATS if not n.startswith("parquet")))


def test_damaged_parquet_files_end_well(tmp_path: Path) -> None:
    check(tmp_path / "results.json", 2, "parquet-lz4", "parquet-uncompressed")


@pytest.mark.slow
def test_many_damaged_files_end_well(tmp_path: Path) -> None:
    check(tmp_path / "results.json", 150, *FORMATS)


# --- the harness ---------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_damage(tmp_path: Path) -> None:
    files = {"a": b"12,13\n" * 30, "b": bytes(range(200))}
    first = [mutant(files, "csv", seed) for seed in range(40)]
    assert first == [mutant(files, "csv", seed) for seed in range(40)]
    assert sum(one != files for one in first) > 35
    assert all(sum(one[name] != files[name] for name in files) <= 1 for one in first)


@pytest.mark.parametrize("kind", KINDS)
def test_every_damage_takes_every_content(kind: object) -> None:
    for content in (b"", b"a", b"12,3.5\n", bytes(range(256)) * 4):
        for seed in range(20):
            made = kind(content, random.Random(seed))  # type: ignore[operator]  # a function
            assert isinstance(made, bytes)


def test_damage_of_json_is_json_more_often_than_not() -> None:
    record = json.dumps({"a": [1, 2, {"b": "text"}], "c": None}).encode()
    sound = 0
    for seed in range(100):
        try:
            json.loads(damaged(record, random.Random(seed)))
        except ValueError:
            continue
        sound += 1
    assert 60 < sound < 100


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from benchmarks.trust import reading
from benchmarks.trust.formats import Format
from clearprop.errors import DataError

reading.SECONDS = 1.5

def make(folder):
    (folder / "t.txt").write_text("abc")

def read(folder):
    seed = int(Path(os.environ["SEEDS"]).read_text() or 0)
    Path(os.environ["SEEDS"]).write_text(str(seed + 1))
    if seed == 1:
        raise DataError("bad", where="t.txt")
    if seed == 2:
        raise DataError("bad")
    if seed == 3:
        raise KeyError("x")
    if seed == 4:
        os.kill(os.getpid(), signal.SIGSEGV)
    if seed == 5:
        time.sleep(60)
    if seed == 6:
        bytearray(8 << 30)

for one in reading.readings(Format("odd", make, read), range(8)):
    print(one.seed, one.kind, one.about)
"""


def test_every_end_of_a_reading_is_told_apart(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.write_text("0")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "SEEDS": str(seeds)},
    )
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == [
        *("sound", "refused", "traceback", "traceback", "ended", "hangs", "memory", "sound")
    ]
    assert "no place: bad" in lines[2]
    assert "KeyError" in lines[3]
    assert "SIGSEGV" in lines[4]


def test_results_of_several_sittings_add_up() -> None:
    results = empty()
    add(results, [Reading(0, "sound", 0.1), Reading(1, "traceback", 0.2, "a.py:1: KeyError")])
    assert to_do(results, 0, 4) == [2, 3]
    add(results, [Reading(2, "refused", 6.0), Reading(5, "ended", 0.1, "SIGABRT")])
    assert results["seeds"] == [[0, 2], [5, 5]]
    assert results["counts"]["traceback"] == 1
    assert [one[0] for one in results["failed"]] == [1, 2, 5]
    assert (results["slow"], results["slowest"]) == (1, 6.0)
    assert "csv" in table({"csv": results})
    assert not is_failure(Reading(0, "refused", 1.0))
    assert ranges([]) == []


def test_a_second_sitting_reads_what_the_first_one_left(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    assert run(results, "--format", "txt", "--count", "5").returncode == 0
    first = results.read_text()
    done = run(results, "--format", "txt", "--count", "9")
    assert done.returncode == 0
    one = json.loads(results.read_text())["txt"]
    assert one["seeds"] == [[0, 8]]
    assert sum(one["counts"].values()) == 9
    assert results.read_text() != first
    assert not (tmp_path / "failed").exists()


def test_what_failed_is_kept(tmp_path: Path) -> None:
    keep("conll", Reading(4, "traceback", 0.1, "a.py:1: KeyError"), tmp_path)
    place = tmp_path / "conll" / "4"
    assert (place / "failure.txt").read_text().splitlines()[1] == "a.py:1: KeyError"
    files = sound_files(FORMATS["conll"])
    assert (place / "t.conll").read_bytes() == mutant(files, "conll", 4)["t.conll"]
