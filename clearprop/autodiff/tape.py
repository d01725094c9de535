"""The tape: what was computed, in order, with everything that the backward pass needs.

A `Tape` lives while one function is being differentiated. Values that depend on that function's
inputs are boxed as `Traced`; each operation on them writes one `Node`. Differentiation nests: a
younger tape has a higher level, and what it stores are values of the older levels, which may
themselves be `Traced`. So the rules, written in clearprop's operations, can be differentiated
again.
"""

from __future__ import annotations

import contextvars
import importlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import jax
import jax.numpy as jnp

from clearprop.errors import TracedValueError

if TYPE_CHECKING:
    from clearprop.autodiff.operation import Operation

_levels = itertools.count()

layer_path: contextvars.ContextVar[str] = contextvars.ContextVar("layer_path", default="")
"""Path of the layer that is being called, written into every node (set by the floor above)."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation as it happened: its inputs and outputs, and the nodes its inputs came from.

    ``parents[i]`` is ``(node, output)`` where input ``i`` came from the same tape, else None.
    A variable (an input of the differentiated function) is a node without operation.
    """

    operation: Operation[Any, Any] | None
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    parents: tuple[tuple[int, int] | None, ...]
    parameters: dict[str, Any]
    layer: str


class Tape:
    """The record of one forward pass: nodes in the order in which they were computed."""

    __slots__ = ("closed", "level", "nodes")

    def __init__(self) -> None:
        self.level = next(_levels)
        self.nodes: list[Node] = []
        self.closed = False

    def variable(self, value: Any) -> Traced:
        """Box an input of the differentiated function."""
        self.nodes.append(Node(None, (), (value,), (), {}, layer_path.get()))
        return Traced(value, self, len(self.nodes) - 1, 0)

    def record(
        self,
        operation: Operation[Any, Any],
        inputs: Sequence[Any],
        raw: tuple[Any, ...],
        output: Any,
        parameters: dict[str, Any],
    ) -> Any:
        """Write one node and return the operation's output, boxed where it can carry a gradient."""
        if self.closed:
            raise TracedValueError(
                f"{operation.name} was given a value whose differentiation has ended",
                fix="return the value from the differentiated function (has_aux=True) instead of "
                "storing it outside",
            )
        parents = tuple(
            (x.node, x.output) if type(x) is Traced and x.tape is self else None for x in inputs
        )
        several = isinstance(output, tuple)
        outputs = output if several else (output,)
        self.nodes.append(Node(operation, raw, outputs, parents, parameters, layer_path.get()))
        index = len(self.nodes) - 1
        boxed = tuple(
            Traced(value, self, index, k) if _is_floating(value) else value
            for k, value in enumerate(outputs)
        )
        return boxed if several else boxed[0]


def _is_floating(value: Any) -> bool:
    return value is not None and bool(jnp.issubdtype(value.dtype, jnp.floating))


def strip(value: Any) -> Any:
    """Return the plain array inside a value, through every level of differentiation."""
    while type(value) is Traced:
        value = value.value
    return value


def strip_tree(tree: Any) -> Any:
    """Return a tree with every traced leaf replaced by its plain array."""
    return jax.tree.map(strip, tree)


