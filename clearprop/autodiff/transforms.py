"""The transformations: they take functions and return their derivatives."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp

from clearprop.autodiff.arguments import argument_numbers, argument_places
from clearprop.autodiff.elementary import reshape, stack
from clearprop.autodiff.elementary import sum as sum_over
from clearprop.autodiff.mends import of_missing_return
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.refusals import complex_value, ended
from clearprop.autodiff.shapes import shape_of
from clearprop.autodiff.sweep import Place, sweep
from clearprop.autodiff.tape import Tape, Traced, Value, capturing
from clearprop.errors import ShapeError, TracedValueError
from clearprop.tree import is_complex, is_differentiable, leaves_like

Tree = TypeVar("Tree")


class Variables(Generic[Tree]):
    """An argument of one differentiation: a tree whose floating leaves are boxed on one tape.

    Attributes:
        tree: the argument with its boxed leaves.
        places: the place of each leaf on the tape; None for one that carries no gradient.
    """

    def __init__(self, tape: Tape, tree: Tree) -> None:
        leaves, self.structure = jax.tree.flatten(tree)
        if any(map(is_complex, leaves)):
            raise complex_value("an argument that is to be differentiated")
        capture = capturing.get()
        if capture is not None:  # a closure's value inside a loop's body is a constant of the loop
            leaves = [capture(x) for x in leaves]
        self.boxed = [
            tape.variable(x if type(x) is Traced else jnp.asarray(x)) if _carries_gradient(x) else x
            for x in leaves
        ]
        self.tree: Tree = jax.tree.unflatten(self.structure, self.boxed)
        self.places = [tape.place(x) for x in self.boxed]

    def gradient(self, errors: Mapping[Place, Value]) -> Tree:
        """Return the tree of gradients: zeros at unused leaves, None at those without gradient."""
        leaves: list[Value | None] = [
            None
            if place is None
            else errors[place]
            if place in errors
            else jnp.zeros(box.shape, box.dtype)
            for place, box in zip(self.places, self.boxed, strict=True)
        ]
        gradient: Tree = jax.tree.unflatten(self.structure, leaves)
        return gradient


def _carries_gradient(leaf: object) -> bool:
    return type(leaf) is Traced or is_differentiable(leaf)


def value_and_grad(
    function: Callable[..., object], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the value of ``function`` and its gradient.

    The gradient of a scalar E with respect to a tree of arrays w is the tree of dE/dw, each of the
    shape and dtype of its w. Leaves that carry no gradient (integers, booleans, random keys,
    strings) reach the function unchanged, and their gradient is None.

    Args:
        function: built from clearprop operations and Python operators; returns a floating-point
            scalar, or ``(scalar, anything)`` with ``has_aux``.
        argnums: which positional arguments to differentiate; with a sequence the gradient is a
            tuple.
        has_aux: whether the function returns ``(value, anything)``.

    Raises:
        ConfigurationError: ``argnums`` holds no whole numbers, or names an argument twice.
        ShapeError: the value is not a scalar.
        TracedValueError: a value was used where its gradient would have been lost, or is complex.

    >>> value, gradient = value_and_grad(lambda x, y: x * x * y, argnums=(0, 1))(0.5, 0.5)
    >>> print(value, gradient[0], gradient[1])
    0.125 0.5 0.25

    Source: reverse mode of automatic differentiation (Linnainmaa 1970; Rumelhart, Hinton and
    Williams 1986). The worked number is the lecture's g(x, y) = x^2 y.
    """
    numbers = argument_numbers(argnums)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        of_chosen, chosen = _of_chosen(function, numbers, args, kwargs)
        output, pull_back, *aux = vjp(of_chosen, *chosen, has_aux=has_aux)
        value = _scalar(output, function)
        gradients = pull_back(jnp.ones((), value.dtype))
        gradient = gradients if isinstance(argnums, Sequence) else gradients[0]
        return ((value, *aux), gradient) if has_aux else (value, gradient)

    return differentiated


