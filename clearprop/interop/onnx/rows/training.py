"""Operators of training: the gradient of a part of the graph, and steps of optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax.numpy as jnp

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.interop.onnx.node import OnnxNode
from clearprop.interop.onnx.running import Scope, current_scope
from clearprop.interop.onnx.table import row

DOMAIN = "ai.onnx.preview.training"


@row("Gradient", domain=DOMAIN)
def _gradient(node: OnnxNode, *inputs: Any) -> Any:
    """Return dy/dx for each x, by the tape of the steps between them."""
    scope = current_scope()
    if scope is None:
        raise node.error("the operator can only be called as part of its graph")
    names, target = node.texts("xs"), node.text("y")
    fixed = dict(zip([*names, *node.texts("zs", ())], inputs, strict=False))

    def computed(values: list[Any]) -> Any:
        inner = Scope(scope.graph, scope.layers, scope.parameters, scope.outer)
        inner.values.update(scope.values)
        inner.values.update(fixed)
        inner.values.update(zip(names, values, strict=True))
        _computed_again(inner, target, set(fixed))
        return ops.sum(cast(Any, inner.read(target)))

    found = grad(computed)([inputs[i] for i in range(len(names))])
    return tuple(found)


def _computed_again(scope: Scope, target: str, given: set[str]) -> None:
    """Compute the steps that lie between given values and a target."""
    wanted, steps = {target}, []
    for step in reversed(scope.graph.steps):
        if any(name in wanted for name in step.outputs):
            steps.append(step)
            wanted |= {name for name in step.inputs if name and name not in given}
    for step in reversed(steps):
        if not any(name in given for name in step.outputs):
            scope.compute(step)


def _rate(node: OnnxNode, rate: Any, step: Any) -> Any:
    decay = node.number("decay_factor", 0.0)
    return ops.divide(rate, ops.add(1.0, ops.multiply(ops.astype(step, rate.dtype), decay)))


def _in_groups(number: int, update: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
    """Apply an update to each tensor; the inputs come kind by kind, and so do the outputs."""

    def computed(node: OnnxNode, rate: Any, step: Any, *values: Any) -> Any:
        size = len(values) // number
        groups = [values[i * size : (i + 1) * size] for i in range(number)]
        results = [update(node, rate, step, *given) for given in zip(*groups, strict=True)]
        return tuple(part for kind in zip(*results, strict=True) for part in kind)

    return computed


def _adagrad(node: OnnxNode, rate: Any, step: Any, x: Any, g: Any, h: Any) -> tuple[Any, ...]:
    g = ops.add(g, ops.multiply(node.number("norm_coefficient", 0.0), x))
    h = ops.add(h, ops.square(g))
    size = ops.add(ops.sqrt(h), node.number("epsilon", 1e-6))
    return ops.subtract(x, ops.divide(ops.multiply(_rate(node, rate, step), g), size)), h


def _adam(node: OnnxNode, rate: Any, step: Any, x: Any, g: Any, v: Any, h: Any) -> tuple[Any, ...]:
    alpha, beta = node.number("alpha", 0.9), node.number("beta", 0.999)
    g = ops.add(g, ops.multiply(node.number("norm_coefficient", 0.0), x))
    v = ops.add(ops.multiply(alpha, v), ops.multiply(1 - alpha, g))
    h = ops.add(ops.multiply(beta, h), ops.multiply(1 - beta, ops.square(g)))
    count = ops.astype(step, x.dtype)
    corrected = ops.divide(
        ops.sqrt(ops.subtract(1.0, ops.power(beta, count))),
        ops.subtract(1.0, ops.power(alpha, count)),
    )
    adjusted = ops.where(count > 0, ops.multiply(rate, corrected), rate)
    size = ops.add(ops.sqrt(h), node.number("epsilon", 1e-6))
    x = ops.subtract(x, ops.divide(ops.multiply(adjusted, v), size))
    return ops.multiply(x, 1 - node.number("norm_coefficient_post", 0.0)), v, h


def _momentum(node: OnnxNode, rate: Any, step: Any, x: Any, g: Any, v: Any) -> tuple[Any, ...]:
    alpha, beta = node.number("alpha"), node.number("beta")
    g = ops.add(g, ops.multiply(node.number("norm_coefficient"), x))
    first = jnp.reshape(step, ()) == 0
    v = ops.add(ops.multiply(alpha, v), ops.multiply(ops.where(first, 1.0, beta), g))
    moved = ops.add(g, ops.multiply(alpha, v)) if node.text("mode") == "nesterov" else v
    return ops.subtract(x, ops.multiply(rate, moved)), v


row("Adagrad", domain=DOMAIN)(_in_groups(3, _adagrad))
row("Adam", domain=DOMAIN)(_in_groups(4, _adam))
row("Momentum", domain=DOMAIN)(_in_groups(3, _momentum))
