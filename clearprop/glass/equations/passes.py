"""The passes of a worked solution: of a model with a loss, or of a plain function."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, tree
from clearprop.autodiff import Tape, Traced
from clearprop.autodiff.misuse import teach_misuse
from clearprop.autodiff.transforms import Variables
from clearprop.errors import ConfigurationError, ModelError, ShapeError
from clearprop.glass.equations.application import brackets
from clearprop.glass.equations.naming import Given, check_names, name_function, name_model
from clearprop.glass.equations.numbers import plain
from clearprop.glass.equations.scalars import Place, Scalars, on_tape
from clearprop.nn.recording import LossLike

MOST_PARAMETERS = 200
"""The most weights and biases of a network that is worked out by hand."""


@dataclass(frozen=True)
class Pass:
    """A pass in single numbers, with their names.

    Attributes:
        scalars: the numbers.
        names: of the numbers, by place.
        given: where the given numbers come from.
        result: the name of the quantity that is differentiated.
    """

    scalars: Scalars
    names: Mapping[Place, str]
    given: Given
    result: str


def exact_array(array: object) -> NDArray[np.generic]:
    """Return an array in double precision; each entry is the shortest decimal that rounds to it.

    >>> print(exact_array(np.float32([0.1]))[0])
    0.1
    """
    values = np.asarray(array)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return values
    return np.array([plain(v) for v in values.ravel()], np.float64).reshape(values.shape)


def exact(array: object) -> jax.Array:
    """Return `exact_array` as an array of JAX, in double precision where that is enabled."""
    return jnp.asarray(exact_array(array))


def pass_of_model(
    model: nn.Module,
    x: object,
    target: object,
    loss: LossLike,
    renamed: Mapping[str, str],
    changed: Mapping[str, object] | None = None,
) -> Pass:
    """Run a small model on an example.

    Args:
        model: an initialized model.
        x: an example, or a batch of examples with the batch axis first.
        target: in the form that the loss takes.
        loss: a loss, its name, or a function (outputs, targets) -> values.
        renamed: other names for some quantities, by their usual name.
        changed: parameters by path, in the place of those of the model.

    Raises:
        ModelError: the model is too large or not initialized.
        ShapeError: the example is empty or does not fit the model.
    """
    check_model(model)
    found = nn.find_loss(loss)
    places: dict[str, Any] = {}

    with jax.enable_x64(True):
        inputs, targets = _batch(x, target)
        if not inputs.size or not targets.size:
            raise ShapeError("an example of no numbers has no solution", given=str(inputs.shape))

        def compute(tape: Tape) -> tuple[Any, Any]:
            doubled = jax.tree.map(exact, model)
            values = nn.parameters(doubled) | dict(changed or {})
            weights = Variables(tape, values)
            given = Variables(tape, inputs)
            places["weights"], places["input"] = weights.tree, given.tree
            with teach_misuse():
                output, _ = nn.apply(tree.replace(doubled, weights.tree), given.tree)
                objective: Any = found(output, targets)
            if type(objective) is not Traced:
                raise ModelError("the loss does not depend on the model's parameters")
            return objective, output

        scalars = on_tape(compute, targets)
    given = Given(_entries(places["weights"]), _entries({"input": places["input"]}))
    return Pass(scalars, name_model(scalars, given, renamed), given, "E")


def check_model(model: nn.Module) -> None:
    """Check that a model can be worked out by hand.

    Raises:
        ModelError: it is too large or not initialized.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(
            "neither a model nor a function of named numbers",
            given=type(model).__name__,
            fix='cp.worked_solution(f, {"w": 2.0, "x": -1.0}) for a function',
        )
    if not nn.is_initialized(model):
        raise ModelError("the parameters have no values yet", fix="model = model.init(0)")
    size = sum(int(np.size(leaf)) for leaf in nn.parameters(model).values())
    if size > MOST_PARAMETERS:
        raise ModelError(
            "the network is too large for a handout that writes out every number",
            given=f"{size:,} parameters",
            expected=f"at most {MOST_PARAMETERS}",
            fix="cp.explain(model, x, y).equations(node) shows any entry of a large one",
        )


def _batch(x: Any, target: Any) -> tuple[Any, Any]:
    """Return an example and its target with a batch axis; one without is a batch of one."""
    inputs, targets = exact(x), exact(target)
    if inputs.ndim < 2:
        inputs = inputs.reshape(1, -1)
        if targets.ndim == 1 and jnp.issubdtype(targets.dtype, jnp.floating):
            targets = targets.reshape(1, -1)
    return inputs, jnp.atleast_1d(targets)


def _entries(boxed: Mapping[str, Any]) -> dict[Place, str]:
    found: dict[Place, str] = {}
    for path, box in boxed.items():
        for leaf in jax.tree.leaves(box):
            if type(leaf) is Traced:
                for at in itertools.product(*map(range, leaf.shape)):
                    found[leaf.node, leaf.output, at] = f"{path}{brackets(at)}"
    return found


def pass_of_function(
    function: Callable[..., object], values: Mapping[str, float], renamed: Mapping[str, str]
) -> Pass:
    """Run a function of named numbers, gate by gate.

    Raises:
        ConfigurationError: a value is not a single number, or a name is not allowed in a formula.
        ShapeError: the function does not return a single number.
    """
    if not values:
        raise ConfigurationError("a function needs at least one named number", given="{}")
    check_names(values)
    for name, value in values.items():
        if np.size(value) != 1 or not np.isreal(value):
            raise ConfigurationError(
                "the inputs of the function are single numbers", given=f"{name}={value!r}"
            )
    boxes: dict[str, Any] = {}

    def compute(tape: Tape) -> tuple[Any, Any]:
        for name, value in values.items():
            boxes[name] = tape.variable(jnp.asarray(float(value), jnp.float64))
        with teach_misuse():
            result = function(**boxes)
        if type(result) is not Traced or result.shape:
            raise ShapeError(
                "the function returns no single number that depends on its inputs",
                given=f"shape {tuple(getattr(result, 'shape', ()))}, {type(result).__name__}",
            )
        return result, ()

    scalars = on_tape(compute)
    given = Given({}, {(box.node, 0, ()): name for name, box in boxes.items()})
    letter = getattr(function, "__name__", "f")
    result = letter if letter.isidentifier() and len(letter) == 1 else "f"
    names = name_function(scalars, given, result, renamed)
    return Pass(scalars, names, given, names[scalars.result])
