"""The preparation of a trained model's inputs, as part of the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.data import Preprocessor
from clearprop.data.readings import PLAIN
from clearprop.errors import ModelError
from clearprop.training.model_inputs import ModelInputs, Numeric


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class PreparedNetwork:
    """A model, and what happens before and after it.

    Attributes:
        model: takes prepared inputs.
        enter: turns the inputs of the graph into those of the model.
        leave: turns the output of the model into that of the graph.
    """

    model: nn.Module
    enter: Callable[[tuple[object, ...]], tuple[object, ...]] = _unchanged
    leave: Callable[[object], object] = _unchanged


def prepared(subject: object) -> PreparedNetwork:
    """Return the model of a subject with its preparation.

    Raises:
        ModelError: it is no model, or its preparation cannot be part of a graph.
    """
    if isinstance(subject, nn.Module):
        return PreparedNetwork(subject)
    model, preprocessor = getattr(subject, "model", None), getattr(subject, "preprocessor", None)
    if not isinstance(model, nn.Module):
        raise ModelError(
            "this is no model",
            given=type(subject).__name__,
            expected="a module, a run, or a predictor",
        )
    if preprocessor is None:
        return PreparedNetwork(model)
    inputs = ModelInputs(preprocessor)
    return PreparedNetwork(
        model,
        lambda given: (_entered(preprocessor, given[0]), *given[1:]),
        lambda output: inputs.restored(cast("Numeric", output)),
    )


def _entered(preprocessor: Preprocessor, raw: Any) -> Any:
    """Return raw inputs as the model sees them, by operations that are traced.

    The statistics are applied in the type of the input: in float32 for an input of float32, where
    `Preprocessor.encode` computes in double precision.

    Raises:
        ModelError: an input is a table with columns that are not plain numbers.
    """
    if preprocessor.kind == "named":
        return {name: _entered(part, raw[name]) for name, part in preprocessor.parts.items()}
    if preprocessor.kind in ("bytes", "tokens"):
        return preprocessor.scaled(raw)
    columns = preprocessor.columns
    coded = [c.name for c in columns if c.categories is not None or c.reading != PLAIN]
    if coded:
        raise ModelError(
            "the preparation of these columns cannot be part of the graph",
            given=", ".join(coded),
            expected="columns of numbers",
            fix="save(run.model, path, x) with prepared inputs: run.preprocessor.apply(raw)",
        )
    numbers = jnp.asarray(raw)
    if columns:
        fill = jnp.asarray([float(c.fill) for c in columns], numbers.dtype)
        numbers = jnp.where(jnp.isnan(numbers), fill, numbers)
    center, spread = (
        np.array(part, numbers.dtype) for part in (preprocessor.center, preprocessor.spread)
    )
    return ((numbers - center) / spread).astype(np.float32)
