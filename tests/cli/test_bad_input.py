"""Wrong data, values and folders end with a clear message and exit code 2, and change nothing."""

from __future__ import annotations

import errno
import inspect
import json
import os
from pathlib import Path

import numpy as np
import pytest

from clearprop import data, models
from clearprop.data.mnist import STEMS
from clearprop.data.pictures import read_inputs
from clearprop.errors import DataError, ModelError
from clearprop.optim import rated_names
from clearprop.recipes.mlp import MLPRecipe
from clearprop.recipes.recipe import NetworkRecipe
from clearprop.training import fit
from clearprop.training.storage.lock import Lock
from tests.cli.conftest import IRIS, Answer, Command, is_clear

QUICK = ("--no-report", "--set", "epochs=1", "--set", "hidden_sizes=4")


def table(path: Path, *rows: str) -> str:
    path.write_text("\n".join(["a,b,kind", *rows]) + "\n")
    return str(path)


def train_on(clearprop: Command, *arguments: str) -> Answer:
    answer = clearprop("train", "mlp", *QUICK, "--data", *arguments)
    assert not list(Path("runs").glob("*")), "a run began"
    return answer


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("learning_rate=-1", ["'learning_rate'", "learning_rate=-1", "greater than 0"]),
        ("batch_size=0", ["'batch_size'", "greater than or equal to 1"]),
        ("batch_size=5000", ["the batch is larger than the data", "--set batch_size=120 or less"]),
        ("epoch=3", ["unknown key 'epoch'", "did you mean 'epochs'?"]),
        ("data.dev=1.5", ["'data.dev'", "less than 1"]),
    ],
)
def test_values(clearprop: Command, text: str, parts: list[str]) -> None:
    assert is_clear(train_on(clearprop, "iris", "--set", text), *parts)


# --- data ----------------------------------------------------------------------------------------


def test_a_missing_file(clearprop: Command, tmp_path: Path) -> None:
    table(tmp_path / "rows.csv", "1,2,x")
    assert is_clear(train_on(clearprop, "row.csv"), "no such file", "rows.csv")


def test_a_table_without_its_target(clearprop: Command, tmp_path: Path) -> None:
    file = table(tmp_path / "rows.csv", "1,2,x", "2,1,y")
    assert is_clear(train_on(clearprop, file), "which column is the target?", "--target kind")
    assert is_clear(train_on(clearprop, file, "--target", "kin"), "did you mean 'kind'?")


GOOD = [f"{i},{i % 3},{'x' if i % 2 else 'y'}" for i in range(40)]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([], ["rows.csv"]),
        ([*GOOD, "oops,1,x"], ["text in a column of numbers", "line 42", "'oops'"]),
        ([*GOOD, "1,1,"], ["the target is missing", "line 42"]),
        ([row[:-1] + "x" for row in GOOD], ["only one class"]),
        ([*GOOD, "1,2,x,9"], ["rows.csv", "line 42"]),
    ],
)
def test_tables(clearprop: Command, tmp_path: Path, rows: list[str], parts: list[str]) -> None:
    file = table(tmp_path / "rows.csv", *rows)
    assert is_clear(train_on(clearprop, file, "--target", "kind"), *parts)


