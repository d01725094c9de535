"""``clearprop fork``: a new run starts at a kept state of its parent, and names the parent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from clearprop.training import read_run
from tests.cli.conftest import Command, is_clear


def test_a_recorded_run_is_forked(clearprop: Command, tmp_path: Path) -> None:
    parent, fork, same = tmp_path / "parent", tmp_path / "fork", tmp_path / "same"
    values = ["epochs=4", "hidden_sizes=8", 'record=["layers.*"]', "record_every=5"]
    chosen = [part for value in [*values, "snapshots=0,6"] for part in ("--set", value)]
    plain = ["--no-report", "--folder"]
    done = clearprop("train", "mlp", "--data", "iris", *chosen, *plain, str(parent))
    assert done.code == 0, done.err
    before = read_run(parent)
    assert before.recordings is not None
    assert before.recordings.steps.tolist() == [0, 5, 10, 15]

    done = clearprop("fork", str(parent), "--step", "6", *plain, str(same))
    assert done.code == 0, done.err
    assert read_run(same).losses.tobytes() == before.losses[6:].tobytes()
    rate = ["--set", "learning_rate=0.1"]
    done = clearprop("fork", str(parent), "--step", "6", *rate, *plain, str(fork))
    assert done.code == 0, done.err
    told = read_run(fork)
    assert told.config["parent"]["folder"] == str(parent)
    assert told.first_step == 6
    assert not np.array_equal(told.losses[1:], before.losses[7:])

    for arguments, message in (
        (["--step", "7"], "the nearest are 0, 6"),
        ([], "needs the step at which it starts"),
        (["--step", "6", "--set", "learning_rat=1"], "did you mean 'learning_rate'"),
        (["--step", "6", "--set", "data.name=wine"], "data of its parent"),
    ):
        done = clearprop("fork", str(parent), *arguments)
        is_clear(done)
        assert message in done.err
        assert not done.out, "no run is announced that will not be"
