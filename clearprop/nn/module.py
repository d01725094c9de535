"""`Module`: a layer or model as a frozen tree of arrays, layers and configuration.

`fields` defines the fields of a module, and `call` what a layer knows while its model is called.
This file joins the two: every ``__call__`` of a module runs inside a `Call`.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar, dataclass_transform

import jax
from jax.typing import DTypeLike

from clearprop import tree, user_code
from clearprop.autodiff.tape import capturing, strip
from clearprop.errors import ClearpropError, ModelError
from clearprop.nn import misuse
from clearprop.nn.call import Call, entered, under_way
from clearprop.nn.checks import room_for_values
from clearprop.nn.drawn_tree import drawn_tree
from clearprop.nn.fields import (
    Array,
    Parameter,
    Shardings,
    inferred_roles,
    is_configuration,
    ordered_keys,
    rebuild,
    register,
    roles,
    settled,
    static,
    statistic,
    values,
)
from clearprop.nn.frozen_draws import check_draws
from clearprop.nn.inference import check_defaults, check_instances, infer_roles, role_after

T = TypeVar("T")


class _ModuleType(type):
    """Decides the roles of a new module's fields, after which it refuses assignment."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        misuse.check_forward(cls, Module)
        try:
            module = super().__call__(*args, **kwargs)
        except TypeError as error:
            taught = misuse.wrong_arguments(cls, args, kwargs, error)
            if taught is None:
                raise
            raise taught from None
        except ClearpropError as error:
            if error.line is None and (place := user_code.of_caller()) is not None:
                error.line = str(place)
            raise
        infer_roles(module, Module)
        object.__setattr__(module, "_frozen", True)
        return module

    @property
    def __signature__(cls) -> inspect.Signature:
        """The arguments of the class, so that editors and `help` show them."""
        whole = inspect.signature(cls.__init__)  # type: ignore[misc]  # its own, by design
        return whole.replace(parameters=list(whole.parameters.values())[1:])


