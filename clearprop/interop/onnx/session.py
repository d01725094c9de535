"""Inference with an imported model: one compiled program for each set of shapes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import jax
import numpy as np

from clearprop.interop.onnx.graph import HostArray
from clearprop.interop.onnx.imported import OnnxModel, given_by_name
from clearprop.interop.onnx.node import ValueNeededError

Key = tuple[object, ...]

MOST_BOUND = 64 << 20
"""Bytes of weights up to which they become constants of the compiled program."""


class InferenceSession:
    """A model that is compiled once for each set of input shapes, and then only runs.

    Inputs whose values decide shapes count as part of the shapes. A graph that cannot be compiled,
    since a shape depends on what is computed, runs operator by operator; `reason` says why.

    Args:
        model: its weights are those of the moment; a model that has learned more needs a new one.

    >>> session = InferenceSession(model)  # doctest: +SKIP
    >>> y = session(np.ones((1, 3, 224, 224), np.float32))  # doctest: +SKIP
    """

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self.reason: str | None = None
        self._needed = model.needed
        self._leaves, self._structure = jax.tree.flatten(model)
        self._programs: dict[Key, Callable[..., Any] | None] = {}

    def __call__(self, *inputs: object, **named: object) -> Any:
        """Return the outputs as arrays of JAX, or of NumPy where no program computes them.

        Raises:
            ModelError: an input is missing, or an operator cannot be computed.
            ShapeError: an input is not what the file declares.
        """
        given = given_by_name(self.model.plan, inputs, named)
        if not all(_is_array(value) for value in given.values()):
            return self.model(**given)
        fixed = {name: np.asarray(given[name]) for name in self._needed}
        moving = {name: value for name, value in given.items() if name not in fixed}
        key = _key_of(fixed, moving)
        with jax.enable_x64(True):
            if key not in self._programs:
                self._programs[key] = self._compiled(fixed, moving)
            program = self._programs[key]
            if program is not None:
                return program(moving)
        return self.model(**given)

    def _compiled(
        self, fixed: dict[str, HostArray], moving: dict[str, Any]
    ) -> Callable[..., Any] | None:
        def run(leaves: list[Any], given: dict[str, Any]) -> Any:
            model = cast(OnnxModel, jax.tree.unflatten(self._structure, leaves))
            return model(**given, **fixed)

        # Weights that are constants of the program are laid out for it once, and not at each call.
        bound = self._leaves if sum(leaf.nbytes for leaf in self._leaves) <= MOST_BOUND else None
        program = jax.jit(run if bound is None else functools.partial(run, bound))
        given = (moving,) if bound is not None else (self._leaves, moving)
        try:
            compiled = program.lower(*given).compile()
            if bound is not None:
                return compiled
            return functools.partial(compiled, self._leaves)
        except (ValueNeededError, TypeError) as error:
            if isinstance(error, TypeError) and "not a valid JAX type" not in str(error):
                raise
            self.reason = str(error)
            return None


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and np.dtype(value.dtype).kind not in "OUS"


def _key_of(fixed: dict[str, HostArray], moving: dict[str, Any]) -> Key:
    return (
        *((name, value.dtype.str, value.shape, value.tobytes()) for name, value in fixed.items()),
        *((name, np.dtype(v.dtype).name, tuple(v.shape)) for name, v in sorted(moving.items())),
    )
