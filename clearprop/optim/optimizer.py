"""`Optimizer`: pure functions on named trees, and the registers by which it is found.

An optimizer turns gradients into *updates*, which are added to the parameters. Its state is a tree
of arrays with named fields. Every function takes the state and returns the new one, so that it can
be saved, sharded, donated and carried through `jax.lax.scan`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from clearprop import elsewhere
from clearprop.elsewhere import unknown_attribute
from clearprop.errors import ShapeError
from clearprop.optim.arithmetic import accumulated
from clearprop.optim.configuration import Configured, named
from clearprop.optim.schedules import Rate, as_schedule
from clearprop.tree import flatten_with_paths, is_differentiable

P = ParamSpec("P")
Tree: TypeAlias = object
"""A pytree of arrays."""
State: TypeAlias = Any
"""The state of an optimizer: a pytree with its own named fields, such as `AdamState`."""
Parameters = TypeVar("Parameters")

Init = Callable[[Tree], State]
Update = Callable[[Tree, State, Tree], tuple[Any, State]]


class NoState(NamedTuple):
    """The state of a transformation without memory."""


class BatchObjective(NamedTuple):
    """The objective of a batch near the present parameters, for optimizers that use curvature.

    Attributes:
        value: parameters -> the mean loss of the batch, with the same random numbers each time.
        value_and_gradient: parameters -> this mean loss and its gradient.
        product: v -> G v with the Gauss-Newton matrix G at the present parameters; None where it
            is not known: `lbfgs` does without.
        pulled: weights (B,) -> the gradient of the weighted sum of the examples' losses, or
            None.
        examples: B.
    """

    value: Callable[[Any], Array]
    value_and_gradient: Callable[[Any], tuple[Array, Any]]
    product: Callable[[dict[str, Array]], dict[str, Array]] | None = None
    pulled: Callable[[Array], dict[str, Array]] | None = None
    examples: int = 1


UpdateOn = Callable[[Tree, State, Tree, BatchObjective], tuple[Any, State]]


def _rate_of_one(state: State) -> Array:
    return jnp.ones((), float)


def _unobserving(state: State, metric: ArrayLike) -> State:
    return state


def _as_they_are(state: State, parameters: Parameters) -> Parameters:
    return parameters


@dataclass(frozen=True, eq=False, repr=False)
class Optimizer(Configured):
    """An optimizer, or a part of one for `chain`, as pure functions.

    `init` and `update` make an optimizer; the other functions have defaults.

    Attributes:
        init: ``init(parameters) -> state``.
        update: ``update(gradients, state, parameters) -> (updates, new state)``. The updates are
            added to the parameters (see `apply`). They, like the state, have the parameters' dtype,
            or float32 where that is narrower (bfloat16, float16).
        learning_rate: ``learning_rate(state) -> rate`` of the next update.
        observe: ``observe(state, metric) -> new state``: takes a number that the training loop
            measured, such as the development error after an epoch (see `reduce_on_plateau`).
        averaged: ``averaged(state, parameters) -> parameters`` to evaluate with: their running
            average where one is kept (see `average_parameters`), else the given parameters.
        update_on: ``update_on(gradients, state, parameters, objective)`` replaces ``update`` in an
            optimizer that needs more of the objective than its gradient (see `hessian_free` and
            `lbfgs`); None in all others.

    >>> def descend(gradients, state, parameters):
    ...     return jax.tree.map(jnp.negative, gradients), state
    >>> optimizer = Optimizer(lambda parameters: NoState(), descend)
    >>> state = optimizer.init({"w": jnp.array([1.0, 2.0])})
    >>> updates, state = optimizer.update({"w": jnp.array([0.5, 0.5])}, state, None)
    >>> updates["w"]
    Array([-0.5, -0.5], dtype=float32)
    """

    init: Init
    update: Update
    learning_rate: Callable[[State], Array] = _rate_of_one
    observe: Callable[[State, ArrayLike], State] = _unobserving
    averaged: Callable[[State, Tree], Any] = _as_they_are
    update_on: UpdateOn | None = None

    def __getattr__(self, name: str) -> object:
        """An error; a word of another library is answered with ours."""
        words = elsewhere.OPTIMIZER_ATTRIBUTES
        raise unknown_attribute("an optimizer", name, vars(type(self)), words, "")

    @property
    def keeps_average(self) -> bool:
        """Whether `averaged` returns an average instead of the parameters themselves."""
        return self.averaged is not _as_they_are


def apply(parameters: Parameters, updates: Tree) -> Parameters:
    """Return the parameters moved by the updates, in the parameters' own dtypes.

    w <- w + update

    The sum is taken in the updates' dtype and rounded once. Leaves whose update is None (integers,
    random keys) are not changed.

    >>> apply({"w": jnp.ones(2, jnp.bfloat16)}, {"w": jnp.full(2, 0.5, jnp.float32)})
    {'w': Array([1.5, 1.5], dtype=bfloat16)}
    """

    def moved(update: Array | None, leaf: Any) -> Any:
        if update is None:
            return leaf
        leaf = jnp.asarray(leaf)
        return (leaf.astype(update.dtype) + update).astype(leaf.dtype)

    result: Parameters = jax.tree.map(moved, updates, parameters, is_leaf=lambda x: x is None)
    return result


def rated(
    learning_rate: Rate, init: Init, change: Callable[[Array, Tree, State], tuple[Tree, State]]
) -> Optimizer:
    """Return an optimizer with a learning rate, whose state counts the updates in ``step``.

    Args:
        learning_rate: a number above 0, or a schedule.
        init: ``init(parameters) -> state``.
        change: ``change(-learning_rate(t), gradients, state) -> (updates, new state)``; the new
            state may keep the old step.
    """
    rate = as_schedule(learning_rate)

    def update(gradients: Tree, state: State, parameters: Tree) -> tuple[Tree, State]:
        updates, after = change(-rate(state.step), gradients, state)
        return updates, after._replace(step=state.step + 1)

    return Optimizer(init, update, learning_rate=lambda state: rate(state.step))


def register_optimizer(make: Callable[P, Optimizer]) -> Callable[P, Optimizer]:
    """Register a function that makes a complete optimizer, so that `create` finds it by name.

    The functions of the optimizer then get only the leaves that can be trained, and gradients that
    have the state's dtype and were checked to fit the parameters.
    """
    return named("optimizer")(_prepared(make))


def register_transformation(make: Callable[P, Optimizer]) -> Callable[P, Optimizer]:
    """Register a function that makes a part for `chain`, which `create` does not find."""
    return named("transformation")(_prepared(make))


def register_second_order(make: Callable[P, Optimizer]) -> Callable[P, Optimizer]:
    """Register a function that makes an optimizer that uses the objective's curvature."""
    return named("second-order optimizer")(_prepared(make))


