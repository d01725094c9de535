"""The files of a run, of a search and of a class as formats that are damaged.

Their checksums are taken away where they can be, so that the damage reaches the code behind them:
an attacker, or an earlier version, would have written the file so.
"""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.trust.formats import Format


@functools.cache
def _run() -> Path:
    """Train a small run once in this process, and return its folder."""
    from clearprop.recipes.experiment import prepare

    folder = Path(tempfile.mkdtemp()) / "run"
    values = {"data": {"name": "iris"}, "hidden_sizes": "3", "epochs": 2}
    prepare("mlp", values).train(folder=folder, progress=False)
    return folder


def _copied(*names: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for name in names:
            found = _run() / name
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, place)

    return make


def _without_checksum(folder: Path) -> None:
    config = json.loads((_run() / "config.json").read_text(encoding="utf-8"))
    del config["checksum"]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _config(folder: Path) -> object:
    from clearprop.recipes.experiment import of_run
    from clearprop.training.execution_plan import of_config
    from clearprop.training.run_config import read_config
    from clearprop.training.without_targets import reported_loss

    config = read_config(folder)
    return reported_loss(config), of_config(config, str(folder)), of_run(config, str(folder))


def _account(folder: Path) -> object:
    from clearprop import training

    record = training.read_run(folder)
    return record.history.as_csv(), record.losses.sum()


def _model(folder: Path) -> object:
    from clearprop import training

    return training.load(folder / "model.safetensors")


def _arrays_alone(folder: Path) -> None:
    import safetensors.numpy

    from clearprop.training.storage.checkpoint import load_arrays

    arrays, _ = load_arrays(_run() / "model.safetensors")
    safetensors.numpy.save_file(arrays, folder / "model.safetensors")


def _into_another(folder: Path) -> object:
    from clearprop import training

    like: Any = training.load_model(_run())
    return training.load_model(folder / "model.safetensors", like=like)


def _structure(folder: Path) -> None:
    from clearprop.training.storage.checkpoint import load_arrays

    _, record = load_arrays(_run() / "model.safetensors")
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")


def _of_structure(folder: Path) -> object:
    """Write a whole file with a damaged record, and read it."""
    from clearprop import training
    from clearprop.errors import DataError
    from clearprop.files import read_json
    from clearprop.training.storage.checkpoint import load_arrays, save_arrays

    record = read_json(folder / "record.json", DataError, "the record is damaged")
    if not isinstance(record, dict):
        raise DataError("the record is damaged", where=str(folder))
    arrays, _ = load_arrays(_run() / "model.safetensors")
    save_arrays(folder / "model.safetensors", arrays, record)
    return training.load(folder / "model.safetensors")


def _checkpoint(folder: Path) -> None:
    file = max((_run() / "checkpoints").iterdir())
    (folder / "checkpoints").mkdir()
    shutil.copy(file, folder / "checkpoints" / file.name)


def _latest(folder: Path) -> object:
    from clearprop.training.storage.checkpoint import Checkpoints

    return Checkpoints(folder / "checkpoints").latest()


def _class(folder: Path) -> None:
    from clearprop.glass.equations.classroom import write_class

    write_class(folder / "class", "network", 7, ["Ada", "Alan"])
    file = folder / "class" / "class.json"
    about = json.loads(file.read_text(encoding="utf-8"))
    del about["checksum"]
    file.write_text(json.dumps(about), encoding="utf-8")


def _marks(folder: Path) -> object:
    from clearprop.glass.equations.classroom import mark_class

    return mark_class(folder / "class").csv


RUN_FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("config", _without_checksum, _config),
        Format("config-checked", _copied("config.json"), _config),
        Format("events", _copied("config.json", "events.jsonl", "losses.f32"), _account),
        Format("model", _copied("model.safetensors"), _model),
        Format("model-record", _structure, _of_structure),
        Format("model-arrays", _arrays_alone, _into_another),
        Format("checkpoint", _checkpoint, _latest),
        Format("class", _class, _marks),
    )
}
"""The formats of files that clearprop writes for itself."""
