"""The recurrent layers of a pass: states and gates over time, and their error signals.

Shape letters: T places, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.drawings.gates import gates_of
from clearprop.glass.explain import GlassNode
from clearprop.studio.models.headers import RecurrentShown
from clearprop.studio.models.passes import ViewedPass, finite_or_none

Numbers = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
STATES = ("hidden", "cell")


class _Loop(NamedTuple):
    """A recurrent layer, or one of several inside it.

    Attributes:
        path: of the layer.
        depth: its number inside the layer.
        layer: the module.
        node: of the loop, its first output.
    """

    path: str
    depth: int
    layer: Any
    node: GlassNode

    @property
    def cell(self) -> Any:
        return self.layer.cells[self.depth]

    @property
    def is_plain(self) -> bool:
        """Whether the equations of a step are those of `gate_errors`: no peepholes, no mask.

        A mask and a truncation are arrays of bools that the loop reads.
        """
        read = [np.asarray(v) for v in self.node.input_values if v is not None]
        is_known = type(self.cell) in (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
        has_peepholes = getattr(self.cell, "peepholes", None) is not None
        return is_known and not has_peepholes and not any(v.dtype == bool for v in read)


def _loops(seen: ViewedPass) -> list[_Loop]:
    """Return the loops over time that read forward, each with its layer."""
    found = []
    for path, layer in nn.modules(seen.opened.model).items():
        if not isinstance(layer, RECURRENT):
            continue
        nodes = [n for n in seen.glass if n.steps and n.layer == path and not n.output]
        ways = 1 if layer.backward_cells is None else 2
        # The loops of a layer follow each other: forward, then backward, from the lowest on.
        forward = nodes[::ways][: len(layer.cells)]
        found += [_Loop(path, depth, layer, node) for depth, node in enumerate(forward)]
    return found


def add_recurrent(seen: ViewedPass, arrays: Arrays) -> tuple[RecurrentShown, ...]:
    """Add states, gates and error signals of every recurrent layer of a pass."""
    return tuple(_shown(seen, k, loop, arrays) for k, loop in enumerate(_loops(seen)))


def _shown(seen: ViewedPass, k: int, loop: _Loop, arrays: Arrays) -> RecurrentShown:
    places = seen.aim.places
    through = seen.glass.through_time(loop.node.name)
    states = [np.asarray(v, np.float32)[:, 0] for v in through.values]
    errors = [np.asarray(v, np.float32)[:, 0] for v in through.errors]
    values = dict(zip(STATES, states, strict=False))
    arrived = dict(zip(STATES, errors, strict=False))
    parts: dict[str, Numbers] = {}
    if loop.is_plain:
        step = _steps(loop, states)
        values = step.gates | values
        arrived |= gate_errors(loop.cell, values, arrived, step)
        parts = {"from_input": step.from_input, "from_hidden": step.from_hidden}
    elif not isinstance(loop.layer, nn.RNN):
        values |= _watched(seen, loop)
    if (direct := _direct(loop)) is not None:
        parts["direct"] = direct
    named = {f"{name}_error": array for name, array in arrived.items()}
    for name, array in {**values, **named, **parts}.items():
        arrays[f"{name}.{k}"] = np.asarray(array[:places], np.float32)
    return RecurrentShown(
        path=loop.path,
        depth=loop.depth,
        kind=type(loop.layer).__name__,
        names=tuple(values),
        units=states[0].shape[-1],
        factor=finite_or_none(factor_back(errors)),
        form=str(getattr(loop.cell, "reset", getattr(loop.cell, "nonlinearity", ""))),
    )


def factor_back(errors: list[Numbers]) -> float:
    """Return the factor by which one step back changes the norm of an error signal.

    It is the geometric mean over the steps from the last one with an error signal back to the
    first: (norm of step 0 / norm of that step) ^ (1 / steps between them).

    Args:
        errors: error signals of each array of the state at every step, each (T, H).

    >>> factor_back([np.array([[1.0], [2.0], [4.0], [0.0]], np.float32)])
    0.5
    """
    norms = np.sqrt(sum(np.square(np.float64(e)).sum(axis=1) for e in errors))
    there = np.flatnonzero(norms)
    if not np.isfinite(norms).all() or not len(there) or there[-1] == 0:
        return float("nan")
    last = int(there[-1])
    return float((norms[0] / norms[last]) ** (1 / last))


def _watched(seen: ViewedPass, loop: _Loop) -> dict[str, Numbers]:
    """Return gates and states of a loop with a mask, peepholes or a truncation, by running it."""
    x: Any = seen.aim.x
    found = gates_of(seen.opened.model, x, loop.path, depth=loop.depth)
    made: dict[str, Numbers] = {}
    for name, values in found.values.items():
        # Steps that do not count are left out there; here each place of the text has a row.
        made[name] = np.zeros((loop.node.steps, values.shape[1]), np.float32)
        made[name][found.steps] = values
    return made


def _direct(loop: _Loop) -> Numbers | None:
    """Return the part of dE/dh (T, H) that comes from the layers above, not through time."""
    for output in (loop.node, *loop.node.siblings):
        if len(output.shape) == 3 and output.error is not None:
            return np.asarray(output.error, np.float32)[:, 0]
    return None


# -- the gates ------------------------------------------------------------------------------------


class Steps(NamedTuple):
    """All steps of a loop at once, each from the state before it.

    Attributes:
        gates: by name, (T, H).
        before: h before each step, and of an LSTM c, each (T, H).
        from_input: x W + b of all gates side by side, (T, gates x H).
        from_hidden: h U of all gates side by side; of a GRU with reset "after" the last is h U + d,
            with "before" it is (r h) U.
    """

    gates: dict[str, Numbers]
    before: list[Numbers]
    from_input: Numbers
    from_hidden: Numbers


def _steps(loop: _Loop, states: list[Numbers]) -> Steps:
    """Return what each step computed: each begins at the state that the pass had there."""
    T, H = states[0].shape
    given = [np.asarray(v) for v in loop.node.input_values if v is not None]
    projected = next(v for v in reversed(given) if v.ndim == 3 and v.shape[:2] == (T, 1))[:, 0]
    first = [v for v in given if v.shape == (1, H)][-len(states) :]
    before = [
        np.concatenate([begin, after[:-1]]).astype(np.float32)
        for begin, after in zip(first, states, strict=True)
    ]
    cell, hidden = loop.cell, before[0]
    weight = np.asarray(cell.recurrent_weight, np.float32)
    from_hidden = hidden @ weight
    parts: dict[str, Numbers] = {}
    if not isinstance(loop.layer, nn.RNN):
        state: Any = (
            nn.LSTMState(*map(jnp.asarray, before)) if len(before) == 2 else jnp.asarray(hidden)
        )
        _, gates = cell.look(jnp.asarray(projected), state)
        parts = {name: np.asarray(v, np.float32) for name, v in gates._asdict().items()}
    if isinstance(loop.layer, nn.GRU):
        last = slice(2 * H, None)
        if cell.candidate_bias is not None:
            from_hidden[:, last] += np.asarray(cell.candidate_bias, np.float32)
        else:
            from_hidden[:, last] = (parts["reset"] * hidden) @ weight[:, last]
    return Steps(parts, before, np.asarray(projected, np.float32), from_hidden)


def gate_errors(
    cell: Any, values: Mapping[str, Numbers], arrived: Mapping[str, Numbers], steps: Steps
) -> dict[str, Numbers]:
    """Return dE/dvalue of the gates of an LSTM or GRU at every step, (T, H) each.

    An LSTM has h = o tanh(c) and c = f c' + i g, where c' is the cell before the step:

        error of o = error of h tanh(c)        error of f = error of c c'
        error of i = error of c g              error of g = error of c i

    A GRU has h = (1 - z) n + z h' and n = tanh(a), a = x W + b + r (h' U + d):

        error of n = error of h (1 - z)        error of z = error of h (h' - n)
        error of a = error of n (1 - n^2)      error of r = error of a (h' U + d)

    With reset "before", a = x W + b + (r h') U, and the error of r = (error of a U^T) h'.

    Args:
        cell: the cell of the layer.
        values: gates and states by name.
        arrived: error signals of "hidden" and of "cell"; that of the cell includes the way through
            h of its own step.
        steps: what each step computed.
    """
    hidden = arrived["hidden"]
    if isinstance(cell, nn.LSTMCell):
        c, arrived_c = values["cell"], arrived["cell"]
        return {
            "output": hidden * np.tanh(c),
            "forget": arrived_c * steps.before[1],
            "input": arrived_c * values["candidate"],
            "candidate": arrived_c * values["input"],
        }
    if not isinstance(cell, nn.GRUCell):
        return {}
    n, z, H = values["candidate"], values["update"], hidden.shape[1]
    error_n = hidden * (1 - z)
    error_a = error_n * (1 - n * n)
    if cell.candidate_bias is not None:
        error_r = error_a * steps.from_hidden[:, 2 * H :]
    else:
        weight = np.asarray(cell.recurrent_weight, np.float32)[:, 2 * H :]
        error_r = (error_a @ weight.T) * steps.before[0]
    return {"reset": error_r, "update": hidden * (steps.before[0] - n), "candidate": error_n}
