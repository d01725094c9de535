"""Which arguments are differentiated: numbers from both ends, each argument once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop.autodiff import grad, jacobian, value_and_grad
from clearprop.errors import ConfigurationError

Derive = Callable[..., Any]
DERIVE: list[Derive] = [grad, jacobian, lambda *args: lambda *xs: value_and_grad(*args)(*xs)[1]]


def product(x: Any, y: Any) -> Any:
    return x * y * y


@pytest.mark.parametrize("derive", DERIVE)
@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 9.0),
        (-2, 9.0),
        (np.int64(1), 12.0),
        (-1, 12.0),
        ((1, 0), (12.0, 9.0)),
        ([0, -1], (9.0, 12.0)),
        ((np.int32(-1),), (12.0,)),
        (range(2), (9.0, 12.0)),
    ],
)
def test_numbers_from_both_ends(derive: Derive, argnums: Any, expected: Any) -> None:
    found = derive(product, argnums)(2.0, 3.0)
    assert isinstance(found, tuple) == isinstance(expected, tuple)
    assert np.asarray(found).tolist() == np.asarray(expected).tolist()


@pytest.mark.parametrize("derive", DERIVE)
@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), (-1, 1), [np.int64(1), -1]])
def test_an_argument_that_is_named_twice(derive: Derive, argnums: Any) -> None:
    with pytest.raises(ConfigurationError, match="named twice"):
        derive(product, argnums)(2.0, 3.0)


@pytest.mark.parametrize("derive", DERIVE)
@pytest.mark.parametrize(
    "argnums", [True, 1.0, "0", None, (True,), (0, 1.0), "01", np.array([0, 1]), jnp.array(0.0)]
)
def test_what_is_no_place(derive: Derive, argnums: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"whole numbers[\s\S]*argnums=0"):
        derive(product, argnums)(2.0, 3.0)


@pytest.mark.parametrize("derive", DERIVE)
@pytest.mark.parametrize("argnums", [2, -3, (0, 2)])
def test_a_place_that_is_not_there(derive: Derive, argnums: Any) -> None:
    with pytest.raises(TypeError, match="no positional argument"):
        derive(product, argnums)(2.0, 3.0)


def test_a_jacobian_by_several_arguments_is_a_tuple_of_trees() -> None:
    x, y = jnp.array([1.0, 2.0]), {"y": jnp.array([3.0, 4.0])}
    by_x, by_y = jacobian(lambda x, y: x * y["y"], argnums=(0, -1))(x, y)
    np.testing.assert_array_equal(by_x, np.diag([3, 4]))
    np.testing.assert_array_equal(by_y["y"], np.diag([1, 2]))
