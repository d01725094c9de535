"""One run of the benchmark: it is trained, diagnosed, and mended as the first finding says."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from benchmarks.diagnosis import mends
from benchmarks.diagnosis.cases import Case, names_fault
from benchmarks.diagnosis.setting import Outcome
from clearprop import diagnose
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis import Diagnosis
from clearprop.training import load_model
from clearprop.training.run_folder import MODEL

ON_REQUEST = ("unsuitable_optimizer",)
"""Kinds that are looked for by short trainings, where they are asked for."""


def diagnosed(case: Case, folder: Path, warned: list[str] | None = None) -> dict[str, Any]:
    """Make a run and return its diagnosis as plain data.

    Args:
        case: the run.
        folder: where it is written, or was before.
        warned: what `fit` warned of, for a run that was trained before.
    """
    setting, began = case.setting, time.perf_counter()
    done = setting.run(folder)
    trained = time.perf_counter()
    found = _diagnosis(case, done)
    ended = time.perf_counter()
    row: dict[str, Any] = {
        "name": case.name,
        "kind": case.kind,
        "number": case.number,
        "sensible": done.refusal is None and setting.is_sensible(folder),
        "faults": [f.kind for f in found.faults] if found is not None else [],
        "notes": [f.kind for f in found.notes] if found is not None else [],
        "said": [f"{f.weight:.2f} {f.place}: {f.sentence}" for f in found or ()],
        "refusal": str(done.refusal or ""),
        "named": done.refusal is not None and names_fault(case.kind, str(done.refusal)),
        "warnings": done.warnings or warned or [],
        "seconds": [round(trained - began, 2), round(ended - trained, 2), 0.0],
    }
    if case.kind and mends.can_be_repaired(case.kind, case.number):
        row |= _mended(case, done, found)
    row["seconds"][2] = round(time.perf_counter() - ended, 2)
    return row


def _diagnosis(case: Case, done: Outcome) -> Diagnosis | None:
    """Return the findings about a run; None where it was refused, so that there is no run."""
    if done.refusal is not None:
        return None
    loss = case.setting.objective
    asked = {"trials": True} if case.kind in ON_REQUEST else {}
    return diagnose(done.folder, done.train, loss if callable(loss) else None, dev=done.dev,
                    **asked)  # fmt: skip


def _mended(case: Case, done: Outcome, found: Diagnosis | None) -> dict[str, Any]:
    """Follow the first finding, and return what came of it."""
    setting = case.setting
    is_trained = (done.folder / MODEL).is_file()
    broken = setting.error(load_model(done.folder), setting.truth()) if is_trained else math.nan
    row: dict[str, Any] = {"broken": broken, "mended": math.nan, "repaired": False, "why": ""}
    first = next(iter(found), None) if found is not None else None
    if found is not None and first is None:
        return row | {"why": "nothing was found"}
    try:
        run, after = mends.followed(setting, done, first)
    except (ClearpropError, SyntaxError) as error:
        return row | {"why": f"{type(error).__name__}: {error}"}
    mended = mends.mended_error(case.kind, setting, run, after)
    repaired = mends.is_repaired(case.kind, setting, broken, run, after)
    return row | {"mended": mended, "repaired": repaired}
