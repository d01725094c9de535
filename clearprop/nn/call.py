"""One call of a model: what goes in and comes out beside the arrays, by name.

While a model is called, every layer knows its path, whether it is in training, and its random key;
what layers learn on the side (running statistics) is collected by path. All of it enters and
leaves through `apply`; outside a call nothing is kept.
"""

from __future__ import annotations

import contextvars
import functools
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import jax

from clearprop.autodiff import layer_path, stop_gradient
from clearprop.autodiff.composite import rebuilt
from clearprop.autodiff.tape import capturing
from clearprop.errors import ClearpropError, ModelError
from clearprop.ops.scan import steps_under_way

if TYPE_CHECKING:
    from clearprop.nn.module import Module


class Hook(Protocol):
    """Is told of every layer call as it ends: path, layer, inputs, output."""

    def __call__(self, path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Take note of one layer's call."""


@dataclass
class Call:
    """The surroundings of one model call.

    Attributes:
        names: path of every layer, by the layer's identity.
        training: whether layers behave as in training (dropout, batch statistics).
        key: source of the random numbers of this call.
        statistics: new values of running statistics, by path.
        hook: is told of every layer call.
        options: what the layer that the hook is told of was given by name, such as a mask.
        active: the layers being called, outermost first.
        trail: the layers that have been passed, with their output shapes.
        stand_ins: layers made on the way, kept alive: the name of a dead one could pass to another.
    """

    names: dict[int, str]
    training: bool = False
    key: Any = None
    statistics: dict[str, Any] = field(default_factory=dict)
    hook: Hook | None = None
    options: dict[str, Any] = field(default_factory=dict)
    active: list[Module] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    stand_ins: list[Module] = field(default_factory=list)

    def path_of(self, module: Module) -> str:
        """Return a layer's path; a layer made on the way is named after its class."""
        if id(module) in self.names:
            return self.names[id(module)]
        return ".".join(part for part in (layer_path.get(), type(module).__name__) if part)

    def stand_in(self, layer: Module, other: Module) -> Module:
        """Let a layer made on the way be known by the path of the one it stands for."""
        self.names[id(layer)] = self.path_of(other)
        self.stand_ins.append(layer)
        return layer

    def rebuilt(self, original: Any, copy: Any) -> None:
        """Let the layers of a model's copy with other values be known by the original's paths."""
        from clearprop.nn.module import Module, modules  # module.py stands on this file

        if isinstance(original, Module):
            for layer, other in zip(
                modules(copy).values(), modules(original).values(), strict=True
            ):
                self.stand_in(layer, other)

    def update(self, module: Module, **statistics: Any) -> None:
        """Note new values of a layer's statistics, to be returned by `apply`."""
        path = self.path_of(module)
        for name, value in statistics.items():
            plain = stop_gradient(value).astype(getattr(module, name).dtype)
            self.statistics[f"{path}.{name}" if path else name] = plain

    def key_for(self, module: Module) -> Any:
        """Return a fresh random key for a layer; the same for the same call, path, use and step.

        In the body of a loop each step has a key of its own.
        """
        if self.key is None:
            raise ModelError(
                f"{type(module).__name__} draws random numbers in training and needs a key",
                where=self.path_of(module) or None,
                fix="nn.apply(model, x, training=True, key=jax.random.key(seed))",
            )
        path = self.path_of(module)
        uses = _uses.get()
        _uses.set({**uses, path: uses.get(path, 0) + 1})
        of_path = jax.random.fold_in(self.key, zlib.crc32(path.encode()))
        key = jax.random.fold_in(of_path, uses.get(path, 0))
        for step in steps_under_way():
            key = jax.random.fold_in(key, step)
        return key


_uses: contextvars.ContextVar[Mapping[str, int]] = contextvars.ContextVar(
    "uses", default=MappingProxyType({})
)
"""How many keys each layer of the call under way has drawn. It is no field of `Call` because what
traces a function twice (`scan`, `checkpoint`) must find it both times as it was."""

_current: contextvars.ContextVar[Call | None] = contextvars.ContextVar("call", default=None)


def current() -> Call:
    """Return the call that is under way; outside any, an evaluation that is dropped afterwards."""
    return _current.get() or Call({})


def apply(
    model: Module,
    *inputs: Any,
    training: bool = False,
    key: Any = None,
    hook: Hook | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Call a model and return its output with the new values of its statistics.

    Args:
        model: a module whose parameters have values.
        inputs: what the model takes.
        training: whether dropout drops and batch norm uses the batch's own statistics.
        key: a JAX random key, needed by layers that draw random numbers in training.
        hook: is told of every layer call.

    Returns:
        ``(output, statistics)``; `tree.replace(model, statistics)` is the model that goes on.

    >>> from clearprop import nn
    >>> import jax.numpy as jnp
    >>> y, statistics = apply(nn.BatchNorm(3).init(0), jnp.ones((8, 3)), training=True)
    >>> sorted(statistics)
    ['running_mean', 'running_variance']
    """
    return _run(model, inputs, {}, Call(_names(model), training, key, hook=hook))


def _run(
    model: Module, inputs: tuple[Any, ...], options: dict[str, Any], call: Call
) -> tuple[Any, dict[str, Any]]:
    token, uses, noting = _current.set(call), _uses.set({}), rebuilt.set(call.rebuilt)
    try:
        return model(*inputs, **options), call.statistics
    finally:
        _current.reset(token)
        _uses.reset(uses)
        rebuilt.reset(noting)


def _names(model: Module) -> dict[int, str]:
    from clearprop.nn.module import is_initialized, modules  # module.py stands on this file

    if not is_initialized(model):
        raise ModelError(
            f"the parameters of {type(model).__name__} have no values yet",
            fix="model = model.init(0), where 0 is the seed of the first values",
        )
    return {id(module): path for path, module in reversed(modules(model).items())}


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a module's ``__call__`` so that what happens inside is known by the layer's path."""

    @functools.wraps(function)
    def called(self: Module, *inputs: Any, **options: Any) -> Any:
        call = _current.get()
        if call is None:
            return _run(self, inputs, options, Call(_names(self)))[0]
        if call.active and call.active[-1] is self:  # a subclass calling super().__call__
            return function(self, *inputs, **options)
        if not call.active:
            call.trail.append(f"input {_shape(inputs[0])}" if inputs else "input")
        path = call.path_of(self)
        token = layer_path.set(path)
        call.active.append(self)
        try:
            output = function(self, *inputs, **options)
        except ClearpropError as error:
            if error.where is None:
                error.where = _label(path, self)
                error.trail = tuple(call.trail)
            raise
        except (TypeError, ValueError) as error:
            error.add_note(f"in {_label(path, self)}, after {' -> '.join(call.trail)}")
            raise
        finally:
            call.active.pop()
            layer_path.reset(token)
        call.trail.append(f"{_label(path, self)} {_shape(output)}")
        # A loop's body is traced, not run: it has no values to hear of.
        if call.hook is not None and capturing.get() is None:
            call.options = options
            call.hook(path, self, inputs, output)
        return output

    return called


def _label(path: str, module: Module) -> str:
    kind = type(module).__name__
    return f"{path} ({kind})" if path else kind


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if hasattr(value, "shape") else type(value).__name__
