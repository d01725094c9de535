"""Products of vectors and einsum."""

from __future__ import annotations

import math
import string
from collections import Counter
from typing import Any

import jax.numpy as jnp

from clearprop.autodiff import operation
from clearprop.autodiff.elementary import (
    broadcast_to,
    expand_dims,
    getitem,
    matmul,
    reshape,
    transpose,
)
from clearprop.autodiff.shapes import Array
from clearprop.errors import ShapeError


def dot(x: Array, y: Array) -> Array:
    """Multiply two vectors: ``z = sum_i x_i y_i``.

    Shapes: x and y (n,), z ().

    Raises:
        ShapeError: they are not two vectors of one size.

    >>> print(dot(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])))
    11.0

    Source: NumPy's `dot`, only for vectors.
    """
    _check_vectors("dot", x, y, fix="use matmul for matrices")
    return matmul(x, y)


def outer(x: Array, y: Array) -> Array:
    """Multiply every entry of one vector by every entry of another: ``z_ij = x_i y_j``.

    Shapes: x (m,), y (n,), z (m, n).

    Raises:
        ShapeError: they are not two vectors.

    >>> print(outer(jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])))
    [[3. 4.]
     [6. 8.]]

    Source: NumPy's `outer`.
    """
    _check_vectors("outer", x, y)
    return expand_dims(x, 1) * expand_dims(y, 0)


def _check_vectors(name: str, x: Array, y: Array, fix: str | None = None) -> None:
    if len(x.shape) != 1 or len(y.shape) != 1:
        raise ShapeError(
            f"{name} multiplies two vectors",
            where=name,
            given=f"{tuple(x.shape)} and {tuple(y.shape)}",
            fix=fix,
        )


def einsum(subscripts: str, *arrays: Array) -> Array:
    """Sum products over letters that the output does not name (Einstein's convention).

    ``einsum("bij,bjk->bik", x, y)`` multiplies matrices: ``z_bik = sum_j x_bij y_bjk``. ``...``
    stands for leading axes that broadcast; without ``->`` the output names every letter that occurs
    once. A letter that one term names twice reads the diagonal.

    Shapes: each array has one axis for each letter of its term, z one for each of the output. Axes
    of one letter have one size; an axis of size 1 is repeated for that of another array.

    Raises:
        ShapeError: the letters do not fit the arrays.

    >>> x = jnp.arange(6.0).reshape(2, 3)
    >>> print(einsum("ij->j", x), einsum("...j,...j->...", x, x))
    [3. 5. 7.] [ 5. 50.]

    Source: NumPy's `einsum`.
    """
    terms, output = _explicit(subscripts, arrays)
    operands = list(arrays)
    _sizes(subscripts, terms, arrays)
    # A letter that occurs twice in one term takes a diagonal: it is read before the product.
    for i, term in enumerate(terms):
        for letter in term:
            while terms[i].count(letter) > 1:
                first = terms[i].index(letter)
                second = terms[i].index(letter, first + 1)
                operands[i] = _diagonal(operands[i], first, second)
                rest = [c for k, c in enumerate(terms[i]) if k not in (first, second)]
                terms[i] = letter + "".join(rest)
    return _einsum(*operands, subscripts=f"{','.join(terms)}->{output}")


def _diagonal(x: Array, first: int, second: int) -> Array:
    """Read the entries whose places along two axes of one size are equal; that axis comes first."""
    rest = [axis for axis in range(len(x.shape)) if axis not in (first, second)]
    size = x.shape[first]
    flat = transpose(x, axes=(first, second, *rest))
    flat = reshape(flat, shape=(size * size, *flat.shape[2:]))
    return getitem(flat, slice(None, None, size + 1))


def _explicit(subscripts: str, arrays: tuple[Array, ...]) -> tuple[list[str], str]:
    """Return every term and the output as letters, without ``...``."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    letters = left.replace(".", "").replace(",", "") + output.replace(".", "")
    if len(terms) != len(arrays) or not all(c in string.ascii_letters for c in letters):
        raise _misfit(subscripts, arrays, "one term of letters for each array")
    if not arrow:
        once = Counter(c for c in left if c.isalpha())
        output = ("..." if "..." in left else "") + "".join(
            sorted(c for c, n in once.items() if n == 1)
        )
    unused = sorted(set(string.ascii_letters) - set(letters), reverse=True)
    ranks = [
        len(x.shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(terms, arrays, strict=True)
    ]
    leading = "".join(unused[: max(ranks)])
    for i, (term, rank, x) in enumerate(zip(terms, ranks, arrays, strict=True)):
        terms[i] = term.replace("...", leading[len(leading) - rank :] if rank > 0 else "")
        if rank < 0 or len(terms[i]) != len(x.shape):
            raise _misfit(subscripts, arrays, f"{len(x.shape)} letters in term {i + 1}")
    output = output.replace("...", leading)
    if len(set(output)) < len(output) or not set(output) <= set("".join(terms)):
        raise _misfit(subscripts, arrays, "each letter of the output once, from the terms")
    return terms, output


def _sizes(subscripts: str, terms: list[str], arrays: tuple[Array, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for term, x in zip(terms, arrays, strict=True):
        here = dict(zip(term, x.shape, strict=True))
        for letter, size in zip(term, x.shape, strict=True):
            if here[letter] != size:
                raise _misfit(subscripts, arrays, f"equal sizes along both axes {letter!r}")
            known = sizes.get(letter, 1)
            if known != size and 1 not in (known, size):
                raise _misfit(subscripts, arrays, "equal sizes where letters are equal, or 1")
            sizes[letter] = known if size == 1 else size
    return sizes


def _misfit(subscripts: str, arrays: tuple[Array, ...], expected: str) -> ShapeError:
    return ShapeError(
        "the letters do not fit the arrays",
        where="einsum",
        given=f"{subscripts!r} with {', '.join(str(tuple(x.shape)) for x in arrays)}",
        expected=expected,
    )


def _errors_of_einsum(error: Any, z: Any, *arrays: Any, subscripts: str) -> list[Any]:
    left, _, output = subscripts.partition("->")
    terms = left.split(",")
    errors = []
    for i, (term, x) in enumerate(zip(terms, arrays, strict=True)):
        others = [k for k in range(len(terms)) if k != i]
        known = set(output).union(*(terms[k] for k in others))
        reached = "".join(letter for letter in term if letter in known)
        names = ",".join([output, *(terms[k] for k in others)])
        e = _einsum(error, *(arrays[k] for k in others), subscripts=f"{names}->{reached}")
        if reached != term:  # a letter that was only summed: every entry gets the same error
            sizes = dict(zip(reached, e.shape, strict=True))
            e = reshape(e, shape=tuple(sizes.get(letter, 1) for letter in term))
        # So it is where the letter is of size 1 in all other arrays. Where it is of size 1 in this
        # array, the sweep sums the errors of all places.
        wide = tuple(n if m == 1 else m for m, n in zip(e.shape, x.shape, strict=True))
        errors.append(e if e.shape == wide else broadcast_to(e, shape=wide))
    return errors


def _count_einsum(z: Any, *arrays: Any, subscripts: str) -> int:
    terms = subscripts.partition("->")[0].split(",")
    sizes = _sizes(subscripts, terms, arrays)
    return math.prod(sizes.values()) * (2 if len(terms) > 1 else 1)


@operation(joint=_errors_of_einsum, count=_count_einsum, name="einsum")
def _einsum(*arrays: Array, subscripts: str) -> Array:
    return jnp.einsum(subscripts, *arrays)