class Traced:
    """A value that is being differentiated: an array with its place on a tape.

    It behaves as an array under Python operators and under every clearprop operation. Where its
    gradient would be lost in silence (``float(x)``, ``numpy.sin(x)``, ``x[0] = 1``), it refuses.
    """

    __slots__ = ("node", "output", "tape", "value")
    __array_ufunc__ = None  # numpy arrays then leave `array * traced` to __rmul__ below
    __hash__ = None  # type: ignore[assignment]  # == compares elementwise, as arrays do

    def __init__(self, value: Any, tape: Tape, node: int, output: int) -> None:
        self.value = value
        self.tape = tape
        self.node = node
        self.output = output

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis."""
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """Data type of the entries."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.value.size  # type: ignore[no-any-return]

    @property
    def T(self) -> Any:
        """The transpose: axes in reverse order."""
        return _operation("transpose")(self)

    @property
    def at(self) -> NoReturn:
        """Refused: a traced value is not updated in place."""
        raise _in_place()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a value without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        made_by = self.tape.nodes[self.node].operation
        return f"Traced({made_by.name if made_by else 'variable'}, {strip(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(strip(self), spec)

    # Python operators: each is the clearprop operation of that name.
    def __add__(self, other: Any) -> Any:
        return _operation("add")(self, other)

    def __radd__(self, other: Any) -> Any:
        return _operation("add")(other, self)

    def __sub__(self, other: Any) -> Any:
        return _operation("subtract")(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operation("subtract")(other, self)

    def __mul__(self, other: Any) -> Any:
        return _operation("multiply")(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operation("multiply")(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operation("divide")(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operation("divide")(other, self)

    def __pow__(self, other: Any) -> Any:
        return _operation("power")(self, other)

    def __rpow__(self, other: Any) -> Any:
        return _operation("power")(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _operation("matmul")(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operation("matmul")(other, self)

    def __neg__(self) -> Any:
        return _operation("negative")(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _operation("abs")(self)

    def __getitem__(self, index: Any) -> Any:
        # The row takes the arrays of an index apart from its static rest; the function parts them.
        return importlib.import_module("clearprop.ops.index").getitem(self, index)

    # Comparisons carry no gradient: they give plain boolean arrays.
    def __lt__(self, other: Any) -> Any:
        return strip(self) < strip(other)

    def __le__(self, other: Any) -> Any:
        return strip(self) <= strip(other)

    def __gt__(self, other: Any) -> Any:
        return strip(self) > strip(other)

    def __ge__(self, other: Any) -> Any:
        return strip(self) >= strip(other)

    def __eq__(self, other: object) -> Any:
        return strip(self) == strip(other)

    def __ne__(self, other: object) -> Any:
        return strip(self) != strip(other)

    # The array methods that model code uses most.
    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Sum over axes: `ops.sum`."""
        return _operation("sum")(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Mean over axes: `ops.mean`."""
        return _operation("mean")(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Largest entry along axes: `ops.max`."""
        return _operation("max")(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Smallest entry along axes: `ops.min`."""
        return _operation("min")(self, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Any:
        """Give the entries another shape: `ops.reshape`."""
        new = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return _operation("reshape")(self, shape=tuple(new))

    def ravel(self) -> Any:
        """Give the entries one axis: `ops.reshape`."""
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Any:
        """Reorder the axes: `ops.transpose`."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return _operation("transpose")(self, axes=tuple(order) if order else None)

    def astype(self, dtype: Any) -> Any:
        """Convert the entries: `ops.astype`."""
        return _operation("astype")(self, dtype=dtype)

    # What would lose the gradient in silence is refused.
    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise _in_place()

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise _lost("numpy")

    def __float__(self) -> NoReturn:
        raise _lost("float()")

    def __int__(self) -> NoReturn:
        raise _lost("int()")

    def __index__(self) -> NoReturn:
        raise _lost("an index")

    def __complex__(self) -> NoReturn:
        raise _lost("complex()")

    def item(self) -> NoReturn:
        """Refused: a Python number carries no gradient."""
        raise _lost("item()")

    def __bool__(self) -> bool:
        return bool(strip(self))


def _operation(name: str) -> Any:
    from clearprop.autodiff.operation import find  # operation.py needs this module first

    return find(name)


def _in_place() -> TracedValueError:
    return TracedValueError(
        "a value that is being differentiated cannot be changed in place",
        fix="make a new value: ops.where(mask, new, old) or ops.scatter_add(old, index, addend)",
    )


def _lost(use: str) -> TracedValueError:
    return TracedValueError(
        f"{use} on a value that is being differentiated would lose its gradient",
        fix="stay with clearprop's operations; for a look at the number use stop_gradient(x), or "
        "return it from the differentiated function with has_aux=True",
    )
