"""`chain`: optimizers composed of parts."""

from __future__ import annotations

import math
from dataclasses import replace

from jax import Array
from jax.typing import ArrayLike

from clearprop.errors import ConfigurationError
from clearprop.optim.optimizer import (
    BatchObjective,
    NoState,
    Optimizer,
    Tree,
    register_transformation,
)


@register_transformation
def chain(*parts: Optimizer) -> Optimizer:
    """Compose optimizers: each takes the output of the one before it as its gradients.

    updates = part_n(... part_2(part_1(gradients)))

    The state is a dict by the parts' names (a repeated name gets a number: ``scale``, ``scale_2``);
    parts without a state have no entry. The learning rate is the product of the parts' rates.

    Raises:
        ConfigurationError: there is no part. A part that averages the parameters is not the last
            one, and does not get the final updates. An optimizer that uses the objective itself is
            not the first one, and gets gradients that do not fit the objective.

    >>> import jax.numpy as jnp
    >>> from clearprop.optim import clip_by_value, sgd
    >>> optimizer = chain(clip_by_value(1.0), sgd(0.1))
    >>> parameters = {"w": jnp.array([1.0, 1.0])}
    >>> state = optimizer.init(parameters)
    >>> updates, state = optimizer.update({"w": jnp.array([0.5, 70.0])}, state, parameters)
    >>> updates["w"]
    Array([-0.05, -0.1 ], dtype=float32)
    >>> state
    {'sgd': SgdState(step=Array(1, dtype=int32))}

    Source: Optax's function of that name; there a state is a tuple, here a dict by name.
    """
    if not parts:
        raise ConfigurationError(
            "a chain needs parts", expected="chain(clip_by_value(1), sgd(0.1))"
        )
    given = ", ".join(str(part.name) for part in parts)
    for part in parts[:-1]:
        if part.keeps_average:
            raise ConfigurationError(
                f"{part.name} must come last in a chain",
                given=given,
                fix="move it to the end: the parameters that it averages need the final updates",
            )
    for part in parts[1:]:
        if part.update_on is not None:
            raise ConfigurationError(
                f"{part.name} must come first in a chain",
                given=given,
                fix="remove the parts before it: it uses the objective itself, and changed "
                "gradients do not fit the objective",
            )
    keys = _unique([part.name or "custom" for part in parts])

    def init(parameters: Tree) -> dict[str, Tree]:
        states = {key: part.init(parameters) for key, part in zip(keys, parts, strict=True)}
        return {key: state for key, state in states.items() if not isinstance(state, NoState)}

    def update(
        gradients: Tree,
        state: dict[str, Tree],
        parameters: Tree,
        objective: BatchObjective | None = None,
    ) -> tuple[Tree, Tree]:
        new_state, updates = dict(state), gradients
        for key, part in zip(keys, parts, strict=True):
            before = state.get(key, NoState())
            if objective is not None and part.update_on is not None:
                updates, new = part.update_on(updates, before, parameters, objective)
            else:
                updates, new = part.update(updates, before, parameters)
            if key in state:
                new_state[key] = new
        return updates, new_state

    def learning_rate(state: dict[str, Tree]) -> Array:
        rates = [p.learning_rate(state.get(k, NoState())) for k, p in zip(keys, parts, strict=True)]
        return math.prod(rates[1:], start=rates[0])

    def observe(state: dict[str, Tree], metric: ArrayLike) -> dict[str, Tree]:
        by_key = dict(zip(keys, parts, strict=True))
        return {key: by_key[key].observe(part_state, metric) for key, part_state in state.items()}

    def averaged(state: dict[str, Tree], parameters: Tree) -> Tree:
        return parts[-1].averaged(state.get(keys[-1], NoState()), parameters)

    chained = Optimizer(init, update, learning_rate, observe)
    if any(part.update_on is not None for part in parts):
        chained = replace(chained, update_on=update)
    return replace(chained, averaged=averaged) if parts[-1].keeps_average else chained


def _unique(names: list[str]) -> list[str]:
    counts = [names[: index + 1].count(name) for index, name in enumerate(names)]
    return [name if n == 1 else f"{name}_{n}" for name, n in zip(names, counts, strict=True)]
