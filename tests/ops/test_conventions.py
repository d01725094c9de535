"""The table of conventions in the documents: every expression has the value beside it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import OPERATIONS, Operation, grad
from tests.ops.test_rules import OURS, WITHOUT_RULE

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"
ROWS = [
    tuple(cell.strip() for cell in line.strip().strip("|").split(" | "))
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
NAMES = {
    **{name: getattr(ops, name) for name in ops.__all__},
    **{name: getattr(jnp, name) for name in ("array", "ones", "zeros", "inf", "nan")},
    "grad": grad,
}
PART_OF_MAX_POOL = {"first_largest"}


def value_of(text: str) -> Any:
    return eval(text.strip("`"), dict(NAMES))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} at {row[1]}".replace("`", ""))
def test_a_convention_is_kept(row: tuple[str, ...]) -> None:
    _, _, _, expression, expected = row
    ours, stated = jax.tree.leaves(value_of(expression)), value_of(expected)
    stated = stated if isinstance(stated, tuple) else (stated,)
    assert len(ours) == len(stated)
    for value, number in zip(ours, stated, strict=True):
        assert np.shape(value) == np.shape(number)
        np.testing.assert_allclose(value, np.asarray(number, float), rtol=1e-6)


def test_the_table_is_found() -> None:
    assert len(ROWS) > 50
    with pytest.raises(AssertionError):
        test_a_convention_is_kept(("`abs`", "0", "", "`grad(abs)(0.0)`", "`1`"))


def _decides(row: Operation[..., Any]) -> bool:
    """Say whether a rule of an operation compares numbers: then it has a choice to make."""
    for rule in (row.joint, *(row.errors or ())):
        if rule is not None:
            source = inspect.getsource(rule)
            own = source if source.lstrip().startswith("def") else source.split("\ndef ")[0]
            if re.search(r"\bwhere\(|\bstrip\(|_to_chosen", own):
                return True
    return False


def test_every_operation_that_makes_a_choice_is_in_the_table() -> None:
    named = {row[0].strip("`").split("`")[0] for row in ROWS}
    choosing = {name for name, row in OURS.items() if _decides(row)}
    assert {"maximum", "relu", "std", "clip"} <= choosing
    assert sorted((choosing | WITHOUT_RULE) - PART_OF_MAX_POOL - named) == []
    assert named - {"sort", "weight_norm"} <= OPERATIONS.keys()
