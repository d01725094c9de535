"""What happens along a sequence: attention, gates over time, the next token, what reaches back.

Shape letters: T places, S keys, G heads, H units, K tokens that are predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.gates import gates_of
from clearprop.glass.explain import GlassNode
from clearprop.glass.wording import visible
from clearprop.studio.frames import pack
from clearprop.studio.models.aim import place_names
from clearprop.studio.models.graph import Folding
from clearprop.studio.models.headers import (
    AttentionShown,
    RecurrentShown,
    SequenceShown,
    StreamShown,
)
from clearprop.studio.models.own_input import token_names
from clearprop.studio.models.passes import ViewedPass, fields_of

Numbers = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

MOST_FLOATS = 8 << 20
"""Of all attention weights of a pass together."""

MOST_SCORES = 4 << 20
"""Of the scores of all tokens at all places."""

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)


def sequence_frame(seen: ViewedPass) -> bytes:
    """Return the frame "sequence".

    Raises:
        ConfigurationError: the network reads no sequence of tokens.
    """
    aim = seen.aim
    if aim.tokens is None:
        raise ConfigurationError(
            "the network reads no sequence of tokens",
            where=seen.opened.entry.title,
            fix="the views of pictures and of any network show it",
        )
    places = aim.places
    arrays: Arrays = {}
    remarks: list[str] = []
    _add_scores(seen, arrays, remarks)
    header = SequenceShown(
        pass_id=seen.name,
        tokens=token_names(seen.opened.vocabulary, aim.tokens[:places]),
        targets=place_names(seen.opened, aim),
        classes=tuple(map(visible, seen.opened.subject.class_names or ())),
        attentions=_attentions(seen, arrays, remarks),
        recurrent=_recurrent(seen, arrays),
        streams=_streams(seen, arrays),
        remarks=tuple(remarks),
    )
    return pack("sequence", fields_of(header), arrays)


# -- the next token -----------------------------------------------------------------------------


def _add_scores(seen: ViewedPass, arrays: Arrays, remarks: list[str]) -> None:
    """Add probability and error signal of every token at every place."""
    output = seen.output
    if output is None or len(output.shape) != 3:
        return
    logits = np.asarray(output.value, np.float64)[0, : seen.aim.places]
    if logits.size > MOST_SCORES:
        remarks.append("The scores of all tokens at all places are too many: they are left out.")
        return
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    arrays["probability"] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    error = output.error
    if error is not None:
        arrays["logit_error"] = np.asarray(error, np.float32)[0, : seen.aim.places]


# -- attention ----------------------------------------------------------------------------------


def _attentions(seen: ViewedPass, arrays: Arrays, remarks: list[str]) -> tuple[AttentionShown, ...]:
    """Return every attention of the pass, with its weights and their error signals."""
    found = [n for n in seen.glass if n.operation == "attend" and n.output == 1]
    sizes = np.cumsum([2 * np.prod(node.shape) for node in found])
    kept = [node for node, size in zip(found, sizes, strict=True) if size <= MOST_FLOATS]
    if len(kept) < len(found):
        remarks.append(
            f"The attention of the first {len(kept)} of {len(found)} layers is shown; a shorter "
            "text shows more."
        )
    shown = []
    for k, node in enumerate(kept):
        weights = _by_head(np.asarray(node.value, np.float32))
        arrays[f"attention.{k}"] = weights
        arrays[f"attention_error.{k}"] = _by_head(_error_of_weights(node))
        heads, queries, keys = weights.shape
        shown.append(AttentionShown(node.layer, node.index, heads, queries, keys))
    return tuple(shown)


def _by_head(weights: Numbers) -> Numbers:
    """Return the weights (G, T, S) of the first example; a layer of one head has no such axis."""
    one: Numbers = weights[0]
    return one.reshape(-1, *one.shape[-2:])


def _error_of_weights(weights: GlassNode) -> Numbers:
    """Return dE/dW, where Y = W V: G V^T for the error signal G of Y, plus that of W itself.

    A weight that the mask hides gets 0: it is no value that could change.
    """
    output = weights.siblings[0]
    value = np.asarray(output.input_values[2], np.float32)
    arrived = np.asarray(output.error, np.float32) if output.error is not None else 0.0
    own = np.asarray(weights.error, np.float32) if weights.error is not None else 0.0
    found = np.matmul(arrived, np.swapaxes(value, -1, -2)) + own
    return np.where(np.asarray(weights.value) == 0, 0.0, found).astype(np.float32)


# -- recurrent layers -----------------------------------------------------------------------------


class _Loop(NamedTuple):
    """A recurrent layer, or one of several inside it.

    Attributes:
        path: of the layer.
        depth: its number inside the layer.
        layer: the module.
        name: of the loop's node.
    """

    path: str
    depth: int
    layer: Any
    name: str


def _loops(seen: ViewedPass) -> list[_Loop]:
    """Return the loops over time that read forward, each with its layer."""
    found = []
    for path, layer in nn.modules(seen.opened.model).items():
        if not isinstance(layer, RECURRENT):
            continue
        names = [n.name for n in seen.glass if n.steps and n.layer == path and not n.output]
        ways = 1 if layer.backward_cells is None else 2
        # The loops of a layer follow each other: forward, then backward, from the lowest on.
        forward = names[::ways][: len(layer.cells)]
        found += [_Loop(path, depth, layer, name) for depth, name in enumerate(forward)]
    return found


def _recurrent(seen: ViewedPass, arrays: Arrays) -> tuple[RecurrentShown, ...]:
    shown = []
    for k, loop in enumerate(_loops(seen)):
        through = seen.glass.through_time(loop.name)
        states = [np.asarray(v, np.float32)[: seen.aim.places, 0] for v in through.values]
        errors = [np.asarray(v, np.float32)[: seen.aim.places, 0] for v in through.errors]
        names = ("hidden", "cell")[: len(states)]
        values, arrived = (
            dict(zip(names, states, strict=True)),
            dict(zip(names, errors, strict=True)),
        )
        if not isinstance(loop.layer, nn.RNN):
            x: Any = seen.aim.x
            gates = gates_of(seen.opened.model, x, loop.path, depth=loop.depth)
            seen_steps = {n: v.astype(np.float32) for n, v in gates.values.items()}
            # Steps that do not count are left out there; here each place of the text has a row.
            values = {n: _at_places(v, gates.steps, seen.aim.places) for n, v in seen_steps.items()}
        if _is_plain_lstm(seen, loop):
            arrived |= lstm_errors(values, arrived)
        for name, array in values.items():
            arrays[f"{name}.{k}"] = array
        for name, array in arrived.items():
            arrays[f"{name}_error.{k}"] = array
        factor = through.factor
        shown.append(
            RecurrentShown(
                loop.path,
                loop.depth,
                type(loop.layer).__name__,
                tuple(values),
                states[0].shape[-1],
                factor if np.isfinite(factor) else None,
            )
        )
    return tuple(shown)


def _is_plain_lstm(seen: ViewedPass, loop: _Loop) -> bool:
    """Say whether the equations of `lstm_errors` hold: no peepholes, no mask, no truncation.

    A mask and a truncation are arrays of bools that the loop reads.
    """
    if not isinstance(loop.layer, nn.LSTM) or loop.layer.cells[loop.depth].peepholes is not None:
        return False
    read = seen.glass[loop.name].input_values
    starts_at_zero = loop.layer.starts is None
    return starts_at_zero and not any(np.asarray(v).dtype == bool for v in read if v is not None)


def _at_places(values: Numbers, steps: NDArray[np.intp], places: int) -> Numbers:
    made = np.zeros((places, values.shape[1]), np.float32)
    inside = steps < places
    made[steps[inside]] = values[inside]
    return made


def lstm_errors(
    values: Mapping[str, Numbers], arrived: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    """Return dE/dvalue of the gates of an LSTM at every step, (T, H) each.

    With h = o tanh(c) and c = f c' + i g:

        error of o = error of h tanh(c)        error of f = error of c c'
        error of i = error of c g              error of g = error of c i

    Args:
        values: "cell", "input", "forget", "candidate" and "output", each (T, H).
        arrived: error signals of "hidden" and "cell"; that of the cell includes the way through h
            of its own step.
    """
    before = np.concatenate([np.zeros_like(values["cell"][:1]), values["cell"][:-1]])
    hidden, cell = arrived["hidden"], arrived["cell"]
    return {
        "output": hidden * np.tanh(values["cell"]),
        "forget": cell * before,
        "input": cell * values["candidate"],
        "candidate": cell * values["input"],
    }


# -- one vector for each place ------------------------------------------------------------------


def _streams(seen: ViewedPass, arrays: Arrays) -> tuple[StreamShown, ...]:
    """Return the outputs of layers with one vector for each place, in their order."""
    folding = Folding.of(seen.glass.structure, seen.opened.subject.model)
    length = len(seen.aim.tokens) if seen.aim.tokens is not None else 0
    shown: list[StreamShown] = []
    for call in sorted(folding.calls, key=lambda call: call.output):
        node = seen.glass[call.output]
        known = [each.node for each in shown]
        is_stream = len(node.shape) == 3 and node.shape[:2] == (1, length)
        if not is_stream or node.index in known or call.path == "loss":
            continue
        k = len(shown)
        value, error = (_sizes(part, seen.aim.places) for part in (node.value, node.error))
        arrays[f"stream.{k}"] = value / np.float32(np.sqrt(node.shape[-1]))
        arrays[f"stream_error.{k}"] = error
        shown.append(StreamShown(call.path, node.index, node.shape[-1]))
    return tuple(shown)


def _sizes(values: Any, places: int) -> Numbers:
    """Return the norm of the vector at each place, (T,); zeros where there are no values."""
    if values is None:
        return np.zeros(places, np.float32)
    one = np.asarray(values, np.float64)[0, :places]
    return np.asarray(np.sqrt(np.square(one).sum(axis=-1)), np.float32)
