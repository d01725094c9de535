"""The tape: which operations were computed, in order, with all that the backward pass needs.

A `Tape` lives while one function is being differentiated. Values that depend on that function's
inputs are boxed as `Traced`; each `Operation` on them writes one `Node`. Differentiations can be
nested: a younger tape has a higher level, and it stores values of the older levels, which may
themselves be `Traced`. So the gradient rules, which are written in clearprop's operations, can be
differentiated again.

The four classes need each other, so they share a file: a node holds its operation, a value holds
its tape, and an operation records itself on the tape of its inputs.
"""

from __future__ import annotations

import contextvars
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, ParamSpec, Protocol, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.typing import DTypeLike

from clearprop.autodiff import refusals
from clearprop.autodiff.arguments import splitter
from clearprop.autodiff.shapes import Array, ArrayLike, Axis
from clearprop.tree import is_complex

P = ParamSpec("P")
R = TypeVar("R")
X = TypeVar("X")
R_co = TypeVar("R_co", covariant=True)
Tree = TypeVar("Tree")

Value: TypeAlias = "Array | Traced"
"""What operations take and return: an array, or one that is being differentiated."""

Output: TypeAlias = "Value | tuple[Value, ...]"
"""What an operation returns: one value, or several."""

Operand: TypeAlias = "ArrayLike | Traced"
"""The other operand of an operator: a value or a number."""

ErrorRule: TypeAlias = "Callable[..., Value]"
"""(error, output, *inputs, **parameters) -> the error signal of one input."""

JointRule: TypeAlias = "Callable[..., Sequence[Value | None]]"
"""(error, output, *inputs, **parameters) -> the error signal of each input, or None."""

Function: TypeAlias = "Callable[..., Value]"
"""An operation as a function of values; its own signature names the arrays that it computes on."""

CountRule: TypeAlias = Callable[..., int]
"""(output, *inputs, **parameters) -> how many arithmetic operations one application takes."""

layer_path: contextvars.ContextVar[str] = contextvars.ContextVar("layer_path", default="")
"""Path of the layer that is being called. `nn` sets it, and every node stores it."""

capturing: contextvars.ContextVar[Callable[[object], object] | None] = contextvars.ContextVar(
    "capturing", default=None
)
"""Replaces traced values that reach a loop's body through a closure (set by `ops.scan`)."""

_levels = itertools.count()


