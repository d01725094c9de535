"""One pass through a model and back, with everything that the layers saw kept.

Shape letters: B examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from clearprop import nn, tree
from clearprop.autodiff import Tape, Traced, sweep
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.transforms import Variables
from clearprop.errors import ModelError, ShapeError, unknown_name

Array = jax.Array


@dataclass(frozen=True, eq=False)
class LayerCapture:
    """One call of one layer: what came out, and the error signal that came back to it.

    Attributes:
        path: of the layer; the model itself has ``""``.
        kind: the layer's class, or the activation's name.
        call: which use of the layer in this pass, from 1: one activation may serve many places.
        value: the output, an array, or a tree of arrays where a layer has several.
        error: dE/d output, shaped like the value; zeros where the output does not reach E, None
            where it can carry no error (integers, what happens inside a compiled loop).
    """

    path: str
    kind: str
    call: int
    value: Any
    error: Any

    @property
    def name(self) -> str:
        """The path, with the number of the call where it is not the first: ``activation#2``."""
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
            before the layer that they stand in, the model itself last.
        gradients: dE/dw of every parameter, by path.
    """

    objective: Array
    input: LayerCapture
    layers: tuple[LayerCapture, ...]
    gradients: dict[str, Array]

    @property
    def output(self) -> Any:
        """What the model answered."""
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


def capture(
    model: nn.Module, x: Any, y: Any, loss: str | nn.Loss | Callable[[Any, Any], Any]
) -> Capture:
    """Return every layer's output and error signal, and every gradient, for some examples.

    The error signal of an output h is dE/dh, where E is the mean loss of the examples given: for
    one example its loss, for B examples each one's share is 1/B of what it would be alone. The
    model is called as in evaluation, and needs no change.

    A capture is a JAX tree: under ``jax.jit`` (with ``static_argnums=3``) the same numbers come out
    of one compiled call, the faster way for a model of many layers.

    Args:
        model: with values in its parameters.
        x: the model's input, (B, ...); for one example B is 1.
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
    if not nn.is_initialized(model):
        raise ModelError("the parameters have no values yet", fix="model = model.init(0)")
    x = jax.tree.map(jnp.asarray, x)
    if any(leaf.ndim == 0 or not len(leaf) for leaf in jax.tree.leaves(x)):
        raise ShapeError(
            "a batch of examples is needed",
            given=f"an input of shape {tuple(jax.tree.leaves(x)[0].shape)}",
            fix="add the batch axis: x[None]",
        )
    tape = Tape()
    heard: list[tuple[str, str, Any]] = []

    def listen(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        heard.append((path, kind_of(module), output))

    try:
        with teach_misuse():
            weights = Variables(tape, nn.parameters(model))
            given = Variables(tape, x)
            boxed = tree.replace(model, weights.tree)
            output, _ = nn.apply(boxed, given.tree, hook=listen)
            objective = nn.find_loss(loss)(output, y)
    finally:
        tape.closed = True
    return _swept(tape, objective, weights, given, heard)


def _swept(
    tape: Tape,
    objective: Any,
    weights: Variables[Any],
    inputs: Variables[Any],
    heard: list[tuple[str, str, Any]],
) -> Capture:
    outputs = [leaf for _, _, output in heard for leaf in jax.tree.leaves(output)]
    keep = {(v.node, v.output) for v in outputs if _is_on(tape, v)}
    keep |= {place for v in (weights, inputs) for place in v.places if place is not None}
    errors: dict[tuple[int, int], Any] = {}
    if _is_on(tape, objective):
        errors = sweep(tape, [(objective, jnp.ones((), objective.dtype))], keep=keep)
        objective = objective.value

    def error(leaf: Any) -> Any:
        if not _is_on(tape, leaf):
            return None
        arrived = errors.get((leaf.node, leaf.output))
        return jnp.zeros(leaf.shape, leaf.dtype) if arrived is None else arrived

    layers, calls = [], dict[str, int]()
    for path, kind, output in heard:
        calls[path] = calls.get(path, 0) + 1
        value = jax.tree.map(_plain, output)
        layers.append(LayerCapture(path, kind, calls[path], value, jax.tree.map(error, output)))
    given = LayerCapture(
        "input", "input", 1, jax.tree.map(_plain, inputs.tree), inputs.gradient(errors)
    )
    return Capture(objective, given, tuple(layers), weights.gradient(errors))


def kind_of(module: nn.Module) -> str:
    """Return what a layer is called: its class, or the activation that it applies."""
    function = getattr(module, "function", None)
    return getattr(function, "name", None) or type(module).__name__


def _is_on(tape: Tape, value: Any) -> bool:
    return type(value) is Traced and value.tape is tape


def _plain(value: Any) -> Any:
    return value.value if type(value) is Traced else value


# Run once or a few times: optimizing it would take longer than it saves.
compiled_capture = jax.jit(
    capture, static_argnums=3, compiler_options={"xla_backend_optimization_level": 0}
)
"""`capture` as one compiled call, cached by the model's structure, the shapes and the loss."""
