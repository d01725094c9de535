"""The recurrent layers of a pass: states and gates over time, and their error signals.

Shape letters: T places, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.explain import GlassNode
from clearprop.studio.models.headers import RecurrentShown
from clearprop.studio.models.passes import ViewedPass, finite_or_none

Numbers = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
STATES = ("hidden", "cell")
CLOSE = 1e-3
"""By so much a state may differ that is computed once more."""

KINDS: dict[type, str] = {nn.LSTMCell: "LSTM", nn.GRUCell: "GRU", nn.RNNCell: "RNN"}


class _Loop(NamedTuple):
    """A recurrent layer at one of its calls, or one of several inside it.

    Attributes:
        path: of the layer.
        call: number of the call.
        depth: its number inside the layer.
        layer: the module.
        node: of the loop, its first output.
    """

    path: str
    call: int
    depth: int
    layer: Any
    node: GlassNode

    @property
    def cell(self) -> Any:
        return self.layer.cells[self.depth]

    @property
    def kind(self) -> str:
        """The name of a step's equations, which are those of the cell, or of the class."""
        return KINDS.get(type(self.cell), type(self.layer).__name__)

    @property
    def given(self) -> list[NDArray[Any]]:
        """What the loop reads."""
        return [np.asarray(v) for v in self.node.input_values if v is not None]

    @property
    def is_plain(self) -> bool:
        """Whether the equations of a step are those of `gate_errors`: no peepholes, no mask.

        A mask and a truncation are arrays of bools that the loop reads.
        """
        has_peepholes = getattr(self.cell, "peepholes", None) is not None
        is_known = type(self.cell) in KINDS
        return is_known and not has_peepholes and not any(v.dtype == bool for v in self.given)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Which steps count, (T,); None where all of them do. A truncation has one axis."""
        masks = [v for v in self.given if v.dtype == bool and v.ndim == 3]
        return masks[0].reshape(-1) if masks else None


def _loops(seen: ViewedPass, remarks: list[str]) -> list[_Loop]:
    """Return the loops over time that read forward, each with its layer."""
    found = []
    for path, layer in nn.modules(seen.opened.model).items():
        if not isinstance(layer, RECURRENT):
            continue
        nodes = [n for n in seen.glass if n.steps and n.layer == path and not n.output]
        ways = 1 if layer.backward_cells is None else 2
        # The loops of a call follow each other: forward, then backward, from the lowest on.
        size = ways * len(layer.cells)
        if len(nodes) % size:
            remarks.append(
                f"{path or 'The recurrent layer'} is not shown: it has {len(nodes)} loops over "
                f"time, and a call of it makes {size}."
            )
            continue
        for start in range(0, len(nodes), size):
            forward = nodes[start : start + size : ways]
            found += [
                _Loop(path, start // size, depth, layer, node) for depth, node in enumerate(forward)
            ]
    return found


def add_recurrent(
    seen: ViewedPass, arrays: Arrays, remarks: list[str]
) -> tuple[RecurrentShown, ...]:
    """Add states, gates and error signals of every recurrent layer of a pass."""
    loops = _loops(seen, remarks)
    return tuple(_shown(seen, k, loop, arrays, remarks) for k, loop in enumerate(loops))


def _shown(
    seen: ViewedPass, k: int, loop: _Loop, arrays: Arrays, remarks: list[str]
) -> RecurrentShown:
    places = seen.aim.places
    through = seen.glass.through_time(loop.node.name)
    states = [np.asarray(v, np.float32)[:, 0] for v in through.values]
    errors = [np.asarray(v, np.float32)[:, 0] for v in through.errors]
    counted = np.ones(len(states[0]), bool) if loop.mask is None else loop.mask
    values = dict(zip(STATES, states, strict=False))
    arrived = dict(zip(STATES, errors, strict=False))
    step = _steps(loop, states, counted)
    parts: dict[str, Numbers] = {}
    if step is None:
        remarks.append(
            f"The gates of {loop.path or 'the recurrent layer'} are left out: its loop over time "
            "is not that of its cell."
        )
    elif loop.is_plain:
        values = step.gates | values
        arrived |= gate_errors(loop.cell, values, arrived, step)
        parts = {"from_input": step.from_input, "from_hidden": step.from_hidden}
    elif counted[:places].any():
        # A step that does not count uses no gate: it keeps the state.
        gates = {n: np.where(counted[:, None], v, np.nan) for n, v in step.gates.items()}
        values = gates | values
    elif step.gates:
        remarks.append(
            f"The gates of {loop.path or 'the recurrent layer'} are left out: no step counts."
        )
    if (direct := _direct(loop)) is not None:
        parts["direct"] = direct
    if loop.mask is not None:
        arrived = _through_mask(loop, values, arrived, direct, counted)
    named = {f"{name}_error": array for name, array in arrived.items()}
    for name, array in {**values, **named, **parts}.items():
        arrays[f"{name}.{k}"] = np.asarray(array[:places], np.float32)
    if step is not None:
        arrays[f"before.{k}"] = np.stack([before[0] for before in step.before])
    return RecurrentShown(
        path=loop.path,
        call=loop.call,
        depth=loop.depth,
        kind=loop.kind,
        names=tuple(values),
        units=states[0].shape[-1],
        factor=finite_or_none(
            factor_back([arrived[name] for name in STATES if name in arrived], seen.aim.place)
        ),
        uncounted=tuple(np.flatnonzero(~counted[:places]).tolist()),
        form=str(getattr(loop.cell, "reset", getattr(loop.cell, "nonlinearity", ""))),
    )


def factor_back(errors: list[Numbers], place: int) -> float:
    """Return the factor by which one step back changes the norm of an error signal.

    It is the geometric mean over the steps from a place back to the first:
    (norm of step 0 / norm of that step) ^ (1 / place). NaN where nothing arrives at the place.

    Args:
        errors: error signals of each array of the state at every step, each (T, H).
        place: number of the step from which it goes back.

    >>> factor_back([np.array([[1.0], [2.0], [4.0], [0.0]], np.float32)], 2)
    0.5
    """
    norms = np.sqrt(sum(np.square(np.float64(e)).sum(axis=1) for e in errors))[: place + 1]
    if place == 0 or not np.isfinite(norms).all() or not norms[place]:
        return float("nan")
    return float((norms[0] / norms[place]) ** (1 / place))


def _through_mask(
    loop: _Loop,
    values: Mapping[str, Numbers],
    arrived: Mapping[str, Numbers],
    direct: Numbers | None,
    counted: NDArray[np.bool_],
) -> dict[str, Numbers]:
    """Return dE/dvalue of the states of a loop with a mask.

    Such a loop carries the state behind the mask, and its output does not come from there: where a
    step counts, what comes from above is added to dE/dh, and what goes through h to dE/dc.
    """
    own = counted[:, None]
    hidden = arrived["hidden"] + (np.where(own, direct, 0) if direct is not None else 0)
    if "cell" not in arrived:
        return {"hidden": hidden}
    if "output" not in values or type(loop.cell) is not nn.LSTMCell:
        return {"hidden": hidden} if counted.any() else dict(arrived)
    squashed, output = np.tanh(values["cell"]), values["output"]
    slope = output * (1 - squashed**2)
    if loop.cell.peepholes is not None:
        slope += squashed * output * (1 - output) * np.asarray(loop.cell.peepholes)[2]
    return {"hidden": hidden, "cell": arrived["cell"] + np.where(own, hidden * slope, 0)}


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


def _steps(loop: _Loop, states: list[Numbers], counted: NDArray[np.bool_]) -> Steps | None:
    """Return what each step computed: each begins at the state that the pass had there.

    None where the steps that count do not lead to the states of the pass: a layer of the user's own
    can do with its cell what it likes.
    """
    T, H = states[0].shape
    given = [v for v in loop.given if v.dtype != bool]
    sums = [v for v in given if v.ndim == 3 and v.shape[:2] == (T, 1)]
    first = [v for v in given if v.shape == (1, H)][-len(states) :]
    if not sums or len(first) < len(states):
        return None
    projected = sums[-1][:, 0]
    before = [
        np.concatenate([begin, after[:-1]]).astype(np.float32)
        for begin, after in zip(first, states, strict=True)
    ]
    cell, hidden = loop.cell, before[0]
    weight = np.asarray(cell.recurrent_weight, np.float32)
    from_hidden = hidden @ weight
    parts: dict[str, Numbers] = {}
    state: Any = (
        nn.LSTMState(*map(jnp.asarray, before)) if len(before) == 2 else jnp.asarray(hidden)
    )
    reached, gates = cell.look(jnp.asarray(projected), state)
    for mine, after in zip(jax.tree.leaves(reached), states, strict=True):
        compared = counted[:, None] & np.isfinite(mine) & np.isfinite(after)
        if not np.allclose(np.asarray(mine)[compared], after[compared], CLOSE, CLOSE):
            return None
    if gates is not None:
        parts = {name: np.asarray(v, np.float32) for name, v in gates._asdict().items()}
    if isinstance(cell, nn.GRUCell):
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
