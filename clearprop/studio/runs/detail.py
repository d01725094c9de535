"""One run in full: its settings, its final numbers, what is damaged, and what it can show."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from clearprop.errors import ClearpropError, RunError
from clearprop.files import read_errors
from clearprop.glass.wording import flat, without_folders
from clearprop.recipes.study import RESULTS
from clearprop.studio.problems import plain
from clearprop.studio.runs.films.catalog import films_of
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.films.models import RunFacts
from clearprop.studio.runs.messages import NamedNumber, RunDetail, RunSummary
from clearprop.studio.runs.place import REPORT, RunPlace
from clearprop.studio.runs.reader import RunReader
from clearprop.studio.runs.summary import resume_command
from clearprop.training.run_folder import MODEL

LARGEST_RESULTS = 2**20

MOST_RELATED = 50

HIDDEN = ("initial_values", "model", "checksum", "format", "machine", "plan", "preprocessor")
"""Parts of a configuration that say nothing to a reader, or are shown elsewhere."""


def facts_of(reader: RunReader) -> RunFacts:
    """Return what films need to know of a run."""
    stopped, history = reader.stopped, reader.history
    last = None
    if stopped is not None and (reader.place.path / MODEL).is_file():
        last = stopped.step
        if stopped.best_epoch is not None:  # the model has the weights of this epoch
            at = history.step[history.epoch == stopped.best_epoch]
            last = int(at[-1]) if len(at) else None
    return RunFacts(reader.place, reader.config, last)


def detail_of(
    states: KeptStates,
    reader: RunReader,
    summary: RunSummary,
    others: Sequence[RunSummary],
) -> RunDetail:
    """Return one run in full.

    Args:
        states: of all runs.
        reader: of the run.
        summary: of the run.
        others: all runs of the list.
    """
    facts, trouble = facts_of(reader), reader.non_finite
    best = summary.best_epoch
    best_steps = reader.history.step[reader.history.epoch == best].tolist()
    same = [
        one
        for one in others
        if one.name != summary.name and one.model == summary.model and one.last_step > 0
    ]
    same.sort(key=lambda one: (one.recipe != summary.recipe, -(one.started or 0.0)))
    forks = [one.name for one in others if one.parent == summary.name]
    related = dict.fromkeys([*([summary.parent] if summary.parent else []), *forks])
    related |= dict.fromkeys(one.name for one in same)
    return RunDetail(
        summary=summary,
        results=_results(reader.place),
        configuration=_configuration(reader.config),
        machine=_machine(reader.config),
        damage=list(reader.damage),
        report=_has(reader.place, REPORT),
        model=_has(reader.place, MODEL),
        readable=reader.problem is None,
        films=[] if reader.is_study or reader.problem else films_of(states, facts),
        best_step=best_steps[-1] if best_steps else None,
        stopped_step=trouble.step if trouble is not None else None,
        resume=str(plain(resume_command(summary.name))),
        forks=forks,
        compared=list(related)[:MOST_RELATED],
    )


def _results(place: RunPlace) -> list[NamedNumber]:
    try:
        file = place.inside(RESULTS)
        with read_errors(file, RunError):
            if not file.is_file() or file.stat().st_size > LARGEST_RESULTS:
                return []
            found = json.loads(file.read_bytes())
    except (ClearpropError, ValueError, RecursionError):
        return []
    return [
        NamedNumber(str(plain(str(name))), float(x) if math.isfinite(x) else None)
        for name, x in (found.items() if isinstance(found, dict) else ())
        if isinstance(x, int | float) and not isinstance(x, bool)
    ]


def _configuration(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = {name: value for name, value in config.items() if name not in HIDDEN}
    return flat(without_folders(shown))


def _machine(config: Mapping[str, Any]) -> str:
    found = config.get("machine")
    if not isinstance(found, Mapping):
        return ""
    devices, cores = found.get("devices"), found.get("cores")
    kind = f"{devices} x {found.get('kind')}" if found.get("platform") != "cpu" else ""
    parts = [kind or f"{cores} cores", f"JAX {found.get('jax')}", f"Python {found.get('python')}"]
    return ", ".join([*parts, str(found.get("system"))])


def _has(place: RunPlace, name: str) -> bool:
    try:
        return place.inside(name).is_file()
    except ClearpropError:
        return False
