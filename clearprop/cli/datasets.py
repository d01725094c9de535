"""``clearprop data list`` and ``clearprop data show``: list the data sets, or describe one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from clearprop import data
from clearprop.cli.output import say
from clearprop.data import TakenColumn
from clearprop.data.catalog import options_of
from clearprop.data.columns import taken_lines, taken_notes
from clearprop.errors import ConfigurationError, Fix, for_shell, one_of, option
from clearprop.recipes.choice import DataSource
from clearprop.recipes.columns import aligned
from clearprop.recipes.configuration import assigned


def run_list(arguments: argparse.Namespace) -> int:
    """List the data sets; return the exit code."""
    rows = [("name", "kind", "examples x shape", "licence")]
    rows += [(row.name, row.kind, row.size, row.licence) for row in data.list()]
    say("\n".join(aligned(rows)))
    say()
    say("Files and folders do as well: tables (.csv, .tsv, .parquet), arrays (.npz), texts (.txt),")
    say("pictures in a folder for each class, idx files in a folder.")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Describe a data set; return the exit code."""
    chosen = options_given(arguments.values, arguments.target)
    name = arguments.NAME
    is_table = "target" in options_of(name, chosen) and not {"window", "horizon", "text"} & {
        *chosen
    }
    if is_table and "target" not in chosen:
        taken = data.columns_of(name, **chosen)
        say(f"{name}: a table; --target NAME chooses the column to predict")
        say_columns(taken)
    else:
        for line in data.describe(data.load(name, **chosen)).lines():
            say(for_shell(line))
    return 0


def options_given(values: Sequence[str], target: str | None) -> dict[str, Any]:
    """Return the options of ``--set data.KEY=VALUE`` and ``--target`` for `data.load`.

    Raises:
        ConfigurationError: a text is no assignment, a key is not one of the data, or a value cannot
            be used.
    """
    given = assigned([*values, *([f"data.target={target}"] if target is not None else [])])
    of_data = given.pop("data", {})
    if given or not isinstance(of_data, dict):
        raise ConfigurationError(
            "only options of the data can be set here",
            where="--set",
            given=next(iter(given), "data"),
            expected="data.KEY=VALUE, such as data.decimal=,",
        )
    return DataSource.of(of_data, where="--set").options()


def say_columns(taken: Sequence[TakenColumn], notes: Sequence[str] = ()) -> None:
    """Print what the columns of a table were taken for, and notes about the data."""
    if taken:
        say("\n".join(["columns", *(f"  {line}" for line in taken_lines(taken))]))
    for note in (*taken_notes(taken), *notes, *_together(taken)):
        say(f"note    {for_shell(note)}")


def _together(taken: Sequence[TakenColumn]) -> list[str]:
    """Return a note with one option for all columns whose notes name it; it is given only once."""
    found: dict[str, list[str]] = {}
    for column in taken:
        for named in (
            part for note in column.notes if isinstance(note, Fix) for part in note.options
        ):
            if isinstance(named.value, list):
                found.setdefault(named.name, []).extend(named.value)
    several = {name: list(dict.fromkeys(values)) for name, values in found.items()}
    options = [option(name, values) for name, values in several.items() if len(values) > 1]
    return ["for several columns at once: " + one_of(options)] if options else []
