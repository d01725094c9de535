"""Inference with an imported model: one compiled program for each set of shapes."""

from __future__ import annotations

import functools
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import jax
import numpy as np

from clearprop.backend import jit_convolutions
from clearprop.interop.onnx.graph import HostArray
from clearprop.interop.onnx.imported import OnnxModel, given_by_name
from clearprop.interop.onnx.layouts import without_transpositions
from clearprop.interop.onnx.loading import load
from clearprop.interop.onnx.node import ValueNeededError
from clearprop.training.execution_plan import workload

if TYPE_CHECKING:
    import onnx

Key = tuple[object, ...]

MOST_BOUND = 64 << 20
"""Bytes of weights up to which they become constants of the compiled program."""

FEWEST_CONVOLVED = 10_000_000
"""From this many operations in convolutions on, oneDNN is faster in spite of its calls."""

MOST_NEEDED = 4096
"""Bytes of inputs whose values decide shapes; larger ones, such as pictures, differ each time."""

MOST_PROGRAMS = 16
"""The programs that were used last are kept."""


class InferenceSession:
    """A model that is compiled once for each set of input shapes, and then only runs.

    Inputs whose values decide shapes count as part of the shapes. A graph that cannot be compiled,
    since a shape depends on what is computed, runs operator by operator; `reason` says why.

    Args:
        model: its weights are those of the moment; a model that has learned more needs a new one.
            A file, its bytes, or a model of the library `onnx` is loaded first.

    >>> session = InferenceSession(model)  # doctest: +SKIP
    >>> y = session(np.ones((1, 3, 224, 224), np.float32))  # doctest: +SKIP
    """

    def __init__(self, model: OnnxModel | str | os.PathLike[str] | bytes | onnx.ModelProto) -> None:
        model = model if isinstance(model, OnnxModel) else load(model)
        self.model = model
        self.reason: str | None = None
        self._needed = model.needed
        self._leaves, self._structure = jax.tree.flatten(model)
        self._programs: OrderedDict[Key, Callable[..., Any]] = OrderedDict()
        self._open: set[Key] = set()

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
        shapes = _shapes_of({**fixed, **moving})
        if shapes in self._open or sum(x.nbytes for x in fixed.values()) > MOST_NEEDED:
            return self.model(**given)
        key = (shapes, *(value.tobytes() for value in fixed.values()))
        with jax.enable_x64(True):
            program = self._programs.get(key) or self._compiled(fixed, moving)
            if program is None:
                self._open.add(shapes)
                return self.model(**given)
            self._programs[key] = program
            self._programs.move_to_end(key)
            if len(self._programs) > MOST_PROGRAMS:
                self._programs.popitem(last=False)
            return program(moving)

    def _compiled(
        self, fixed: dict[str, HostArray], moving: dict[str, Any]
    ) -> Callable[..., Any] | None:
        def run(leaves: list[Any], given: dict[str, Any]) -> Any:
            model = cast(OnnxModel, jax.tree.unflatten(self._structure, leaves))
            return model(**given, **fixed)

        # Weights that are constants of the program are laid out for it once, and not at each call.
        bound = self._leaves if sum(leaf.nbytes for leaf in self._leaves) <= MOST_BOUND else None
        function = run if bound is None else functools.partial(run, bound)
        given = (moving,) if bound is not None else (self._leaves, moving)
        try:
            # Traced by another function: JAX keeps traces, and that by oneDNN is another one.
            work = workload(functools.partial(function), *given)
            jit: Any = jit_convolutions if work.convolved >= FEWEST_CONVOLVED else jax.jit
            compiled: jax.stages.Compiled
            compiled = jit(without_transpositions(function)).lower(*given).compile()
            return compiled if bound is not None else functools.partial(compiled, self._leaves)
        except ValueNeededError as error:
            self.reason = str(error)
            return None


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and np.dtype(value.dtype).kind not in "OUS"


def _shapes_of(given: dict[str, Any]) -> Key:
    return tuple(
        (name, np.dtype(x.dtype).name, tuple(x.shape)) for name, x in sorted(given.items())
    )
