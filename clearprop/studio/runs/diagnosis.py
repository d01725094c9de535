"""The diagnosis of a run for the page."""

from __future__ import annotations

from dataclasses import replace

from clearprop.data import Splits
from clearprop.glass.diagnosis.diagnose import diagnosis_of
from clearprop.glass.diagnosis.finding import Diagnosis
from clearprop.glass.diagnosis.trained import TrainedInFolder
from clearprop.studio.playground.findings import shown_finding
from clearprop.studio.problems import plain
from clearprop.studio.runs.messages import RunDiagnosis
from clearprop.studio.runs.place import RunPlace
from clearprop.studio.runs.reader import RunReader
from clearprop.training import load_model, load_preprocessor
from clearprop.training.run_folder import MODEL


def trained_in(reader: RunReader) -> TrainedInFolder:
    """Return what a diagnosis looks at, as far as it is read already; the model comes later."""
    return TrainedInFolder(
        None,
        reader.config,
        reader.history,
        reader.losses,
        reader.stopped,
        reader.non_finite,
        None,
    )


def diagnose_folder(
    place: RunPlace, trained: TrainedInFolder, data: Splits | None, version: int, remark: str
) -> RunDiagnosis:
    """Return what keeps a run from learning.

    Args:
        place: of the run.
        trained: what is known of it besides its model.
        data: of the run; None where it is not at hand.
        version: of the run.
        remark: why there is no data.

    Raises:
        CheckpointError: its model is damaged.
    """
    file = place.inside(MODEL)
    model = load_model(file) if file.is_file() else None
    preprocessor = load_preprocessor(file) if file.is_file() else None
    whole = replace(trained, model=model, preprocessor=preprocessor)
    return _shown(place.name, diagnosis_of(whole, data), version, data is not None, remark)


def _shown(name: str, found: Diagnosis, version: int, with_data: bool, remark: str) -> RunDiagnosis:
    return RunDiagnosis(
        run=name,
        version=version,
        ready=True,
        summary=_text(found.summary),
        findings=[shown_finding(one) for one in found],
        checked=_text(found.checked_text()),
        with_data=with_data,
        remark=_text(remark),
    )


def _text(text: str) -> str:
    return plain(text) or ""
