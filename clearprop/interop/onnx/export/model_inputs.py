"""The inputs of a model that is written: their tree, and their names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, tree
from clearprop.errors import ModelError
from clearprop.interop.onnx.graph import HostArray


class Inputs:
    """The inputs of a model: their tree, and a name for each of its arrays.

    Args:
        given: the positional arguments of the model.
        names: one for each array.
    """

    def __init__(self, given: tuple[object, ...], names: Sequence[str]) -> None:
        leaves, self.structure = jax.tree.flatten(given)
        self.arrays = {n: jnp.asarray(leaf) for n, leaf in zip(names, leaves, strict=True)}

    def restored(self, values: Mapping[str, object]) -> tuple[object, ...]:
        """Return the arguments of the model from arrays by name."""
        made: tuple[object, ...] = jax.tree.unflatten(
            self.structure, [values[name] for name in self.arrays]
        )
        return made


def named_inputs(model: nn.Module, example: object, names: Sequence[str] | None) -> Inputs:
    """Return the inputs of a model with their names.

    Raises:
        ModelError: there are none, or not as many names, or a name is there twice.
    """
    given = (
        example if isinstance(example, tuple) and not hasattr(example, "_fields") else (example,)
    )
    leaves = jax.tree.leaves(given)
    if not leaves:
        raise ModelError(
            "the shapes of the inputs have to be known",
            fix="save(model, path, x), where x is an input of the model",
        )
    if names is None:
        arguments = list(inspect.signature(type(model).__call__).parameters)[1:]
        names = []
        for place, value in enumerate(given):
            base = arguments[min(place, len(arguments) - 1)] if arguments else "input"
            own = tree.flatten_with_paths(value) if not hasattr(value, "dtype") else {"": value}
            mapped = isinstance(value, Mapping)
            names += [key if mapped else f"{base}.{key}" if key else base for key in own]
    taken = set(tree.flatten_with_paths(model))
    names = [f"{name}_input" if name in taken else name for name in names]
    if len(names) != len(leaves) or len(set(names)) < len(names):
        raise ModelError(
            "every array of the inputs needs a name of its own",
            given=", ".join(names),
            expected=f"{len(leaves)} names",
        )
    return Inputs(given, names)


def arrays_of(model: nn.Module) -> dict[str, HostArray]:
    """Return all arrays of a model by path: parameters, statistics and constants."""
    return {
        path: np.asarray(leaf)
        for path, leaf in tree.flatten_with_paths(model).items()
        if hasattr(leaf, "dtype") and not jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    }


def named_outputs(names: Sequence[str] | None, number: int) -> list[str]:
    """Return the names of the outputs.

    Raises:
        ModelError: there are not as many as outputs, or one is there twice.
    """
    if names is None:
        return ["output"] if number == 1 else [f"output_{i}" for i in range(number)]
    if len(names) != number or len(set(names)) < number:
        raise ModelError(
            "every output needs a name of its own",
            given=", ".join(names),
            expected=f"{number} names",
        )
    return list(names)
