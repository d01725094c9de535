"""Trees: every leaf has its own path, and trees are compared with their containers and order."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jax.numpy as jnp
import pytest

from clearprop import ops, tree
from clearprop.autodiff import check_gradients
from clearprop.errors import ConfigurationError, ShapeError

COLLIDING = {"a.b": jnp.array(1.0), "a": {"b": jnp.array(2.0)}}


def test_two_leaves_of_one_path_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"same path[\s\S]*'a\.b'"):
        tree.flatten_with_paths(COLLIDING)
    with pytest.raises(ConfigurationError, match="same path"):
        tree.replace(COLLIDING, {"a.b": 3.0})
    with pytest.raises(ConfigurationError, match="same path"):  # one leaf would not be checked
        check_gradients(lambda t: ops.exp(t["a.b"]) * t["a"]["b"], COLLIDING)


@pytest.mark.parametrize(
    ("given", "like"),
    [
        (OrderedDict(b=1, a=2), OrderedDict(a=1, b=2)),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": (1, 2)}, {"a": 1}),
        ([1], (1,)),
        (1, None),
    ],
)
def test_trees_of_another_form(given: Any, like: Any) -> None:
    with pytest.raises(ShapeError, match="the vector is not a tree like the point"):
        tree.leaves_like(given, like, "the vector", "the point")


def test_leaves_come_in_the_order_of_the_other_tree() -> None:
    like = {"b": {"c": 1.0, "d": 2.0}, "a": [3.0, None]}
    given = {"a": [30, None], "b": {"d": None, "c": 10}}
    assert tree.leaves_like(given, like, "the vector", "the point") == [30, 10, None]
