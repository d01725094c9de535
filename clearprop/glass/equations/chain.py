"""The chain rule at one entry of a node, with symbols and with the numbers of the example."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ShapeError
from clearprop.glass.equations.application import Application, Index, Operand, brackets
from clearprop.glass.equations.equation import Equation, Equations
from clearprop.glass.equations.expression import (
    SHOWN_TERMS,
    Apply,
    Expression,
    Number,
    Symbol,
    joined,
    largest,
    product,
)
from clearprop.glass.equations.numbers import plain
from clearprop.glass.equations.templates import formula, local_formula
from clearprop.glass.nodes.jacobian import Jacobian
from clearprop.glass.nodes.node import GlassNode

AGREES = 1e-3
"""The largest relative difference between a formula of a local derivative and the rule's number."""

_ROLES = {"weight": "w", "kernel": "w", "bias": "b", "scale": "g", "shift": "b"}


def equations(node: GlassNode, index: int | Index | None = None) -> Equations:
    """Return how one entry of a node and its error signal were computed.

    Forward: the formula of its operation. Backward: dE/dy = sum over its users u of
    dE/du du/dy, with every factor; of more than 8 terms, the 8 largest and the sum of the others.
    Both are printed with symbols and with the values of this example. The values have enough
    digits that the printed equation holds.

    Args:
        node: of a `Glass`.
        index: of the entry, counted from 0; an int for a node with one axis; None takes the entry
            with the largest error signal.

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
    legend = tuple(names.legend([forward, *([backward] if backward else [])]))
    shape = "x".join(map(str, node.shape)) or "scalar"
    about = f"{node.operation}, {shape}, {node.dtype}"
    return Equations(f"{node.name}{brackets(at)}", about, legend, forward, backward)


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


# --- names ---------------------------------------------------------------------------------------


class _Names:
    """The symbols of one explanation: y for the node, u for its users, x, w, b, t for the rest."""

    def __init__(self, node: GlassNode) -> None:
        self.node = node
        self.taken = {node.index: "y"}
        self.constants: dict[tuple[int, int], str] = {}
        self.users = list({user.index: user for user in node.users}.values())
        for number, user in enumerate(self.users, start=1):
            self.taken[user.index] = "u" if len(self.users) == 1 else f"u{number}"
        last = len(node.glass.nodes) - 1
        if last in self.taken:
            self.taken[last] = "E"

    def of(self, node: GlassNode) -> str:
        """Return the letter of a node; a node without a letter gets one."""
        if node.index not in self.taken:
            role = _ROLES.get(node.name.rpartition(".")[2], "x")
            self.taken[node.index] = self._free(role if node.operation == "parameter" else "x")
        return self.taken[node.index]

    def of_constant(self, user: GlassNode, i: int) -> str:
        """Return the letter of a constant: t in a loss, c elsewhere."""
        key = (user.index, i)
        if key not in self.constants:
            self.constants[key] = self._free("t" if user.name.startswith("loss/") else "c")
        return self.constants[key]

    def _free(self, letter: str) -> str:
        used = {*self.taken.values(), *self.constants.values()}
        numbered = (f"{letter}{n}" for n in range(2, len(used) + 3))
        return next(name for name in (letter, *numbered) if name not in used)

    def legend(self, equations: list[Equation]) -> Iterator[tuple[str, str]]:
        """Yield each letter of some equations with the name of its node or constant."""
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


def _application(node: GlassNode, names: _Names, shown: int | None = SHOWN_TERMS) -> Application:
    """Return a node's use of its operation, with letters for its inputs."""
    operands = tuple(
        None if x is None else _operand(node, i, x, names) for i, x in enumerate(node.inputs)
    )

    def result(output: int, index: Index) -> Expression:
        sibling = node.siblings[output]
        name = f"{names.of(sibling)}{brackets(index)}"
        return Symbol(name, plain(np.asarray(sibling.value)[index]), ("result", output, index))

    return Application(
        str(node.operation), node.parameters, operands, node.output, node.shape, result, shown
    )


def _operand(node: GlassNode, i: int, x: Any, names: _Names) -> Operand:
    is_node = isinstance(x, GlassNode)
    array = np.asarray(x.value if isinstance(x, GlassNode) else x)

    def entry(index: Index) -> Expression:
        if not is_node and array.ndim == 0:
            return Number(plain(array))
        letter = names.of(x) if is_node else names.of_constant(node, i)
        return Symbol(f"{letter}{brackets(index)}", plain(array[index]), (i, index))

    return Operand(array, entry)


# --- forward -------------------------------------------------------------------------------------


def _forward(node: GlassNode, at: Index, names: _Names) -> Equation:
    value = plain(np.asarray(node.value)[at])
    name = f"{names.of(node)}{brackets(at)}"
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
    """A term of the chain rule: an entry of a user and its derivative by the explained entry."""

    user: GlassNode
    place: Index
    position: int
    error: float
    slope: float


def _backward(node: GlassNode, at: Index, names: _Names) -> Equation | None:
    """Return the equation of dE/dy; None where no error signal can arrive."""
    if not node.carries_error:
        return None
    own = f"{names.of(node)}{brackets(at)}"
    name = f"dE/d{own}"
    value = plain(np.asarray(node.error)[at])
    if node.index == len(node.glass.nodes) - 1:
        return Equation(name, (Number(1.0),), 1.0, "E by itself")
    parts = [part for user in names.users for part in _parts(user, node, at)]
    if not parts:
        return Equation(name, (Number(0.0),), value, "E does not depend on this entry")
    order = sorted(largest(np.asarray([p.error * p.slope for p in parts]), SHOWN_TERMS))
    chain: list[Expression] = []
    written: list[Expression] = []
    for part in (parts[i] for i in order):
        user = f"{names.of(part.user)}{brackets(part.place)}"
        slope = Symbol(f"d{user}/d{own}", part.slope)
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
    forms = (chain, written) if len(chain) == len(written) else (written,)
    return Equation(name, tuple(joined("+", terms) for terms in forms), value)


def _parts(user: GlassNode, node: GlassNode, at: Index) -> Iterator[_Part]:
    if user.error is None:
        return
    errors = np.asarray(user.error)
    if not errors.any() and len(user.siblings) > 1:
        return  # an output that nothing reads, such as the weights of attention
    for position, x in enumerate(user.inputs):
        if not isinstance(x, GlassNode) or x.index != node.index:
            continue
        local = user.local(position)
        if local is None:
            continue
        column = _column(local, user.shape, node.shape, at)
        for place in np.argwhere(column != 0):
            k = tuple(int(i) for i in place)
            yield _Part(user, k, position, plain(errors[k]), plain(column[k]))


def _column(
    local: Jacobian | jax.Array, users: tuple[int, ...], inputs: tuple[int, ...], at: Index
) -> NDArray[np.generic]:
    """Return the derivatives of all entries of a user by one entry of an input."""
    if isinstance(local, Jacobian):
        return np.asarray(local.column(at))
    own = (slice(None) if n == 1 else i for n, i in zip(inputs, at, strict=True))
    met = (..., *own)
    column = np.zeros(users, np.asarray(local).dtype)
    column[met] = np.asarray(local)[met]
    return column


def _slope(part: _Part, at: Index, names: _Names) -> Expression | None:
    """Return the formula of a local derivative if its value is that of the rule."""
    if not part.user.spec.is_row:
        return None
    application = _application(part.user, names, shown=None)
    written = local_formula(application, part.place, part.position, at)
    if written is None:
        return None
    close = math.isclose(written.value, part.slope, rel_tol=AGREES, abs_tol=1e-7)
    return written if close or not math.isfinite(part.slope) else None
