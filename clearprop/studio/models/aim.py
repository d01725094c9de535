"""What a pass is made for: its input, and the target with which the output is compared.

Shape letters: T places of a text, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError
from clearprop.glass.pictures import data_address
from clearprop.studio.models.headers import Chance
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.opened import Opened, label_of, numbers_text, thumbnail
from clearprop.studio.models.own_input import OwnInput, own_input
from clearprop.training.predictions import classes, probabilities

PREDICTED = -2
"""The label of a place that is compared with the prediction itself."""

UNCOUNTED = -1
"""The label of a place of a text that is not compared with anything."""

MOST_CHANCES = 10


@dataclass(frozen=True, eq=False)
class Aim:
    """An input with its target, each with a batch of one.

    Attributes:
        x: as the model takes it.
        y: as the loss takes it; `PREDICTED` where the target is what the network predicts.
        title: the input in words.
        row: number of the example; None for an input of the user's own.
        tokens: of a text, (T,); None for other inputs.
        places: how many of them count.
        place: of a text: where the prediction is looked at.
        picture: as a data address; None for other inputs.
        remarks: what the reader has to know.
        is_open: whether the target is the prediction, which a pass has to find first.
        assumed: whether the target at ``place`` is the prediction itself.
    """

    x: object
    y: NDArray[np.number]
    title: str
    row: int | None = None
    tokens: NDArray[np.int32] | None = None
    places: int = 0
    place: int = 0
    picture: str | None = None
    remarks: tuple[str, ...] = ()
    is_open: bool = False
    assumed: bool = False

    @property
    def provisional(self) -> NDArray[np.number]:
        """The target with some label where the prediction is to come."""
        return np.where(self.y == PREDICTED, 0, self.y).astype(self.y.dtype)


def aim_of(opened: Opened, request: PassRequest) -> Aim:
    """Return what a pass is made for.

    Raises:
        ClearpropError: there is no such example, place or class; or the input cannot be read.
    """
    own = own_input(opened, request)
    aim = _of_example(opened, request) if own is None else _of_own(opened, own)
    if request.target is None and request.position is None:
        return aim
    return _changed(opened, aim, request)


def _of_example(opened: Opened, request: PassRequest) -> Aim:
    why = ""
    if request.example == "worst":
        row, why = opened.worst
    else:
        row = request.example or 0
    x, y = opened.pair(row)
    targets = np.asarray(y)
    tokens = None
    if opened.output == "token" and len(opened.input_shapes) == 1:
        tokens = np.asarray(opened.subject.inputs[np.array([row])][0])
        if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
            tokens = None
    elif opened.vocabulary is not None:
        tokens = np.asarray(opened.subject.inputs[np.array([row])][0], np.int32)
    places = _counted(opened, targets[0] if opened.output == "token" else tokens)
    pixels = thumbnail(opened, row)
    return Aim(
        x,
        targets,
        opened.called(row) + why,
        row,
        tokens,
        places,
        max(places - 1, 0),
        data_address(pixels) if pixels is not None else None,
    )


def _counted(opened: Opened, of: NDArray[np.number] | None) -> int:
    """Return how many places of a text count: up to the last label, or the last word."""
    if of is None:
        return 0
    # Where the labels do not tell it, the number of what fills a text up is 0.
    marked = np.flatnonzero(of >= 0 if opened.output == "token" else of)
    return int(marked[-1]) + 1 if len(marked) else len(of)


def _of_own(opened: Opened, own: OwnInput) -> Aim:
    """Return the aim of an input of the user's own: the target is what the network predicts."""
    _, template = opened.pair(0)
    y = np.asarray(template)
    remarks = list(own.remarks)
    if opened.output == "token":
        assert own.tokens is not None
        labels = np.full(len(own.tokens), UNCOUNTED, y.dtype)
        labels[: own.places] = PREDICTED
        if opened.predicts_next:
            labels[: own.places - 1] = own.tokens[1 : own.places]
            if own.places > 1:
                labels[own.places - 1] = UNCOUNTED  # what follows the text is not known
        y = labels[None]
    elif opened.output == "class":
        y = np.zeros_like(y)
    elif opened.reconstructs:
        y = np.asarray(own.x, y.dtype)
    else:
        few = np.arange(min(len(opened), 100))
        mean = np.asarray(opened.inputs.targets(np.asarray(opened.subject.targets)[few])).mean(
            axis=0
        )
        y = mean[None].astype(y.dtype)
        remarks.append("It has no target of its own: it is compared with the mean of the examples.")
    picture = data_address(own.raw) if own.raw is not None else None
    return Aim(
        own.x,
        y,
        own.title,
        None,
        own.tokens,
        own.places,
        max(own.places - 1, 0),
        picture,
        tuple(remarks),
        is_open=opened.output == "class" or (opened.output == "token" and _open(y)),
    )


