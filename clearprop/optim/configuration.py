"""The configuration of optimizers and schedules: a name and its options, as plain data.

`named` fills the table behind `create`, `to_config` and `from_config`. A function that it decorates
is found by its name, and the optimizer or schedule that it makes remembers the arguments.
"""

from __future__ import annotations

import functools
import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ParamSpec, SupportsIndex, TypeVar, cast

import jax
import numpy as np

from clearprop import elsewhere
from clearprop.arguments import (
    UnknownArgumentError,
    call_of,
    names_of,
    too_many,
    unknown_argument,
)
from clearprop.errors import ConfigurationError, kind_of, unknown_name

P = ParamSpec("P")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Configured:
    """Base of optimizers and schedules: remembers the name and the options that made it.

    Attributes:
        name: the function in the table that made it; None for one made by hand.
        options: the arguments of that function, defaults included.
    """

    name: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)

    def to_config(self) -> dict[str, object]:
        """Return the configuration as JSON-ready data, from which `from_config` rebuilds this.

        Raises:
            ConfigurationError: a part was made by hand, and functions cannot be written to a
                file.
        """
        if self.name is None:
            raise _unrecordable(f"an unnamed {type(self).__name__}")
        return {"name": self.name, **{key: _encode(x) for key, x in self.options.items()}}

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        """Copies and pickles are made again by name, as the functions inside have none."""
        if self.name is None:
            return cast("tuple[Any, ...]", super().__reduce_ex__(protocol))
        return _made_again, (self.name, dict(self.options))

    def __repr__(self) -> str:
        if self.name is None:
            return f"{type(self).__name__}(...)"
        values = [
            ", ".join(map(repr, value))
            if key == "parts" and isinstance(value, tuple)
            else f"{key}={value!r}"
            for key, value in self.options.items()
        ]
        return f"{self.name}({', '.join(values)})"


T = TypeVar("T", bound=Configured)


@dataclass(frozen=True)
class _Builder:
    kind: str
    build: Callable[..., Configured]
    signature: inspect.Signature


_BUILDERS: dict[str, _Builder] = {}


