"""From an ONNX file to a model: names become paths, weights become parameters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax

from clearprop.errors import ClearpropError, ModelError
from clearprop.interop.onnx.folding import fold
from clearprop.interop.onnx.functions import expanded
from clearprop.interop.onnx.graph import graph_to_text
from clearprop.interop.onnx.imported import OnnxModel
from clearprop.interop.onnx.learned import learned_names
from clearprop.interop.onnx.parsing import parse
from clearprop.interop.onnx.placing import place
from clearprop.interop.onnx.reading import read_proto

if TYPE_CHECKING:
    import onnx


DAMAGES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError,
           NotImplementedError)  # fmt: skip
"""What Python raises where a file holds something else than its rules say."""


def load(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto,
    *,
    parameters: str | Sequence[str] = (),
    constants: str | Sequence[str] = (),
) -> OnnxModel:
    """Return the model of an ONNX file, which runs, trains and is explained like any other.

    A constant of the file becomes a parameter if it holds floats and an operator reads it as a
    weight (such as the kernel of a Conv or the matrix of a MatMul), or adds it to or multiplies it
    with what is computed; all other constants stay fixed. The running averages of a
    BatchNormalization are not trained.

    Names become paths: the weight ``features.0.weight`` is the parameter of that path, and the
    node that reads it is the layer ``features.0``.

    A file that `save` has written says which constants are parameters.

    Args:
        source: a file, its bytes, or a model of the library `onnx`.
        parameters: names or patterns (``*`` stands for anything) of constants to be trained.
        constants: names or patterns of constants that stay fixed.

    Raises:
        DataError: the file is missing or no ONNX model.
        ModelError: the model is damaged, or an operator is not supported.

    Source: the Open Neural Network Exchange, https://onnx.ai/onnx.
    """
    chosen = _patterns(parameters), _patterns(constants)
    proto = read_proto(source)
    try:
        parsed = parse(expanded(proto))
        learned = learned_names(proto)
        with jax.enable_x64(True):
            graph, layers = fold(parsed, learned or ())
            graph, parts = place(graph, layers, *chosen, learned)
            return OnnxModel(graph_to_text(graph), **parts).init(0)
    except ClearpropError:
        raise
    except DAMAGES as error:
        # The rules of ONNX leave much open, such as a text that is no UTF-8.
        is_path = isinstance(source, str | os.PathLike)
        raise ModelError(
            f"the model is damaged: {error!r}"[:300],
            where=str(source) if is_path else "the model",
            fix="export it again, or copy the file again",
        ) from error


def _patterns(given: str | Sequence[str]) -> tuple[str, ...]:
    patterns = (given,) if isinstance(given, str) else tuple(given)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise ModelError("a pattern is a text, such as 'encoder.*'", given=repr(given))
    return patterns
