"""The files of a model's folder: its configuration and its weights.

config.json                                   what the model is
model.safetensors, or pytorch_model.bin       its weights; or several such files, and in
model.safetensors.index.json                  an index the file of each array
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from clearprop.errors import CheckpointError, ConfigurationError
from clearprop.files import read_json
from clearprop.interop.pytorch import read
from clearprop.interop.pytorch.layers import Numbers
from clearprop.training.storage.checkpoint import load_arrays

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


class FolderSettings(BaseModel):
    """What the configuration of every model may say; the rest of it changes no output."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    model_type: str = ""
    architectures: tuple[str, ...] | None = None


Kind = TypeVar("Kind", bound=FolderSettings)


def read_object(folder: Path, name: str) -> dict[str, Any]:
    """Return the object in a JSON file of the folder.

    Raises:
        CheckpointError: there is no such file, or it holds something else.
    """
    problem = "the configuration of the model is damaged"
    found = read_json(folder / name, CheckpointError, problem)
    if not isinstance(found, dict):
        raise CheckpointError(problem, where=str(folder / name), expected="an object")
    return found


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the configuration in a folder.

    Raises:
        CheckpointError: it is missing or damaged.
        ConfigurationError: it asks for code of its own, or for weights in another form.
    """
    found = read_object(folder, CONFIG)
    for name, what in (
        ("auto_map", "the model is computed by code in its folder, and no code of a folder is run"),
        ("quantization_config", "the weights are quantized, which is not read"),
    ):
        if found.get(name):
            raise ConfigurationError(what, where=str(folder / CONFIG), given=name)
    return found


def checked(kind: type[Kind], settings: Mapping[str, object], folder: Path) -> Kind:
    """Return a configuration with its kinds of values checked.

    Raises:
        CheckpointError: a value is of another kind.
    """
    try:
        # Of JSON, where a list may become a tuple; true is no number, and "768" neither.
        return kind.model_validate_json(json.dumps(dict(settings)))
    except ValidationError as error:
        first = error.errors()[0]
        raise CheckpointError(
            "the configuration of the model is damaged",
            where=str(folder / CONFIG),
            given=f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:160],
        ) from error


def refuse_unless(settings: FolderSettings, folder: Path, **known: object) -> None:
    """Raise where a setting has another value than the one that the model here computes.

    Raises:
        ConfigurationError: it is named.
    """
    for name, value in known.items():
        given = getattr(settings, name)
        if given != value:
            raise ConfigurationError(
                "this form of the model is not one of clearprop's",
                where=str(folder / CONFIG),
                given=f"{name}={given!r}"[:80],
                expected=f"{name}={value!r}",
            )


def read_weights(folder: Path) -> dict[str, Numbers]:
    """Return the arrays of a folder by their names.

    Raises:
        CheckpointError: there are none, or a file is damaged.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return _arrays(folder / name)
        if (folder / f"{name}.index.json").is_file():
            return _of_several(folder, f"{name}.index.json")
    raise CheckpointError(
        "the folder has no weights",
        where=str(folder),
        expected=" or ".join(WEIGHTS),
    )


def _of_several(folder: Path, index: str) -> dict[str, Numbers]:
    places = read_object(folder, index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(x, str) for x in places.values()):
        raise CheckpointError("the index of the weights is damaged", where=str(folder / index))
    found: dict[str, Numbers] = {}
    for name in sorted(set(places.values())):
        if Path(name).name != name or not name.endswith((".safetensors", ".bin")):
            raise CheckpointError(
                "the index names a file that is none of this folder's weights",
                where=str(folder / index),
                given=repr(name)[:80],
            )
        found |= _arrays(folder / name)
    if found.keys() != places.keys():
        other = sorted(found.keys() ^ places.keys())
        raise CheckpointError(
            "the files do not hold the arrays that their index names",
            where=str(folder / index),
            given=", ".join(other[:5]),
        )
    return found


def _arrays(file: Path) -> dict[str, Numbers]:
    if file.suffix == ".safetensors":
        return load_arrays(file, foreign=True)[0]
    found = read(file)
    return {name: value for name, value in found.items() if not isinstance(value, dict)}
