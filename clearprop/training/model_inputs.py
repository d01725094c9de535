"""From kept examples to the inputs of a model and the targets of a loss, for every caller.

`fit`, `evaluate`, `predict`, the report, the diagnosis and `explain` all prepare examples here, so
that a model sees the same numbers everywhere.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.backend import float_dtype
from clearprop.data import Preprocessor
from clearprop.data.checks import in_32_bits
from clearprop.data.sources import Inputs, Named, rows_of

Array = jax.Array
Numeric = jax.Array | NDArray[np.number]


@dataclass(frozen=True, eq=False)
class ModelInputs:
    """How kept examples become a model's inputs, and outputs the units of the targets.

    Attributes:
        preprocessor: of the data set; None where plain arrays were given.

    >>> import numpy as np
    >>> ModelInputs().inputs(jnp.asarray(np.ones((2, 3), np.uint8))).dtype
    dtype('float32')
    """

    preprocessor: Preprocessor | None = None

    def inputs(self, kept: object) -> object:
        """Return kept inputs (N, ...) as the model sees them, by name where they have names.

        Without a preprocessor bytes, booleans and floats become float32. Other integers stay as
        they are, because they are tokens.
        """
        if self.preprocessor is not None:
            return self.preprocessor.scaled(kept)
        if isinstance(kept, Mapping):
            return {name: self.inputs(part) for name, part in kept.items()}
        array = jnp.asarray(kept)
        tokens = jnp.issubdtype(array.dtype, jnp.integer) and array.dtype.itemsize > 1
        return array if tokens else array.astype(float_dtype())

    def targets(self, raw: Numeric) -> Numeric:
        """Return raw targets as the loss sees them, scaled for a regression on a prepared set."""
        if self.preprocessor is None or not self.scales_targets:
            return raw
        scaled: Numeric = self.preprocessor.scaled_targets(raw)
        return scaled

    def restored(self, outputs: Numeric) -> Numeric:
        """Return outputs in the units of the raw targets."""
        if self.preprocessor is None or not self.scales_targets:
            return outputs
        restored: Numeric = self.preprocessor.restored_targets(outputs)
        return restored

    def examples(
        self, inputs: Inputs | Named, targets: object, rows: slice | NDArray[np.intp]
    ) -> tuple[object, Array]:
        """Return the examples of some rows as the model and the loss see them, on the device.

        Args:
            inputs: kept, (N, ...), or several such arrays by name.
            targets: raw, (N, ...).
            rows: whole numbers, or a slice.
        """
        kept = on_device(rows_of(inputs, rows))
        chosen = np.asarray(targets)[rows]
        return self.inputs(kept), jnp.asarray(self.targets(chosen))

    @property
    def scales_targets(self) -> bool:
        """Whether targets are scaled: those of a regression on a prepared data set."""
        return self.preprocessor is not None and bool(self.preprocessor.target_center)


def on_device(kept: Inputs | Named) -> object:
    """Return kept inputs as arrays of JAX, which cuts whole numbers to 32 bits.

    Raises:
        DataError: a whole number needs more.
    """

    def placed(part: Any) -> Array:
        wide = isinstance(part, np.ndarray) and part.dtype in (np.int64, np.uint64)
        cut = wide and not jax.config.jax_enable_x64
        return jnp.asarray(in_32_bits(part, "inputs") if cut else part)

    return jax.tree.map(placed, kept)
