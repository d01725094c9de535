"""Whether the examples fit a model and its loss: checked before the first step, without computing.

Shapes and types are checked by abstract passes; of numbers, only those of the targets are read.

Shape letters: N examples, B batch.
"""

from __future__ import annotations

import warnings
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.data import Batch
from clearprop.errors import (
    ClearpropError,
    ConfigurationError,
    DataError,
    ModelError,
    ShapeError,
    run_option,
)
from clearprop.nn.misuse import first_return, return_line
from clearprop.training.algorithm import Arrays, Differentiable, EarlyStopping, TrainState
from clearprop.training.augmentation import Augmentation, Mixup
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.seam import find_mismatches
from clearprop.training.seam.examples import spaced
from clearprop.training.training_data import Split, TrainingData, check_labels
from clearprop.user_code import calls_to_user


def check_examples(
    algorithm: Differentiable,
    augmentations: tuple[Augmentation, ...],
    loss: nn.Loss,
    model: nn.Module,
    model_inputs: ModelInputs,
    data: TrainingData,
    batch_size: int,
) -> None:
    """Raise unless the examples fit the model and its loss; nothing is computed.

    What probably does not fit, but may be meant, is said by a warning.

    Raises:
        ClearpropError: they do not.
    """
    _check_seam(algorithm, loss, model, model_inputs, data, batch_size)
    for split in (data.train, data.dev):
        if split is None:
            continue
        batch = split.first(min(batch_size, len(split)))
        outputs = jax.eval_shape(lambda model, x: model(algorithm.inputs(x)), model, batch.inputs)
        check_one_array(model, outputs)
        _check_tokens(algorithm, model, split, batch)
        check_labels(split, loss, outputs.shape, batch.targets.shape)
        try:
            jax.eval_shape(algorithm.measure, outputs, batch.targets)
        except ClearpropError as error:
            error.where = error.where or f"the loss {loss.name!r} on {split.name}"
            raise
    if augmentations:
        _check_augmentations(algorithm, augmentations, loss, data.train)
        _trace_step(algorithm, model, data.train, min(2, len(data.train)))
    _check_lone_example(algorithm, model, data.train, batch_size)


