"""The tape and the sweep: recorded nodes, kept values, and how errors are summed and cast."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import Tape, grad, layer_path, sweep
from clearprop.autodiff.sweep import sum_to_shape


def test_the_tape_holds_the_forward_pass_in_order() -> None:
    tape = Tape()
    x = tape.variable(jnp.array([1.0, 2.0]))
    token = layer_path.set("layers.0")
    y = ops.sum(x * 3.0, axis=0)
    layer_path.reset(token)
    names = [node.operation.name if node.operation else None for node in tape.nodes]
    assert names == [None, "multiply", "sum"]
    product, total = tape.nodes[1:]
    assert product.parents == ((0, 0), None)
    assert total.parents == ((1, 0),)
    assert total.parameters == {"axis": 0}
    assert [node.layer for node in tape.nodes] == ["", "layers.0", "layers.0"]
    assert float(total.outputs[0]) == 9
    assert y.node == 2


def test_the_sweep_keeps_what_is_asked_for() -> None:
    tape = Tape()
    x = tape.variable(jnp.array(2.0))
    y = x * x
    z = ops.sin(y)
    every = sweep(tape, [(z, jnp.ones(()))])
    assert set(every) == {(0, 0), (1, 0), (2, 0)}
    some = sweep(tape, [(z, jnp.ones(()))], keep={(y.node, y.output)})
    assert set(some) == {(y.node, 0)}
    assert float(some[y.node, 0]) == pytest.approx(float(jnp.cos(4.0)))


def test_errors_of_several_outputs_add_up() -> None:
    tape = Tape()
    x = tape.variable(jnp.array(2.0))
    y, z = x * 3.0, x * x
    errors = sweep(tape, [(y, jnp.array(1.0)), (z, jnp.array(10.0)), (z, jnp.array(1.0))])
    assert float(errors[0, 0]) == 3 + 44


def test_what_does_not_reach_the_output_gets_nothing() -> None:
    tape = Tape()
    x = tape.variable(jnp.array(2.0))
    aside = ops.exp(x)
    y = x * 3.0
    assert (aside.node, 0) not in sweep(tape, [(y, jnp.ones(()))])


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3), ()),
        ((2, 1), (1, 1)),
        ((4, 2, 3), (1, 3)),
        ((0, 3), (3,)),
    ],
)
def test_a_broadcast_error_is_summed(wide: tuple[int, ...], narrow: tuple[int, ...]) -> None:
    error = jnp.arange(float(np.prod(wide))).reshape(wide)
    summed = sum_to_shape(error, jnp.zeros(narrow))
    extra = len(wide) - len(narrow)
    by_hand = np.asarray(error).sum(tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(narrow) if n == 1)
    np.testing.assert_allclose(summed, by_hand.sum(axes, keepdims=True) if axes else by_hand)
    assert summed.shape == narrow


def test_an_error_takes_the_type_of_its_value() -> None:
    x = jnp.ones(3, jnp.bfloat16)
    gradient = grad(lambda x: (ops.astype(x, jnp.float32) ** 2).sum())(x)
    assert gradient.dtype == jnp.bfloat16
    assert grad(lambda x: ops.astype(ops.astype(x, jnp.int32), jnp.float32).sum())(x).sum() == 0


def test_outputs_that_nobody_used_get_zeros() -> None:
    gradient = grad(lambda x: ops.split(x, 2)[1].sum())(jnp.ones(4))
    np.testing.assert_array_equal(gradient, [0, 0, 1, 1])
