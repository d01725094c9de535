"""The numbers of one example in every unit of the playground's network, by one compiled call.

Shape letters: F features, I inputs of a layer, O units of a layer.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn, ops
from clearprop.autodiff import vjp
from clearprop.nn.recording import record_model
from clearprop.studio.playground.messages import DenseLayer
from clearprop.studio.playground.point_set import Pair

Floats = NDArray[np.float32]


class LayerNumbers(NamedTuple):
    """What one example does in one layer.

    Attributes:
        preactivation: z = x W + b, (O,).
        value: y = f(z), (O,).
        error: dE/dy, (O,).
        delta: dE/dz, (O,).
        weight_gradient: dE/dW, (I, O).
        bias_gradient: dE/db, (O,).
        slope: the local derivative dy/dz of each unit, (O,); NaN where the activation takes the
            units of a layer together.
    """

    preactivation: Floats
    value: Floats
    error: Floats
    delta: Floats
    weight_gradient: Floats
    bias_gradient: Floats
    slope: Floats


class ExampleNumbers(NamedTuple):
    """What one example does in a network, forward and backward.

    Attributes:
        loss: E of this example.
        input: the features, (F,).
        input_error: dE/dx of each feature, (F,).
        layers: from the first hidden layer to the output.
    """

    loss: Floats
    input: Floats
    input_error: Floats
    layers: tuple[LayerNumbers, ...]


def probe(
    model: nn.Module, example: Pair, loss: str, layers: tuple[DenseLayer, ...]
) -> ExampleNumbers:
    """Return the values and the error signals of one example; dropout is off.

    Args:
        model: as `network.model_of` made it, with values.
        example: inputs and target with a batch of one, as the model and the loss take them.
        loss: by its name.
        layers: of the model.
    """
    found: ExampleNumbers = jax.device_get(_probe(model, *example, loss=loss, layers=layers))
    return found


@functools.partial(jax.jit, static_argnames=("loss", "layers"))
def _probe(
    model: nn.Module, x: Any, y: Any, *, loss: str, layers: tuple[DenseLayer, ...]
) -> ExampleNumbers:
    made = record_model(model, jnp.asarray(x), jnp.asarray(y), loss)
    recording: Any = made.recording
    recording.sweep(made.objective)
    outputs = {call.path: call.output for call in recording.calls}
    found: list[LayerNumbers] = []
    for k, layer in reversed([*enumerate(layers)]):
        z = outputs[f"layers.{2 * k}"]
        y = outputs.get(f"layers.{2 * k + 1}", z)  # an output may have no activation
        error = recording.error(y)
        if error is None:  # the value of a step: no error signal goes on, but one arrives
            error = found[-1].delta[None] @ recording.value(made.parameters[layers[k + 1].weight]).T
        weight, bias = made.parameters[layer.weight], made.parameters[layer.bias]
        plain = recording.value(z)[0]
        numbers = LayerNumbers(
            preactivation=plain,
            value=recording.value(y)[0],
            error=error[0],
            delta=recording.error(z)[0],
            weight_gradient=recording.error(weight),
            bias_gradient=recording.error(bias),
            slope=_slopes(layer.activation, plain),
        )
        found.append(numbers)
    return ExampleNumbers(
        loss=recording.value(made.objective),
        input=recording.value(made.inputs)[0],
        input_error=recording.error(made.inputs)[0],
        layers=tuple(reversed(found)),
    )


def _slopes(activation: str, z: Any) -> Any:
    row = ops.ACTIVATIONS[activation]
    if not row.stacks:
        return jnp.full_like(z, jnp.nan)
    return vjp(row, z)[1](jnp.ones_like(z))[0]
