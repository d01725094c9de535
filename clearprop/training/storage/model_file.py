"""A trained model in one safetensors file: its arrays, architecture and preprocessor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp

from clearprop import (
    models,  # noqa: F401 - a file names its architecture by class: these are known then
    nn,
    tree,
)
from clearprop.data import Preprocessor
from clearprop.errors import CheckpointError, ModelError
from clearprop.files import content_errors, read_errors, write_output
from clearprop.nn import Module
from clearprop.training.storage.checkpoint import check_architecture, load_arrays, save_arrays

FORMAT = 1


def save(model: Module, path: Path | str, preprocessor: Preprocessor | None = None) -> None:
    """Write a model to a file, in one stroke; nothing in the file is ever executed.

    The header holds the architecture, where it can be written as plain data; a model with functions
    of the user's own inside is saved by its arrays, and loaded into a model that is like it.

    Args:
        model: with values in all its parameters.
        path: of the file, by custom ``.safetensors``.
        preprocessor: what turns raw inputs into the model's, to be kept with it.

    Raises:
        ModelError: a parameter has no values yet.
        RunError: the disk is full, or the place cannot be written.
    """
    save_arrays(Path(path), *_content(model, preprocessor), write_output)


def save_in_run(model: Module, path: Path, preprocessor: Preprocessor | None) -> None:
    """Write the model of a run into its folder, as `save` does; a link of that name is replaced.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    save_arrays(path, *_content(model, preprocessor))


def _content(
    model: Module, preprocessor: Preprocessor | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the record of a model's file."""
    if not nn.is_initialized(model):
        raise ModelError("the model has no values yet", fix="model.init(0), or fit it first")
    record: dict[str, Any] = {"format": FORMAT, "structure": None}
    try:
        record["structure"] = nn.to_structure(model)
    except ModelError as error:
        record["not_described"] = error.problem
    record["preprocessor"] = preprocessor.to_json() if preprocessor is not None else None
    return _arrays(model), record


def load_model(path: Path | str, like: Module | None = None) -> Module:
    """Return the bare model of a file; `clearprop.load` returns it with its preparation.

    Args:
        path: a file that `save` wrote, or the folder of a run that has ended.
        like: a model of the same architecture, for files that do not describe theirs.

    Raises:
        CheckpointError: the file is missing, damaged, or of another architecture.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(nn.Linear(2, 3).init(0), f"{folder}/model.safetensors")
    ...     load_model(f"{folder}/model.safetensors").weight.shape
    (2, 3)
    """
    file = _file(path)
    _check_form(file)
    arrays, record = load_arrays(file, foreign=True)
    if like is None:
        if record.get("structure") is None:
            reason, folder = record.get("not_described"), str(file.parent)
            raise CheckpointError(
                "the file does not describe its architecture",
                where=str(file),
                given="the weights of another program" if reason is None else str(reason),
                fix=f"cp.interop.huggingface.load({folder!r})"
                if (file.parent / "config.json").is_file() and reason is None
                else "load(path, like=model) with a model of the same architecture",
            )
        with content_errors(file, CheckpointError, "the architecture in the file is damaged"):
            like = nn.from_structure(record["structure"])
            assert like is not None
    # No initial values are made: a file may claim an architecture that no memory could hold.
    expected = _arrays(like)
    check_architecture(
        {name: (x.shape, x.dtype) for name, x in expected.items()},
        {name: (x.shape, x.dtype) for name, x in arrays.items()},
        str(file),
    )
    return tree.replace(like, {name: jnp.asarray(x) for name, x in arrays.items()})


def load_preprocessor(path: Path | str) -> Preprocessor | None:
    """Return the preprocessor that was saved with a model, or None.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    file = _file(path)
    _, record = load_arrays(file, foreign=True)
    text = record.get("preprocessor")
    return Preprocessor.from_json(str(text), str(file)) if text is not None else None


def _check_form(file: Path) -> None:
    """Raise where a file is one of `torch.save`: a zip archive or a pickle.

    Raises:
        CheckpointError: it is, or it is missing.
    """
    with read_errors(file, CheckpointError), file.open("rb") as opened:
        begins = opened.read(8)
    # The first bytes of a safetensors file are the length of its header.
    is_beyond = int.from_bytes(begins, "little") > file.stat().st_size
    if begins.startswith((b"PK\x03\x04", b"\x80")) and is_beyond:
        raise CheckpointError(
            "the file is no safetensors file; it may be one of torch.save",
            where=str(file),
            fix=f"cp.interop.pytorch.load_state_dict(model, {str(file)!r})",
        )


def _file(path: Path | str) -> Path:
    path = Path(path)
    return path / "model.safetensors" if path.is_dir() else path


def _arrays(model: Module) -> dict[str, Any]:
    return {path: x for path, x in tree.flatten_with_paths(model).items() if hasattr(x, "dtype")}