def named(kind: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator that registers a function under its name.

    Args:
        kind: what the function makes, for error messages, such as ``optimizer``.
    """

    def decorate(build: Callable[P, T]) -> Callable[P, T]:
        name, signature = build.__name__, inspect.signature(build)

        @functools.wraps(build)
        def remembering(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                raise _wrong_arguments(name, signature, args, kwargs) from None
            bound.apply_defaults()
            try:
                made = build(*args, **kwargs)
            except ConfigurationError as error:
                option = (error.where or "").rpartition(".")[2]
                error.where = f"{name}.{option}" if option in signature.parameters else name
                raise
            # An optimizer does not change, so it keeps a list of options as a tuple.
            given = bound.arguments.items()
            options = {key: tuple(x) if isinstance(x, list) else x for key, x in given}
            return replace(made, name=name, options=MappingProxyType(options))

        if name in _BUILDERS:
            raise ConfigurationError(
                f"the name {name!r} is taken", fix="give the function another name"
            )
        _BUILDERS[name] = _Builder(kind, remembering, signature)
        return remembering

    return decorate


def _wrong_arguments(
    name: str, signature: inspect.Signature, args: Sequence[object], given: Mapping[str, object]
) -> UnknownArgumentError:
    """Return the error about arguments that an optimizer or a schedule does not take."""
    known = names_of(signature)
    called = f"optim.{name}" if not _is_schedule(name) else f"optim.schedules.{name}"
    words = {
        word: ours
        for word, ours in elsewhere.OPTIMIZER_ARGUMENTS.items()
        if ours.partition("=")[0] in known or ours.startswith(("leave it out", "optim."))
    }
    if (unknown := next((one for one in given if one not in known), None)) is not None:
        return unknown_argument(called, unknown, known, words)
    if (twice := next((one for one in known[: len(args)] if one in given), None)) is not None:
        fix = f"{called}({twice}={given[twice]!r})" if "learning_rate" in known else None
        return UnknownArgumentError(
            f"{called} is given {twice!r} twice",
            given=f"{kind_of(args[known.index(twice)])}, and {twice}={given[twice]!r}",
            expected=call_of(called, signature),
            fix=fix and f"{fix}; state = optimizer.init(parameters)",
        )
    return too_many(called, signature, args, given) or UnknownArgumentError(
        f"{called} was called with too few arguments", expected=call_of(called, signature)
    )


def _is_schedule(name: str) -> bool:
    return name in _BUILDERS and _BUILDERS[name].kind == "schedule"


def names(kind: str) -> list[str]:
    """Return the registered names of one kind, sorted."""
    return sorted(name for name, builder in _BUILDERS.items() if builder.kind == kind)


def options_of(name: str) -> list[str]:
    """Return the options that a name takes, in the order of its signature.

    Raises:
        ConfigurationError: the name is not registered.
    """
    return list(_find(name).signature.parameters)


def build(name: str, options: Mapping[str, object], expected: type[T]) -> T:
    """Return the optimizer or schedule of a name and its options.

    Raises:
        ConfigurationError: an unknown name or option (the nearest known one is suggested), an
            option that is missing, a value out of its range, or a name of another kind.
    """
    builder = _find(name)
    parameters = builder.signature.parameters
    for option in options:
        if option not in parameters:
            raise unknown_name("option", option, parameters, where=name)
    for option, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and option not in options:
            raise ConfigurationError(
                f"the option {option!r} is missing",
                where=name,
                given=", ".join(options) or "no options",
                expected=f"{name}{builder.signature}",
            )
    args: list[object] = []
    kwargs: dict[str, object] = {}
    for option, value in options.items():
        if parameters[option].kind is inspect.Parameter.VAR_POSITIONAL:
            args += cast(Sequence[object], value)
        else:
            kwargs[option] = value
    made = builder.build(*args, **kwargs)
    if not isinstance(made, expected):
        raise ConfigurationError(
            f"{name!r} makes a {type(made).__name__.lower()}",
            expected=f"the name of a function that makes a {expected.__name__.lower()}",
        )
    return made


def _made_again(name: str, options: Mapping[str, object]) -> Configured:
    return build(name, options, Configured)


def rebuild(config: Mapping[str, object], expected: type[T]) -> T:
    """Return the optimizer or schedule that `Configured.to_config` recorded.

    Raises:
        ConfigurationError: the configuration has no name, or is not one that `build` takes.
    """
    options = {key: _decode(value) for key, value in config.items() if key != "name"}
    name = config.get("name")
    if not isinstance(name, str):
        raise ConfigurationError(
            "a configuration has no name", given=str(dict(config)), expected='{"name": "adam", ...}'
        )
    return build(name, options, expected)


def _find(name: str) -> _Builder:
    try:
        return _BUILDERS[name]
    except KeyError:
        raise unknown_name("name", name, _BUILDERS) from None


def _encode(value: object) -> object:
    match value:
        case Configured():
            return value.to_config()
        case None | bool() | str():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value)
        case Sequence():
            return [_encode(x) for x in value]
    if isinstance(value, jax.Array | np.ndarray) and value.ndim == 0:
        return value.item()
    raise _unrecordable(repr(value))


def _decode(value: object) -> object:
    if isinstance(value, Mapping):
        return rebuild(value, Configured)
    if isinstance(value, list):
        return tuple(_decode(x) for x in value)
    return value


def _unrecordable(given: str) -> ConfigurationError:
    return ConfigurationError(
        "a function made by hand cannot be recorded in a configuration",
        given=given,
        expected="optimizers and schedules made by clearprop.optim",
        fix="write a function that makes it from its options, and decorate that with "
        "optim.register_optimizer, optim.register_transformation or optim.schedules.schedule",
    )
