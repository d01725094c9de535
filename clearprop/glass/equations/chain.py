"""The chain rule at one entry of a node, with symbols and with the numbers of the example.

Shape letters: none; indices are those of the arrays, counted from 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.glass.equations.application import Application, Index, Operand
from clearprop.glass.equations.equation import Equation, Equations
from clearprop.glass.equations.expression import (
    SHOWN_TERMS,
    Apply,
    Expression,
    Number,
    Symbol,
    largest,
    product,
)
from clearprop.glass.equations.numbers import plain
from clearprop.glass.equations.templates import formula, local_formula
from clearprop.glass.nodes.node import GlassNode

AGREES = 1e-3
"""How far, relative to it, a formula of a local derivative may part from the rule's number."""

_ROLES = {"weight": "w", "kernel": "w", "bias": "b", "scale": "g", "shift": "b"}


def equations(node: GlassNode, index: int | Index | None = None) -> Equations:
    """Return how one entry of a node was computed, and how its error signal came about.

    Forward: the formula of its operation. Backward: dE/dy = sum over its users u of
    dE/du du/dy, every factor printed; of more than 8 terms the largest 8, the others summed. Each
    stands with symbols and with the values of this example, with so many digits that the equation
    as printed gives the printed number.

    Args:
        node: of a `Glass`.
        index: of the entry, an int where the node has one axis; None takes the one with the
            largest error signal.

    Raises:
        ShapeError: the node has no such entry, or no entries at all.

    >>> import jax.numpy as jnp
    >>> from clearprop import nn
    >>> from clearprop.glass.explain import explain
    >>> x, t = jnp.array([[0.8]]), jnp.array([[0.5]])
    >>> glass = explain(nn.Activation("sigmoid"), x, t, "log_loss")
    >>> print(equations(glass["model/sigmoid"]))
    model/sigmoid[0,0] (sigmoid, 1x1, float32)
      y  model/sigmoid
      u  loss/log_loss
      x  input
      t  input 1 of loss/log_loss, a constant
    <BLANKLINE>
    forward
      y[0,0] = sigmoid(x[0,0])
             = sigmoid(0.8)
             = 0.6899745
    <BLANKLINE>
    backward
      ...
    """
    at = _entry(node, index)
    names = _Names(node)
    forward, backward = _forward(node, at, names), _backward(node, at, names)
    title = f"{node.name}{_brackets(at)}"
    legend = tuple(names.legend([forward, *([backward] if backward else [])]))
    return Equations(title, _about(node), legend, forward, backward)