@dataclass_transform(field_specifiers=(static, statistic))
@dataclass(init=False, eq=False, repr=False)
class Module(metaclass=_ModuleType):
    """Base of every layer and model: a frozen JAX tree whose layers have paths.

    ``__init__`` assigns the fields, and ``__call__`` computes the output. A `Parameter` is trained,
    modules are layers, also in lists and dicts; an array is a constant, everything else is
    configuration.

    >>> from clearprop import nn, ops
    >>> class TwoLayers(nn.Module):
    ...     def __init__(self, units):
    ...         self.hidden = nn.Linear(2, units)
    ...         self.output = nn.Linear(units, 1)
    ...     def __call__(self, x):
    ...         return self.output(ops.tanh(self.hidden(x)))
    >>> model = TwoLayers(8).init(0)
    >>> sorted(model.parameters())
    ['hidden.bias', 'hidden.weight', 'output.bias', 'output.weight']

    Declarations are optional. With them and without an ``__init__``, a class gets one, as a
    dataclass does: ``hidden: nn.Linear`` in the class makes ``hidden`` its first argument.
    """

    classes: ClassVar[dict[str, type[Module]]] = {}
    """Every module class by the name under which saved models refer to it."""

    parameter_sharding: ClassVar[Shardings] = {}
    """Pattern of parameters -> what divides them on a mesh of devices; see `nn.sharding`."""

    _made_init: ClassVar[bool] = True
    """Whether ``__init__`` of the class comes from its declarations."""

    def __init_subclass__(cls, *, init: bool = True) -> None:
        """Make the class a dataclass and a JAX tree; it inherits an ``__init__`` of its bases.

        Args:
            init: False where ``__init__`` is inherited. Here that is seen anyway; type checkers
                need it.
        """
        super().__init_subclass__()
        check_defaults(cls)
        made = init and not any(
            "__init__" in vars(base) for base in cls.__mro__ if _writes_init(base)
        )
        dataclass(init=made, eq=False, repr=False)(cls)
        cls._made_init = made
        if "__call__" in cls.__dict__:
            cls.__call__ = _called(cls.__call__)  # type: ignore[method-assign]  # same signature
        Module.classes[class_name(cls)] = cls
        register(cls)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; every layer and model defines it."""
        raise ModelError(f"{type(self).__name__} does not define __call__")

    def __setattr__(self, name: str, value: object) -> None:
        if "_frozen" in self.__dict__:
            raise misuse.changed(self, name)
        check_instances(self, name, value, Module)
        object.__setattr__(self, name, settled(value))

    def __getattr__(self, name: str) -> Any:
        """An error; a word of another library is answered with ours."""
        found = inspect.getattr_static(type(self), name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)  # raises again what the property has raised
        raise misuse.missing_attribute(self, name, Module)

    def replace(self, **changes: object) -> Self:
        """Return a copy with some fields changed.

        >>> from clearprop import nn
        >>> nn.Dropout(0.5).replace(rate=0.1)
        Dropout(rate=0.1)
        """
        inferred = dict(inferred_roles(self))
        for name, value in changes.items():
            role = role_after(inferred.get(name), value, Module)
            if role is not None:
                inferred[name] = role
        return rebuild(type(self), {**values(self), **changes}, inferred)

    def parameters(self) -> dict[str, Array]:
        """Return the parameters by path; see `parameters`.

        >>> from clearprop import nn
        >>> {path: w.shape for path, w in nn.Linear(3, 2).parameters().items()}
        {'weight': (3, 2), 'bias': (2,)}
        """
        return parameters(self)

    def __str__(self) -> str:
        return drawn_tree(modules(self), parameters(self))

    def init(self, seed: int | Array = 0, *, dtype: DTypeLike | None = None) -> Self:
        """Return the model with initial values for every parameter that has no values yet.

        The random key of a parameter depends on the seed and on the parameter's path, so a layer
        keeps its initial values when layers before it are added or removed.

        Args:
            seed: a number or a JAX random key.
            dtype: of the parameters; None keeps the dtype of each `Parameter`.

        Raises:
            ModelError: a layer with parameters is at two places; it would become two layers. Or
                the layer is made while a model is called: it would be new at each call.
            ConfigurationError: the values do not fit into the memory.
        """
        key = jax.random.key(seed) if isinstance(seed, int) else seed
        if under_way() is not None:
            raise misuse.made_in_call(self)
        _check_places(self)
        if not isinstance(key, jax.core.Tracer):  # else shapes are computed, and no values
            room_for_values(type(self).__name__, parameters(self), dtype)

        def make(path: Any, leaf: Any) -> Any:
            if not isinstance(leaf, Parameter):
                return leaf
            path_key = jax.random.fold_in(key, zlib.crc32(tree.path_name(path).encode()))
            return leaf.initializer(path_key, leaf.shape, leaf.dtype if dtype is None else dtype)

        made: Self = _settle(self, jax.tree_util.tree_map_with_path(make, self))
        return made

    def after_init(self) -> Self:
        """Return the module after `init` has made its arrays.

        A layer overrides this where the initial values of one array depend on another array.
        """
        return self

    def __repr__(self) -> str:
        parts = [
            f"{name}={_brief(value)}" for name, value in values(self).items() if value is not None
        ]
        flat = f"{type(self).__name__}({', '.join(parts)})"
        if len(flat) <= 88 and "\n" not in flat:
            return flat
        body = ",\n".join(parts).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body},\n)"


class Hook(Protocol):
    """Receives every layer call as it ends: path, layer, inputs, output."""

    def __call__(
        self, path: str, module: Module, inputs: tuple[object, ...], output: object
    ) -> None:
        """Receive one call of a layer."""


_hook: contextvars.ContextVar[Hook | None] = contextvars.ContextVar("hook", default=None)


def apply(
    model: Module,
    *inputs: object,
    training: bool = False,
    key: Array | None = None,
    hook: Hook | None = None,
) -> tuple[Any, dict[str, Array]]:
    """Call a model and return its output with the new values of its statistics.

    Args:
        model: a module whose parameters have values.
        inputs: the inputs of the model.
        training: whether dropout drops and batch norm uses the batch's own statistics.
        key: a JAX random key, needed by layers that draw random numbers in training.
        hook: receives every layer call.

    Returns:
        ``(output, statistics)``; `tree.replace(model, statistics)` puts the new statistics into the
        model.

    Raises:
        ModelError: a parameter has no values yet, or a layer needs a key and there is none.

    >>> from clearprop import nn
    >>> import jax.numpy as jnp
    >>> y, statistics = apply(nn.BatchNorm(3).init(0), jnp.ones((8, 3)), training=True)
    >>> sorted(statistics)
    ['running_mean', 'running_variance']
    """
    call = Call(_names(model), training, key, watched=hook is not None)
    return _run(model, inputs, {}, call, hook), call.statistics


@contextlib.contextmanager
def forward_pass(
    model: Module, *, training: bool = False, key: Array | None = None, hook: Hook | None = None
) -> Iterator[Call]:
    """Enter one forward pass of a model whose parts are called in the block, in any order.

    `apply` is such a pass with one call, that of the whole model.

    Args:
        model: a module whose parameters have values.
        training: as of `apply`.
        key: as of `apply`.
        hook: receives every layer call.

    Raises:
        ModelError: a parameter has no values yet.

    >>> from clearprop import nn
    >>> import jax.numpy as jnp
    >>> pair = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm(2)).init(0)
    >>> with forward_pass(pair, training=True) as passed:
    ...     y = pair.layers[1](pair.layers[0](jnp.ones((8, 3))))
    >>> sorted(passed.statistics)
    ['layers.1.running_mean', 'layers.1.running_variance']
    """
    call = Call(_names(model), training, key, watched=hook is not None)
    with _entered(call, hook):
        yield call


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Hide the calls of layers in the block from the hook of the pass.

    It is for a gradient inside a pass, such as that of a penalty: its values are being
    differentiated, and a hook could not read them.
    """
    token = _hook.set(None)
    try:
        yield
    finally:
        _hook.reset(token)


