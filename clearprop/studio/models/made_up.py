"""Examples for networks whose data is not known: random numbers in the shape that they take.

Shape letters: N examples, K outputs, T places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ClearpropError, ShapeError
from clearprop.nn.fields import Shape

EXAMPLES = 8
"""How many are made."""

SIDES = (28, 32, 8, 64, 96, 128, 224, 227, 256, 299)
"""Of pictures, in the order in which they are tried."""

LARGE_WINDOW = 7
"""A first window of this size is for large pictures."""

LENGTH = 16

Output = Literal["class", "token", "numbers"]


def made_up(
    shapes: Mapping[str, Shape],
    tokens: int | None,
    output: Output,
    outputs: Shape | None = None,
) -> tuple[Any, NDArray[np.number]]:
    """Return random inputs with targets: numbers of mean 0 and deviation 1, or tokens.

    Args:
        shapes: of each input of one example, by name; "" for one without a name.
        tokens: how many there are; None where the inputs are numbers.
        output: what the model predicts. Of classes the target is class 0, of numbers 0; after each
            token comes the next one.
        outputs: shape of the output for one example, where targets are numbers.

    >>> made_up({"": (2,)}, None, "class")[1].tolist()
    [0, 0, 0, 0, 0, 0, 0, 0]
    """
    random = np.random.default_rng(0)

    def drawn(shape: Shape) -> NDArray[np.number]:
        if tokens is not None:
            return random.integers(0, tokens, (EXAMPLES, *shape), np.int32)
        return random.standard_normal((EXAMPLES, *shape), np.float32)

    inputs = {name: drawn(shape) for name, shape in shapes.items()}
    last = [*inputs.values()][-1]
    targets: NDArray[np.number]
    if output == "token":
        targets = np.roll(last, -1, axis=1) if tokens is not None else np.zeros(last.shape[:2])
        targets = targets.astype(np.int32)
        targets[:, -1] = -1  # nothing is known of what follows the last one
    elif output == "class":
        targets = np.zeros(EXAMPLES, np.int32)
    else:
        targets = np.zeros((EXAMPLES, *(outputs or (1,))), np.float32)
    return inputs.get("", inputs), targets


def guessed_inputs(model: nn.Module, known: Shape | None = None) -> tuple[Shape, int | None, Shape]:
    """Return the shape of one example that fits a model, its number of tokens, and the output's.

    The first layer that a shape can be told from decides; a shape fits if the model takes it.

    Args:
        model: with or without values.
        known: the shape, where only the rest is to be found.

    Raises:
        ShapeError: none fits.

    >>> guessed_inputs(nn.Sequential([nn.Linear(4, 3), "tanh", nn.Linear(3, 2)]))
    ((4,), None, (2,))
    """
    for guessed, tokens in _candidates(model):
        shape = guessed if known is None else known
        dtype = jnp.float32 if tokens is None else jnp.int32
        x = jax.ShapeDtypeStruct((1, *shape), dtype)
        try:
            made: Any = jax.eval_shape(lambda m, given: m(given), skeleton_of(model), x)
        except (ClearpropError, TypeError, ValueError, IndexError):
            continue  # it does not fit
        if hasattr(made, "shape"):
            return shape, tokens, tuple(made.shape[1:])
    raise ShapeError(
        "the shape of an example cannot be told from this model",
        where=type(model).__name__,
        given="neither data nor a preparation",
        fix="open it in Python with an example: cp.studio(model, (x, y))",
    )


def _candidates(model: nn.Module) -> Iterator[tuple[Shape, int | None]]:
    own = getattr(model, "input_shape", None)
    if isinstance(own, tuple):
        yield own, None
    context = getattr(model, "context", LENGTH)
    for layer in nn.modules(model).values():
        if isinstance(layer, nn.Embedding):
            yield (min(LENGTH, int(context)),), int(layer.weight.shape[0])
        elif isinstance(layer, nn.Conv2d):
            large = min(layer.kernel_size) >= LARGE_WINDOW
            for side in (224, *SIDES) if large else SIDES:
                yield (side, side, layer.in_channels), None
        elif isinstance(layer, nn.Linear):
            yield (int(layer.weight.shape[0]),), None
            yield (LENGTH, int(layer.weight.shape[0])), None
        elif isinstance(layer, nn.Conv1d):
            yield (64, layer.in_channels), None
        elif isinstance(layer, nn.RNN | nn.LSTM | nn.GRU):
            yield (LENGTH, int(layer.cells[0].weight.shape[0])), None


def skeleton_of(model: nn.Module) -> nn.Module:
    """Return a model with shapes in the place of its parameters: it traces like the model."""

    def shape_of(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else leaf

    shaped: nn.Module = jax.tree.map(shape_of, model)
    return shaped
