"""`scan`: its gradient rule equals that of `jax.lax.scan`, at every order."""

import jax
import jax.numpy as jnp
import pytest

from clearprop import ops
from clearprop.autodiff import checkpoint, grad, hvp, lift, value_and_grad
from clearprop.errors import ShapeError

STEPS, BATCH, INPUTS, HIDDEN = 5, 3, 2, 4


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def weights():
    keys = iter(jax.random.split(jax.random.key(0), 5))
    shapes = {
        "x": (STEPS, BATCH, INPUTS),
        "into": (INPUTS, HIDDEN),
        "again": (HIDDEN, HIDDEN),
        "bias": (HIDDEN,),
        "start": (BATCH, HIDDEN),
    }
    return {
        name: 0.5 * jax.random.normal(next(keys), shape, jnp.float64)
        for name, shape in shapes.items()
    }


def recurrent(scan, tanh, w, reverse=False):
    def body(h, x):
        h = tanh(x @ w["into"] + h @ w["again"] + w["bias"])
        return h, 2 * h

    last, ys = scan(body, w["start"], w["x"], reverse=reverse)
    return (ys * ys).sum() + (last * last * last).sum()


def close(ours, theirs):
    differences = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), ours, theirs)
    assert max(jax.tree.leaves(differences)) < 1e-11, differences


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_of_a_recurrent_network(reverse, compiled):
    def ours(w):
        return recurrent(ops.scan, ops.tanh, w, reverse)

    def theirs(w):
        return recurrent(jax.lax.scan, jnp.tanh, w, reverse)

    derive = jax.jit(grad(ours)) if compiled else grad(ours)
    close(derive(weights()), jax.grad(theirs)(weights()))


def test_second_and_third_order():
    w = weights()
    v = jax.tree.map(jnp.cos, w)

    def ours(w):
        return recurrent(ops.scan, ops.tanh, w)

    def theirs(w):
        return recurrent(jax.lax.scan, jnp.tanh, w)

    def jax_hvp(w):
        return jax.jvp(jax.grad(theirs), (w,), (v,))[1]

    close(hvp(ours, w, v), jax_hvp(w))
    third = grad(lambda w: sum((h * h).sum() for h in jax.tree.leaves(hvp(ours, w, v))))(w)
    expected = jax.grad(lambda w: sum((h * h).sum() for h in jax.tree.leaves(jax_hvp(w))))(w)
    close(
        jax.tree.map(lambda a, b: a / (1 + jnp.abs(b)), third, expected),
        jax.tree.map(lambda b: b / (1 + jnp.abs(b)), expected),
    )


def test_recurrent_weights_gradient_is_one_product_after_the_loop():
    """The backward loop contains one product (the error through the weight), not two."""

    def loops(jaxpr):
        for equation in jaxpr.eqns:
            for name in ("jaxpr", "call_jaxpr"):
                if name in equation.params:
                    inner = equation.params[name]
                    inner = getattr(inner, "jaxpr", inner)
                    if equation.primitive.name == "scan":
                        yield inner
                    yield from loops(inner)

    def products(jaxpr):
        count = 0
        for equation in jaxpr.eqns:
            count += equation.primitive.name == "dot_general"
            for name in ("jaxpr", "call_jaxpr"):
                if name in equation.params:
                    inner = equation.params[name]
                    count += products(getattr(inner, "jaxpr", inner))
        return count

    def loss(w):
        def body(h, x):
            h = ops.tanh(x + h @ w["again"])
            return h, h

        return ops.sum(ops.scan(body, w["start"], w["x"] @ w["into"])[1])

    jaxpr = jax.make_jaxpr(grad(loss))(weights()).jaxpr
    assert [products(loop) for loop in loops(jaxpr)] == [1, 1]


def test_error_that_cannot_wait_is_summed_in_the_loop():
    """The gradient of a constant is also right where the rule does not stack (the left factor)."""
    w = weights()

    def ours(a):
        return ops.sum(ops.scan(lambda h, x: (ops.tanh(a @ h), h), w["again"], length=3)[0])

    def theirs(a):
        return jnp.sum(jax.lax.scan(lambda h, x: (jnp.tanh(a @ h), h), w["again"], length=3)[0])

    close(grad(ours)(w["again"]), jax.grad(theirs)(w["again"]))


def test_what_is_computed_from_constants_is_fixed():
    w = weights()

    def body(tanh):
        def run(scan, a, x, h):
            def step(h, x):
                square = tanh(a).T  # the same at every step
                return tanh(h @ square + x * a[0]), (h * x).sum()

            last, ys = scan(step, h, x)
            return (last * last).sum() + (ys * ys).sum()

        return run

    x = jnp.linspace(-1, 1, 6)
    ours = grad(lambda a: body(ops.tanh)(ops.scan, a, x, w["start"]))(w["again"])
    theirs = jax.grad(lambda a: body(jnp.tanh)(jax.lax.scan, a, x, w["start"]))(w["again"])
    close(ours, theirs)
    of_x = grad(lambda x: body(ops.tanh)(ops.scan, w["again"], x, w["start"]))(x)
    close(of_x, jax.grad(lambda x: body(jnp.tanh)(jax.lax.scan, w["again"], x, w["start"]))(x))


