"""Several runs side by side: the settings in which they differ, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.glass.wording import flat, without_folders
from clearprop.recipes.experiment import RECIPE
from clearprop.studio.problems import RequestError, plain
from clearprop.studio.runs.messages import ResultRow, RunComparison, RunSummary, SettingRow
from clearprop.studio.runs.reader import RunReader
from clearprop.training.comparison import differences

MOST_COMPARED = 6

Configuration = Mapping[str, Any]


def comparison_of(readers: Sequence[RunReader], summaries: Sequence[RunSummary]) -> RunComparison:
    """Return runs side by side.

    Raises:
        RequestError: they are too few or too many.
    """
    if not 2 <= len(readers) <= MOST_COMPARED:
        raise RequestError(
            400,
            "a comparison takes some runs",
            given=f"{len(readers)} runs",
            expected=f"2 to {MOST_COMPARED}",
        )
    configs = [reader.config for reader in readers]
    remarks = _remarks(configs, summaries)
    results = _results(readers, summaries)
    if remarks:  # a winner of an unfair contest is not marked
        results = [ResultRow(row.name, row.values, None) for row in results]
    return RunComparison(list(summaries), settings_table(configs), results, remarks)


def settings_table(configs: Sequence[Configuration]) -> list[SettingRow]:
    """Return the settings in which configurations differ.

    The values of a recipe come first, by the names that the command line takes. What the library
    was asked for in the end follows, as far as it says something else.

    >>> rows = settings_table([{"settings": {"epochs": 3}}, {"settings": {"epochs": 9}}])
    >>> rows
    [SettingRow(name='settings.epochs', values=['3', '9'], chosen=True)]
    """
    chosen: dict[str, list[str]] = {}
    values = [recipe_values(config) for config in configs]
    if all(found is not None for found in values):
        chosen = _different([dict(flat(found or {})) for found in values])
    typed = {name.rpartition(".")[2] for name in chosen}
    follows: dict[str, list[str]] = {}
    for name in dict.fromkeys(n for config in configs[1:] for n in differences(config, configs[0])):
        found = _different([_leaves(name, config) for config in configs])
        follows |= {n: texts for n, texts in found.items() if n.rpartition(".")[2] not in typed}
    rows = [SettingRow(name, texts, True) for name, texts in chosen.items()]
    return [*rows, *(SettingRow(name, texts, not chosen) for name, texts in follows.items())]


def recipe_values(config: Configuration) -> Mapping[str, Any] | None:
    """Return the values of the recipe that made a run; None where it was made in Python."""
    note = (config.get("notes") or {}).get(RECIPE)
    values = note.get("values") if isinstance(note, Mapping) else None
    return without_folders(dict(values)) if isinstance(values, Mapping) else None


def _leaves(name: str, config: Configuration) -> dict[str, str]:
    """Return one setting of a configuration as texts by dotted name."""
    value: Any = config
    for part in name.split(".", 1):
        value = value.get(part) if isinstance(value, Mapping) else None
    if name.startswith("model.structure"):  # its shapes say the same in fewer words
        return {"model": str(value.get("class")) if isinstance(value, Mapping) else ""}
    if name == "model.parameters" and isinstance(value, Mapping):
        return {path: _shape(entry) for path, entry in value.items()}
    return dict(flat({name: without_folders(value)}))


def _shape(entry: Any) -> str:
    try:
        return " x ".join(map(str, entry[0])) or "one number"
    except (TypeError, IndexError, KeyError):
        return str(entry)


def _different(columns: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    names = dict.fromkeys(name for column in columns for name in column)
    rows = {name: [column.get(name, "") for column in columns] for name in names}
    return {name: texts for name, texts in rows.items() if len(set(texts)) > 1}


def _results(readers: Sequence[RunReader], runs: Sequence[RunSummary]) -> list[ResultRow]:
    rows: list[tuple[str, list[float | None], bool | None]] = [
        ("objective", [one.objective for one in runs], True),
        ("training error", [one.training_error for one in runs], True),
        ("development error", [one.development_error for one in runs], True),
        ("least development error", [one.best_error for one in runs], True),
        ("its epoch", [one.best_epoch for one in runs], None),
        ("epochs", [one.epoch for one in runs], None),
        ("steps", [one.step for one in runs], None),
        ("training time in seconds", [one.seconds or None for one in runs], None),
        ("parameters", [one.parameters or None for one in runs], None),
    ]
    metrics = dict.fromkeys(name for one in readers for name in one.history.metrics)
    rows += [(name, [_last_metric(one, name) for one in readers], None) for name in metrics]
    return [
        ResultRow(str(plain(name)), values, _best(values) if has_best else None)
        for name, values, has_best in rows
        if any(value is not None for value in values)
    ]


def _last_metric(reader: RunReader, name: str) -> float | None:
    column = reader.history.metrics.get(name, np.zeros(0))
    finite = column[np.isfinite(column)]
    return float(finite[-1]) if len(finite) else None


def _best(values: Sequence[float | None]) -> int | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2 or min(known) == max(known):
        return None
    return values.index(min(known))


def _remarks(configs: Sequence[Configuration], runs: Sequence[RunSummary]) -> list[str]:
    found = []
    data = {(config.get("data") or {}).get("fingerprint") for config in configs}
    if len(data) > 1:
        found.append(
            "The runs have different training examples: their errors cannot be compared fairly."
        )
    if len({config.get("loss") for config in configs}) > 1:
        found.append("The runs minimize different losses: their objectives cannot be compared.")
    if len({one.error for one in runs}) > 1 or len({one.task for one in runs}) > 1:
        found.append("The errors of these runs are different measures.")
    return found
