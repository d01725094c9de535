"""Products of arrays, and determinants."""

from __future__ import annotations

from string import ascii_lowercase

import numpy as np

from clearprop.interop.onnx.export.table import Applied, operation_row, primitive
from clearprop.interop.onnx.export.writer import GraphWriter


@primitive("dot_general")
def _dot(w: GraphWriter, eqn: Applied) -> str:
    """Write a product of matrices; the axes are moved to where MatMul has them."""
    (summed_x, summed_y), (shared_x, shared_y) = eqn.parameters["dimension_numbers"]
    x, y = eqn.inputs
    left, right = eqn.sizes
    if left.dtype != right.dtype or left.dtype != eqn.output.dtype:
        x, y = w.cast(x, eqn.output.dtype), w.cast(y, eqn.output.dtype)
    free_x = [a for a in range(left.ndim) if a not in (*summed_x, *shared_x)]
    free_y = [a for a in range(right.ndim) if a not in (*summed_y, *shared_y)]
    whole = not np.issubdtype(eqn.output.dtype, np.inexact)
    if len(summed_x) == 1 and len(free_y) == 1 and (len(free_x) == 1 or not shared_x) and free_x:
        x = w.transpose(x, [*shared_x, *free_x, *summed_x])
        y = w.transpose(y, [*shared_y, *summed_y, *free_y])
        return w.node("MatMul", x, y)
    if whole:
        raise w.refuse(
            "this product of whole numbers",
            "MatMul does not compute it",
            fix="bring it to the form of x @ y, or cast to floats before it",
        )
    letters = iter(ascii_lowercase)
    of_x, of_y = [""] * left.ndim, [""] * right.ndim
    for a, b in [*zip(shared_x, shared_y, strict=True), *zip(summed_x, summed_y, strict=True)]:
        of_x[a] = of_y[b] = next(letters)
    of_x = [letter or next(letters) for letter in of_x]
    of_y = [letter or next(letters) for letter in of_y]
    out = [of_x[a] for a in (*shared_x, *free_x)] + [of_y[a] for a in free_y]
    equation = f"{''.join(of_x)},{''.join(of_y)}->{''.join(out)}"
    return w.node("Einsum", x, y, equation=equation)


@operation_row("det", fits=lambda op: op.size.dtype == np.float32)
def _det(w: GraphWriter, op: Applied) -> str:
    return w.node("Det", op.inputs[0])
