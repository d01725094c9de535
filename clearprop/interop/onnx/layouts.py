"""The layouts of a compiled program: transpositions between layers are taken out of it.

Convolutions and pools compute with channels last, and ONNX has the channels first, so each such
layer lies between two transpositions. XLA's compiler for processors keeps them, and copies the
whole array for each. Here a traced program is computed once more, primitive by primitive, where a
transposition is only noted beside the array. What works entry by entry, and sums, maxima and the
like, work on the array as it lies. It is transposed where something needs it as it was: most
transpositions meet their opposite before.

The compiler joins operations that work entry by entry into one loop, and computes a long chain of
them once for each of its readers. A chain that several read is computed once here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import core

Order = tuple[int, ...]
T = TypeVar("T")

INLINED = {"closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "jit", "pjit"}
"""Primitives that only call another list of primitives."""

ENTRYWISE = {
    "abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh",
    "cbrt", "ceil", "clamp", "convert_element_type", "copy", "cos", "cosh", "digamma", "div", "eq",
    "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow",
    "is_finite", "le", "lgamma", "log", "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg",
    "nextafter", "not", "or", "pow", "reduce_precision", "rem", "round",
    "rsqrt", "select_n", "shift_left", "shift_right_arithmetic", "shift_right_logical", "sign",
    "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh", "xor",
}  # fmt: skip
"""Primitives that compute each entry by itself, from the entries at the same place."""

REDUCING = {"argmax", "argmin", "reduce_and", "reduce_max", "reduce_min", "reduce_or",
            "reduce_prod", "reduce_sum"}  # fmt: skip
"""Primitives that take some axes away; the parameter ``axes`` names them."""

JOINED = ENTRYWISE | {"broadcast_in_dim", "concatenate", "iota", "pad", "reshape", "rev", "slice",
                      "squeeze", "transpose"}  # fmt: skip
"""Primitives that the compiler joins into one loop."""


LONGEST_CHAIN = 16
"""Up to this many primitives, it is cheaper to compute a value for each reader than to store it."""


class Laid(NamedTuple):
    """A value as it lies in memory.

    Attributes:
        array: its entries.
        order: axis i of the value is axis ``order[i]`` of the array.
        chain: number of primitives that the compiler may join into one loop for it.
    """

    array: jax.Array
    order: Order
    chain: int = 0

    def plain(self) -> jax.Array:
        """Return the value itself."""
        return self.array if self.is_plain else lax.transpose(self.array, self.order)

    @property
    def is_plain(self) -> bool:
        """Whether the array is the value."""
        return self.order == tuple(range(len(self.order)))

    def laid(self, order: Order) -> jax.Array:
        """Return the array of the same value in another order."""
        if self.order == order:
            return self.array
        back = _inverse(order)
        return lax.transpose(self.array, tuple(self.order[axis] for axis in back))

    def moved(self, values: Sequence[T]) -> tuple[T, ...]:
        """Return what belongs to the axes of the value, in the order of the axes of the array."""
        return tuple(values[axis] for axis in _inverse(self.order))

    def stored(self) -> Laid:
        """Return the value, computed once for all who read it."""
        return Laid(lax.optimization_barrier(self.array), self.order)


def laid(array: jax.Array) -> Laid:
    """Return a value that lies as it is."""
    return Laid(array, tuple(range(jnp.ndim(array))))


def without_transpositions(function: Callable[..., T]) -> Callable[..., T]:
    """Return the same function of arrays, traced and rewritten with few transpositions.

    >>> def double(x):
    ...     return jnp.transpose(2 * jnp.transpose(x, (1, 0)), (1, 0))
    >>> print(jax.make_jaxpr(without_transpositions(double))(jnp.ones((2, 3))))
    { lambda ; a:f32[2,3]. let b:f32[2,3] = mul 2.0:f32[] a in (b,) }
    """

    def run(*given: Any) -> T:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*given)
        inputs = [laid(leaf) for leaf in jax.tree.leaves(given)]
        outputs = _computed(closed.jaxpr, closed.consts, inputs)
        results = [output.plain() for output in outputs]
        return cast(T, jax.tree.unflatten(jax.tree.structure(shapes), results))

    return run


def _computed(jaxpr: core.Jaxpr, constants: Sequence[Any], inputs: Sequence[Laid]) -> list[Laid]:
    """Compute a list of primitives."""
    values: dict[Any, Laid] = dict(zip(jaxpr.invars, inputs, strict=True))
    values.update(zip(jaxpr.constvars, map(laid, constants), strict=True))

    def read(atom: Any) -> Laid:
        return laid(atom.val) if isinstance(atom, core.Literal) else values[atom]

    readers = Counter(
        atom for eqn in jaxpr.eqns for atom in eqn.invars if isinstance(atom, core.Var)
    )
    for eqn in jaxpr.eqns:
        outputs = _applied(eqn, [read(atom) for atom in eqn.invars])
        for variable, output in zip(eqn.outvars, outputs, strict=True):
            stored = output.chain > LONGEST_CHAIN and readers[variable] > 1
            values[variable] = output.stored() if stored else output
    return [read(atom) for atom in jaxpr.outvars]


def _applied(eqn: Any, inputs: list[Laid]) -> list[Laid]:
    """Compute one primitive."""
    name: str = eqn.primitive.name
    if name in INLINED:
        inner = next(
            eqn.params[key]
            for key in ("jaxpr", "call_jaxpr", "fun_jaxpr")
            if eqn.params.get(key) is not None
        )
        return _computed(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), inputs)
    chain = 1 + sum(x.chain for x in inputs) if name in JOINED else 0
    return [output._replace(chain=chain) for output in _kept(eqn, name, inputs)]


def _kept(eqn: Any, name: str, inputs: list[Laid]) -> list[Laid]:
    """Compute one primitive on its inputs as they lie, if that can be done."""
    if name == "transpose":
        (x,) = inputs
        return [Laid(x.array, tuple(x.order[axis] for axis in eqn.params["permutation"]))]
    if all(x.is_plain for x in inputs):
        return [laid(y) for y in _bound(eqn, [x.array for x in inputs])]
    if name in ENTRYWISE:
        return [_entrywise(eqn, inputs)]
    if name in _RULES:
        return [_RULES[name](eqn, inputs)]
    return [laid(y) for y in _bound(eqn, [x.plain() for x in inputs])]


def _bound(eqn: Any, arrays: Sequence[Any], **changed: Any) -> list[Any]:
    result = eqn.primitive.bind(*arrays, **{**eqn.params, **changed})
    return list(result) if eqn.primitive.multiple_results else [result]


def _entrywise(eqn: Any, inputs: list[Laid]) -> Laid:
    order = next(x.order for x in inputs if not x.is_plain)
    arrays = [x.laid(order) if x.order else x.array for x in inputs]
    return Laid(_bound(eqn, arrays)[0], order)


def _reduce(eqn: Any, inputs: list[Laid]) -> Laid:
    (x,) = inputs
    gone = eqn.params["axes"]
    (y,) = _bound(eqn, [x.array], axes=tuple(sorted(x.order[axis] for axis in gone)))
    return Laid(y, _without(x.order, gone))


def _squeeze(eqn: Any, inputs: list[Laid]) -> Laid:
    (x,) = inputs
    gone = eqn.params["dimensions"]
    (y,) = _bound(eqn, [x.array], dimensions=tuple(sorted(x.order[axis] for axis in gone)))
    return Laid(y, _without(x.order, gone))


def _concatenate(eqn: Any, inputs: list[Laid]) -> Laid:
    order = next(x.order for x in inputs if not x.is_plain)
    arrays = [x.laid(order) for x in inputs]
    return Laid(_bound(eqn, arrays, dimension=order[eqn.params["dimension"]])[0], order)


def _pad(eqn: Any, inputs: list[Laid]) -> Laid:
    x, value = inputs
    places = x.moved(eqn.params["padding_config"])
    return Laid(_bound(eqn, [x.array, value.array], padding_config=places)[0], x.order)


def _slice(eqn: Any, inputs: list[Laid]) -> Laid:
    (x,) = inputs
    named = ("start_indices", "limit_indices", "strides")
    parts = {key: eqn.params[key] and x.moved(eqn.params[key]) for key in named}
    return Laid(_bound(eqn, [x.array], **parts)[0], x.order)


_RULES: dict[str, Callable[[Any, list[Laid]], Laid]] = {
    **dict.fromkeys(REDUCING, _reduce),
    "concatenate": _concatenate,
    "pad": _pad,
    "slice": _slice,
    "squeeze": _squeeze,
}
"""(primitive, its inputs, of which one at least is not plain) -> its output."""


def _inverse(order: Order) -> Order:
    return tuple(order.index(axis) for axis in range(len(order)))


def _without(order: Order, gone: Sequence[int]) -> Order:
    """Return the order of the axes that stay, counted anew."""
    stay = [place for axis, place in enumerate(order) if axis not in gone]
    return tuple(sorted(stay).index(place) for place in stay)
