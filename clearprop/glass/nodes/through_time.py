"""The state of a loop after each step, and its error signal.

Shape letters: T steps, B examples, H units.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

Array = jax.Array


@dataclass(frozen=True, eq=False)
class ThroughTime:
    """The state of a loop after each step, and its error signals.

    Attributes:
        name: of the loop.
        values: each array of the state after every step, (T, B, H) in a recurrent layer; for an
            LSTM the hidden state and the cell.
        errors: dE/dvalue of each: the sum of what later steps pass back and of what comes from the
            outputs of the step itself.
    """

    name: str
    values: tuple[Array, ...]
    errors: tuple[Array, ...]

    @property
    def norms(self) -> NDArray[np.float64]:
        """Norm of the error signal of the whole state after every step, (T,)."""
        squares = [
            np.square(np.asarray(e, np.float64)).reshape(len(e), -1).sum(1) for e in self.errors
        ]
        norms: NDArray[np.float64] = np.sqrt(np.sum(squares, axis=0))
        return norms

    @property
    def factor(self) -> float:
        """The factor by which one step changes the norm on the way back, as a geometric mean.

        The mean is over the steps from the one with the largest error signal to the one farthest
        from it. It is NaN if there is only one step or no finite error signal.
        """
        norms = self.norms
        if len(norms) < 2 or not np.isfinite(norms).all() or not norms.any():
            return float("nan")
        top = int(np.argmax(norms))
        end = 0 if top >= len(norms) - 1 - top else len(norms) - 1
        return float((norms[end] / norms[top]) ** (1 / abs(top - end)))

    def __len__(self) -> int:
        return len(self.errors[0])

    def __str__(self) -> str:
        lines = [f"{self.name}: norm of the error signal of the state after each step"]
        lines += [f"{step:>6}  {norm:.4g}" for step, norm in enumerate(self.norms)]
        return "\n".join(lines)