def _of_chosen(
    function: Callable[..., Any],
    numbers: Sequence[int],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a call as a function of the chosen arguments, and these arguments."""
    places = argument_places(numbers, len(args))
    chosen = [args[place] for place in places]
    leaves = jax.tree.leaves(chosen)
    if not any(_carries_gradient(leaf) or is_complex(leaf) for leaf in leaves):
        raise TracedValueError(
            "no differentiated argument has a floating-point leaf",
            given=f"argnums={tuple(numbers)}",
            fix="convert the numbers to float32, or choose other arguments",
        )

    def of_chosen(*boxed: Any) -> Any:
        inputs = list(args)
        for place, x in zip(places, boxed, strict=True):
            inputs[place] = x
        return function(*inputs, **kwargs)

    return of_chosen, chosen


def grad(
    function: Callable[..., object], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``function``; see `value_and_grad`.

    >>> print(grad(lambda x: x**2 + 3)(5.0))
    10.0
    >>> print(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    both = value_and_grad(function, argnums, has_aux)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return differentiated


def vjp(function: Callable[..., object], *inputs: object, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the output of ``function`` and its pull-back.

    The pull-back maps the error signal e of the output (a tree like the output, with None where
    there is no error) to the tuple of error signals of the inputs: e J for the Jacobian J. It may
    be called several times.

    Args:
        function: built from clearprop operations and Python operators.
        inputs: trees, the arguments of the function.
        has_aux: whether the function returns ``(output, aux)``; aux is then returned third.

    Raises:
        ShapeError: the pull-back is given an error signal that is not a tree like the output.
        TracedValueError: a value was used where its gradient would have been lost, or is complex.

    >>> output, pull_back = vjp(lambda x, y: x * y, 4.0, -3.0)
    >>> print(output, *pull_back(jnp.ones(())))
    -12.0 -3.0 4.0
    """
    tape = Tape()
    variables = [Variables(tape, x) for x in inputs]
    try:
        with teach_misuse():
            result: Any = function(*(v.tree for v in variables))
    finally:
        tape.closed = True
    output, aux = result if has_aux else (result, None)
    leaves = jax.tree.leaves(output)
    for leaf in leaves:
        if type(leaf) is Traced and leaf.tape.closed and leaf.tape is not tape:
            raise ended("the function returns a value")
    wanted = {p for v in variables for p in v.places if p is not None}

    result_tree = output

    def pull_back(error: Any) -> tuple[Any, ...]:
        seeds = []
        error_leaves = leaves_like(error, result_tree, "the error signal", "the output")
        for leaf, e in zip(leaves, error_leaves, strict=True):
            if e is None or tape.place(leaf) is None:
                continue
            if is_complex(e):
                raise complex_value("an error signal")
            if shape_of(e) != leaf.shape:
                raise ShapeError(
                    "an error signal does not have the shape of its output",
                    given=str(shape_of(e)),
                    expected=str(leaf.shape),
                )
            seeds.append((leaf, e if hasattr(e, "dtype") else jnp.asarray(e, leaf.dtype)))
        with teach_misuse():
            errors = sweep(tape, seeds, keep=wanted)
        return tuple(v.gradient(errors) for v in variables)

    output, aux = jax.tree.map(tape.below, (output, aux))
    return (output, pull_back, aux) if has_aux else (output, pull_back)


def hvp(function: Callable[[Tree], object], inputs: Tree, vector: Tree) -> Tree:
    """Return the product H v of the Hessian of a scalar function with a vector.

    H v is the gradient of <gradient, v>: the gradient rules themselves are differentiated.

    Args:
        function: a scalar function of one tree.
        inputs: the tree at which the Hessian is taken.
        vector: a tree like ``inputs``; None may stand where a leaf carries no gradient.

    Raises:
        ShapeError: the vector is no tree like the inputs, or one of its leaves does not have the
            shape of its input.

    >>> print(hvp(lambda x: x[0] ** 2 * x[1], jnp.array([3.0, 5.0]), jnp.array([1.0, 0.0])))
    [10.  6.]

    Source: Pearlmutter (1994), *Fast exact multiplication by the Hessian*; here reverse over
    reverse.
    """

    def slope(at: Tree) -> Value | None:
        return inner_product(grad(function)(at), directions)

    directions = directions_of(vector, inputs)
    product: Tree = grad(slope)(inputs)
    return product


def directions_of(vector: object, inputs: object) -> list[Value]:
    """Return the leaves of a vector at which the inputs carry a gradient.

    Args:
        vector: a tree like the inputs; None may stand where a leaf carries no gradient.
        inputs: the tree at which a product is taken.

    Raises:
        ShapeError: the vector is no tree like the inputs, or one of its leaves does not have the
            shape of its input.
        TracedValueError: the vector is complex.

    >>> directions_of({"n": None, "w": 2.0}, {"w": 1.0, "n": 3})
    [2.0]
    """
    directions = []
    along = leaves_like(vector, inputs, "the vector", "the inputs")
    for x, v in zip(jax.tree.leaves(inputs), along, strict=True):
        if not _carries_gradient(x):
            continue
        if v is None or shape_of(x) != shape_of(v):
            raise ShapeError(
                "the vector does not have the shape of the inputs",
                given="None" if v is None else str(shape_of(v)),
                expected=str(shape_of(x)),
            )
        if is_complex(v):
            raise complex_value("a vector")
        directions.append(v)
    return directions


def inner_product(tree: object, directions: Sequence[Value]) -> Value | None:
    """Return <tree, v>: the sum over leaves of each leaf times its direction.

    Args:
        tree: any tree of arrays; None counts as no leaf.
        directions: one array a leaf, of its shape.

    Returns:
        a scalar, or None where the tree has no leaf.

    >>> print(inner_product({"w": jnp.array([1.0, 2.0])}, [jnp.array([3.0, 4.0])]))
    11.0
    """
    pairs = zip(jax.tree.leaves(tree), directions, strict=True)
    summands: list[Value] = [sum_over(leaf * direction) for leaf, direction in pairs]
    return functools.reduce(operator.add, summands) if summands else None


def jacobian(
    function: Callable[..., object], argnums: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian: d output / d input for every pair of entries.

    For an output of shape S and an input leaf of shape T the result has shape S + T. For trees the
    result is a tree like the output, and each of its leaves is a tree like the input; with several
    ``argnums`` it is a tuple of these trees.

    Raises:
        ConfigurationError: ``argnums`` holds no whole numbers, or names an argument twice.
        TracedValueError: no chosen argument has a floating-point leaf.

    >>> jacobian(lambda x: x * x)(jnp.array([1.0, 3.0]))
    Array([[2., 0.],
           [0., 6.]], dtype=float32)
    """
    numbers = argument_numbers(argnums)

    @functools.wraps(function)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        of_chosen, chosen = _of_chosen(function, numbers, args, kwargs)
        output, pull_back = vjp(of_chosen, *chosen)
        leaves, structure = jax.tree.flatten(output)
        rows = []
        for k, leaf in enumerate(leaves):

            def row(unit: Any, k: int = k) -> Any:
                error = [unit if i == k else None for i in range(len(leaves))]
                gradients = pull_back(jax.tree.unflatten(structure, error))
                return gradients if isinstance(argnums, Sequence) else gradients[0]

            units = jnp.eye(leaf.size, dtype=leaf.dtype).reshape(leaf.size, *leaf.shape)
            rows.append(_stacked(row, units, leaf.shape))
        return jax.tree.unflatten(structure, rows)

    return differentiated


def _stacked(row: Callable[[Any], Any], units: Any, shape: tuple[int, ...]) -> Any:
    """Apply ``row`` to every unit vector, and stack the results along new first axes."""
    if not len(units):  # an output without entries has no row; one error gives the shapes
        none = row(jnp.zeros(shape, units.dtype))
        return jax.tree.map(lambda r: jnp.zeros((*shape, *r.shape), r.dtype), none)
    first = row(units[0])
    if not any(type(x) is Traced for x in jax.tree.leaves(first)):
        rows = jax.vmap(row)(units)
        return jax.tree.map(lambda r: r.reshape(*shape, *r.shape[1:]), rows)
    # vmap cannot handle a value of an outer differentiation: the rows are computed one by one.
    every = [first, *(row(unit) for unit in units[1:])]
    return jax.tree.map(lambda *r: reshape(stack(*r), shape=(*shape, *r[0].shape)), *every)


def _scalar(value: Any, function: Callable[..., object]) -> Any:
    shape = getattr(value, "shape", None)
    if value is None:
        mend, line = of_missing_return(function)
        raise ShapeError(
            "the function returns None, and only the gradient of a scalar can be taken",
            given=mend.given if mend else "None",
            fix=mend.fix if mend else "return the value",
            line=line,
        )
    if isinstance(value, float):
        return jnp.asarray(value)
    if shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ShapeError(
            "only the gradient of a floating-point scalar can be taken",
            given=f"shape {shape}, dtype {value.dtype}" if shape is not None else repr(value)[:80],
            fix="average or sum the output first, or use vjp or jacobian",
        )
    return value
