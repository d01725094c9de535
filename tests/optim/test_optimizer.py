"""Properties of every optimizer: dtypes, compilation, donation, states, wrong trees."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim, tree
from clearprop.errors import ShapeError

RULES = [
    optim.sgd(0.1),
    optim.momentum(0.1),
    optim.nesterov(0.1),
    optim.adagrad(0.1),
    optim.adadelta(),
    optim.rmsprop(0.1),
    optim.rmsprop(0.1, epsilon=0.01, centered=True, momentum=0.5),
    optim.adam(0.1),
    optim.adam(optim.schedules.warmup(3, then=optim.schedules.cosine(0.1, steps=9)), amsgrad=True),
    optim.adamw(0.1, weight_decay=0.1, exclude=["*bias"]),
    optim.nadam(0.1),
    optim.radam(0.1, beta2=0.9),
    optim.adamax(0.1),
    optim.lion(0.1, weight_decay=0.1),
    optim.lamb(0.1),
    optim.muon(0.1),
    optim.chain(
        optim.clip_by_value(2.0),
        optim.clip_by_global_norm(1.0),
        optim.add_decayed_weights(0.1, min_ndim=2),
        optim.decoupled_weight_decay(optim.momentum(optim.schedules.step(0.1, every=3)), 0.1),
        optim.reduce_on_plateau(),
        optim.average_parameters(0.9),
    ),
]
EVERY_RULE = pytest.mark.parametrize("rule", RULES, ids=str)
DTYPES = pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])


def start(dtype: Any = "float32") -> dict[str, jax.Array]:
    return {
        "0.weight": jnp.linspace(-1, 1, 6).reshape(2, 3).astype(dtype),
        "0.bias": jnp.array([0.5, -0.25, 1.0], dtype),
    }


def slope(parameters: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """The gradient of sum(w^4) / 4 + sum(w): no two elements are equal."""
    return {path: w**3 + 1 for path, w in parameters.items()}


def advance(rule: optim.Optimizer, carry: Any) -> Any:
    parameters, state = carry
    updates, state = rule.update(slope(parameters), state, parameters)
    return optim.apply(parameters, updates), state


def avals(a_tree: Any) -> Any:
    return jax.tree.map(lambda x: (x.shape, str(x.dtype), x.weak_type), a_tree)


@EVERY_RULE
@DTYPES
def test_shapes_and_dtypes_go_out_as_they_came_in(rule: optim.Optimizer, dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        parameters = start(dtype)
        state = rule.init(parameters)
        new_parameters, new_state = jax.jit(lambda carry: advance(rule, carry))((parameters, state))
        assert avals(new_parameters) == avals(parameters)
        assert avals(new_state) == avals(state)
        wide = "float64" if dtype == "float64" else "float32"
        shaped = [x for x in jax.tree.leaves(state) if x.ndim]
        assert {str(x.dtype) for x in shaped} <= {wide}
        updates, _ = rule.update(slope(parameters), state, parameters)
        assert {str(x.dtype) for x in jax.tree.leaves(updates)} == {wide}


@EVERY_RULE
def test_float32_parameters_stay_so_where_the_default_is_float64(rule: optim.Optimizer) -> None:
    with jax.enable_x64(True):
        parameters = start("float32")
        state = rule.init(parameters)
        again = jax.jit(lambda carry: advance(rule, carry))((parameters, state))
        assert avals(again) == avals((parameters, state))


@EVERY_RULE
def test_eager_compiled_and_scanned_updates_agree(rule: optim.Optimizer) -> None:
    eager = compiled = (start(), rule.init(start()))
    step = jax.jit(lambda carry: advance(rule, carry))
    for _ in range(12):
        eager, compiled = advance(rule, eager), step(compiled)
    scanned, _ = jax.lax.scan(
        lambda carry, _: (advance(rule, carry), None), (start(), rule.init(start())), length=12
    )
    for other in (compiled, scanned):
        jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=2e-5, atol=1e-6), eager, other)


@EVERY_RULE
def test_parameters_and_state_can_be_donated(rule: optim.Optimizer) -> None:
    step = jax.jit(lambda p, s: advance(rule, (p, s)), donate_argnums=(0, 1))
    for init in (rule.init, jax.jit(rule.init)):
        parameters = start()
        given = parameters["0.weight"]
        carry = step(*step(parameters, init(parameters)))
        assert given.is_deleted()
        expected = advance(rule, advance(rule, (start(), rule.init(start()))))
        jax.tree.map(lambda a, b: assert_allclose(a, b, rtol=1e-5, atol=1e-6), carry, expected)


@EVERY_RULE
def test_the_state_makes_a_round_trip_by_its_paths(rule: optim.Optimizer) -> None:
    carry = advance(rule, (start(), rule.init(start())))
    saved = {path: np.asarray(x) for path, x in tree.flatten_with_paths(carry[1]).items()}
    assert all(isinstance(x, np.ndarray) and x.dtype != object for x in saved.values())
    assert len(saved) == len(jax.tree.leaves(carry[1]))
    state = tree.replace(rule.init(start()), {p: jnp.asarray(x) for p, x in saved.items()})
    resumed, continued = advance(rule, (carry[0], state)), advance(rule, carry)
    jax.tree.map(np.testing.assert_array_equal, resumed, continued)


def test_the_paths_of_a_state_are_names() -> None:
    state = optim.chain(optim.clip_by_value(1), optim.adam(amsgrad=True)).init(start())
    assert list(tree.flatten_with_paths(state)) == [
        "adam.step",
        "adam.first_moment.0.bias",
        "adam.first_moment.0.weight",
        "adam.second_moment.0.bias",
        "adam.second_moment.0.weight",
        "adam.largest_second_moment.0.bias",
        "adam.largest_second_moment.0.weight",
    ]


@EVERY_RULE
def test_an_optimizer_is_rebuilt_from_its_configuration(rule: optim.Optimizer) -> None:
    again = optim.from_config(rule.to_config())
    assert repr(again) == repr(rule)
    one, other = ((start(), r.init(start())) for r in (rule, again))
    for _ in range(3):
        one, other = advance(rule, one), advance(again, other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


@EVERY_RULE
def test_the_state_can_be_shaped_without_being_made(rule: optim.Optimizer) -> None:
    shapes = jax.eval_shape(rule.init, start())
    assert jax.tree.structure(shapes) == jax.tree.structure(rule.init(start()))


def test_small_steps_of_narrow_parameters_are_not_lost_in_the_state() -> None:
    # In bfloat16 the mean of squares would stop at the first gradient: 0.999 rounds to 1.
    rule = optim.adam(0.001)
    parameters = {"w": jnp.ones(1, jnp.bfloat16)}
    state = rule.init(parameters)
    update = jax.jit(rule.update)
    for _ in range(3000):
        _, state = update({"w": jnp.full(1, 0.5, jnp.bfloat16)}, state, parameters)
    assert_allclose(state.second_moment["w"], 0.25 * (1 - 0.999**3000), rtol=1e-3)


@EVERY_RULE
def test_leaves_that_carry_no_gradient_stay_as_they_are(rule: optim.Optimizer) -> None:
    parameters = {**start(), "count": jnp.arange(3), "key": jax.random.key(0), "name": "relu"}
    gradients = {**slope(start()), "count": None, "key": None, "name": None}
    updates, state = rule.update(gradients, rule.init(parameters), parameters)
    moved = optim.apply(parameters, updates)
    assert moved["count"] is parameters["count"]
    assert moved["key"] is parameters["key"]
    assert moved["name"] == "relu"
    expected, _ = advance(rule, (start(), rule.init(start())))
    np.testing.assert_array_equal(moved["0.weight"], expected["0.weight"])
    evaluated = rule.averaged(state, moved)
    assert evaluated["count"].tolist() == [0, 1, 2]


@EVERY_RULE
def test_a_model_with_nothing_to_train_is_no_special_case(rule: optim.Optimizer) -> None:
    if "exclude" in repr(rule.to_config()):
        rule = optim.adamw()
    updates, _ = rule.update({}, rule.init({}), {})
    assert optim.apply({}, updates) == {}


def test_an_update_gives_new_arrays_and_leaves_the_old_state_alone() -> None:
    rule = optim.momentum(0.1)
    state = rule.init(start())
    rule.update(slope(start()), state, start())
    assert float(jnp.abs(state.velocity["0.weight"]).max()) == 0


@pytest.mark.parametrize(
    ("gradients", "where"),
    [
        ({"0.weight": jnp.ones((2, 3))}, "0.bias"),
        ({**slope(start()), "1.bias": jnp.ones(3)}, "1.bias"),
        ({**slope(start()), "0.bias": jnp.ones(1)}, "0.bias"),
        ({**slope(start()), "0.bias": None}, "0.bias"),
    ],
    ids=["missing", "too many", "shape", "none"],
)
def test_gradients_that_do_not_fit_are_an_error_with_their_path(gradients: Any, where: str) -> None:
    rule = optim.adam()
    with pytest.raises(ShapeError) as raised:
        rule.update(gradients, rule.init(start()), start())
    assert raised.value.where == where
