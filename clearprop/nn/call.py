"""One call of a model, and what its layers know while it runs.

While a model is called, every layer knows its path, its random key, and whether it is in training.
The call collects the new values of running statistics by path. `apply` makes a `Call` and returns
these values. Outside a call they are not kept.

A call identifies a layer by its ``id``, so this file does not need `Module`.
"""

from __future__ import annotations

import contextvars
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

import jax

from clearprop.autodiff import layer_path, stop_gradient
from clearprop.autodiff.composite import rebuilt
from clearprop.autodiff.misuse import sharpen, taught
from clearprop.errors import ClearpropError, ModelError
from clearprop.nn.fields import Array
from clearprop.ops.scan import steps_under_way

Layer = TypeVar("Layer")
Output = TypeVar("Output")


@dataclass
class Call:
    """The state of one call of a model, which all its layers share.

    Attributes:
        names: path of every layer, by the layer's identity.
        training: whether layers behave as in training (dropout, batch statistics).
        key: source of the random numbers of this call.
        watched: whether a hook receives every layer call.
        statistics: new values of running statistics, by path.
        options: the arguments that the last layer got by name, such as a mask.
        active: the layers being called, outermost first.
        trail: the layers whose calls have ended, with their output shapes.
        stand_ins: layers made during the call. They are kept alive so that no later layer gets
            their identity.
    """

    names: dict[int, str]
    training: bool = False
    key: Array | None = None
    watched: bool = False
    statistics: dict[str, Array] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)
    active: list[object] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    stand_ins: list[object] = field(default_factory=list)

    def path_of(self, layer: object) -> str:
        """Return a layer's path; a layer made during the call is named after its class."""
        if id(layer) in self.names:
            return self.names[id(layer)]
        return ".".join(part for part in (layer_path.get(), type(layer).__name__) if part)

    def stand_in(self, layer: Layer, other: object) -> Layer:
        """Give a layer made during the call the path of the layer that it replaces."""
        self.names[id(layer)] = self.path_of(other)
        self.stand_ins.append(layer)
        return layer

    def update(self, layer: object, **statistics: Array) -> None:
        """Keep new values of a layer's statistics; `apply` returns them."""
        path = self.path_of(layer)
        for name, value in statistics.items():
            plain = stop_gradient(value).astype(getattr(layer, name).dtype)
            self.statistics[f"{path}.{name}" if path else name] = plain

    def key_for(self, layer: object) -> Array:
        """Return a fresh random key for a layer; the same for the same call, path, use and step.

        In the body of a loop each step has its own key.

        Raises:
            ModelError: the call has no key.
        """
        if self.key is None:
            raise ModelError(
                f"{type(layer).__name__} draws random numbers in training and needs a key",
                where=self.path_of(layer) or None,
                fix="nn.apply(model, x, training=True, key=jax.random.key(seed))",
            )
        path = self.path_of(layer)
        uses = _uses.get()
        _uses.set({**uses, path: uses.get(path, 0) + 1})
        of_path = jax.random.fold_in(self.key, zlib.crc32(path.encode()))
        key = jax.random.fold_in(of_path, uses.get(path, 0))
        for step in steps_under_way():
            key = jax.random.fold_in(key, step)
        return key

    def run(
        self,
        function: Callable[..., Output],
        layer: object,
        inputs: tuple[object, ...],
        options: dict[str, object],
    ) -> Output:
        """Return what a layer computes; errors and operations in it carry the layer's path."""
        if not self.active:
            self.trail.append(f"input {_shape(inputs[0])}" if inputs else "input")
        path = self.path_of(layer)
        label = f"{path} ({type(layer).__name__})" if path else type(layer).__name__
        token = layer_path.set(path)
        self.active.append(layer)
        try:
            output = function(layer, *inputs, **options)
        except Exception as error:
            told = self._told(error, label)
            if told is error:
                raise
            raise told from error
        finally:
            self.active.pop()
            layer_path.reset(token)
        self.trail.append(f"{label} {_shape(output)}")
        return output

    def _told(self, error: Exception, label: str) -> Exception:
        """Return an error with the layer and the user's line; ours in place of one of JAX."""
        found = error if isinstance(error, ClearpropError) else taught(error)
        if found is None:
            if isinstance(error, TypeError | ValueError):
                error.add_note(f"in {label}, after {' -> '.join(self.trail)}")
            return error
        sharpen(found)
        if found.where is None or found is not error:
            found.where = label
            found.trail = tuple(self.trail)
        return found


_uses: contextvars.ContextVar[Mapping[str, int]] = contextvars.ContextVar(
    "uses", default=MappingProxyType({})
)
"""How many keys each layer has drawn in this call. It is not a field of `Call`, because a function
that is traced twice (`scan`, `checkpoint`) must find the same numbers both times."""

_current: contextvars.ContextVar[Call | None] = contextvars.ContextVar("call", default=None)


def under_way() -> Call | None:
    """Return the current call, or None outside a call."""
    return _current.get()


def current() -> Call:
    """Return the current call; outside a call, a new one for evaluation."""
    return _current.get() or Call({})


@contextmanager
def entered(call: Call, note_copy: Callable[[object, object], None]) -> Iterator[None]:
    """Make a call the current one inside the block.

    Args:
        call: the call.
        note_copy: receives a model and its copy with other values, where `checkpoint` makes one.
    """
    tokens = _current.set(call), _uses.set({}), rebuilt.set(note_copy)
    try:
        yield
    finally:
        _current.reset(tokens[0])
        _uses.reset(tokens[1])
        rebuilt.reset(tokens[2])


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if hasattr(value, "shape") else type(value).__name__
