from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from clearprop import __version__, recipes
from clearprop.cli import CUT_OFF
from clearprop.cli.arguments import COMMANDS
from tests.cli.conftest import ROOT, Command, environment, is_clear


def test_help_says_every_command_and_recipe(clearprop: Command) -> None:
    answer = clearprop("--help")
    assert answer.code == 0
    assert all(name in answer.out for name in (*COMMANDS, *recipes.RECIPES))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(clearprop: Command, name: str) -> None:
    answer = clearprop(*name.split(), "--help")
    assert answer.code == 0
    assert all(argument.name in answer.out for argument in COMMANDS[name].arguments)


def test_version(clearprop: Command) -> None:
    assert clearprop("--version").out == f"clearprop {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["trian"]])
def test_help_and_slips_need_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom clearprop.cli import main\n"
        f"main({arguments!r})\n"
        "heavy = {'jax', 'numpy', 'pydantic', 'rich', 'polars', 'sklearn', 'matplotlib'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_the_list_of_data_needs_no_jax() -> None:
    program = (
        "import sys\nfrom clearprop.cli import main\n"
        "sys.exit(main(['data', 'list']) or int('jax' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["usage: clearprop COMMAND"]),
        (["trian"], ["unknown command 'trian'", "did you mean 'train'?"]),
        (["--halp"], ["unknown option '--halp'", "did you mean '--help'?"]),
        (["data"], ["list, show"]),
        (["data", "lst"], ["unknown command 'lst'", "did you mean 'list'?"]),
        (["train"], ["RECIPE", "clearprop train --help"]),
        (["train", "lenet5", "--dat", "x"], ["unknown option '--dat'", "did you mean '--data'?"]),
        (["train", "mlp", "--epochs", "3"], ["unknown option '--epochs'", "--set epochs=3"]),
        (["train", "mlp", "--epochs=3"], ["--set epochs=3"]),
        (["train", "mlp", "epochs=3"], ["one argument too many", "--set epochs=3"]),
        (["train", "mlp", "--set"], ["--set"]),
        (["train", "lenet"], ["unknown recipe 'lenet'", "did you mean 'lenet5'?"]),
        (["summary", "lenet"], ["unknown recipe, run or model 'lenet'", "'lenet5'"]),
        (["summary", "mlp", "--input-shape", "8xx8"], ["this is no shape", "28x28x1"]),
        (["predict", "run"], ["--input FILE or --data NAME"]),
        (["data", "show", "nofolder"], ["nofolder, which is no file or folder here either"]),
        (["data", "show", "digit"], ["unknown data set 'digit'", "did you mean 'digits'?"]),
    ],
)
def test_what_is_asked_wrongly(clearprop: Command, arguments: list[str], parts: list[str]) -> None:
    assert is_clear(clearprop(*arguments), *parts)


def test_a_process_answers_bad_input_like_this_one(shell: Command) -> None:
    assert is_clear(shell("train", "lenet"), "unknown recipe 'lenet'", "did you mean 'lenet5'?")


def test_who_stops_reading_gets_no_complaint(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "clearprop", "data", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == CUT_OFF