def _check_tokens(algorithm: Differentiable, model: nn.Module, split: Split, batch: Batch) -> None:
    """Raise where a token has no row in the table of an embedding that takes the inputs unchanged.

    JAX raises no error for an index that is outside: all such tokens would read the last row. Of
    examples that are read in batches, the first batch is looked at.

    Raises:
        DataError: a token is outside the table.
    """
    found: list[tuple[str, int, int]] = []

    def look(model: nn.Module, x: Any) -> Any:
        given = algorithm.inputs(x)
        leaves = jax.tree.leaves(given)

        def see(path: str, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            places = [i for i, leaf in enumerate(leaves) if inputs and inputs[0] is leaf]
            if isinstance(module, nn.Embedding) and places:
                found.append((path, places[0], module.size))

        return nn.apply(model, given, hook=see)

    jax.eval_shape(look, model, batch.inputs)
    kept = jax.tree.leaves(split.inputs if not split.streamed else batch.inputs)
    for path, place, size in found:
        tokens = np.asarray(kept[place])
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high >= size:
            raise DataError(
                "a token has no row in the table of the embedding",
                where=f"{split.name}, {path or 'the model'}",
                given=f"tokens from {low} to {high}",
                expected=f"0 to {size - 1}, as the table has {size} rows",
                fix=f"nn.Embedding({high + 1}, features)" if low >= 0 else
                "number the tokens from 0, such as with x - x.min()",
            )  # fmt: skip


def check_one_array(model: nn.Module, outputs: Any) -> None:
    """Raise unless the outputs of a model are one array.

    Args:
        model: for the message.
        outputs: arrays or their shapes and types, for a batch.

    Raises:
        ModelError: they are a tree of several, or none.
    """
    if hasattr(outputs, "shape"):
        return
    parts = jax.tree.leaves_with_path(outputs)
    line, returned = return_line(type(model).__call__) or (None, None)
    first = first_return(returned) if returned is not None else None
    fix = first or "return the one array that the loss needs"
    if len({(len(part.shape) > 1, part.shape[:-1]) for _, part in parts}) == 1:
        ends = accumulate(part.shape[-1] for _, part in parts)
        columns = ", ".join(
            f"y[..., {end - part.shape[-1]}:{end}] for parts{jax.tree_util.keystr(path)}"
            for (path, part), end in zip(parts, ends, strict=True)
        )
        joined = (
            "return ops.concatenate(jax.tree.leaves(parts), axis=-1), and in the loss, which gets "
            f"this array y, take {columns}"
        )
        fix = joined if first is None else f"{first}; or, for a loss that needs all, {joined}"
    raise ModelError(
        "the model does not return one array",
        where=f"{type(model).__name__}.__call__",
        given=f"a {type(outputs).__name__} of {len(parts)} arrays",
        expected="one array: training, evaluation and prediction take no other outputs",
        fix=fix,
        line=line,
    )


def _check_seam(
    algorithm: Differentiable,
    loss: nn.Loss,
    model: nn.Module,
    model_inputs: ModelInputs,
    data: TrainingData,
    batch_size: int,
) -> None:
    """Raise, or warn, where outputs, loss and targets do not fit together."""
    batch = data.train.first(min(batch_size, len(data.train)))
    x = jax.eval_shape(algorithm.inputs, batch.inputs)
    targets = np.asarray(model_inputs.targets(spaced(data.train.targets)))
    named = data.class_names is not None
    scaled = model_inputs.scales_targets
    for found in find_mismatches(model, loss, x, targets, named_classes=named, scaled=scaled):
        if found.severity == "error":
            raise found.as_error()
        warnings.warn(str(found.as_error()), stacklevel=calls_to_user())


def _check_augmentations(
    algorithm: Differentiable,
    augmentations: tuple[Augmentation, ...],
    loss: nn.Loss,
    split: Split,
) -> None:
    """Raise unless the inputs can be augmented, and the targets mixed where they are."""
    x = jax.eval_shape(algorithm.inputs, split.first(min(2, len(split))).inputs)
    if isinstance(x, dict) or not jnp.issubdtype(x.dtype, jnp.floating):
        raise ConfigurationError(
            "only one input of numbers can be augmented",
            where="augment",
            given="several inputs by name" if isinstance(x, dict) else "tokens",
        )
    moving = [one.name for one in augmentations if one.moves]
    if moving and split.targets is split.inputs:
        raise ConfigurationError(
            "this augmentation moves the inputs, and the targets are the inputs as they were",
            where="augment",
            given=f"{', '.join(moving)}, with targets that are the inputs",
            expected="noise, masking, saltandpepper or cutout, which keep every entry in its place",
            fix="leave it out, or move the examples before training",
        )
    mixes = any(isinstance(one, Mixup) for one in augmentations)
    if mixes and loss.skips_negative:
        raise ConfigurationError(
            "the labels of sequences cannot be mixed",
            where="augment",
            given=f"Mixup with the loss {loss.name!r}",
        )


def _check_lone_example(
    algorithm: Differentiable, model: nn.Module, split: Split, batch_size: int
) -> None:
    """Raise if an epoch has a batch of one example and a layer needs more, as BatchNorm does."""
    N, B = len(split), batch_size
    if B > 1 and N % B != 1:
        return
    try:
        _trace_step(algorithm, model, split, 1)
    except ShapeError as error:
        if N > 1:
            _trace_step(algorithm, model, split, 2)  # raises what does not depend on the number
        sizes = [b for b in range(2, N + 1) if N % b != 1]
        best = min(sizes, key=lambda b: abs(b - B), default=None)
        raise ConfigurationError(
            f"an epoch has a batch of one example, too few for {error.where or 'the model'}",
            where="batch_size",
            given=f"batch_size={B} for {N} training examples",
            fix=run_option("batch_size", best)
            if best is not None
            else "give more training examples",
        ) from error


def _trace_step(algorithm: Differentiable, model: nn.Module, split: Split, size: int) -> None:
    batch = split.first(size)

    def forward(parameters: Arrays, statistics: Arrays) -> object:
        zero, never = jnp.zeros((), jnp.int32), EarlyStopping.initial(None)
        state = TrainState(dict(parameters), dict(statistics), (), zero, zero, never)
        passed = algorithm.forward(parameters, state, {}, batch, jax.random.key(0))
        return algorithm.measure(passed.outputs, passed.targets)

    jax.eval_shape(forward, nn.parameters(model), nn.statistics(model))