def test_trees_integers_and_masks_pass():
    w = weights()
    lengths = jnp.array([5, 2, 0])

    def run(scan, where, tanh, w):
        def body(state, x):
            h, t = state
            new = tanh(x @ w["into"] + h @ w["again"])
            h = where((t < lengths)[:, None], new, h)
            return (h, t + 1), {"h": h, "t": t}

        (last, _), ys = scan(body, (w["start"], jnp.array(0)), w["x"])
        return (last * last).sum() + ys["h"].sum()

    close(
        grad(lambda w: run(ops.scan, ops.where, ops.tanh, w))(w),
        jax.grad(lambda w: run(jax.lax.scan, jnp.where, jnp.tanh, w))(w),
    )
    _, ys = ops.scan(lambda c, x: (c + 1, c * x), jnp.array(1), jnp.arange(4))
    assert ys.tolist() == [0, 2, 6, 12]


def test_loops_nest():
    a = jnp.array(0.7)

    def ours(a):
        def outer(h, x):
            inner, _ = ops.scan(lambda g, _: (ops.tanh(a * g + x), None), h, length=3)
            return inner, inner * a

        last, ys = ops.scan(outer, jnp.ones(2) * a, jnp.linspace(0, 1, 4))
        return ops.sum(last) + ops.sum(ys * ys)

    def theirs(a):
        def outer(h, x):
            inner, _ = jax.lax.scan(lambda g, _: (jnp.tanh(a * g + x), None), h, length=3)
            return inner, inner * a

        last, ys = jax.lax.scan(outer, jnp.ones(2) * a, jnp.linspace(0, 1, 4))
        return jnp.sum(last) + jnp.sum(ys * ys)

    close(grad(ours)(a), jax.grad(theirs)(a))
    close(grad(grad(ours))(a), jax.grad(jax.grad(theirs))(a))


def test_under_vmap_and_a_gradient_inside():
    w = weights()
    xs = jnp.stack([w["x"], 2 * w["x"]])
    ours = jax.vmap(grad(lambda x: recurrent(ops.scan, ops.tanh, {**w, "x": x})))(xs)
    theirs = jax.vmap(jax.grad(lambda x: recurrent(jax.lax.scan, jnp.tanh, {**w, "x": x})))(xs)
    close(ours, theirs)

    def descend(x, _):
        return x - 0.1 * grad(lambda x: (x * x).sum())(x), None

    x, _ = ops.scan(descend, jnp.ones(3), length=10)
    assert jnp.allclose(x, 0.8**10)


def test_closure_values_come_back_as_outputs():
    def f(a):
        _, ys = ops.scan(lambda c, x: (c, a), jnp.zeros(()), jnp.arange(4.0))
        return ops.sum(ys)

    value, gradient = value_and_grad(f)(jnp.array(2.0))
    assert (float(value), float(gradient)) == (8.0, 4.0)


def test_a_thousand_steps_equal_jaxs_gradient():
    w = weights()
    long = {**w, "x": jnp.tile(w["x"], (200, 1, 1))}
    ours = jax.jit(grad(lambda w: recurrent(ops.scan, ops.tanh, w)))(long)
    theirs = jax.jit(jax.grad(lambda w: recurrent(jax.lax.scan, jnp.tanh, w)))(long)
    scale = jax.tree.map(lambda a: float(jnp.abs(a).max()), theirs)
    close(
        jax.tree.map(lambda a, s: a / s, ours, scale),
        jax.tree.map(lambda a, s: a / s, theirs, scale),
    )


def test_no_steps_give_the_carry_back():
    empty = jnp.zeros((0, 3))
    last, ys = ops.scan(lambda h, x: (h + x, h), jnp.ones(3), empty)
    assert last.tolist() == [1, 1, 1]
    assert ys.shape == (0, 3)
    gradient = grad(
        lambda a: ops.sum(ops.scan(lambda h, x: (h * a + x, h), a * jnp.ones(3), empty)[0])
    )
    assert float(gradient(jnp.array(2.0))) == 3.0


def test_bad_loops_are_refused():
    with pytest.raises(ShapeError, match="one length"):
        ops.scan(lambda c, x: (c, c), 0.0, (jnp.ones(3), jnp.ones(4)))
    with pytest.raises(ShapeError, match="one length"):
        ops.scan(lambda c, x: (c, c), 0.0)
    with pytest.raises(ShapeError, match="must return its carry"):
        ops.scan(lambda c, x: (jnp.ones(2), c), jnp.ones(3), jnp.ones(4))


def test_a_carry_that_changes_its_type_gets_a_mend_that_works():
    def total(start):
        return lambda x: ops.scan(lambda c, _: (c + x * 1.5, c), start, length=3)[0]

    with pytest.raises(ShapeError, match="must return its carry") as caught:
        grad(total(0))(2.0)
    assert "begin with float64: 0.0 for 0" in caught.value.fix
    assert "start, length=3" in caught.value.line
    assert float(grad(total(0.0))(2.0)) == 4.5

    def counted(x):
        return ops.scan(lambda c, _: ((c * 2).astype(jnp.int32), c), x, length=3)[0].sum()

    with pytest.raises(ShapeError) as caught:
        counted(jnp.array(1.0))
    assert caught.value.fix == "return the carry as float64: value.astype(jnp.float64)"


