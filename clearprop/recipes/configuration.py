"""Typed configuration with clear errors for wrong values."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from clearprop import elsewhere
from clearprop.errors import ClearpropError, ConfigurationError, Fix, run_option, unknown_name

T = TypeVar("T")


def split_list(value: T, brackets: str = "[]() ") -> T | list[str]:
    """Return the parts of a text ``a,b``, without brackets around it; any other value unchanged.

    A list in JSON is read as one, so that a name may have a comma in it.

    >>> split_list("a, b"), split_list('["a, b"]')
    (['a', 'b'], ['a, b'])
    """
    if not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError):
        listed = json.loads(value)
        if isinstance(listed, list) and all(isinstance(part, str) for part in listed):
            return listed
    return [part.strip() for part in value.strip(brackets).split(",") if part.strip()]


def _or_none(value: Any) -> Any:
    is_none = isinstance(value, str) and (not value or value.strip().lower() == "none")
    return None if is_none else value


def _sides(value: Any) -> Any:
    """Take ``32``, ``32x48``, ``32,48`` or ``(32, 48)`` as one number or two."""
    if not isinstance(value, str):
        return value
    sides = re.findall(r"\d+", value)
    if not re.fullmatch(r"[\[(]?\s*\d+\s*(?:[x×,]\s*\d+\s*)?[\])]?", value.strip()):
        return value
    return sides[0] if len(sides) == 1 else tuple(sides)


def taken_axes(value: object) -> object:
    """Return ``data=4,model=2`` as numbers by name; other values are returned unchanged.

    Raises:
        ConfigurationError: an axis is there twice, or without a number.

    >>> taken_axes("data=4,model=2")
    {'data': '4', 'model': '2'}
    """
    if not isinstance(value, str):
        return value
    if not value or value.strip().lower() == "none":
        return None
    parts = [part.partition("=") for part in split_list(value, "{}() ")]
    names = [name.strip() for name, _, _ in parts]
    if len(set(names)) < len(names) or not all(size for _, _, size in parts):
        raise ConfigurationError(
            "a mesh has each axis once, with its number of devices",
            where="mesh",
            given=value,
            fix=run_option("mesh", {"data": -1}),
        )
    return dict(zip(names, (size.strip() for _, _, size in parts), strict=True))


Names = Annotated[tuple[str, ...], BeforeValidator(split_list)]
"""Several names, ``a,b`` on the command line."""

Listed = BeforeValidator(split_list)
"""Reads ``a,b`` as a list."""

OrNone = BeforeValidator(_or_none)
"""Reads ``none`` as None."""


Count = Annotated[int, Field(ge=1)]
OptionalCount = Annotated[Count | None, OrNone]
OptionalName = Annotated[str | None, OrNone]
Size = Annotated[Count | tuple[Count, Count] | None, BeforeValidator(_sides), OrNone]
"""A height and a width, or one number for both."""

MeshSizes = Annotated[dict[str, int] | None, BeforeValidator(taken_axes)]
"""Numbers of devices by axis, ``data=4,model=2`` on the command line."""

Rate = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveFraction = Annotated[float, Field(gt=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


def one_of(kind: str, names: Callable[[], Iterable[str]]) -> AfterValidator:
    """Return a check that a value is a known name; its error suggests the nearest one.

    Args:
        kind: what the names are for, such as "optimizer".
        names: returns the known names.
    """

    def check(name: str) -> str:
        if name not in names():
            raise unknown_name(kind, name, names())
        return name

    return AfterValidator(check)


class Configuration(BaseModel):
    """A set of typed values that cannot be changed; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _choice_of_text(cls, value: Any, field: ValidationInfo) -> Any:
        """Return a choice that is no text, such as 3, where it was given as text.

        Pydantic reads numbers and truth values from text, but not the choices of a Literal.
        """
        if isinstance(value, str) and field.field_name is not None:
            known = _choices(cls.model_fields[field.field_name].annotation)
            texts = {str(choice).lower(): choice for choice in known}
            return texts.get(value.strip().lower(), value)
        return value

    @classmethod
    def of(cls, values: Mapping[str, object], where: str | None = None) -> Self:
        """Return the configuration with these values; numbers may be given as text.

        Args:
            values: by key; the values of a group are a mapping.
            where: the place, for an error.

        Raises:
            ConfigurationError: a key is unknown (the nearest is suggested), or a value has the
                wrong type or is out of range.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise _explained(cls, error, where) from None


def assigned(assignments: Iterable[str]) -> dict[str, object]:
    """Return ``key=value`` texts as nested values: ``data.name=iris`` goes into the group ``data``.

    Raises:
        ConfigurationError: a text is not an assignment, or a key is given twice.

    >>> assigned(["epochs=3", "data.name=iris"])
    {'epochs': '3', 'data': {'name': 'iris'}}
    """
    values: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        *groups, last = key.strip().split(".")
        if not equals or not last:
            raise ConfigurationError(
                "this is not an assignment", where="--set", given=text, expected="key=value"
            )
        inner = values
        for group in groups:
            inner = inner.setdefault(group, {})
            if not isinstance(inner, dict):
                raise _twice(key)
        if last in inner:
            raise _twice(key)
        inner[last] = value.strip() or value[:1]  # a space can be the mark of thousands
    return values


def keys_of(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Return every key of a configuration; a key of a group has a dot.

    >>> from clearprop.recipes import find_recipe
    >>> keys_of(find_recipe("xor"))[:2]
    ['data.name', 'data.target']
    """
    keys: list[str] = []
    for name, field in kind.model_fields.items():
        group = _group(field.annotation)
        keys += keys_of(group, f"{prefix}{name}.") if group else [f"{prefix}{name}"]
    return keys


