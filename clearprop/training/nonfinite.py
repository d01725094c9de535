"""Where it began: one training step made again, operation by operation, to find the first NaN."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from clearprop.autodiff import Node, Operation, Tape, layer_path, observe, sweep
from clearprop.training.problem import Array, Arrays, Batch, Problem
from clearprop.training.state import State


class Origin(NamedTuple):
    """Where the first value that is not finite stands, and what it is, in words."""

    place: str
    cause: str


def find_origin(problem: Problem, state: State, frozen: Arrays, batch: Batch, key: Array) -> Origin:
    """Make one step again, uncompiled, and return where its first infinite or NaN value arose.

    Args:
        problem: what is learned.
        state: before the step.
        frozen: parameters that are not trained.
        batch: the examples of the step.
        key: of the run.
    """
    x = problem.inputs(batch.inputs)
    if (bad := _broken(x)) is not None:
        return Origin("the batch", f"its inputs hold {_sort(bad)}")
    tape = Tape()
    boxed = {path: tape.variable(value) for path, value in state.parameters.items()}
    names = {box.node: path for path, box in boxed.items()}
    found: list[Origin] = []
    looped: list[str] = []

    def watch(row: Operation[Any, Any], inputs: Any, output: Any, parameters: Any) -> None:
        if any(isinstance(part, jax.core.Tracer) for part in jax.tree.leaves(output)):
            looped.append(_layer(layer_path.get()))
            return
        bad = _broken(output)
        if bad is None or found:
            return
        # A value that was broken before any operation gave it came out of the last loop.
        if looped and _broken(inputs) is not None:
            found.append(Origin(looped[-1], f"a loop gave {_sort(_broken(inputs))}"))
        else:
            found.append(Origin(_layer(layer_path.get()), f"{row.name} gave {_sort(bad)}"))

    own = jax.random.fold_in(key, state.step)
    with observe(watch):
        passed = problem.forward(boxed, state.statistics, frozen, batch, own)
        losses, _ = problem.measure(passed.outputs, passed.targets)
        value = losses.mean()
    if found:
        return Origin(found[0].place, f"going forward, {found[0].cause}")
    errors = sweep(tape, [(value, jnp.ones((), value.dtype))])
    broken = [place for place, error in errors.items() if not _is_finite(error)]
    if broken:
        return _of_error(tape.nodes, max(broken), errors, names)
    return Origin(
        "the update",
        "loss and gradients are finite, so the optimizer's step went too far",
    )


def _of_error(
    nodes: list[Node],
    place: tuple[int, int],
    errors: dict[tuple[int, int], Any],
    names: dict[int, str],
) -> Origin:
    """Say which operation passed back the error signal of a place."""
    for later in nodes[place[0] + 1 :]:
        if later.operation is not None and place in later.parents:
            cause = f"going back, {later.operation.name} passed on {_sort(errors[place])}"
            return Origin(_layer(later.layer), cause)
    return Origin(names.get(place[0], "the loss"), f"its gradient is {_sort(errors[place])}")


def _layer(path: str) -> str:
    return path or "the model itself, or its loss"


def _broken(values: Any) -> Any:
    """Return the first array in a tree that holds a value that is not finite, or None."""
    return next((part for part in jax.tree.leaves(values) if not _is_finite(part)), None)


def _is_finite(value: Any) -> bool:
    # Inside a loop the values are not there to be looked at; what comes out of it is.
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return True
    if not jnp.issubdtype(value.dtype, jnp.floating):
        return True
    return bool(jnp.isfinite(value).all())


def _sort(value: Any) -> str:
    return "NaN" if bool(jnp.isnan(value).any()) else "an infinite value"