def _entry(node: GlassNode, index: int | Index | None) -> Index:
    shape = node.shape
    if math.prod(shape) == 0:
        raise ShapeError("the node has no entries", where=node.name, given=f"shape {shape}")
    if index is None:
        if not node.carries_error:
            return (0,) * len(shape)
        place = largest(np.asarray(node.error, np.float64).ravel(), 1)[0]
        return tuple(int(i) for i in np.unravel_index(place, shape))
    given = tuple(index) if isinstance(index, tuple | list) else (index,)
    fits = len(given) == len(shape) and all(
        isinstance(i, int | np.integer) and -n <= i < n for i, n in zip(given, shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            "the node has no such entry",
            where=node.name,
            given=f"index {index}",
            expected=f"one number for each axis of the shape {shape}, counted from 0",
        )
    return tuple(int(i) % n for i, n in zip(given, shape, strict=True))


def _about(node: GlassNode) -> str:
    shape = "x".join(map(str, node.shape)) or "scalar"
    return f"{node.operation}, {shape}, {node.dtype}"


def _brackets(index: Index) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""


# --- names ---------------------------------------------------------------------------------------


class _Names:
    """The symbols of one explanation: y for the node, u for its users, x, w, b, t for the rest."""

    def __init__(self, node: GlassNode) -> None:
        self.node = node
        is_objective = node.index == len(node.glass.nodes) - 1
        self.taken = {node.index: "E" if is_objective else "y"}
        self.constants: dict[tuple[int, int], str] = {}
        self.users = list({user.index: user for user in node.users}.values())
        last = len(node.glass.nodes) - 1
        for number, user in enumerate(self.users, start=1):
            alone = len(self.users) == 1
            self.taken[user.index] = "E" if user.index == last else "u" if alone else f"u{number}"

    def of(self, node: GlassNode) -> str:
        """Return the letter of a node, a new one where it has none yet."""
        if node.index not in self.taken:
            role = _ROLES.get(node.name.rpartition(".")[2], "x")
            self.taken[node.index] = self._free(role if node.operation == "parameter" else "x")
        return self.taken[node.index]

    def of_constant(self, user: GlassNode, i: int) -> str:
        """Return the letter of an array from outside: t in a loss, c elsewhere."""
        key = (user.index, i)
        if key not in self.constants:
            self.constants[key] = self._free("t" if user.name.startswith("loss/") else "c")
        return self.constants[key]

    def _free(self, letter: str) -> str:
        used = {*self.taken.values(), *self.constants.values()}
        numbered = (f"{letter}{n}" for n in range(2, len(used) + 3))
        return next(name for name in (letter, *numbered) if name not in used)

    def legend(self, equations: list[Equation]) -> Iterator[tuple[str, str]]:
        """Yield what each letter of some equations stands for."""
        nodes = self.node.glass.nodes
        named = [symbol.name for equation in equations for symbol in equation.symbols()]
        used = {letter for name in named for letter in re.findall(r"[A-Za-z]\w*", name)}
        used |= {part.removeprefix("d") for part in used}
        for index, letter in self.taken.items():
            if letter in used or index == self.node.index:
                yield letter, nodes[index].name
        for (user, i), letter in self.constants.items():
            if letter in used:
                yield letter, f"input {i} of {nodes[user].name}, a constant"


def _array(value: Any) -> Any:
    return np.asarray(getattr(value, "value", value))


def _application(node: GlassNode, names: _Names, shown: int | None = SHOWN_TERMS) -> Application:
    """Return a node's use of its operation, with letters for its inputs."""
    operands = tuple(
        None if x is None else _operand(node, i, x, names) for i, x in enumerate(node.inputs)
    )
    siblings = node.siblings
    arrays: dict[int, Any] = {}

    def result(output: int, index: Index) -> Expression:
        if output not in arrays:
            arrays[output] = np.asarray(siblings[output].value)
        name = f"{names.of(siblings[output])}{_brackets(index)}"
        return Symbol(name, plain(arrays[output][index]), ("result", output, index))

    return Application(
        str(node.operation), node.parameters, operands, node.output, node.shape, result, shown
    )


def _operand(node: GlassNode, i: int, x: Any, names: _Names) -> Operand:
    array = _array(x)
    is_node = hasattr(x, "users")

    def entry(index: Index) -> Expression:
        if not is_node and array.ndim == 0:
            return Number(plain(array))
        letter = names.of(x) if is_node else names.of_constant(node, i)
        return Symbol(f"{letter}{_brackets(index)}", plain(array[index]), (i, index))

    return Operand(array, entry, constant=not is_node)


# --- forward -------------------------------------------------------------------------------------


def _forward(node: GlassNode, at: Index, names: _Names) -> Equation:
    value = plain(np.asarray(node.value)[at])
    name = f"{names.of(node)}{_brackets(at)}"
    if node.operation in ("parameter", "input"):
        return Equation(name, (), value, f"a given {node.operation}")
    written = formula(_application(node, names), at) if node.spec.is_row else None
    if written is None:
        inputs = [names.of(x) for x in node.inputs if isinstance(x, GlassNode)]
        return Equation(name, (), value, f"{node.operation}({', '.join(inputs)})")
    return Equation(name, (written,), value)


# --- backward ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """One term of the sum: an entry of a user, and how it depends on the entry explained."""

    user: GlassNode
    place: Index
    position: int
    error: float
    slope: float


def _backward(node: GlassNode, at: Index, names: _Names) -> Equation | None:
    """Return the equation of dE/dy; None where no error signal can arrive."""
    if not node.carries_error:
        return None
    name = f"dE/d{names.of(node)}{_brackets(at)}"
    value = plain(np.asarray(node.error)[at])
    if node.index == len(node.glass.nodes) - 1:
        return Equation(name, (Number(1.0),), 1.0, "E by itself")
    parts = [part for user in names.users for part in _parts(user, node, at)]
    if not parts:
        return Equation(name, (Number(0.0),), value, "nothing that E depends on reads this entry")
    order = sorted(largest(np.asarray([p.error * p.slope for p in parts]), SHOWN_TERMS))
    chain: list[Expression] = []
    written: list[Expression] = []
    for part in (parts[i] for i in order):
        user = f"{names.of(part.user)}{_brackets(part.place)}"
        slope = Symbol(f"d{user}/d{names.of(node)}{_brackets(at)}", part.slope)
        if user == "E":  # dE/dE is 1: the local derivative is the error signal
            written.append(_slope(part, at, names) or Number(part.slope))
            continue
        error = Symbol(f"dE/d{user}", part.error)
        chain.append(Apply("*", (error, slope)))
        written.append(product([error, _slope(part, at, names) or slope]))
    others = [p for i, p in enumerate(parts) if i not in set(order)]
    if others:
        rest = Symbol(f"rest{len(others)}", math.fsum(p.error * p.slope for p in others))
        chain.append(rest)
        written.append(rest)
    formulas = (_sum(chain), _sum(written)) if len(chain) == len(written) else (_sum(written),)
    return Equation(name, formulas, value)


def _sum(terms: list[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else Apply("+", tuple(terms))


def _parts(user: GlassNode, node: GlassNode, at: Index) -> Iterator[_Part]:
    if user.error is None:
        return
    errors = np.asarray(user.error)
    for position, x in enumerate(user.inputs):
        if getattr(x, "index", None) != node.index or not hasattr(x, "users"):
            continue
        column = _column(user, position, at)
        if column is None:
            continue
        if not errors.any() and len(user.siblings) > 1:
            continue  # an output that nothing reads, such as attention's weights
        for place in np.argwhere(column != 0):
            k = tuple(int(i) for i in place)
            yield _Part(user, k, position, plain(errors[k]), plain(column[k]))


def _column(user: GlassNode, position: int, at: Index) -> Any:
    """Return the derivatives of all entries of a user by one entry of an input."""
    local = user.local(position)
    if local is None:
        return None
    if hasattr(local, "column"):
        return np.asarray(local.column(at))
    shape = np.shape(_array(user.inputs[position]))
    padded = (*(None,) * (len(user.shape) - len(shape)), *zip(shape, at, strict=True))
    met = tuple(slice(None) if p is None or p[0] == 1 else p[1] for p in padded)
    column = np.zeros(user.shape, np.asarray(local).dtype)
    column[met] = np.asarray(local)[met]
    return column


def _slope(part: _Part, at: Index, names: _Names) -> Expression | None:
    """Return the formula of a local derivative, where it says what the rule computed."""
    if not part.user.spec.is_row:
        return None
    application = _application(part.user, names, shown=None)
    written = local_formula(application, part.place, part.position, at)
    if written is None:
        return None
    close = math.isclose(written.value, part.slope, rel_tol=AGREES, abs_tol=1e-7)
    return written if close or not math.isfinite(part.slope) else None
