"""One pass through a model and back, with the output and the error signal of every layer.

Shape letters: B examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import unknown_name
from clearprop.nn.recording import LossLike, check_examples, record_model

Array = jax.Array
Numbers = NDArray[np.float32]

FORM = (nn.Flatten, nn.Reshape, nn.Dropout, nn.Sequential)
"""Layers that return their input as it is or in another shape, or only hold other layers."""


@dataclass(frozen=True, eq=False)
class LayerCapture:
    """One call of one layer: its output, and the error signal that came back to it.

    Attributes:
        path: of the layer; the model itself has ``""``.
        kind: the layer's class, or the activation's name.
        call: the number of the call of this layer in the pass, from 1.
        value: the output: an array, or a tree of arrays where a layer has several.
        error: dE/d output, shaped like the value; zeros where E does not depend on the output, None
            where there is no error signal (integers, values inside a compiled loop).
    """

    path: str
    kind: str
    call: int
    value: Any
    error: Any

    @property
    def name(self) -> str:
        """The path, with the number of a later call: ``activation#2``."""
        shown = self.path or self.kind
        return shown if self.call == 1 else f"{shown}#{self.call}"

    def __repr__(self) -> str:
        shape = "x".join(map(str, getattr(self.value, "shape", ())))
        return f"<{self.name} ({self.kind}) {shape}>"


@dataclass(frozen=True, eq=False)
class Capture:
    """One pass through a model and back.

    Attributes:
        objective: E, the mean loss of the examples.
        input: the model's input, and dE/d input where it is floating-point.
        layers: every call of every layer, in the order in which the calls ended: inner layers
            before the layer around them, the model itself last.
        gradients: dE/dw of every parameter, by path.
    """

    objective: Array
    input: LayerCapture
    layers: tuple[LayerCapture, ...]
    gradients: dict[str, Array]

    @property
    def output(self) -> Any:
        """The output of the model."""
        return self.layers[-1].value

    def __getitem__(self, name: str) -> LayerCapture:
        """Return a layer by its path, or one of its later calls by ``path#2``.

        Raises:
            ConfigurationError: there is no such layer; the nearest name is suggested.
        """
        known = {layer.name: layer for layer in self.layers} | {"": self.layers[-1]}
        if name not in known:
            raise unknown_name("layer", name, known)
        return known[name]

    def __iter__(self) -> Iterator[LayerCapture]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


jax.tree_util.register_dataclass(
    LayerCapture, data_fields=["value", "error"], meta_fields=["path", "kind", "call"]
)
jax.tree_util.register_dataclass(
    Capture, data_fields=["objective", "input", "layers", "gradients"], meta_fields=[]
)


def capture(model: nn.Module, x: object, y: Array, loss: LossLike) -> Capture:
    """Return every layer's output and error signal, and every gradient, for some examples.

    The error signal of an output h is dE/dh, where E is the mean loss of the examples. So with B
    examples, the error signal of each is 1/B of its error signal alone. The model is called as in
    evaluation, and needs no change.

    A capture is a JAX tree: under ``jax.jit`` (with ``static_argnums=3``) one compiled call
    computes the same numbers, and is faster for a model with many layers.

    Args:
        model: with values in its parameters.
        x: the model's input, (B, ...), or a tree of inputs; for one example B is 1.
        y: the targets, as the loss takes them.
        loss: the name of a loss, a `nn.Loss`, or a function (outputs, targets) -> values.

    Raises:
        ShapeError: the examples do not fit the model, or there are none.
        ModelError: the parameters have no values yet.
        ConfigurationError: an unknown loss.

    >>> from clearprop import nn
    >>> model = nn.Sequential([nn.Linear(2, 3), "tanh", nn.Linear(3, 1)]).init(0)
    >>> seen = capture(model, jnp.array([[0.35, 0.9]]), jnp.array([[0.5]]), "squared_error")
    >>> seen.layers
    (<layers.0 (Linear) 1x3>, <layers.1 (tanh) 1x3>, <layers.2 (Linear) 1x1>, <Sequential... 1x1>)
    >>> error = seen.output - 0.5  # of E = (y - t)^2 / 2
    >>> bool(jnp.allclose(seen["layers.2"].error, error))
    True
    >>> bool(jnp.allclose(seen["layers.1"].error, error @ model[2].weight.T))
    True
    """
    x = jax.tree.map(jnp.asarray, x)
    check_examples(model, x)
    made = record_model(model, x, y, loss)
    recording = made.recording
    outputs = [call.output for call in recording.calls]
    recording.sweep(made.objective, keep=(outputs, made.parameters, made.inputs))
    layers = [
        LayerCapture(c.path, c.kind, c.number, recording.value(c.output), recording.error(c.output))
        for c in recording.calls
    ]
    values, errors = recording.value(made.inputs), recording.error(made.inputs)
    return Capture(
        recording.value(made.objective),
        LayerCapture("input", "input", 1, values, errors),
        tuple(layers),
        recording.error(made.parameters),
    )


