"""Several outputs with a loss for each: refused, with the one output and the one loss to write.

Shape letters: B batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data.forms import as_array
from clearprop.errors import ConfigurationError
from clearprop.nn import LOSSES


def check_one_output(y: object, loss: object) -> None:
    """Raise where targets or losses are given for several outputs by name.

    Args:
        y: the targets.
        loss: of the call.

    Raises:
        ConfigurationError: one of them is a dict; the mend joins outputs, targets and losses.
    """
    if isinstance(y, Mapping):
        raise ConfigurationError(
            "a model has one output, and these are targets for several",
            where="y",
            given=f"targets by name: {', '.join(map(str, y))}",
            expected="one array of targets, one output, and one loss that takes them apart",
            fix=_joined({str(name): as_array(part, str(name)) for name, part in y.items()}, loss),
        )
    if isinstance(loss, Mapping):
        names = [str(name) for name in loss]
        raise ConfigurationError(
            "a model has one output, and these are losses for several",
            where="loss",
            given=f"losses by name: {', '.join(names)}",
            expected="one loss; for several outputs a function that adds their losses",
            fix=f"loss = {next(iter(loss.values()))!r}"
            if len(names) == 1
            else f"y = {{{', '.join(f'{name!r}: ...' for name in names)}}} says what each is for, "
            "and the answer is the one loss to write",
        )


def _joined(targets: Mapping[str, NDArray[Any]], losses: object) -> str:
    """Return the code that joins targets and losses of several outputs."""
    parts, lines = [], []
    column = place = 0
    for name, values in targets.items():
        width = int(np.prod(values.shape[1:], dtype=np.int64))
        wanted = losses.get(name) if isinstance(losses, Mapping) else None
        labels = (
            values.dtype.kind in "iu" and values.ndim == 1 and wanted in (None, "cross_entropy")
        )
        chosen = wanted if wanted in LOSSES else "cross_entropy" if labels else "squared_error"
        units = int(values.max()) + 1 if labels else width
        t = f"t[:, {column}].astype(int)" if labels else f"t[:, {column}:{column + width}]"
        y = f"y[:, {place}:{place + units}]"
        lines.append(f"cp.nn.LOSSES[{chosen!r}].per_example({y}, {t})")
        parts.append(f"np.reshape(y[{name!r}], (len(y[{name!r}]), -1))")
        column, place = column + width, place + units
    named, summed = ", ".join(targets), "\n    + ".join(lines)
    return (
        f"y = np.concatenate([{', '.join(parts)}], axis=1).astype(np.float32)\n"
        f"loss = lambda y, t: (\n    {summed}\n)\n"
        f"# and in the model: return ops.concatenate([{named}], axis=-1)  # {place} units"
    )
