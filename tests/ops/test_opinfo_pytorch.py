"""PyTorch's own samples of its operators have the same values and gradients in clearprop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import pytest

from clearprop import ops
from clearprop.autodiff import OPERATIONS
from tests.ops.opinfo import elementwise, layers, losses, products, reductions, shapes
from tests.ops.opinfo.comparison import compare, operators
from tests.ops.opinfo.summary import PROPERTY
from tests.ops.opinfo.table import MAPPINGS

torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

FILES = (elementwise, layers, losses, products, reductions, shapes)
"""The files of mappings; importing them fills the table."""

WITHOUT_SAMPLES = {
    "activation": "adds a row to the rule table",
    "attention_weights": "PyTorch's operator does not return the weights",
    "barrier": "the identity, for the compiler",
    "causal_mask": "PyTorch makes it by tril",
    "gather": "another name of take",
    "hinge": "PyTorch has no hinge loss for targets of -1 and 1",
    "last_written": "part of put_along_axis",
    "outer_sum": "part of the rule of matmul",
    "output_size": "the arithmetic of shapes",
    "read_in_windows": "part of the second derivative of max_pool",
    "scan": "PyTorch has no samples of loops",
    "stop_gradient": "PyTorch has no samples of detach",
    "stored": "the identity, for the compiler",
    "true_convolution": "PyTorch does not flip kernels",
    "weight_norm": "PyTorch has it as a layer only",
    "zero_one": "PyTorch has no zero-one loss",
}
"""Operations that no sample of PyTorch calls, with the reason."""


@pytest.fixture(scope="module")
def infos() -> dict[str, list[Any]]:
    return operators()


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_samples_agree(
    name: str, infos: dict[str, list[Any]], record_property: Callable[[str, object], None]
) -> None:
    with jax.enable_x64(True):
        outcome = compare(infos[name], MAPPINGS[name])
    record_property(PROPERTY, outcome.counts())
    assert outcome.faults == []
    assert outcome.agreed, "no sample is expressible: the mapping shows nothing"
    assert MAPPINGS[name].uses & OPERATIONS.keys() <= outcome.called


def test_every_operation_is_compared_or_says_why_not() -> None:
    public = {name for name in ops.__all__ if name.islower() and callable(getattr(ops, name))}
    used = frozenset().union(*(mapping.uses for mapping in MAPPINGS.values()))
    assert sorted((OPERATIONS.keys() | public) - used) == sorted(WITHOUT_SAMPLES)


def test_every_operator_of_pytorch_with_the_name_of_an_operation_is_mapped(
    infos: dict[str, list[Any]],
) -> None:
    shared = {
        name for name in infos if name.removeprefix("nn.functional.") in {*OPERATIONS, *ops.__all__}
    }
    assert shared - MAPPINGS.keys() == set()
    assert "softmax" in shared
    assert "nn.functional.gelu" in shared


@pytest.mark.parametrize(
    ("compute", "fault"),
    [(ops.cos, "value"), (lambda x: ops.sin(ops.stop_gradient(x)), "gradient")],
)
def test_a_wrong_mapping_is_found(
    compute: Callable[..., Any], fault: str, infos: dict[str, list[Any]]
) -> None:
    with jax.enable_x64(True):
        outcome = compare(infos["sin"], replace(MAPPINGS["sin"], compute=compute))
    assert outcome.agreed < outcome.mapped
    assert all(fault in described for described in outcome.faults)
