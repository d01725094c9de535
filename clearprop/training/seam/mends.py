"""The changes that mend a mismatch, as code."""

from __future__ import annotations

from clearprop import ops
from clearprop.training.seam.last_operation import Seam, of_batch


def called(seam: Seam) -> str:
    """Return the name by which the reader knows the last operation: its own, or its layer's."""
    return seam.operation if seam.operation in ops.ACTIVATIONS else seam.layer_kind


def without_activation(seam: Seam, instead: str = "identity") -> str:
    """Return how the last activation is left out, or replaced by another."""
    if seam.replaceable:
        return f"model = nn.replace_layer(model, {seam.layer!r}, nn.Activation({instead!r}))"
    if seam.ready_made:  # a layer whose own activation is a part of it, such as an LSTM
        more = "" if instead == "identity" else f", {instead!r}"
        if not seam.shape:  # one number for each example has no axis that a layer could take
            return (
                "model = nn.Sequential([model, nn.Reshape((1,)), nn.Linear(1, 1), "
                f"nn.Reshape(()){more}]).init(0)"
            )
        units = seam.shape[-1]
        return f"model = nn.Sequential([model, nn.Linear({units}, {units}){more}]).init(0)"
    place = f"{seam.layer_kind or 'the model'}.__call__"
    if instead == "identity":
        return f"in {place}, return what ops.{seam.operation} is given"
    return f"in {place}, use ops.{instead} in place of ops.{seam.operation}"


def with_units(seam: Seam, units: int) -> str:
    """Return how the outputs get another number of units.

    It is code where another last layer has this effect. Where an index, a mean or a reshape
    follows that layer, only the author of the model knows what is to become of it.
    """
    wanted = (*seam.shape[:-1], units)
    if seam.linear is None or seam.shape_with(units) != wanted:
        return with_shape(wanted)
    path, inputs = seam.linear
    layer = f"nn.Linear({inputs}, {units})"
    return f"model = nn.replace_layer(model, {path!r}, {layer}).init(0)"


def with_shape(shape: tuple[int, ...]) -> str:
    """Return which shape the model is to return, where only its author can change that."""
    return f"let the model return outputs of shape {of_batch(shape)}"


def both(first: str, second: str) -> str:
    """Return two changes, one after the other; an empty one is left out."""
    return "; ".join(part for part in (first, second) if part)


def with_loss(name: str) -> str:
    """Return how another loss is chosen."""
    return f"loss = {name!r}"
