"""The outputs and the error signals of a model's layers for some examples.

Shape letters: N examples, T steps of a sequence.
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
"""Number of examples of one pass. It is the same as in the report's table of error signals, so that
one compilation serves both."""

PASSES = 4
"""Number of passes. A unit that is active for one example in 50 is zero for all 256 examples only
once in 200 times."""

MOST_NUMBERS = 2**24
"""The most numbers of layers' outputs that are read: 128 MiB with their error signals."""


@dataclass(frozen=True, eq=False)
class Signals:
    """The outputs and error signals of a model's layers for some examples.

    Attributes:
        input: the model's input and its error signal; None where it is not one array.
        layers: the layers that contain no other layer, in the order of their calls.
        gradients: dE/dw of every parameter by path, the mean over the passes.
        objective: the mean loss.
        examples: N.
    """

    input: LayerSignal | None
    layers: tuple[LayerSignal, ...]
    gradients: dict[str, Numbers]
    objective: float
    examples: int

    @functools.cached_property
    def weighted(self) -> tuple[LayerSignal, ...]:
        """The calls of layers that have weights themselves, without embeddings."""
        return tuple(
            signal for signal in self.layers
            if signal.module is not None and not isinstance(signal.module, nn.Embedding)
            and any(w.ndim >= 2 for w in nn.parameters(signal.module).values())
        )  # fmt: skip


def examine(model: nn.Module, x: object, y: Array, loss: nn.Loss) -> Signals:
    """Return the outputs and error signals of a model's layers for some examples.

    Args:
        model: with values.
        x: (N, ...), inputs as the model takes them, or several such arrays by name.
        y: (N, ...), targets as the loss takes them.
        loss: the loss whose error signals are computed.

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

    If the model has an output at every step, only the loss of the last step is used: the last one
    with a label in the longest example, as steps that fill up a batch have none. The error signals
    of the other outputs would hide how far back that of the last one reaches.
    """
    known = nn.modules(model)
    if not any(isinstance(module, Recurrent) for module in known.values()):
        return []
    steps: int | None = None
    if has_target_at_every_step(seen, y):
        labels = np.asarray(y)
        steps = labels.shape[1]
        if loss.skips_negative and (labels >= 0).any():
            steps = int(np.argwhere(labels >= 0)[:, 1].max()) + 1
        seen = examine(model, x, y, _of_last_step(loss, steps))
    before, found = seen.input, []
    for signal in seen.layers:
        if isinstance(signal.module, Recurrent) and before is not None:
            error = before.error
            if error is not None and error.ndim == 3:
                sizes = np.sqrt(np.mean(np.square(error, dtype=np.float64), axis=(0, 2)))
                found.append((signal.label, sizes[:steps]))
        before = signal
    return found


def has_target_at_every_step(seen: Signals, y: object) -> bool:
    """Return whether a model has an output, and its loss a target, at each step of a sequence."""
    return seen.layers[-1].value.ndim == 3 and np.asarray(y).ndim >= 2


@functools.lru_cache(maxsize=8)
def _of_last_step(loss: nn.Loss, steps: int) -> nn.Loss:
    def last(outputs: Array, targets: Array) -> Array:
        return loss.per_example(outputs[:, steps - 1 : steps], targets[:, steps - 1 : steps])

    return nn.Loss(loss.name, last, loss.error, loss.error_name, loss.task)


def _joined(model: nn.Module, seen: list[Capture], size: int) -> Signals:
    inputs = [
        LayerSignal("the input", "input", "input", None, plain(one.input.value),
                    None if one.input.error is None else plain(one.input.error))
        for one in seen if hasattr(one.input.value, "shape")
    ]  # fmt: skip
    inner = zip(*(inner_layers(model, one) for one in seen), strict=True)
    return Signals(
        input=_of_all(inputs, size) if inputs else None,
        layers=tuple(_of_all(calls, size) for calls in inner),
        gradients={
            path: np.mean([plain(one.gradients[path]) for one in seen], axis=0)
            for path in seen[0].gradients
        },
        objective=float(np.mean([float(one.objective) for one in seen])),
        examples=size * len(seen),
    )


def _of_all(calls: Sequence[LayerSignal], size: int) -> LayerSignal:
    """Join the calls of several passes; error signals become those of one example's loss."""
    errors = [call.error * size for call in calls if call.error is not None]
    return replace(
        calls[0],
        value=np.concatenate([call.value for call in calls]),
        error=np.concatenate(errors) if errors else None,
    )
