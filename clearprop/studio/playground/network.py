"""The network of the playground: dense layers on features of x1 and x2, and the output of a loss.

Shape letters: F features.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import NamedTuple, cast

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.nn import initializers
from clearprop.nn.fields import Initializer
from clearprop.studio.playground.messages import DenseLayer, LayerSettings, Settings
from clearprop.studio.playground.point_set import Coding

LABELS = "labels"

_DISTANCE = {"two classes": ("signs", "tanh"), "regression": ("numbers", "identity")}
_CHANCE = {"two classes": ("bits", "sigmoid")}
_SCORE = {"two classes": ("bits", "identity")}
_LOGITS = dict.fromkeys(("two classes", "several classes"), (LABELS, "identity"))
_LOGARITHMS = dict.fromkeys(_LOGITS, (LABELS, "log_softmax"))

OUTPUTS: dict[str, dict[str, tuple[str, str]]] = {
    "squared_error": _DISTANCE,
    "mean_squared_error": _DISTANCE,
    "absolute_error": _DISTANCE,
    "mean_absolute_error": _DISTANCE,
    "huber": _DISTANCE,
    "smooth_l1": _DISTANCE,
    "binary_squared_error": _CHANCE,
    "log_loss": _CHANCE,
    "binary_cross_entropy": _SCORE,
    "hinge": _SCORE,
    "perceptron": _SCORE,
    "cross_entropy": _LOGITS,
    "nll": _LOGARITHMS,
}
"""For each loss and each task that it fits: how it takes the targets (see `PointSet.coded`), and
the activation of the output layer. With "labels" there is one output for each class, else one."""

UNFIT: dict[str, str] = {
    "sequence_cross_entropy": "it compares sequences, and a point has one target",
    "ctc": "it compares sequences, and a point has one target",
    "kl_divergence": "it takes probabilities as targets; for classes it is cross_entropy",
    "triplet": "it compares the outputs for three inputs",
    "cosine_embedding": "it compares the outputs for two inputs",
}
"""The losses that do not fit points, and why."""

BIAS = 0.1
"""Of hidden units at the beginning. Without one, the lines on which the units of the first layer
change sides would all go through the middle, and a rectified unit could see no point at all."""


class OutputLayer(NamedTuple):
    """What a loss asks of the output layer.

    Attributes:
        coding: how the loss takes the targets, see `PointSet.coded`.
        units: how many there are.
        activation: of the layer.
    """

    coding: Coding
    units: int
    activation: str


def output_of(loss: str, task: str, classes: int) -> OutputLayer:
    """Return the output layer that a loss needs for a task.

    Args:
        loss: by its name.
        task: "two classes", "several classes" or "regression".
        classes: how many there are; 0 for a regression.

    Raises:
        ConfigurationError: the loss is unknown, or does not fit the task.

    >>> output_of("cross_entropy", "several classes", 3)
    OutputLayer(coding='labels', units=3, activation='identity')
    """
    if loss in UNFIT:
        raise ConfigurationError(
            f"this loss does not fit points: {UNFIT[loss]}",
            where="loss",
            given=loss,
            expected=f"one of {', '.join(_fitting(task))}",
            fix=f"loss={_fitting(task)[0]!r}",
        )
    if loss not in OUTPUTS:
        raise unknown_name("loss", loss, OUTPUTS, where="loss")
    if task not in OUTPUTS[loss]:
        words = f"{classes} classes" if classes else "numbers"
        raise ConfigurationError(
            f"{loss} does not fit targets that are {words}",
            where="loss",
            given=f"loss={loss!r} for {words}",
            expected=f"one of {', '.join(_fitting(task))}",
            fix=f"loss={_fitting(task)[0]!r}",
        )
    coding, activation = OUTPUTS[loss][task]
    return OutputLayer(cast(Coding, coding), classes if coding == LABELS else 1, activation)


def _fitting(task: str) -> list[str]:
    return [name for name, tasks in OUTPUTS.items() if task in tasks]


HIDDEN_ACTIVATIONS = tuple(sorted(name for name, row in ops.ACTIVATIONS.items() if row.stacks))
"""The activations of hidden units: those that take each unit by itself."""


def layers_of(hidden: tuple[LayerSettings, ...], output: OutputLayer) -> tuple[DenseLayer, ...]:
    """Return the layers of a network, with the paths of their parameters in `model_of`.

    Raises:
        ConfigurationError: an unknown activation, or one that does not fit hidden units.
    """
    for layer in hidden:
        if layer.activation not in HIDDEN_ACTIVATIONS:
            if layer.activation in ops.ACTIVATIONS:
                raise ConfigurationError(
                    f"{layer.activation} is no activation of hidden units: it compares the units "
                    "of a layer with each other",
                    where="layers",
                    given=layer.activation,
                    expected=f"one of {', '.join(HIDDEN_ACTIVATIONS)}",
                    fix="activation='tanh'",
                )
            raise unknown_name("activation", layer.activation, HIDDEN_ACTIVATIONS, where="layers")
    every = [(layer.units, layer.activation) for layer in hidden]
    every.append((output.units, output.activation))
    return tuple(
        DenseLayer(units, activation, f"layers.{2 * k}.weight", f"layers.{2 * k}.bias")
        for k, (units, activation) in enumerate(every)
    )


def model_of(settings: Settings, layers: tuple[DenseLayer, ...]) -> nn.Sequential:
    """Return the model, without values: `Linear` and activation in turn.

    Dropout stands together with the activation before it, so that the paths of all parameters are
    the same with it and without.

    Args:
        settings: of which features, weights and dropout are read.
        layers: as `layers_of` returned them.

    Raises:
        ConfigurationError: an unknown initializer.
    """
    chosen = initializer(settings.weight_init) if settings.weight_init is not None else None
    parts: list[nn.Module | str] = []
    before = len(settings.features)
    for k, layer in enumerate(layers):
        hidden = k < len(layers) - 1
        usual = initializers.uniform(usual_limit(before, first=k == 0))
        parts.append(
            nn.Linear(
                before,
                layer.units,
                weight_init=chosen if chosen is not None and hidden else usual,
                bias_init=initializers.constant(BIAS) if hidden else initializers.zeros,
            )
        )
        if hidden and settings.dropout:
            parts.append(nn.Sequential(layer.activation, nn.Dropout(settings.dropout)))
        elif hidden or layer.activation != "identity":
            parts.append(layer.activation)
        before = layer.units
    return nn.Sequential(*parts)


def usual_limit(inputs: int, *, first: bool) -> float:
    """Return a with which weights are drawn from U(-a, a) unless an initializer is chosen.

    The weights of a layer have the variance 1 / inputs, so that a unit has the variance of its
    inputs (LeCun et al. 1998). Those of the first layer have a third of it, because the features
    are not scaled: x1 and x2 reach to 5, and their variance is about 3 or more.

    >>> usual_limit(4, first=True), round(usual_limit(3, first=False), 6)
    (0.5, 1.0)
    """
    return math.sqrt((1 if first else 3) / inputs)


def initializer(name: str) -> Initializer:
    """Return an initializer by its name; one that takes a number gets its default.

    Raises:
        ConfigurationError: there is none of this name.

    >>> initializer("glorot_uniform") is initializers.glorot_uniform
    True
    """
    if name not in INITIALIZERS:
        raise unknown_name("initializer", name, INITIALIZERS, where="weight_init")
    made = INITIALIZERS[name]
    return cast(Initializer, made() if makes_initializer(made) else made)


def makes_initializer(function: Callable[..., object]) -> bool:
    """Whether a function returns an initializer, and takes nothing or numbers with defaults."""
    return all(
        parameter.default is not inspect.Parameter.empty
        for parameter in inspect.signature(function).parameters.values()
    )


def _is_initializer(function: Callable[..., object]) -> bool:
    return list(inspect.signature(function).parameters) == ["key", "shape", "dtype"]


INITIALIZERS: dict[str, Callable[..., object]] = {
    name: function
    for name, function in sorted(vars(initializers).items())
    if inspect.isfunction(function)
    and function.__module__ == initializers.__name__
    and (_is_initializer(function) or makes_initializer(function))
}
"""The initializers that need no further number, by name."""