def test_a_target_that_is_not_a_number(clearprop: Command, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n" + "\n".join(f"{i},{i * 0.37}" for i in range(40)) + "\n3,NaN\n")
    answer = train_on(clearprop, str(file), "--target", "b")
    assert is_clear(answer, "the target is missing", "line 42")


@pytest.mark.parametrize("damage", ["truncated", "corrupt", "labels"])
def test_damaged_idx_files(clearprop: Command, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    for stem in STEMS:
        array = np.zeros((30, 28, 28) if "images" in stem else 30, np.uint8)
        if damage == "labels" and stem.startswith("train-labels"):
            array[7] = 12
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        (folder / stem).write_bytes(head + array.tobytes())
    images = folder / STEMS[0]
    if damage == "truncated":
        images.write_bytes(images.read_bytes()[:-1])
    if damage == "corrupt":
        images.write_bytes(b"not a picture")
    answer = train_on(clearprop, "fashion-mnist", "--set", f"data.folder={tmp_path}")
    expected = ["a label is out of range", "12"] if damage == "labels" else [STEMS[0]]
    assert is_clear(answer, *expected)


def test_arrays_of_nothing(clearprop: Command, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and then nothing")
    assert is_clear(train_on(clearprop, "a.npz"), "a.npz")


def test_shapes_that_do_not_fit(clearprop: Command, iris_run: str) -> None:
    assert is_clear(clearprop("train", "lenet5", "--data", "wine"), "square pictures", "wine")
    answer = clearprop("evaluate", "run", "--data", "wine")
    assert is_clear(answer, "wine")
    answer = clearprop("summary", "run", "--input-shape", "9")
    assert is_clear(answer, "layers.0 (Linear)", "(..., 4)", "so far:")


def test_a_last_layer_that_does_not_suit_the_loss(
    clearprop: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says what `fit` says, before the first step."""

    def ending_in(output: str) -> models.MLP:
        made = models.MLP((4, 8, 3), output=output)
        monkeypatch.setattr(MLPRecipe, "model", lambda *_: made)
        return made

    model, splits = ending_in("softmax"), data.load("iris").split()
    with pytest.raises(ModelError) as caught:
        fit(model, splits, progress=False)
    answer = clearprop(*IRIS)
    assert is_clear(answer, str(caught.value), "softmax stands before a loss that applies softmax")
    model = ending_in("tanh")
    with pytest.warns(UserWarning, match="tanh limits the scores") as told:
        fit(model, splits, epochs=1, progress=False)
    with pytest.warns(UserWarning, match="tanh limits the scores") as seen:
        assert clearprop(*IRIS).code == 0
    assert [str(one.message) for one in seen] == [str(one.message) for one in told]


# --- run folders ---------------------------------------------------------------------------------


def test_a_run_that_exists_is_left_as_it_is(
    clearprop: Command, iris_run: str, tmp_path: Path
) -> None:
    before = contents(tmp_path / "run")
    answer = clearprop(*IRIS, "--folder", "run")
    assert is_clear(answer, "holds a run already", "clearprop resume run")
    assert contents(tmp_path / "run") == before


def test_a_folder_with_other_things_is_left_as_it_is(clearprop: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "letter.txt").write_text("dear")
    assert is_clear(clearprop(*IRIS, "--folder", "run"), "not empty", "letter.txt")
    assert contents(tmp_path / "run") == {"letter.txt": b"dear"}


@pytest.mark.parametrize("command", ["resume", "evaluate", "report", "predict"])
def test_a_run_that_is_not_there(clearprop: Command, command: str) -> None:
    more = ("--data", "iris") if command == "predict" else ()
    (Path("runs") / "mlp-1").mkdir(parents=True)
    assert is_clear(clearprop(command, "runs/mlp-2", *more), "no such run", "runs/mlp-1")


def test_a_run_in_which_somebody_works(clearprop: Command, iris_run: str, tmp_path: Path) -> None:
    lock = Lock(tmp_path / "run" / "lock")
    before = contents(tmp_path / "run")
    answer = clearprop("resume", "run", "--no-report")
    assert is_clear(answer, "another process", str(os.getpid()))
    assert contents(tmp_path / "run") == before
    lock.release()


def test_a_run_that_was_cut_off(clearprop: Command, iris_run: str, tmp_path: Path) -> None:
    whole = clearprop("evaluate", "run")
    (tmp_path / "run" / "model.safetensors").unlink()
    events = tmp_path / "run" / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-20])
    assert is_clear(clearprop("evaluate", "run"), "no model yet", "clearprop resume run")
    assert clearprop("resume", "run", "--no-report").code == 0
    assert clearprop("evaluate", "run") == whole


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_of_a_run_that_is_damaged(
    clearprop: Command, iris_run: str, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "run" / name
    file.write_bytes(file.read_bytes()[:-30])
    assert is_clear(clearprop("evaluate", "run"), name)


def test_a_model_of_another_architecture(clearprop: Command, iris_run: str, tmp_path: Path) -> None:
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["notes"]["recipe"]["values"]["hidden_sizes"] = [5]
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    assert is_clear(clearprop("resume", "run", "--no-report"), "checksum")
    del config["checksum"]  # as the message says
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    answer = clearprop("resume", "run", "--no-report")
    assert is_clear(answer, "architecture", "layers.0.weight")


def test_a_full_disk(clearprop: Command, iris_run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert is_clear(clearprop(*IRIS), "the disk is full", "free some space")
    assert is_clear(
        clearprop("predict", "run", "--data", "iris", "--output", "answers.csv"), "the disk is full"
    )
    assert not Path("answers.csv").exists()


def test_a_rate_that_is_too_high_names_the_place(clearprop: Command) -> None:
    answer = clearprop(
        *("train", "mlp", "--data", "diabetes", *QUICK, "--set", "optimizer=sgd"),
        *("--set", "learning_rate=1e30", "--set", "schedule=constant", "--folder", "run"),
    )
    assert is_clear(answer, "step")


def test_a_process_says_it_without_a_traceback(shell: Command, tmp_path: Path) -> None:
    file = table(tmp_path / "rows.csv", *GOOD, "oops,1,x")
    answer = shell("train", "mlp", "--data", file, "--target", "kind")
    assert is_clear(answer, "rows.csv", "line 42", "'oops'")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_a_shape_that_the_model_does_not_take(clearprop: Command) -> None:
    answer = clearprop("summary", "mlp", "--data", "iris", "--input-shape", "3")
    assert is_clear(answer, "leave --input-shape out: the model takes 4")
    assert "nn.Linear(3" not in answer.err


def test_a_seed_beyond_64_bits(clearprop: Command) -> None:
    answer = clearprop("train", "xor", "--set", "seed=99999999999999999999")
    assert is_clear(answer, "'seed'", "less than 9223372036854775808")


# --- words of other libraries --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ours"),
    [("lr=0.1", "learning_rate=0.1"), ("random_state=7", "seed=7")],
)
def test_a_key_of_another_library_is_answered_with_ours(
    clearprop: Command, given: str, ours: str
) -> None:
    answer = clearprop("train", "mlp", *QUICK, "--data", "iris", "--set", given)
    assert is_clear(answer, f"fix:      --set {ours}")
    again = clearprop("train", "mlp", *QUICK, "--data", "iris", "--set", ours)
    assert again.code == 0


def test_a_file_in_the_place_of_a_recipe(clearprop: Command, tmp_path: Path) -> None:
    table(tmp_path / "my rows.csv", "1,2,x")
    answer = clearprop("train", "my rows.csv")
    assert is_clear(answer, "fix:      clearprop train mlp --data 'my rows.csv'")


def test_a_folder_of_classes_in_the_place_of_new_pictures(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    with pytest.raises(DataError, match="no picture in this folder") as caught:
        read_inputs(tmp_path, (8, 8, 1))
    assert caught.value.given == "subfolders, such as cats"
    assert caught.value.fix == f"give one of them: {tmp_path / 'cats'}"


def test_the_optimizers_are_listed_by_their_names() -> None:
    said = inspect.getdoc(NetworkRecipe) or ""
    assert [name for name in rated_names() if name not in said] == []