def test_no_steps_have_gradients():
    w = weights() | {"x": jnp.zeros((0, BATCH, INPUTS))}
    ours = grad(lambda w: recurrent(ops.scan, ops.tanh, w))(w)
    close(ours["start"], 3 * w["start"] ** 2)
    assert not any(ours[name].any() for name in ("into", "again", "bias"))


@pytest.mark.parametrize(
    "factor",
    [
        lambda w, m: m.exp(w)[0],
        lambda w, m: w[0],
        lambda w, m: m.sum(w * w),
        lambda w, m: m.exp(w[1] * m.sin(w[0])),
    ],
)
def test_what_the_body_computes_from_its_closure_has_every_order(factor):
    def ours(w):
        last, ys = ops.scan(lambda h, x: (h * factor(w, ops) + x, h * w[1]), w[0], jnp.ones(3))
        return last + ops.sum(ys)

    def theirs(w):
        body = lambda h, x: (h * factor(w, jnp) + x, h * w[1])  # noqa: E731
        last, ys = jax.lax.scan(body, w[0], jnp.ones(3))
        return last + jnp.sum(ys)

    w, v = jnp.array([0.7, 0.4]), jnp.array([1.0, -2.0])
    close(grad(ours)(w), jax.grad(theirs)(w))
    expected = jax.jvp(jax.grad(theirs), (w,), (v,))[1]
    close(hvp(ours, w, v) / jnp.abs(expected), expected / jnp.abs(expected))
    third = grad(lambda w: ops.sum(hvp(ours, w, v)))(w)
    expected = jax.grad(lambda w: jnp.sum(jax.jvp(jax.grad(theirs), (w,), (v,))[1]))(w)
    close(third / jnp.abs(expected), expected / jnp.abs(expected))


def test_gradient_inside_the_body_of_a_closure_value():
    def ours(w):
        body = lambda h, _: (h - 0.1 * grad(lambda u: w * u * u * u)(h), None)  # noqa: E731
        return ops.scan(body, w, length=3)[0]

    def theirs(w):
        body = lambda h, _: (h - 0.1 * jax.grad(lambda u: w * u * u * u)(h), None)  # noqa: E731
        return jax.lax.scan(body, w, length=3)[0]

    close(grad(ours)(jnp.array(0.6)), jax.grad(theirs)(jnp.array(0.6)))


@pytest.mark.parametrize("wrap", [checkpoint, lift])
def test_checkpoint_and_lift_inside_the_body(wrap):
    w = weights()

    def run(scan, cell, w):
        return scan(lambda h, x: (cell(h, x, w["into"], w["again"]), None), w["start"], w["x"])[0]

    def cell(h, x, into, again):
        mixed = x @ into + h @ again
        return jnp.tanh(mixed) if wrap is lift else ops.tanh(mixed)

    def plain(h, x, into, again):
        return jnp.tanh(x @ into + h @ again)

    fixed = {"x": w["x"]}  # an input without a gradient
    close(
        grad(lambda v: run(ops.scan, wrap(cell), {**v, **fixed}).sum())(w),
        jax.grad(lambda v: run(jax.lax.scan, plain, {**v, **fixed}).sum())(w),
    )


def test_an_error_goes_back_through_weights_transposed_once():
    def primitives(jaxpr):
        return [equation.primitive.name for equation in jaxpr.eqns]

    def ours(w):
        return recurrent(ops.scan, ops.tanh, w)

    program = jax.make_jaxpr(grad(ours))(weights()).jaxpr
    loops = [e.params["jaxpr"].jaxpr for e in program.eqns if e.primitive.name == "scan"]
    assert len(loops) == 2
    assert not any("transpose" in primitives(loop) for loop in loops)
    assert "transpose" in primitives(program)


@pytest.mark.skipif(len(jax.devices()) < 2, reason="one device only")
def test_a_gradient_where_each_device_has_its_own_part():
    from jax.sharding import PartitionSpec as P

    def total(w, x, h):
        def body(h, x):
            h = ops.tanh(h @ w.T + x)
            return h, None

        return (ops.scan(body, h, x)[0] ** 2).sum()

    def part(w, x, h):
        return jax.lax.psum(total(w, x, h), "d"), grad(total)(w, x, h)

    w, x, h = jnp.eye(3) / 2, jnp.arange(48.0).reshape(4, 4, 3) / 50, jnp.ones((4, 3)) / 3
    mesh = jax.make_mesh((2,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    placed = (P(), P(None, "d"), P("d"))
    run = jax.shard_map(part, mesh=mesh, in_specs=placed, out_specs=(P(), P("d")))
    value, error = run(w, x, h)
    close(value, total(w, x, h))
    close(error.reshape(2, 3, 3).sum(0), grad(total)(w, x, h))
