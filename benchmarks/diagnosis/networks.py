"""The networks of the benchmark, and layers that contain a mistake.

Shape letters: B batch, T steps of a sequence, D numbers of an example, H hidden units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from clearprop import nn, ops, tree
from clearprop.autodiff import stop_gradient
from clearprop.nn.fields import Array, Initializer

if TYPE_CHECKING:
    from benchmarks.diagnosis.setting import Setting

INITIALIZERS: dict[str, Initializer] = {
    "glorot_uniform": nn.initializers.glorot_uniform,
    "glorot_normal": nn.initializers.glorot_normal,
    "he_normal": nn.initializers.he_normal,
    "lecun_normal": nn.initializers.lecun_normal,
    "orthogonal": nn.initializers.orthogonal,
}

FILTERS, KERNEL, POOL = 8, 3, 2


class LastStep(nn.Module):
    """The last output of a recurrent layer: (B, T, H) -> (B, H)."""

    def __call__(self, x: Array) -> Array:
        return x[:, -1]


class Cut(nn.Module):
    """The identity, but no error signal passes back: a mistake that no shape shows."""

    def __call__(self, x: Array) -> Array:
        return stop_gradient(x) + 0.0 * ops.mean(x)


class Mixed(nn.Module):
    """Numbers of an example and of others, from a reshape in place of a transpose: (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.reshape(ops.transpose(x), x.shape)


class Rolled(nn.Module):
    """The numbers of the example before, from a shift along the wrong axis: (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.concatenate([x[-1:], x[:-1]], axis=0)


class OverBatch(nn.Module):
    """Softmax over the examples in place of the numbers of one: (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.softmax(x, axis=0)


class Flipped(nn.Module):
    """Pictures upside down, but with the wrong axis: the batch is upside down, (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.flip(x, axis=0)


class Averaged(nn.Module):
    """All numbers of an example as their mean, from the wrong axis: (B, D) -> (B, D)."""

    def __call__(self, x: Array) -> Array:
        return 0.0 * x + ops.mean(x, axis=1, keepdims=True)


class Clipped(nn.Module):
    """What is above 2 of the inputs, rounded down: nearly all of it is lost, (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.floor(ops.clip(x - 2.0, 0.0, 1.0))


class FirstOnly(nn.Module):
    """The first number of an example in the place of all, from a wrong index: (B, D)."""

    def __call__(self, x: Array) -> Array:
        return 0.0 * x + x[:, :1]


class Whole(nn.Module):
    """A tenth of the inputs as whole numbers: a scale that was meant for bytes, (B, D)."""

    def __call__(self, x: Array) -> Array:
        return ops.floor(0.1 * abs(x))


def network(setting: Setting, shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Return the network of a setting with values, for inputs of a shape (without B)."""
    model = nn.Sequential([*_body(setting, shape, outputs), *_end(setting)]).init(
        setting.seed, dtype=setting.dtype
    )
    if setting.recurrent is None:
        return model
    return tree.replace(model, {
        path: setting.recurrent(jax.random.key(setting.seed), w.shape, w.dtype)
        for path, w in nn.parameters(model).items() if path.endswith("recurrent_weight")
    })  # fmt: skip


def _body(setting: Setting, shape: tuple[int, ...], outputs: int) -> list[Any]:
    given = setting.initializer
    first = INITIALIZERS[given] if isinstance(given, str) else given
    layers: list[Any] = [setting.before] if setting.before is not None else []
    inputs = shape[-1]
    if setting.network == "conv":
        layers += [nn.Conv2d(1, FILTERS, KERNEL, weight_init=first, bias_init=setting.bias),
                   setting.activation, nn.MaxPool2d(POOL), nn.Flatten()]  # fmt: skip
        inputs = FILTERS * ((shape[0] - KERNEL + 1) // POOL) ** 2
    elif setting.network != "mlp":
        made = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[setting.network]
        rectified = setting.network == "RNN" and setting.activation == "relu"
        units, options = setting.hidden[0], {"nonlinearity": "relu"} if rectified else {}
        return [made(inputs, units, **options), LastStep(), nn.Linear(units, outputs)]
    for place, units in enumerate(setting.hidden):
        layers += [nn.Linear(inputs, units, weight_init=first, bias_init=setting.bias)]
        layers += [Cut()] if setting.cut and not place else []
        layers += [nn.BatchNorm(units, momentum=setting.momentum)] if setting.normalized else []
        layers += [setting.activation] if setting.activation else []
        layers += [nn.Dropout(setting.dropout)] if setting.dropout else []
        inputs = units
    plain = setting.same or first in INITIALIZERS.values()
    last = first if plain else INITIALIZERS["glorot_uniform"]
    return [*layers, nn.Linear(inputs, outputs, weight_init=last)]


def _end(setting: Setting) -> list[Any]:
    return [setting.last] if setting.last else []
