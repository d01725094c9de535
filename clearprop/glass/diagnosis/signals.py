"""The outputs and the error signals of a model's layers for some examples.

Shape letters: N examples looked at, T steps of a sequence, B examples of one pass.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np

from clearprop import nn
from clearprop.glass.capture import (
    Capture,
    LayerSignal,
    Numbers,
    compiled_capture,
    inner_layers,
    plain,
)
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

    input: LayerSignal | None
    layers: tuple[LayerSignal, ...]
    gradients: dict[str, Numbers]
    objective: float
    examples: int

    @property
    def output(self) -> Numbers:
        """The outputs of the model, (N, ...)."""
        return self.layers[-1].value

    @functools.cached_property
    def weighted(self) -> tuple[LayerSignal, ...]:
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
    with np.errstate(over="ignore"):  # an exploding error signal may overflow float32
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
    given = None
    if hasattr(seen[0].input.value, "shape"):
        given = _of_all([_input_of(one) for one in seen], size)
    inner = zip(*(inner_layers(model, one) for one in seen), strict=True)
    return Signals(
        input=given,
        layers=tuple(_of_all(calls, size) for calls in inner),
        gradients={
            path: np.mean([plain(one.gradients[path]) for one in seen], axis=0)
            for path in seen[0].gradients
        },
        objective=float(np.mean([float(one.objective) for one in seen])),
        examples=size * len(seen),
    )


def _input_of(seen: Capture) -> LayerSignal:
    value, error = plain(seen.input.value), seen.input.error
    return LayerSignal(
        "the input", "input", "input", None, value, None if error is None else plain(error)
    )


def _of_all(calls: Sequence[LayerSignal], size: int) -> LayerSignal:
    """Return the calls of several passes as one; each error signal is that of its example alone."""
    errors = [call.error * size for call in calls if call.error is not None]
    return replace(
        calls[0],
        value=np.concatenate([call.value for call in calls]),
        error=np.concatenate(errors) if errors else None,
    )
