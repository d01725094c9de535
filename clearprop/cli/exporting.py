"""``clearprop export``: carry a trained model away as a file of ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.cli.output import say
from clearprop.cli.runs import existing_run, trained
from clearprop.data import Preprocessor
from clearprop.errors import ConfigurationError
from clearprop.files import write_errors
from clearprop.interop.onnx import save
from clearprop.training import load

SUFFIX = ".onnx"


def run_export(arguments: argparse.Namespace) -> int:
    """Write the model of a run with its preparation to a file of ONNX; return the exit code."""
    folder, path = existing_run(arguments.RUN), Path(arguments.FILE)
    if path.suffix != SUFFIX:
        raise ConfigurationError(
            "a file of ONNX ends in .onnx",
            where="clearprop export",
            given=str(path),
            fix=f"clearprop export {arguments.RUN} {path.with_suffix(SUFFIX)}",
        )
    _, preprocessor = trained(folder)
    with write_errors(path):
        save(load(folder), path, _example(preprocessor))
    rows = [f"onnx    {path}", f"input   {_described(preprocessor)}, as the run was given it"]
    if preprocessor.class_names is not None and preprocessor.task == "classification":
        rows.append(f"output  scores of {', '.join(preprocessor.class_names)}")
    say("\n".join(rows))
    return 0


def _example(preprocessor: Preprocessor) -> Any:
    """Return raw inputs with a batch of two, whose values do not matter."""
    if preprocessor.kind == "named":
        return {name: _example(part) for name, part in preprocessor.parts.items()}
    kinds = {"bytes": np.uint8, "tokens": np.int32}
    return np.zeros((2, *preprocessor.input_shape), kinds.get(preprocessor.kind, np.float32))


def _described(preprocessor: Preprocessor) -> str:
    if preprocessor.kind == "named":
        parts = preprocessor.parts.items()
        return "; ".join(f"{name}: {_described(part)}" for name, part in parts)
    shape = ", ".join(map(str, preprocessor.input_shape))
    return f"{preprocessor.kind} [batch, {shape}]"