def _run(
    model: Module,
    inputs: tuple[object, ...],
    options: dict[str, object],
    call: Call,
    hook: Hook | None = None,
) -> Any:
    if any(isinstance(strip(leaf), jax.core.Tracer) for leaf in jax.tree.leaves(inputs)):
        check_draws(layer for layer in modules(model).values() if not _is_own(type(layer)))
    with _entered(call, hook):
        return model(*inputs, **options)


@contextlib.contextmanager
def _entered(call: Call, hook: Hook | None) -> Iterator[None]:
    def note_copy(original: object, copy: object) -> None:
        # The layers of a copy with other values keep the paths of the original's.
        if isinstance(original, Module) and isinstance(copy, Module):
            pairs = zip(modules(copy).values(), modules(original).values(), strict=True)
            for layer, other in pairs:
                call.stand_in(layer, other)

    token = _hook.set(hook)
    try:
        with entered(call, note_copy):
            yield
    finally:
        _hook.reset(token)


def _names(model: Module) -> dict[int, str]:
    if not is_initialized(model):
        raise ModelError(
            f"the parameters of {type(model).__name__} have no values yet",
            fix="model = model.init(0), where 0 is the seed of the initial values",
        )
    return {id(module): path for path, module in reversed(modules(model).items())}


def _called(function: Callable[..., T]) -> Callable[..., T]:
    """Wrap a module's ``__call__`` so that everything inside it carries the layer's path."""

    @functools.wraps(function)
    def called(self: Module, *inputs: object, **options: object) -> T:
        call = under_way()
        if call is None:
            output: T = _run(self, inputs, options, Call(_names(self)))
            return output
        if call.active and call.active[-1] is self:  # a subclass calling super().__call__
            return function(self, *inputs, **options)
        if id(self) not in call.names and not is_initialized(self):
            raise misuse.made_in_call(self)
        output = call.run(function, self, inputs, options)
        if output is None:
            raise misuse.no_output(self, function, call.path_of(self))
        # A loop's body is traced, not run: a hook would receive no values.
        hook = _hook.get()
        if hook is not None and capturing.get() is None:
            call.options = options
            hook(call.path_of(self), self, inputs, output)
        return output

    return called


def class_name(cls: type[Module]) -> str:
    """Return the name under which saved models refer to a class."""
    return cls.__name__ if _is_own(cls) else f"{cls.__module__}.{cls.__qualname__}"