def explained(kind: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Return the meaning of each key, from the docstrings of the class and its bases.

    The text comes from the section ``Attributes:``; that of the nearest class is used.

    >>> from clearprop.recipes import find_recipe
    >>> explained(find_recipe("xor"))["hidden_size"]
    'units of the hidden layer'
    """
    known: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, BaseModel) and "__doc__" in vars(base):
            known |= _attributes(inspect.getdoc(base) or "")
    texts: dict[str, str] = {}
    for name, field in kind.model_fields.items():
        group = _group(field.annotation)
        if group:
            texts |= explained(group, f"{prefix}{name}.")
        else:
            texts[f"{prefix}{name}"] = known.get(name, "")
    return texts


def _attributes(docstring: str) -> dict[str, str]:
    section = re.search(r"^Attributes:\n((?: +.*\n?|\n(?= ))*)", docstring, re.MULTILINE)
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section[1] if section else "", re.M)
    return {name: " ".join(text.split()).rstrip(".").replace("``", "") for name, text in entries}


def _twice(key: str) -> ConfigurationError:
    return ConfigurationError("the key is given twice", where="--set", given=key)


def _group(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _choices(annotation: Any) -> list[Any]:
    """Return the choices of a Literal inside an annotation that are not texts."""
    if get_origin(annotation) is Literal:
        return [choice for choice in get_args(annotation) if not isinstance(choice, str)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _meant(kind: type[BaseModel], key: str, given: object) -> Fix | None:
    """Return the key that another library's word stands for, with the value that it was given."""
    ours = (elsewhere.fix_of(key, elsewhere.FIT) or "").partition("=")[0]
    return run_option(ours, given) if ours in keys_of(kind) else None


def _explained(kind: type[BaseModel], error: ValidationError, where: str | None) -> ClearpropError:
    # An unknown key comes first, because it may be the reason for the other faults.
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    if isinstance(cause := fault.get("ctx", {}).get("error"), ClearpropError):
        cause.where = cause.where or where
        return cause
    key = ".".join(str(part) for part in fault["loc"] if not str(part).startswith("function-"))
    if fault["type"] == "extra_forbidden":
        return unknown_name("key", key, keys_of(kind), where, _meant(kind, key, fault["input"]))
    given = fault["input"]
    return ConfigurationError(
        f"the value of {key!r} cannot be used",
        where=where,
        given=f"{key}={given if isinstance(given, str) else repr(given)}",
        expected=_expected(fault["msg"]),
        fix=f"--set {key}=..." if fault["type"] == "missing" else None,
    )


def _expected(message: str) -> str:
    text = message.removeprefix("Input should be ").removeprefix("a valid ")
    text = text.partition(", unable to parse")[0].partition(", got a number")[0]
    return {"integer": "a whole number", "number": "a number", "boolean": "true or false"}.get(
        text, text
    )
