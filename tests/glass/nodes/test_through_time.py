"""The states of recurrent layers at every step equal those of a Python loop under JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, tree
from clearprop.errors import ConfigurationError
from clearprop.glass.explain import explain

RANDOM = np.random.default_rng(0)
STEPS = 5


class Last(nn.Module):
    recurrent: nn.Module
    output: nn.Linear

    def __call__(self, x: Any) -> Any:
        return self.output(self.recurrent(x)[:, -1])


def drawn(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def moved(state: Any, by: Any) -> Any:
    """Add to a state. A change of an LSTM's cell reaches the hidden state of the same step."""
    if not isinstance(state, tuple):
        return state + by
    (h, c), (on_h, on_c) = state, by
    return type(state)(h * jnp.tanh(c + on_c) / jnp.tanh(c) + on_h, c + on_c)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM])
def test_states_and_their_errors_are_those_of_jax(kind: Any) -> None:
    model = Last(kind(3, 4), nn.Linear(4, 2)).init(0)
    x, y = drawn(2, STEPS, 3), np.array([0, 1])
    along = explain(model, x, y).through_time("recurrent")
    cell = model.recurrent.cells[0]

    def written_out(added: Any) -> tuple[Any, Any]:
        state, states = cell.zero_state(2), []
        projected = cell.project(jnp.moveaxis(x, 1, 0))
        for t in range(STEPS):
            state = cell.step(projected[t], state)
            state = moved(state, jax.tree.map(lambda a, t=t: a[t], added))
            states.append(state)
        return nn.cross_entropy(model.output(cell.hidden(state)), y), states

    zero = jax.tree.map(lambda s: jnp.zeros((STEPS, *s.shape)), cell.zero_state(2))
    errors, states = jax.jit(jax.grad(written_out, has_aux=True))(zero)
    stacked = jax.tree.map(lambda *s: jnp.stack(s), *states)
    for mine, theirs in zip(along.values, jax.tree.leaves(stacked), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(along.errors, jax.tree.leaves(errors), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_an_error_that_vanishes_through_time_is_told() -> None:
    model = Last(nn.RNN(3, 4), nn.Linear(4, 2)).init(0)
    path = "recurrent.cells.0.recurrent_weight"
    model = tree.replace(model, {path: 0.1 * jnp.eye(4)})
    glass = explain(model, drawn(2, 12, 3), np.array([0, 1]))
    along = glass.through_time("recurrent/scan.y")
    assert len(along) == len(along.norms) == 12
    assert (np.diff(np.log(along.norms)) > 0).all()
    assert 0.01 < along.factor <= 0.1
    assert "11" in str(along)
    assert "12 steps it changes by" in glass.why(path).reason


def test_both_directions_have_their_own_time() -> None:
    layer = nn.RNN(3, 4, bidirectional=True)
    model = nn.Sequential([layer, nn.Linear(8, 2)]).init(0)
    x, y = drawn(2, STEPS, 3), RANDOM.integers(0, 2, (2, STEPS))
    glass = explain(model, x, y, "sequence_cross_entropy")
    first, second = (glass.through_time(name) for name in ("layers.0/scan.y", "layers.0/scan#2.y"))
    np.testing.assert_allclose(first.values[0], glass["layers.0/scan.y"].value, rtol=1e-6)
    np.testing.assert_allclose(second.values[0], glass["layers.0/scan#2.y"].value, rtol=1e-6)
    assert first.name == "layers.0/scan"


def test_what_is_no_loop_has_no_time() -> None:
    glass = explain(nn.Linear(2, 2).init(0), drawn(1, 2), np.array([0]))
    with pytest.raises(ConfigurationError, match="not a loop over time"):
        glass.through_time("model/add")
    with pytest.raises(ConfigurationError, match="called 'recurent'"):
        glass.through_time("recurent")
