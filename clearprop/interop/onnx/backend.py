"""clearprop as a backend of the library `onnx`, by which its conformance is tested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from clearprop.interop.onnx.loading import load
from clearprop.interop.onnx.node import Empty
from clearprop.interop.onnx.session import InferenceSession


class PreparedModel(BackendRep):
    """A model that is ready to run."""

    def __init__(self, session: InferenceSession) -> None:
        self.session = session

    def run(self, inputs: object, **options: object) -> tuple[Any, ...]:
        """Return the outputs for some inputs, as arrays of NumPy."""
        given = inputs if isinstance(inputs, Sequence) else [inputs]
        outputs = self.session(*given)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(map(_as_numpy, outputs))


def _as_numpy(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_numpy(part) for part in value]
    if isinstance(value, Empty):
        return None
    return np.asarray(value) if isinstance(value, jax.Array) else value


class ClearpropBackend(Backend):
    """The backend; `prepare` and `run_model` are those of every backend."""

    @classmethod
    def prepare(
        cls, model: onnx.ModelProto, device: str = "CPU", **options: object
    ) -> PreparedModel:
        """Return a model that is ready to run.

        Raises:
            ModelError: an operator is not supported.
        """
        return PreparedModel(InferenceSession(load(model)))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Say whether a kind of device is supported."""
        return device.partition(":")[0] == "CPU"
