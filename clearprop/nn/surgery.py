"""The output of any layer of a model, and models with a replaced layer, such as a new head.

The model itself is never changed. To train a new head alone, give `fit` the paths of all other
layers: ``freeze=[...]``.
"""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError, ModelError, ShapeError, unknown_name
from clearprop.nn.module import Module, apply, modules

Model = TypeVar("Model", bound=Module)


def layer_at(model: Module, path: str) -> Module:
    """Return the layer of a model at a path.

    Raises:
        ConfigurationError: there is no layer at the path; the nearest path is suggested.

    >>> from clearprop.nn.containers import Sequential
    >>> from clearprop.nn.linear import Linear
    >>> layer_at(Sequential([Linear(4, 3), "relu", Linear(3, 2)]), "layers.2").out_features
    2
    """
    layers = modules(model)
    if path not in layers:
        raise unknown_name("layer", path, [p for p in layers if p], where=type(model).__name__)
    return layers[path]


def replace_layer(model: Model, path: str, layer: Module) -> Model:
    """Return the model with another layer at a path; all others keep their values.

    A new layer has no values yet; ``init`` gives values to its parameters and changes no others.

    Raises:
        ConfigurationError: there is no layer at the path; the nearest path is suggested.
        ModelError: the path is that of the model itself.

    >>> from clearprop.nn.containers import Sequential
    >>> from clearprop.nn.linear import Linear
    >>> model = Sequential([Linear(4, 3), "relu", Linear(3, 2)]).init(0)
    >>> other = replace_layer(model, "layers.2", Linear(3, 5)).init(1)
    >>> other(jnp.ones((1, 4))).shape, other[0].weight is model[0].weight
    ((1, 5), True)
    """
    if not path:
        raise ModelError("the model itself cannot be replaced by a layer", given="''")
    layer_at(model, path)
    changed: Model = _with(model, path.split("."), layer)
    return changed


def features(
    model: Module, x: object, path: str, *, batch_size: int = 256, flat: bool = False
) -> NDArray[np.float32]:
    """Return the output of one layer of a model for these inputs, in evaluation.

    Where the layer is used several times in a pass, the last output is returned.

    Args:
        model: with values in its parameters.
        x: the inputs of the model: an array (N, ...), or a dict of such arrays.
        path: of a layer, as `modules` and the summary name it; ``""`` is the model.
        batch_size: the number of examples that are computed at once.
        flat: whether to return one row of numbers for each example.

    Returns:
        (N, ...) as the layer's output, or (N, features).

    Raises:
        ConfigurationError: there is no such layer (the nearest path is suggested), or the batch
            size is below 1.
        ModelError: the model does not use this layer, or its output is not one array.
        ShapeError: there are no inputs.

    >>> from clearprop.nn.containers import Sequential
    >>> from clearprop.nn.linear import Linear
    >>> model = Sequential([Linear(4, 3), "relu", Linear(3, 2)]).init(0)
    >>> features(model, jnp.ones((10, 4)), "layers.1").shape
    (10, 3)
    """
    layer_at(model, path)
    if batch_size < 1:
        raise ConfigurationError(
            "a batch holds at least one example",
            where="features",
            given=f"batch_size={batch_size}",
            fix="batch_size=256",
        )
    wanted = path
    number = len(jax.tree.leaves(x)[0])
    if not number:
        raise ShapeError("there are no inputs", where="features", given="0 examples")

    @jax.jit
    def taken(model: Module, x: Any) -> Any:
        found: list[Any] = []

        def listen(path: str, module: Module, inputs: tuple[Any, ...], output: Any) -> None:
            if path == wanted:
                found.append(output)

        apply(model, x, hook=listen)
        return found[-1] if found else None

    parts = []
    for start in range(0, number, batch_size):
        rows = jax.tree.map(lambda a, i=start: jnp.asarray(a[i : i + batch_size]), x)
        part = taken(model, rows)
        if not hasattr(part, "shape"):
            raise ModelError(
                "the output of this layer is not one array",
                where=path,
                given="a layer that is never called" if part is None else type(part).__name__,
                fix="take the layer that contains it",
            )
        parts.append(np.asarray(part, np.float32))
    whole = np.concatenate(parts)
    return whole.reshape(number, -1) if flat else whole


def _with(value: Any, path: list[str], layer: Module) -> Any:
    """Return a module, tuple or dict with another layer at a path below it."""
    if not path:
        return layer
    name, *rest = path
    if isinstance(value, Module):
        return value.replace(**{name: _with(getattr(value, name), rest, layer)})
    if isinstance(value, dict):
        keys = {str(key): key for key in value}
        return {**value, keys[name]: _with(value[keys[name]], rest, layer)}
    changed = list(value)
    changed[int(name)] = _with(changed[int(name)], rest, layer)
    return tuple(changed)
