"""The rule table: one row an operation, with its forward and the error it passes to each input.

A row reads as the lecture writes it, *(error signal, output, inputs) -> error signal of the input*:

    @operation(errors=(lambda error, y, x: error * y * (1 - y),))
    def sigmoid(x: Array) -> Array:
        return jax.nn.sigmoid(x)
"""

from __future__ import annotations

import contextvars
import functools
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar

from clearprop.autodiff.tape import Traced, strip

P = ParamSpec("P")
R = TypeVar("R")

ErrorRule = Callable[..., Any]
"""(error, output, *inputs, **parameters) -> the error signal of one input."""

JointRule = Callable[..., Sequence[Any]]
"""(error, output, *inputs, **parameters) -> the error signals of all inputs (None: none)."""

Observer = Callable[["Operation[Any, Any]", tuple[Any, ...], Any, dict[str, Any]], None]

OPERATIONS: dict[str, Operation[Any, Any]] = {}
"""Every operation of clearprop by name."""

_observers: list[Observer] = []

capturing: contextvars.ContextVar[Callable[[Any], Any] | None] = contextvars.ContextVar(
    "capturing", default=None
)
"""Replaces traced values that reach a loop's body through a closure (set by `ops.scan`)."""


class Operation(Generic[P, R]):
    """A row of the rule table, callable as the function that it was made from.

    Attributes:
        name: the name it is known by everywhere.
        forward: the computation on plain JAX arrays.
        errors: for each array input its rule, or None where that input gets no error.
        joint: one rule for all inputs, where they are best computed together.
        stacks: whether an input's rule also holds when the error, the output and the other inputs
            carry one more leading axis (true of elementwise operations, and of the right factor
            of a product over the last axes); one answer for all inputs or one for each. `scan`
            then applies that rule once to all time steps.
        count: arithmetic operations of one application, for summaries.
    """

    def __init__(
        self,
        forward: Callable[P, R],
        *,
        name: str | None = None,
        errors: Sequence[ErrorRule | None] | None = None,
        joint: JointRule | None = None,
        stacks: bool | Sequence[bool] = False,
        count: Callable[..., int] | None = None,
    ) -> None:
        self.name = name or forward.__name__
        self.forward = forward
        self.errors = tuple(errors) if errors is not None else None
        self.joint = joint
        self.stacks = stacks
        self._count = count
        self._split = _splitter(forward)
        functools.update_wrapper(self, forward)

    @property
    def differentiable(self) -> bool:
        """Whether any input gets an error."""
        return self.joint is not None or any(rule is not None for rule in self.errors or ())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        inputs, parameters = self._split(args, kwargs)
        if not self.differentiable:
            inputs = tuple(strip(x) for x in inputs)
        return apply(self, inputs, parameters)  # type: ignore[no-any-return]

    def errors_of_inputs(
        self,
        error: Any,
        output: Any,
        inputs: tuple[Any, ...],
        parameters: dict[str, Any],
        wanted: Sequence[bool],
    ) -> list[Any]:
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

    def count(self, output: Any, inputs: tuple[Any, ...], parameters: dict[str, Any]) -> int:
        """Return how many arithmetic operations one application takes."""
        if self._count is not None:
            return self._count(output, *inputs, **parameters)
        outputs = output if isinstance(output, tuple) else (output,)
        return sum(math.prod(value.shape) for value in outputs)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"


def _splitter(
    forward: Callable[..., Any],
) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a function that parts a call's arguments into array inputs and static parameters.

    Array inputs are those that the forward annotates as ``Array`` (or ``Array | None``), and come
    first, or stand together as ``*arrays: Array``, which may also be given as one list; the rest
    are static parameters.
    """
    signature = inspect.signature(forward)
    declared = list(signature.parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in declared):
        return lambda args, kwargs: (
            tuple(args[0]) if len(args) == 1 and isinstance(args[0], list | tuple) else args,
            kwargs,
        )
    arrays = [p for p in declared if _is_array(p.annotation)]
    if declared[: len(arrays)] != arrays:
        raise TypeError(f"the array inputs of {forward.__name__!r} must come first")
    static = [p.name for p in declared[len(arrays) :] if p.kind is p.POSITIONAL_OR_KEYWORD]
    number = len(arrays)

    def split(
        args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = len(args)
        if given == number:
            return args, kwargs
        if given > number:
            if given > number + len(static):
                signature.bind(*args, **kwargs)  # raises Python's own message
            return args[:number], {**dict(zip(static, args[number:], strict=False)), **kwargs}
        inputs, parameters = list(args), dict(kwargs)
        for parameter in arrays[given:]:
            if parameter.name in parameters:
                inputs.append(parameters.pop(parameter.name))
            elif parameter.default is not parameter.empty:
                inputs.append(parameter.default)
            else:
                signature.bind(*args, **kwargs)  # raises Python's own message
        return tuple(inputs), parameters

    return split


def _is_array(annotation: Any) -> bool:
    """Say whether a parameter is annotated ``Array``, as text or as the class, with None or not."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.match(r"(\w+\.)*Array", text) is not None


def operation(
    *,
    name: str | None = None,
    errors: Sequence[ErrorRule | None] | None = None,
    joint: JointRule | None = None,
    stacks: bool | Sequence[bool] = False,
    count: Callable[..., int] | None = None,
) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Turn a forward function on JAX arrays into an operation of the rule table.

    Parameters annotated ``Array`` are its array inputs and come first, the others are static.
    Give ``errors`` (one rule an input), or ``joint`` (one for all), or neither where no error
    passes. The row is named after the forward, or ``name``. See `Operation` for the rest.
    """

    def register(forward: Callable[P, R]) -> Operation[P, R]:
        row = Operation(forward, name=name, errors=errors, joint=joint, stacks=stacks, count=count)
        if row.name in OPERATIONS:
            raise ValueError(f"two operations are named {row.name!r}")
        OPERATIONS[row.name] = row
        return row

    return register


def find(name: str) -> Operation[Any, Any]:
    """Return the operation of that name."""
    if name not in OPERATIONS:
        # The sweep adds error signals, and Python's operators mean operations, by name: the rows
        # stand one floor up, and are loaded here for who imported this floor alone.
        importlib.import_module("clearprop.ops")
    return OPERATIONS[name]


def apply(row: Operation[Any, Any], inputs: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """Apply an operation: write it on the youngest tape among its inputs, compute below it."""
    capture = capturing.get()
    if capture is not None:
        inputs = tuple(capture(x) for x in inputs)
    return _apply(row, inputs, parameters)


def _apply(row: Operation[Any, Any], inputs: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    tape = None
    for x in inputs:
        if type(x) is Traced and (tape is None or x.tape.level > tape.level):
            tape = x.tape
    if tape is None:
        output = row.forward(*inputs, **parameters)
        for observer in _observers:
            observer(row, inputs, output, parameters)
        return output
    raw = tuple(x.value if type(x) is Traced and x.tape is tape else x for x in inputs)
    return tape.record(row, inputs, raw, _apply(row, raw, parameters), parameters)


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Tell ``observer`` of each operation inside the block, as it is computed."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)
