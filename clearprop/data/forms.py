"""Examples in the forms that people have them - tensors, frames, series, lists - as arrays.

No library is imported for it: a form is recognized by its methods.

Shape letters: N examples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.frames import (
    FRAME,
    as_column,
    as_objects,
    as_polars,
    check_eager,
    is_frame,
    is_series,
    of_objects,
)
from clearprop.errors import DataError, kind_of


def is_tensor(value: object) -> bool:
    """Return whether a value is a tensor as those of PyTorch, which may be part of a graph.

    >>> is_tensor(np.zeros(2))
    False
    """
    kind = type(value)
    return all(hasattr(kind, name) for name in ("detach", "cpu", "numpy"))


def is_foreign(value: object) -> bool:
    """Return whether a value is no array of NumPy or JAX, so that mends for arrays do not fit it.

    >>> is_foreign([1, 2]), is_foreign(np.zeros(2))
    (True, False)
    """
    return is_tensor(value) or is_frame(value) or is_series(value) or isinstance(value, list)


def as_array(values: Any, where: str | None = None) -> NDArray[Any]:
    """Return examples in any form as an array.

    A tensor is detached and copied from its device. A frame becomes (N, C), its columns in their
    order; a series becomes (N,).

    Args:
        values: a tensor, a frame, a series, nested lists, or an array.
        where: the place that an error names.

    Raises:
        DataError: examples have different shapes, a value is missing, or a frame has other columns
            than numbers and truth values.

    >>> as_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    check_eager(values)
    if is_tensor(values):
        return _of_tensor(values, where)
    if is_series(values):
        return as_objects(as_column(values, str(values.name)), where or "the series")
    if is_frame(values):
        return _of_frame(values, where)
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(
            "a sparse matrix is no array", where=where, given=kind_of(values), fix="x = x.toarray()"
        )
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise DataError(
            "some entries of the array are masked",
            where=where,
            given=f"{int(np.ma.getmaskarray(values).sum())} masked entries",
            fix="x = x.filled(0)  # or drop these examples",
        )
    if isinstance(values, list | tuple) and values and _needs_own_way(values[0]):
        values = [as_array(value, where) for value in values]
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(
            "the examples do not make one array",
            where=where,
            given=f"{kind_of(values)}: {error}",
            expected="examples that all have the same shape",
        ) from error
    if array.dtype == object and array.ndim == 1:
        return as_objects(of_objects(array.tolist(), "values"), where or "the values")
    return array


def as_kept(values: Any, where: str | None = None) -> Any:
    """Return examples as an array, unless they are one already, or rows that are read when needed.

    >>> as_kept([1, 2])
    array([1, 2])
    """
    check_eager(values)
    foreign = is_foreign(values) or not hasattr(values, "dtype")
    return as_array(values, where) if foreign else values


def _needs_own_way(value: object) -> bool:
    return is_tensor(value) or is_series(value)


def _of_tensor(tensor: Any, where: str | None) -> NDArray[Any]:
    if getattr(tensor, "is_sparse", False) or "sparse" in str(getattr(tensor, "layout", "")):
        raise DataError(
            "a sparse tensor is no array", where=where, fix="x = x.to_dense()"
        )  # fmt: skip
    whole = tensor.detach().cpu()
    if "bfloat16" in str(whole.dtype):  # which NumPy does not have
        whole = whole.float()
    return np.asarray(whole.numpy())


def _of_frame(frame: Any, where: str | None) -> NDArray[Any]:
    table = as_polars(frame)
    columns = [as_objects(table[n], f"{where or FRAME}, column {n!r}") for n in table.columns]
    texts = [n for n, x in zip(table.columns, columns, strict=True) if x.dtype.kind not in "biuf"]
    if len(columns) == 1 and texts:
        return columns[0]
    if texts or not columns:
        raise DataError(
            "a column holds texts" if texts else "the frame has no columns",
            where=where,
            given=", ".join(map(repr, texts)),
            expected="numbers",
            fix='data = cp.data.load(frame, target="...")  # prepares texts, dates and gaps',
        )
    return np.stack(columns, axis=1)
