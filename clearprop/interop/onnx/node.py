"""A node of a graph as the row of its operator sees it."""

from __future__ import annotations

import contextvars
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import jax
import numpy as np
from jax.typing import DTypeLike

from clearprop.autodiff.tape import Value, strip
from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import HostArray, array_from_data
from clearprop.memory import usable_memory


@dataclass(frozen=True)
class Empty:
    """An optional value that is empty."""


GraphValue: TypeAlias = "Value | HostArray | list[GraphValue] | Empty | None"
"""What flows along an edge: an array that is computed; one of NumPy, which is known while the
graph is compiled; a sequence; an optional value that is empty; None where an input is left out."""

Attribute: TypeAlias = "int | float | str | tuple[Attribute, ...]"
"""The value of an attribute as a module keeps it. A tensor is a tuple that begins with "tensor"."""


class TooLargeError(ModelError):
    """An array would be larger than the memory, or than what is computed ahead."""


LARGEST: contextvars.ContextVar[int | None] = contextvars.ContextVar("largest", default=None)
"""How many entries an array may have while a file is loaded; None where a model runs."""


def check_size(shape: Iterable[int], dtype: DTypeLike, where: str) -> None:
    """Raise before an array is made that does not fit.

    Raises:
        TooLargeError: it has more entries than may be computed ahead, or more bytes than there are.
    """
    sizes = [int(size) for size in shape]
    count, limit = math.prod(sizes), LARGEST.get()
    free = usable_memory()
    size = count * np.dtype(dtype).itemsize
    if limit is not None and count > limit:
        raise TooLargeError("the array is too large to be computed ahead", where=where)
    if free is not None and size > free:
        raise TooLargeError(
            "the array does not fit into the memory",
            where=where,
            given=f"shape {sizes}, {size:,} bytes",
            expected=f"at most {free:,} bytes",
        )


class ValueNeededError(ModelError):
    """An operator needs the value of what is only known when the compiled program runs."""


@dataclass(frozen=True)
class OnnxNode:
    """What a row needs to know of its node beside the inputs.

    Attributes:
        operator: name of the operator.
        domain: of the operator; empty for those of ONNX itself.
        version: of the operators of the domain (the opset).
        path: of the layer, for messages.
        attributes: by name.
        outputs: how many outputs are read, up to the last one that is.
    """

    operator: str
    domain: str
    version: int
    path: str
    attributes: Mapping[str, Attribute]
    outputs: int = 1

    def __str__(self) -> str:
        name = f"{self.domain}.{self.operator}" if self.domain else self.operator
        return f"{self.path} ({name}, opset {self.version})"

    def has(self, name: str) -> bool:
        """Say whether the file gives an attribute."""
        return name in self.attributes

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number.

        Raises:
            ModelError: the attribute is missing and has no default, or is no whole number.
        """
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.error(f"the attribute {name!r} has to be a whole number", given=repr(value))
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a number.

        Raises:
            ModelError: the attribute is missing and has no default, or is no number.
        """
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise self.error(f"the attribute {name!r} has to be a number", given=repr(value))
        return float(value)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text.

        Raises:
            ModelError: the attribute is missing and has no default, or is no text.
        """
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise self.error(f"the attribute {name!r} has to be a text", given=repr(value))
        return value

    def ints(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return whole numbers.

        Raises:
            ModelError: the attribute is missing and has no default, or holds something else.
        """
        value = self.attributes.get(name, None if default is None else tuple(default))
        if not isinstance(value, tuple) or not all(isinstance(part, int) for part in value):
            raise self.error(f"the attribute {name!r} has to be whole numbers", given=repr(value))
        return cast("tuple[int, ...]", value)

    def floats(self, name: str, default: Sequence[float] | None = None) -> tuple[float, ...]:
        """Return numbers.

        Raises:
            ModelError: the attribute is missing and has no default, or holds something else.
        """
        value = self.attributes.get(name, None if default is None else tuple(default))
        if not isinstance(value, tuple) or not all(isinstance(p, int | float) for p in value):
            raise self.error(f"the attribute {name!r} has to be numbers", given=repr(value))
        return tuple(float(cast("float", part)) for part in value)

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return texts.

        Raises:
            ModelError: the attribute is missing and has no default, or holds something else.
        """
        value = self.attributes.get(name, None if default is None else tuple(default))
        if not isinstance(value, tuple) or not all(isinstance(part, str) for part in value):
            raise self.error(f"the attribute {name!r} has to be texts", given=repr(value))
        return cast("tuple[str, ...]", value)

    def tensor(self, name: str) -> HostArray | None:
        """Return an array, or None where the file does not give one.

        Raises:
            ModelError: the attribute is no array.
        """
        value = self.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, tuple) or value[:1] != ("tensor",):
            raise self.error(f"the attribute {name!r} has to be a tensor", given=repr(value)[:80])
        _, dtype, shape, content = value
        lists = [list(part) if isinstance(part, tuple) else part for part in (shape, content)]
        return array_from_data([dtype, *lists])

    def known(self, value: GraphValue, what: str) -> HostArray:
        """Return the value of an input as an array of NumPy.

        Raises:
            ValueNeededError: it is only known when the compiled program runs.
        """
        if isinstance(value, np.ndarray):
            return value
        plain = strip(value)
        if isinstance(plain, jax.core.Tracer):
            raise ValueNeededError(
                f"{what} has to be known before the graph can be compiled",
                where=str(self),
                given="a value that is computed from an input",
                fix="call the model outside of compiled code, or make the size constant when the "
                "file is exported",
            )
        return np.asarray(plain)

    def axis(self, x: GraphValue, axis: int) -> int:
        """Return an axis of an array, counted from the first one.

        Raises:
            ModelError: the array has no such axis.
        """
        number = len(cast("HostArray", x).shape)
        if not -number <= axis < max(number, 1):
            raise self.error("there is no such axis", given=f"axis {axis} of {number} axes")
        return axis % max(number, 1)

    def fits(self, shape: Iterable[int], dtype: DTypeLike) -> None:
        """Raise if an array that is about to be made does not fit; see `check_size`."""
        check_size(shape, dtype, str(self))

    def error(
        self, problem: str, *, given: str | None = None, expected: str | None = None
    ) -> ModelError:
        """Return an error about this node."""
        return ModelError(problem, where=str(self), given=given, expected=expected)