def _prepared(make: Callable[P, Optimizer]) -> Callable[P, Optimizer]:
    @functools.wraps(make)
    def preparing(*args: P.args, **kwargs: P.kwargs) -> Optimizer:
        made = make(*args, **kwargs)

        def init(parameters: Tree) -> Tree:
            return made.init(_trainable(parameters))

        def update(gradients: Tree, state: Tree, parameters: Tree) -> tuple[Tree, Tree]:
            return made.update(*_fitting(gradients, state, parameters))

        made_on = made.update_on
        if made_on is None:
            return replace(made, init=init, update=update)

        def update_on(
            gradients: Tree, state: Tree, parameters: Tree, objective: BatchObjective
        ) -> tuple[Tree, Tree]:
            return made_on(*_fitting(gradients, state, parameters), objective)

        return replace(made, init=init, update=update, update_on=update_on)

    return preparing


def _fitting(gradients: Tree, state: Tree, parameters: Tree) -> tuple[Tree, Tree, Tree]:
    parameters = _trainable(parameters)
    _check_fit(gradients, parameters)
    gradients = jax.tree.map(lambda g, x: jnp.asarray(g, accumulated(x)), gradients, parameters)
    return gradients, state, parameters


def _trainable(parameters: Tree) -> Tree:
    return jax.tree.map(lambda x: jnp.asarray(x) if is_differentiable(x) else None, parameters)


def _check_fit(gradients: Tree, parameters: Tree) -> None:
    given, expected = flatten_with_paths(gradients), flatten_with_paths(parameters)
    if strangers := given.keys() ^ expected.keys():
        path = min(strangers)
        raise ShapeError(
            "gradients and parameters are different trees",
            where=path,
            given="a gradient without its parameter" if path in given else "no gradient",
            expected="one gradient for each floating-point parameter",
        )
    for path, gradient in given.items():
        if jnp.shape(gradient) != expected[path].shape:
            raise ShapeError(
                "a gradient and its parameter have different shapes",
                where=path,
                given=str(jnp.shape(gradient)),
                expected=str(expected[path].shape),
            )