def _open(y: NDArray[np.number]) -> bool:
    return bool((y == PREDICTED).any())


def _changed(opened: Opened, aim: Aim, request: PassRequest) -> Aim:
    """Return an aim with the class or the place that was asked for."""
    y, place, known = aim.y.copy(), aim.place, len(opened.classes)
    if request.target is not None and known and request.target >= known:
        raise no_class(opened, request.target, known)
    if opened.output not in ("class", "token"):
        raise ConfigurationError(
            "the outputs of this network are no classes, so none can be the target",
            where=opened.entry.title,
        )
    if opened.output == "class":
        if request.position is not None:
            raise ConfigurationError(
                "the network has one output for the whole input, not one for each place",
                where=opened.entry.title,
                given=f"position={request.position}",
            )
        return replace(aim, y=_label(opened, y, request.target or 0), is_open=False)
    if request.position is not None:
        place = aim.place if request.position == "last" else request.position
        if place >= max(aim.places, 1):
            raise ConfigurationError(
                "the text has no such place",
                given=str(place),
                expected=f"0 to {aim.places - 1}",
            )
        kept = y[0, place] if y[0, place] >= 0 else PREDICTED
        y[:] = UNCOUNTED
        y[0, place] = kept
    if request.target is not None:
        y[0, place] = request.target
    return replace(aim, y=y, place=place, is_open=_open(y))


def _label(opened: Opened, like: NDArray[np.number], label: int) -> NDArray[np.number]:
    """Return a label in the form of a target, (1,), (1, 1) or one-hot (1, K)."""
    if like.ndim == 1 and like.dtype.kind in "iu":
        return np.array([label], like.dtype)
    if like.size == 1:
        return np.full(like.shape, label, like.dtype)
    made = np.zeros(like.shape, like.dtype)
    if not 0 <= label < like.shape[-1]:
        raise no_class(opened, label, like.shape[-1])
    made[..., label] = 1
    return made


def no_class(opened: Opened, label: int, count: int) -> ConfigurationError:
    """Return the error about a class that there is not."""
    return ConfigurationError(
        "there is no such class",
        where=opened.entry.title,
        given=str(label),
        expected=f"0 to {count - 1}",
    )


def with_prediction(opened: Opened, aim: Aim, output: NDArray[Any]) -> Aim:
    """Return an aim whose target is the prediction where it was left open.

    Args:
        opened: the network.
        aim: for which the output was computed.
        output: of the network, (1, K) or (1, T, K).
    """
    found = classes(output, opened.subject.loss)
    if opened.output == "class":
        label = int(found.reshape(-1)[0])
        return replace(aim, y=_label(opened, aim.y, label), is_open=False, assumed=True)
    waiting = aim.y == PREDICTED
    y = np.where(waiting, found.reshape(aim.y.shape), aim.y).astype(aim.y.dtype)
    return replace(aim, y=y, is_open=False, assumed=bool(waiting[0, aim.place]))


# -- what came out --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What a network predicts, in words.

    Attributes:
        target: with which it is compared.
        prediction: None where the output is no prediction.
        right: whether they agree; None where that is not known.
        chances: the most probable classes.
    """

    target: str
    prediction: str | None = None
    right: bool | None = None
    chances: tuple[Chance, ...] = field(default=())


def outcome_of(opened: Opened, aim: Aim, output: NDArray[Any] | None) -> Outcome:
    """Return what a network predicts for an aim, given its output."""
    if output is None or opened.output == "none":
        return Outcome("nothing: the network learns without targets")
    if opened.output == "numbers":
        shown = (opened.inputs.restored(np.asarray(v, np.float32)[0]) for v in (output, aim.y))
        prediction, target = (numbers_text(np.asarray(v)) for v in shown)
        return Outcome("the input itself" if opened.reconstructs else target, prediction)
    if opened.output == "token":
        at = output[:, aim.place] if output.ndim == 3 else output
        label = int(aim.y[0, aim.place])
    else:
        at, label = output, label_of(aim.y)
    best = int(classes(at, opened.subject.loss).reshape(-1)[0])
    own = opened.subject.class_name
    return Outcome(
        own(label) if label >= 0 else "",
        own(best),
        None if label < 0 or aim.assumed else best == label,
        _chances(opened, at),
    )


def _chances(opened: Opened, at: NDArray[Any]) -> tuple[Chance, ...]:
    found = probabilities(np.asarray(at, np.float64).reshape(1, -1), opened.subject.loss)
    if found is None or not np.isfinite(found).all():
        return ()
    order = np.argsort(-found[0], kind="stable")[:MOST_CHANCES]
    name = opened.subject.class_name
    return tuple(Chance(name(int(k)), float(found[0, k])) for k in order)
