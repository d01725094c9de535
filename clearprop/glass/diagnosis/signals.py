"""The outputs and the error signals of a model's layers for some examples.

Shape letters: N examples looked at, T steps of a sequence, B examples of one pass.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.capture import Capture, compiled_capture, inner_layers
from clearprop.nn.recurrent.layer import Recurrent

Array = jax.Array

PASS = 64
"""Examples of one pass, as many as the report's table of error signals takes, so that one
compilation serves both."""

PASSES = 4
"""How many passes: a unit that is active for one example in 50 is silent for all 256 in one case
of 200."""

MOST_NUMBERS = 2**24
"""How many numbers of layers' outputs are read at most: 128 MiB with their error signals."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Signal:
    """The outputs of one call of a layer, and its error signals.

    Attributes:
        path: of the layer.
        label: the path, with the layer before it where the layer is called several times.
        kind: its class or activation.
        module: the layer.
        value: its outputs (N, ...), float32.
        error: the error signal of each example's own loss, (N, ...); None where there is none.
    """

    path: str
    label: str
    kind: str
    module: nn.Module | None
    value: Numbers
    error: Numbers | None

    @property
    def error_size(self) -> float:
        """Root mean square of the error signal; NaN where there is none."""
        if self.error is None:
            return float("nan")
        return float(np.sqrt(np.mean(np.square(self.error, dtype=np.float64))))


@dataclass(frozen=True, eq=False)
class Signals:
    """The layers' outputs and error signals in the passes of some examples.

    Attributes:
        input: the model's input with its error signal; None where it is not one array.
        layers: the innermost layers in the order of their calls.
        gradients: dE/dw of every parameter, the mean over the passes.
        objective: the mean loss.
        examples: N.
    """

    input: Signal | None
    layers: tuple[Signal, ...]
    gradients: dict[str, Numbers]
    objective: float
    examples: int

    @property
    def output(self) -> Numbers:
        """The outputs of the model, (N, ...)."""
        return self.layers[-1].value

    @functools.cached_property
    def weighted(self) -> tuple[Signal, ...]:
        """The calls of layers with weights of their own, without embeddings."""
        return tuple(
            signal for signal in self.layers
            if signal.module is not None and not isinstance(signal.module, nn.Embedding)
            and any(w.ndim >= 2 for w in nn.parameters(signal.module).values())
        )  # fmt: skip


def examine(model: nn.Module, x: object, y: Array, loss: nn.Loss) -> Signals:
    """Return the outputs and the error signals of a model's layers for some examples.

    Args:
        model: with values.
        x: inputs as the model takes them, or several by name.
        y: targets as the loss takes them.
        loss: whose error signals are computed.

    Raises:
        ShapeError: the examples do not fit the model or the loss.
    """
    n = len(jax.tree.leaves(y)[0])
    size = min(PASS, n)
    seen: list[Capture] = []
    numbers = 0
    for start in range(0, n - size + 1, size):
        rows = slice(start, start + size)
        part = jax.tree.map(lambda a, rows=rows: a[rows], (x, y))
        seen.append(compiled_capture(model, part[0], part[1], loss))
        numbers += sum(v.size for layer in seen[-1] for v in jax.tree.leaves(layer.value))
        if len(seen) == PASSES or numbers * (len(seen) + 1) / len(seen) > MOST_NUMBERS:
            break
    return _joined(model, seen, size)


def through_time(
    model: nn.Module, x: object, y: Array, loss: nn.Loss, seen: Signals
) -> list[tuple[str, Numbers]]:
    """Return for each recurrent layer the size of the error signal at each step of its input, (T,).

    If the model has an output at every step, only the loss of the last one is used: the error
    signals of the others would hide how far back it reaches.
    """
    known = nn.modules(model)
    if not any(isinstance(module, Recurrent) for module in known.values()):
        return []
    if seen.output.ndim == 3 and np.ndim(y) >= 2:
        seen = examine(model, x, y, _of_last_step(loss))
    before, found = seen.input, []
    for signal in seen.layers:
        if isinstance(signal.module, Recurrent) and before is not None:
            error = before.error
            if error is not None and error.ndim == 3:
                sizes = np.sqrt(np.mean(np.square(error, dtype=np.float64), axis=(0, 2)))
                found.append((signal.label, sizes))
        before = signal
    return found


@functools.lru_cache(maxsize=8)
def _of_last_step(loss: nn.Loss) -> nn.Loss:
    def last(outputs: Array, targets: Array) -> Array:
        return loss.per_example(outputs[:, -1:], targets[:, -1:])

    return nn.Loss(loss.name, last, loss.error, loss.error_name, loss.task)


def _joined(model: nn.Module, seen: list[Capture], size: int) -> Signals:
    first, inner = seen[0], [inner_layers(model, one) for one in seen]
    layers = []
    for calls in zip(*inner, strict=True):
        label, call, module = calls[0].label, calls[0].capture, calls[0].module
        error = None if call.error is None else _stacked([c.capture.error for c in calls], size)
        value = _stacked([c.capture.value for c in calls])
        layers.append(Signal(call.path, label, call.kind, module, value, error))
    given = None
    if hasattr(first.input.value, "shape"):
        lacks = first.input.error is None
        errors = None if lacks else _stacked([one.input.error for one in seen], size)
        values = _stacked([one.input.value for one in seen])
        given = Signal("input", "the input", "input", None, values, errors)
    return Signals(
        input=given,
        layers=tuple(layers),
        gradients={
            path: np.mean([_plain(one.gradients[path]) for one in seen], axis=0)
            for path in first.gradients
        },
        objective=float(np.mean([float(one.objective) for one in seen])),
        examples=size * len(seen),
    )


def _stacked(parts: list[Array], factor: int = 1) -> Numbers:
    with np.errstate(
        over="ignore"
    ):  # an exploding error signal may overflow float32, and is found so
        return np.concatenate([_plain(part) * factor if factor > 1 else _plain(part)
                               for part in parts])  # fmt: skip


def _plain(array: Array) -> Numbers:
    if jnp.issubdtype(array.dtype, jnp.floating):
        return np.asarray(array.astype(jnp.float32))
    return np.asarray(array)