@dataclass(frozen=True, eq=False)
class LayerSignal:
    """The outputs and error signals of one call of a layer that holds no other layer.

    Attributes:
        label: the layer's path; with the layer before it, where the layer is called several times.
        path: of the layer.
        kind: the layer's class, or the activation's name.
        module: the layer; None for a layer that is made during the pass.
        value: the first of its outputs, (B, ...).
        error: dE/d output, (B, ...); None where there is none.
    """

    label: str
    path: str
    kind: str
    module: nn.Module | None
    value: Numbers
    error: Numbers | None

    @property
    def error_size(self) -> float:
        """Root mean square of the error signal; NaN where there is none."""
        if self.error is None:
            return float("nan")
        return float(np.sqrt(np.mean(np.square(self.error, dtype=np.float64))))


def inner_layers(model: nn.Module, seen: Capture) -> list[LayerSignal]:
    """Return the innermost layers in the order of their calls, without those of `FORM`.

    >>> model = nn.Sequential([nn.Flatten(), nn.Linear(2, 3), "tanh"]).init(0)
    >>> seen = capture(model, jnp.ones((1, 1, 2)), jnp.ones((1, 3)), "squared_error")
    >>> [layer.label for layer in inner_layers(model, seen)]
    ['layers.1', 'layers.2']
    """
    known = nn.modules(model)
    outer = outer_layers({layer.path for layer in seen})
    calls = Counter(layer.path for layer in seen)
    found, before = [], "the input"
    for layer in seen:
        module = known.get(layer.path)
        if layer.path in outer or isinstance(module, FORM) or not jax.tree.leaves(layer.value):
            continue
        path = layer.path or layer.kind
        label = path if calls[layer.path] == 1 else f"{path} after {before}"
        if not isinstance(module, nn.Activation):
            before = path
        # A layer that returns its state too has its output in the first place.
        value = plain(jax.tree.leaves(layer.value)[0])
        error = jax.tree.leaves(layer.error, is_leaf=lambda leaf: leaf is None)[0]
        error = None if error is None else plain(error)
        found.append(LayerSignal(label, layer.path, layer.kind, module, value, error))
    return found


def outer_layers(paths: Collection[str]) -> set[str]:
    """Return those of some layers' paths that hold others of them.

    >>> sorted(outer_layers(["", "layers.0", "layers.0.cell", "layers.1"]))
    ['', 'layers.0']
    """
    return {
        path
        for path in paths
        if any(inner != path and inner.startswith(f"{path}." if path else "") for inner in paths)
    }


def plain(array: Array) -> Numbers:
    """Return an array as a NumPy array; floating-point numbers become float32."""
    is_floating = jnp.issubdtype(array.dtype, jnp.floating)
    return np.asarray(array.astype(jnp.float32) if is_floating else array)


# It runs only a few times, so optimizing it takes longer than it saves.
compiled_capture = jax.jit(
    capture, static_argnums=3, compiler_options={"xla_backend_optimization_level": 0}
)
"""`capture` as one compiled call, cached by the model's structure, the shapes and the loss."""
