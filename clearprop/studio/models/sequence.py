"""What happens along a sequence: attention, gates over time, the next token, what reaches back.

Shape letters: T places, K tokens that are predicted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError
from clearprop.glass.wording import visible
from clearprop.studio.frames import pack
from clearprop.studio.models.attentions import add_attentions
from clearprop.studio.models.graph import Folding
from clearprop.studio.models.headers import SequenceShown, StreamShown
from clearprop.studio.models.loops import add_recurrent
from clearprop.studio.models.own_input import token_names
from clearprop.studio.models.passes import ViewedPass, fields_of

Numbers = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

MOST_SCORES = 4 << 20
"""Of the scores of all tokens at all places."""


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
    opened = seen.opened
    names = tuple(opened.subject.class_names or ())
    tokens = aim.tokens[:places]
    label = int(aim.y[0, aim.place]) if opened.output == "token" and places else -1
    header = SequenceShown(
        pass_id=seen.name,
        text=opened.vocabulary.decode(tokens) if opened.vocabulary is not None else "",
        tokens=token_names(opened.vocabulary, tokens),
        place=aim.place,
        target=label if label >= 0 else None,
        assumed=aim.assumed,
        classes=tuple(map(visible, names)),
        pieces=names,
        attentions=add_attentions(seen, arrays, remarks),
        recurrent=add_recurrent(seen, arrays, remarks),
        streams=_streams(seen, arrays),
        remarks=tuple(dict.fromkeys(remarks)),
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
