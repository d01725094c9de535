"""The options of data: they can be typed as messages print them, and their effect is said."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clearprop.cli.datasets import options_given
from clearprop.data import LoadOptions
from clearprop.errors import ConfigurationError
from clearprop.recipes import find_recipe
from clearprop.recipes.choice import DataSource
from clearprop.recipes.recipe import Recipe
from clearprop.training.comparison import compare
from tests.cli.conftest import Command, is_clear

QUICK = ("--no-report", "--set", "epochs=1", "--set", "hidden_sizes=4")
ROWS = 40


def table(*columns: list[str], names: str = "x,z,y") -> None:
    """Write ``t.csv``; without a further column the target is a number."""
    cells = [*columns, [str(row * 37 + 1005) for row in range(ROWS)]]
    text = io.StringIO()
    csv.writer(text).writerow(names.split(","))
    csv.writer(text).writerows(zip(*cells, strict=True))
    Path("t.csv").write_text(text.getvalue(), encoding="utf-8")


def repeated(*cells: str) -> list[str]:
    return [cells[row % len(cells)] for row in range(ROWS)]


def typed(message: str) -> list[list[str]]:
    """Return the options that a message prints, each as the words of a command line."""
    words = shlex.split(" ".join(re.findall(r"fix: .*|note .*", message)).replace("'s", "s"))
    return [
        [word, value] for word, value in itertools.pairwise(words) if word in ("--set", "--target")
    ]


COUNTED = [str(row) for row in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (("1,234", "5,678"), 2),
        (("1,234", "1.234"), 2),
        (("12 %", "0.5"), 2),
        (("1.5", "2.5", "oops"), 2),
        (("1.5", "2.5", "it's $5; or 6"), 2),
        (("03/04/2024", "05/06/2024"), 2),
        (("2024-04-03", "2024-04-31", "2024-04-05"), 2),
    ],
)
def test_what_a_refusal_prints_can_be_typed(
    clearprop: Command, cells: tuple[str, ...], count: int
) -> None:
    table(repeated(*cells), COUNTED, names="the x,z,y")
    refused = clearprop("train", "mlp", *QUICK, "--data", "t.csv", "--target", "y")
    assert is_clear(refused, "column 'the x'")
    fix = next(line for line in refused.err.splitlines() if "fix:" in line)
    options = [shlex.split(part) for part in re.findall(r"--set (?:'(?:[^']|'\"'\"')*'|\S+)", fix)]
    assert len(options) >= count
    for option in options:
        answer = clearprop("data", "show", "t.csv", "--target", "y", *option)
        assert answer.code == 0, (option, answer)
        assert "refused" not in answer.out


def test_names_that_the_shell_would_split(clearprop: Command) -> None:
    names = [f"person {row}" for row in range(ROWS)]
    for header in ("the name", "name,first", "na[m]e", "it's", 'a "name"', "$name", "a;b"):
        table(names, COUNTED, names="x,z,y")
        text = Path("t.csv").read_text().partition("\n")[2]
        quoted = header.replace('"', '""')
        Path("t.csv").write_text(f'"{quoted}",z,y\n{text}')
        refused = clearprop("data", "show", "t.csv", "--target", "y")
        assert is_clear(refused, "nearly all texts")
        fix = next(line for line in refused.err.splitlines() if "fix:" in line)
        (option,) = [
            shlex.split(part.strip()) for part in re.findall(r"(--set .*?) leaves out", fix)
        ]
        answer = clearprop("data", "show", "t.csv", "--target", "y", *option)
        assert answer.code == 0, answer
        assert re.search(rf"{re.escape(header)} +left out", answer.out)


def test_a_target_is_printed_as_it_can_be_typed(clearprop: Command) -> None:
    table(COUNTED, COUNTED, names="x,z,the y")
    refused = clearprop("train", "mlp", *QUICK, "--data", "t.csv")
    assert is_clear(refused, "--target 'the y'")
    assert clearprop("data", "show", "t.csv", "--target", "the y").code == 0


# --- every option has one name everywhere --------------------------------------------------------


def test_the_options_of_data_are_those_of_python() -> None:
    python = set(LoadOptions.__annotations__) - {"columns", "class_names", "transparency"}
    assert set(DataSource.model_fields) - {"name"} == python


# --- what is said --------------------------------------------------------------------------------


def test_train_says_what_the_columns_were_taken_for(clearprop: Command, tmp_path: Path) -> None:
    days = [f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)]
    ages = ["-999" if row % 9 == 0 else str(20 + row) for row in range(ROWS)]
    table(days, ages, repeated("a", "b"), names="day,age,kind,y")
    answer = clearprop(
        *("train", "mlp", "--data", "t.csv", "--target", "y", "--folder", "run"),
        *("--set", "epochs=1", "--set", "hidden_sizes=4"),
    )
    assert answer.code == 0, answer
    for line in (
        r"day +date +as year, month, day of week, day of year",
        r"age +number +-999 to 59",
        r"kind +2 categories +a, b",
        r"y +target +1005 to",
        r"note +column 'age': -999 stands in 5 cells.*--set data\.na_values=-999",
    ):
        assert re.search(line, answer.out), (line, answer.out)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert any(line.startswith("day") for line in config["notes"]["columns"])
    assert "2 categories" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    (option,) = re.findall(r"(--set data\.na_values=\S+)", answer.out)
    again = clearprop("data", "show", "t.csv", "--target", "y", *option.split())
    assert "5 missing" in again.out
    assert "note" not in again.out
    new = Path("new.csv")
    new.write_text("kind,age,day\nc,30,2024-05-01\na,,2024-05-02\n", encoding="utf-8")
    answer = clearprop("predict", "run", "--input", "new.csv")
    assert answer.code == 0
    assert len(answer.out.splitlines()) == 3
    assert "1 of 2 cells of column 'kind' were not seen in training" in answer.err
    assert "'c'" in answer.err
    assert "1 of 2 cells of column 'age' are missing" in answer.err
    new.write_text("kind,age,day,y\nc,30,2024-05-01,0.5\na,31,2024-05-02,1.5\n", encoding="utf-8")
    for command in ("predict", "evaluate"):
        answer = clearprop(command, "run", "--data", "new.csv", "--target", "y")
        assert answer.code == 0, answer
        assert "'kind' were not seen in training" in answer.err
    new.write_text('kind,age,day,y\na,30,2024-05-01,"1,234"\na,31,2024-05-02,"2,345"\n')
    refused = clearprop("evaluate", "run", "--data", "new.csv", "--target", "y")
    assert is_clear(refused, "--set data.thousands=,")
    answer = clearprop(
        *("evaluate", "run", "--data", "new.csv", "--target", "y", "--set", "data.thousands=,")
    )
    assert answer.code == 0
    assert is_clear(clearprop("evaluate", "run", "--set", "data.thousands=,"), "goes with --data")
    new.write_text("kind,age,day,y\na,77,2024-05-01,5\na,31,2024-05-02,6\n", encoding="utf-8")
    other = ("--data", "new.csv", "--target", "y", "--set")
    assert (
        "1 of 2 cells of column 'age' are missing"
        in clearprop("evaluate", "run", *other, "data.na_values=77").err
    )
    for option in ("categorical=age", "numeric=kind", "ignore=age", "dayfirst=true"):
        for command in ("evaluate", "predict"):
            refused = clearprop(command, "run", *other, f"data.{option}")
            assert is_clear(refused, "has no effect on a trained model")
    assert is_clear(
        clearprop("evaluate", "run", "--data", "new.csv", "--set", "epochs=3"), "data.KEY=VALUE"
    )


@pytest.mark.slow
def test_encoding_and_lines_above_the_header_are_stored(clearprop: Command) -> None:
    table(repeated("Köln", "Ulm"), COUNTED)
    text = Path("t.csv").read_text(encoding="utf-8")
    Path("t.csv").write_bytes(f"Städte\r\n{text}".encode("cp1252"))
    train = ("train", "mlp", *QUICK, "--data", "t.csv", "--target", "y", "--folder", "run")
    options: list[str] = []
    for problem in ("not UTF-8", "a title stands above"):
        refused = clearprop(*train, *options)
        assert is_clear(refused, problem)
        options += re.search(r"(--set) (data\.(?:encoding|skiprows)=\S+)", refused.err).groups()  # type: ignore[union-attr]  # a fix without the option fails here
    assert options[1::2] == ["data.encoding=cp1252", "data.skiprows=1"]
    assert clearprop(*train, *options).code == 0
    for command in ("report", "explain", "evaluate", "diagnose"):
        answer = clearprop(command, "run")
        assert answer.code == 0, answer
    assert clearprop("resume", "run", "--no-report").code == 0
    Path("new.csv").write_bytes("Städte\nx,z\nKöln,3\n".encode("cp1252"))
    answer = clearprop("predict", "run", "--input", "new.csv")
    assert answer.code == 0
    assert "not seen" not in answer.err
    for encoding in ("cp1252", "utf-8"):
        Path("new.csv").write_bytes("Städte\nx,z,y\nKöln,3,7\nUlm,4,8\n".encode(encoding))
        answer = clearprop("evaluate", "run", "--data", "new.csv", "--target", "y")
        assert answer.code == 0, answer
        assert "not seen" not in answer.err


def test_a_study_says_what_the_columns_were_taken_for(clearprop: Command) -> None:
    table([f"{row},5" for row in range(ROWS)], names="x,y")
    answer = clearprop(
        *("train", "approximate", "--data", "t.csv", "--target", "y", "--no-report"),
        *("--set", "steps=2", "--set", "widths=1", "--set", "units=relu"),
    )
    assert answer.code == 0, answer
    assert re.search(r"x +number +0\.5 to 39\.5, mean 20, decimal ','", answer.out)


@pytest.mark.slow
def test_categories_that_only_held_out_rows_have_are_said(clearprop: Command) -> None:
    table([*repeated("a", "b")[:-1], "rare"], COUNTED)
    said = []
    for seed in range(4):
        answer = clearprop(
            *("train", "mlp", *QUICK, "--data", "t.csv", "--target", "y"),
            *("--set", f"seed={seed}", "--set", "data.test=0.4"),
        )
        assert answer.code == 0
        said.append("'rare'" in answer.out and "not seen in training" in answer.out)
    assert any(said)
    assert not all(said)


def test_a_table_of_many_columns_is_summarised(clearprop: Command) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (ROWS, 300))
    names = ",".join(f"p{i}" for i in range(300))
    lines = [",".join(map(str, row)) + f",{i % 2}" for i, row in enumerate(rows)]
    Path("t.csv").write_text("\n".join([f"{names},y", *lines]) + "\n")
    answer = clearprop("train", "mlp", *QUICK, "--data", "t.csv", "--target", "y")
    assert answer.code == 0
    assert "300 columns  number  p0, p1" in answer.out
    assert len(answer.out.splitlines()) < 25


def test_a_table_is_shown_without_a_target(clearprop: Command) -> None:
    table(repeated("1,234"), [f"name {row}" for row in range(ROWS)])
    answer = clearprop("data", "show", "t.csv")
    assert answer.code == 0
    assert re.search(r"x +refused +it is not known which mark", answer.out)
    assert re.search(r"z +refused +nearly all texts", answer.out)
    assert "--set data.thousands=," in answer.out
    assert "--set data.ignore=z" in answer.out
    answer = clearprop("data", "show", "t.csv", *("--set", "data.ignore=x,z"))
    assert re.search(r"z +left out +ignore names it", answer.out)
    assert "refused" not in answer.out
    assert is_clear(clearprop("data", "show", "t.csv", "--set", "data.ignor=x"), "mean 'ignore'")
    assert "classes" in clearprop("data", "show", "iris").out


def test_one_option_for_several_columns(clearprop: Command) -> None:
    names = [f"name {row}" for row in range(ROWS)]
    ages = ["-999" if row % 9 == 0 else str(20 + row) for row in range(ROWS)]
    years = ["9999" if row % 9 == 0 else str(1990 + row) for row in range(ROWS)]
    table(names, names[::-1], ages, years, names="a,b,age,year,y")
    answer = clearprop("data", "show", "t.csv")
    (note,) = re.findall(r"note +(for several columns at once.*)", answer.out)
    typed_options = re.findall(r"--set (data\.(?:ignore|na_values)=\S+?),?(?: |$)", note)
    assert typed_options == ["data.ignore=a,b", "data.na_values=-999,9999"]
    sets = [word for option in typed_options for word in ("--set", option)]
    answer = clearprop("data", "show", "t.csv", *sets)
    assert "refused" not in answer.out
    assert "note" not in answer.out


def test_a_space_can_be_the_mark_of_thousands(clearprop: Command) -> None:
    table(repeated("1 234", "5"), names="x,y")
    for value, code in ((" ", 0), ("x", 2)):
        answer = clearprop(
            *("data", "show", "t.csv", "--target", "y", "--set", f"data.thousands={value}")
        )
        assert answer.code == code
    assert options_given(["data.thousands= "], None) == {"thousands": " "}


def test_what_a_run_stored_of_its_columns_decides(
    clearprop: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2024-01-{row % 4 + 1:02}" for row in range(ROWS)]
    marks = repeated("#N/A", "b", "c")
    table(days, repeated("5 %", "7 %"), marks, COUNTED, names="day,share,mark,n,y")
    rates = repeated("10 %", "20 %", "30 %")
    text = Path("t.csv").read_text(encoding="utf-8").splitlines()
    lines = [f"{line},{cell}" for line, cell in zip(text, ["rate", *rates], strict=True)]
    Path("t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # An earlier version took all of these texts for categories.
    earlier = ("", "na", "n/a", "nan", "null", "?")
    with monkeypatch.context() as patch:
        patch.setattr("clearprop.data.guess.MISSING_MARKS", earlier)
        answer = clearprop(
            *("train", "mlp", "--data", "t.csv", "--target", "rate", "--folder", "run"),
            *("--set", "data.categorical=day,share,mark", "--set", "epochs=2", "--no-report"),
            *("--set", "hidden_sizes=4"),
        )
    assert answer.code == 0, answer
    config = Path("run", "config.json")
    record = json.loads(config.read_text())
    record["notes"]["recipe"]["values"]["data"]["categorical"] = []
    del record["notes"]["columns"], record["checksum"]
    for column in record["preprocessor"]["columns"]:
        column.pop("reading", None)
    config.write_text(json.dumps(record))
    for command in (
        ("report", "run"),
        ("explain", "run", "--example", "0"),
        ("evaluate", "run"),
        ("resume", "run", "--no-report"),
    ):
        answer = clearprop(*command)
        assert answer.code == 0, answer


def test_runs_of_an_earlier_version(clearprop: Command) -> None:
    days = [f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(ROWS)]
    table(days, names="day,y")
    options = ("--set", "epochs=2", "--set", "hidden_sizes=4", "--no-report")
    for name in ("t.csv", "digits"):
        target = ("--target", "y") if name == "t.csv" else ("--set", "data.test=0.8")
        answer = clearprop(
            *("train", "mlp", "--data", name, *target, *options, "--folder", name.partition(".")[0])
        )
        assert answer.code == 0, answer
    config = Path("t", "config.json")
    record = json.loads(config.read_text())
    record["data"]["fingerprint"] = 1
    del record["checksum"]
    config.write_text(json.dumps(record))
    assert is_clear(clearprop("evaluate", "t"), "the data has changed")
    config = Path("digits", "config.json")
    record = json.loads(config.read_text())
    assert record["preprocessor"].pop("transparency") == "white"
    del record["checksum"]
    config.write_text(json.dumps(record))
    answer = clearprop("resume", "digits", "--no-report")
    assert answer.code == 0, answer
    now = {"preprocessor": {"transparency": "white"}}
    compare(now, {"preprocessor": {}}, "run")
    with pytest.raises(ConfigurationError, match="the configuration that it began with"):
        compare(now, {"preprocessor": {"transparency": "dropped"}}, "run")


# --- pictures ------------------------------------------------------------------------------------


def pictures() -> None:
    for name in ("a", "b"):
        Path("p", name).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8 + number % 2))
            Image.fromarray(pixels.astype(np.uint8)).save(f"p/{name}/{number}.png")


def test_the_size_of_mixed_pictures_can_be_typed_as_it_is_printed(clearprop: Command) -> None:
    pictures()
    refused = clearprop("train", "mlp", *QUICK, "--data", "p")
    assert is_clear(refused, "pictures differ in size", "8 x 9 pixels")
    (option,) = typed(refused.err)
    assert option == ["--set", "data.size=8x8"]
    for text in ("8x8", "8 x 8", "(8, 8)", "[8, 8]", "8,8", "8", "8×8"):
        answer = clearprop("data", "show", "p", "--set", f"data.size={text}")
        assert "8x8x1 of uint8" in answer.out, (text, answer)
    assert "6x10x1" in clearprop("data", "show", "p", "--set", "data.size=6x10").out
    for text in ("0", "8x", "8x8x8", "-8", "big"):
        assert is_clear(clearprop("data", "show", "p", "--set", f"data.size={text}"), "size")
    answer = clearprop("train", "mlp", *QUICK, "--data", "p", *option, "--set", "data.channels=3")
    assert answer.code == 0, answer
    resumed = clearprop("resume", "runs/mlp-1", "--no-report")
    assert resumed.code == 0, resumed


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_channels_can_be_chosen(clearprop: Command, channels: int) -> None:
    pictures()
    answer = clearprop(
        *("data", "show", "p", "--set", "data.size=8", "--set", f"data.channels={channels}")
    )
    assert f"8x8x{channels} of uint8" in answer.out, answer


@pytest.mark.parametrize(
    ("recipe", "key", "text", "value"),
    [("alexnet", "groups", "1", 1), ("perceptron", "batch_size", "1", 1)],
)
def test_choices_that_are_numbers_are_read_from_text(
    recipe: str, key: str, text: str, value: int
) -> None:
    kind = find_recipe(recipe)
    assert issubclass(kind, Recipe)
    assert getattr(kind.of({key: text}), key) == value