def _is_own(cls: type) -> bool:
    """Return whether a class is one of clearprop's."""
    return cls.__module__.startswith("clearprop.")


def parameters(model: Module) -> dict[str, Array]:
    """Return the parameters of a model by path: floating-point leaves that are not statistics.

    >>> from clearprop import nn
    >>> {path: w.shape for path, w in parameters(nn.Linear(3, 2).init(0)).items()}
    {'weight': (3, 2), 'bias': (2,)}
    """
    return {
        path: leaf for path, leaf, role in _leaves(model) if role == "parameter" and _learns(leaf)
    }


def statistics(model: Module) -> dict[str, Array]:
    """Return the arrays that training updates without learning them, by path."""
    return {path: leaf for path, leaf, role in _leaves(model) if role == "statistic"}


def is_initialized(model: Module) -> bool:
    """Return whether every parameter of the model has values."""
    return not any(isinstance(leaf, Parameter) for leaf in jax.tree.leaves(model))


def modules(model: Module) -> dict[str, Module]:
    """Return the model (path ``""``) and all layers in it by path, outer before inner."""
    found: dict[str, Module] = {}

    def visit(path: str, value: Any) -> None:
        if isinstance(value, Module):
            found[path] = value
        for name, child in _children(value):
            visit(f"{path}.{name}" if path else name, child)

    visit("", model)
    return found


def _learns(leaf: Any) -> bool:
    return isinstance(leaf, Parameter) or tree.is_differentiable(leaf) or hasattr(leaf, "tape")


def _leaves(value: Any, path: str = "", role: str = "parameter") -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Module):
        of_fields = roles(value)
    elif isinstance(value, tuple | list | dict):
        of_fields = {}
    else:
        if value is not None and not (role in ("mixed", "constant") and is_configuration(value)):
            yield path, value, "parameter" if role == "mixed" else role
        return
    for name, child in _children(value):
        of_child = role if role == "statistic" else of_fields.get(name, role)
        yield from _leaves(child, f"{path}.{name}" if path else name, of_child)


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Module):
        return [
            (name, getattr(value, name)) for name, role in roles(value).items() if role != "static"
        ]
    if isinstance(value, tuple | list):
        return [(str(i), child) for i, child in enumerate(value)]
    if isinstance(value, dict):
        return [(str(key), value[key]) for key in ordered_keys(value)]
    return []


def _writes_init(base: type) -> bool:
    """Return whether a class of modules has an ``__init__`` that someone has written."""
    is_module = base is not Module and issubclass(base, Module)
    return is_module and not vars(base).get("_made_init", False)


def _check_places(model: Module) -> None:
    seen: dict[int, str] = {}
    for path, module in modules(model).items():
        if id(module) in seen and parameters(module):
            raise ModelError(
                "one layer is at two places of the model, and would become two layers with "
                "different weights",
                where=path,
                given=f"the {type(module).__name__} is at {seen[id(module)]!r} too",
                fix="make a second layer; or, to share the weights, keep the layer in one field "
                "and call it twice",
            )
        seen[id(module)] = path


def _settle(before: Any, made: Any) -> Any:
    """Call `after_init` of every module that `init` has just completed, inner modules first."""
    if isinstance(made, Module):
        inner = {
            name: _settle(old, new)
            for (name, old), (_, new) in zip(_children(before), _children(made), strict=True)
        }
        settled = made.replace(**inner)
        return settled if is_initialized(before) else settled.after_init()
    if isinstance(made, tuple) and not hasattr(made, "_fields"):
        return tuple(_settle(old, new) for old, new in zip(before, made, strict=True))
    if isinstance(made, dict):
        return {name: _settle(before[name], made[name]) for name in made}
    return made


def _brief(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = ", no values yet" if isinstance(value, Parameter) else f" {value.dtype}"
        return f"<{'x'.join(map(str, value.shape)) or 'scalar'}{kind}>"
    if isinstance(value, tuple) and any(isinstance(child, Module) for child in value):
        inner = "\n".join(f"  {child!r},".replace("\n", "\n  ") for child in value)
        return f"(\n{inner}\n)"
    return getattr(value, "name", None) or repr(value)