class Operation(Generic[P, R_co]):
    """A row of the rule table. It is called like the function from which it was made.

    Attributes:
        name: of the row in the table, in messages and in summaries.
        forward: the computation on plain JAX arrays.
        errors: for each array input its gradient rule, or None where that input gets no error.
        joint: one rule for all inputs, for operations that compute these errors together.
        stacks: whether an input's rule also holds when the error, the output and the other inputs
            carry one more leading axis (true of elementwise operations, and of the right factor
            of a product over the last axes); one bool for all inputs or one for each. `scan`
            then applies that rule once to all time steps.
        count: how many arithmetic operations one application takes, for summaries.
        instead: by static parameter, an expression that takes a traced value in its place.
    """

    def __init__(
        self,
        forward: Callable[P, R_co],
        *,
        name: str | None = None,
        errors: Sequence[ErrorRule | None] | None = None,
        joint: JointRule | None = None,
        stacks: bool | Sequence[bool] = False,
        count: CountRule | None = None,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name or forward.__name__
        self.forward = forward
        self.errors = tuple(errors) if errors is not None else None
        self.joint = joint
        self.stacks = stacks
        self.instead = dict(instead or {})
        self._count = count
        self._split = splitter(forward)
        # The rules of clearprop's own rows are true derivatives; those of other rows need not be.
        self.is_own = (forward.__module__ or "").startswith("clearprop.")
        functools.update_wrapper(self, forward)

    @property
    def differentiable(self) -> bool:
        """Whether any input gets an error."""
        return self.joint is not None or any(rule is not None for rule in self.errors or ())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        inputs, parameters = self._split(args, kwargs)
        for name, value in parameters.items():
            if type(value) is Traced:
                raise refusals.option_traced(self.name, name, self.instead.get(name))
            if isinstance(value, np.integer):  # such as axis=np.int64(0)
                parameters[name] = int(value)
        if not self.differentiable:
            inputs = tuple(_constant(x) for x in inputs)
        return apply(self, inputs, parameters)

    def errors_of_inputs(
        self,
        error: Output,
        output: Output,
        inputs: Sequence[object],
        parameters: Mapping[str, object],
        wanted: Sequence[bool],
    ) -> list[Value | None]:
        """Return the error signal of each wanted input (None elsewhere)."""
        if self.joint is not None:
            passed = self.joint(error, output, *inputs, **parameters)
            return [e if want else None for e, want in zip(passed, wanted, strict=True)]
        assert self.errors is not None
        return [
            rule(error, output, *inputs, **parameters) if want and rule is not None else None
            for rule, want in zip(self.errors, wanted, strict=True)
        ]

    def stacks_at(self, position: int) -> bool:
        """Say whether the rule of one input holds for all steps of a loop at once."""
        return self.stacks if isinstance(self.stacks, bool) else self.stacks[position]

    def count(
        self, output: Output, inputs: Sequence[object], parameters: Mapping[str, object]
    ) -> int:
        """Return how many arithmetic operations one application takes."""
        if self._count is not None:
            return self._count(output, *inputs, **parameters)
        outputs = output if isinstance(output, tuple) else (output,)
        return sum(math.prod(value.shape) for value in outputs)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


AnyOperation: TypeAlias = "Operation[..., Output]"
"""An operation whose arguments are not known to the type checker."""

Observer: TypeAlias = (
    "Callable[[AnyOperation, tuple[object, ...], Output, dict[str, object]], None]"
)
"""(operation, inputs, output, parameters) -> None, called for each operation that is computed."""

_observers: list[Observer] = []


def apply(row: Operation[..., R], inputs: tuple[object, ...], parameters: dict[str, object]) -> R:
    """Apply an operation: write it on the youngest tape among its inputs, compute below it."""
    capture = capturing.get()
    if capture is not None:
        inputs = tuple(capture(x) for x in inputs)
    return _apply(row, inputs, parameters)


def _apply(row: Operation[..., R], inputs: tuple[object, ...], parameters: dict[str, object]) -> R:
    tape: Tape | None = None
    for x in inputs:
        if type(x) is Traced and (tape is None or x.tape.level > tape.level):
            tape = x.tape
    if tape is None:
        output = _computed(row, inputs, parameters)
        for observer in _observers:
            observer(cast(AnyOperation, row), inputs, cast(Output, output), parameters)
        return output
    raw = tuple(tape.below(x) for x in inputs)
    return tape.record(row, inputs, raw, _apply(row, raw, parameters), parameters)


def _computed(
    row: Operation[..., R], inputs: tuple[object, ...], parameters: dict[str, object]
) -> R:
    """Compute an operation on plain arrays.

    A loop tells the values of its body apart as JAX's trace does. An operation may return an input
    as it is and pass another error signal to it (a reversed gradient). The trace must tell these
    two values apart, so the output gets a name there.
    """
    output = row.forward(*inputs, **parameters)
    if row.is_own:
        return output
    several = isinstance(output, tuple)
    values = cast("tuple[Value, ...]", output if several else (output,))
    given = set(map(id, inputs))
    named = tuple(
        checkpoint_name(value, row.name)
        if id(value) in given and isinstance(value, jax.core.Tracer)
        else value
        for value in values
    )
    return cast(R, named if several else named[0])


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call ``observer`` with each operation inside the block, as it is computed."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation as it was applied: its inputs and outputs, and the nodes of its inputs.

    ``parents[i]`` is ``(node, output)`` if input ``i`` is a value of the same tape, else None.
    A variable (an input of the differentiated function) is a node without an operation.
    ``several`` says whether the operation returned a tuple, which may also hold one value or none.
    """

    operation: AnyOperation | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    parents: tuple[tuple[int, int] | None, ...]
    parameters: dict[str, object]
    layer: str
    several: bool

    def as_returned(self, values: Sequence[Value]) -> Output:
        """Return one value for each output in the form in which the operation returned them.

        Rules and counts take outputs and their error signals in this form: a tuple if the operation
        returned a tuple, whatever its length.
        """
        return tuple(values) if self.several else values[0]


class Tape:
    """The record of one forward pass: its nodes in the order of computation."""

    __slots__ = ("closed", "level", "nodes")

    def __init__(self) -> None:
        self.level = next(_levels)
        self.nodes: list[Node] = []
        self.closed = False

    def variable(self, value: Value) -> Traced:
        """Box an input of the differentiated function."""
        self.nodes.append(Node(None, (), (value,), (), {}, layer_path.get(), False))
        return Traced(value, self, len(self.nodes) - 1, 0)

    def place(self, value: object) -> tuple[int, int] | None:
        """Return (node, output) of a value of this tape; None for any other value."""
        if type(value) is Traced and value.tape is self:
            return value.node, value.output
        return None

    def below(self, value: X) -> X:
        """Return a value without the box of this tape; a value of another tape is unchanged."""
        if isinstance(value, Traced) and value.tape is self:
            return cast(X, value.value)
        return value

    def record(
        self,
        operation: Operation[..., R],
        inputs: Sequence[object],
        raw: tuple[object, ...],
        output: R,
        parameters: dict[str, object],
    ) -> R:
        """Write one node, and return the operation's output with its floating-point values boxed.

        Raises:
            TracedValueError: the differentiation of this tape has ended, or an output is complex.
        """
        if self.closed:
            raise refusals.ended(f"{operation.name} was given a value")
        parents = tuple(map(self.place, inputs))
        several = isinstance(output, tuple)
        outputs = cast("tuple[Value, ...]", output if several else (output,))
        if any(map(is_complex, outputs)):
            raise refusals.complex_value(f"a result of {operation.name}")
        row = cast(AnyOperation, operation)
        values = cast("tuple[Value, ...]", raw)
        layer = layer_path.get()
        self.nodes.append(Node(row, values, outputs, parents, parameters, layer, several))
        index = len(self.nodes) - 1
        boxed = tuple(
            value
            if value is None or not jnp.issubdtype(value.dtype, jnp.floating)
            else Traced(value, self, index, k)
            for k, value in enumerate(outputs)
        )
        return cast(R, boxed if several else boxed[0])


Unary: TypeAlias = "Callable[[Traced], Value]"
Binary: TypeAlias = "Callable[[Traced, Operand], Value]"


class Reduction(Protocol):
    """A method of arrays that makes one entry of many."""

    def __call__(self, axis: Axis = None, *, keepdims: bool = False) -> Value:
        """Reduce along the axes (all when None); ``keepdims`` leaves them with size 1."""


class Traced:
    """A value that is being differentiated: an array with its place on a tape.

    Python operators and clearprop operations take it as an array. It raises an error where its
    gradient would be lost without notice: ``float(x)``, ``numpy.sin(x)``, ``x[0] = 1``.
    """

    __slots__ = ("node", "output", "tape", "value")
    __array_ufunc__ = None  # numpy arrays then leave `array * traced` to __rmul__

    def __init__(self, value: Value, tape: Tape, node: int, output: int) -> None:
        self.value = value
        self.tape = tape
        self.node = node
        self.output = output

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes along each axis."""
        return self.value.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the entries."""
        return self.value.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.value.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.value.size

    @property
    def at(self) -> Any:
        """Some entries, for a new value: ``x.at[i].set(y)``. It needs `ops`, which sets it."""
        raise refusals.in_place()

    def __getattr__(self, name: str) -> NoReturn:
        """An error; one that arrays have is named with the way to it."""
        if name in self.__slots__ or name.startswith("_") or not hasattr(strip(self), name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise refusals.without_gradient(name)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a value without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        made_by = self.tape.nodes[self.node].operation
        return f"Traced({made_by.name if made_by else 'variable'}, {strip(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(strip(self), spec)

    __hash__ = None  # type: ignore[assignment]  # == compares entry by entry, as arrays do

    # The operators and methods of arrays are operations. Operations need this class, so
    # operators.py sets them on it.
    __add__: ClassVar[Binary]
    __radd__: ClassVar[Binary]
    __sub__: ClassVar[Binary]
    __rsub__: ClassVar[Binary]
    __mul__: ClassVar[Binary]
    __rmul__: ClassVar[Binary]
    __truediv__: ClassVar[Binary]
    __rtruediv__: ClassVar[Binary]
    __pow__: ClassVar[Binary]
    __rpow__: ClassVar[Binary]
    __matmul__: ClassVar[Binary]
    __rmatmul__: ClassVar[Binary]
    __neg__: ClassVar[Unary]
    __abs__: ClassVar[Unary]
    __getitem__: ClassVar[Callable[[Traced, object], Value]]
    T: Value
    sum: Reduction
    mean: Reduction
    max: Reduction
    min: Reduction
    reshape: Callable[..., Value]
    ravel: Callable[[], Value]
    transpose: Callable[..., Value]
    astype: Callable[[DTypeLike], Value]

    def __pos__(self) -> Traced:
        return self

    # Comparisons carry no gradient: they give plain boolean arrays.
    def __lt__(self, other: Operand) -> Array:
        return strip(self) < strip(other)

    def __le__(self, other: Operand) -> Array:
        return strip(self) <= strip(other)

    def __gt__(self, other: Operand) -> Array:
        return strip(self) > strip(other)

    def __ge__(self, other: Operand) -> Array:
        return strip(self) >= strip(other)

    def __eq__(self, other: object) -> Array:  # type: ignore[override]  # as arrays compare
        return cast(Array, strip(self) == strip(other))

    def __ne__(self, other: object) -> Array:  # type: ignore[override]  # as arrays compare
        return cast(Array, strip(self) != strip(other))

    # A copy would be on a tape of its own.
    def __copy__(self) -> Traced:
        return self

    def __deepcopy__(self, memo: object) -> Traced:
        return self

    # These would lose the gradient without notice.
    def __setitem__(self, index: object, value: object) -> NoReturn:
        raise refusals.in_place()

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise refusals.lost("numpy")

    def __reduce__(self) -> NoReturn:
        raise refusals.lost("pickle")

    def __float__(self) -> NoReturn:
        raise refusals.lost("float()")

    def __int__(self) -> NoReturn:
        raise refusals.lost("int()")

    def __index__(self) -> NoReturn:
        raise refusals.lost("an index")

    def __complex__(self) -> NoReturn:
        raise refusals.lost("complex()")

    def item(self) -> NoReturn:
        """An error: a Python number carries no gradient."""
        raise refusals.lost("item()")

    def __bool__(self) -> bool:
        return bool(strip(self))


def strip(value: Traced | X) -> Array | X:
    """Return the plain array of a value, without the boxes of any level."""
    plain: Value | X = value
    while type(plain) is Traced:
        plain = plain.value
    return cast("Array | X", plain)


def stop_gradient(tree: Tree) -> Tree:
    """Return a tree with plain arrays: every differentiation, JAX's too, takes them as constants.

    >>> from clearprop.autodiff import grad
    >>> print(grad(lambda x: x * stop_gradient(x))(3.0), jax.grad(stop_gradient)(3.0))
    3.0 0.0
    """
    plain: Tree = jax.tree.map(_constant, tree)
    return plain


def _constant(leaf: X) -> Array | X:
    plain = strip(leaf)
    return jax.lax.stop_gradient(plain) if isinstance(plain, jax.core.Tracer) else plain
