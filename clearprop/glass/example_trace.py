"""The trace of one example through the network and back: feature maps and error signals by layer.

Shape letters: B examples, H height, W width, C channels.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clearprop import nn
from clearprop.glass.bars import Bars
from clearprop.glass.capture import Capture, LayerSignal, compiled_capture, inner_layers
from clearprop.glass.colors import Pixels, diverging, largest
from clearprop.glass.pictures import data_address, is_picture
from clearprop.glass.subject import Subject
from clearprop.glass.wording import number, percent
from clearprop.nn.definitions import EXPLODES, FEW_ZEROS, VANISHES

SAMPLE = 64
SEARCHED = 10_000
MOST_MAPS = 16
MOST_LAYERS = 40
CELLS_A_ROW = 64
TILE, STRIP, LARGEST_CELL = 64, 448, 28
STRIP_HEIGHT = 168
"""The largest height of a picture of a sequence, in pixels, so that a page of many layers ends."""

MOST_POSITIONS = MOST_UNITS = 512
MOST_OPEN = 12
"""Up to how many layers a page shows all open."""


@dataclass(frozen=True)
class SignalPictures:
    """Pictures of one array of a layer: tiles for feature maps, one strip for a row of units.

    Attributes:
        tiles: data addresses, one for each channel; or one strip.
        limit: the absolute value with the full color.
        alt: the description for screen readers.
        width: of a tile on the page, in pixels.
        height: of a tile on the page, in pixels; 0 where it follows from the width.
    """

    tiles: tuple[str, ...]
    limit: str
    alt: str
    width: int
    height: int = 0


@dataclass(frozen=True)
class LayerTrace:
    """The output of one layer for the example, and the error signal that came back to it.

    Attributes:
        name: of the layer.
        kind: its class or activation.
        shape: of its output, as text.
        form: "maps" (H, W, C), "units" (a row of numbers) or "rows" (units by positions).
        shown: which maps, positions or units are shown; "" where all are.
        value: pictures of the output.
        error: pictures of the error signal.
    """

    name: str
    kind: str
    shape: str
    form: str
    shown: str
    value: SignalPictures
    error: SignalPictures


@dataclass(frozen=True)
class LayerFlow:
    """Mean sizes of one layer's outputs and error signals over many examples.

    Attributes:
        name: of the layer.
        kind: its class or activation.
        value: mean absolute output.
        zeros: fraction of outputs that are exactly 0, which shows silent units; "" where it is low.
        pull: mean absolute gradient over mean absolute weight; "" for a layer without weights.
        error: mean absolute error signal of one example.
        error_value: the same as a number.
        length: of the error signal, the root of the sum of all its squares.
        bar: length of the bar, from 0 to 1, on a logarithmic scale.
    """

    name: str
    kind: str
    value: str
    zeros: str
    pull: str
    error: str
    error_value: float
    length: float
    bar: float


@dataclass(frozen=True)
class ExampleTrace:
    """The trace of one example through the network and back.

    Attributes:
        why: why this example was chosen.
        prediction: the predicted and the true class or numbers, in a sentence.
        picture: the input, where it is a picture.
        text: the input, where it is text.
        input_error: dE/d input, where the input is a picture.
        layers: from the input to the output, in parts with a name; "" for one without a name.
        left_out: how many layers are not shown.
        flow: mean sizes of outputs and error signals over many examples.
        examples: how many examples those are.
        reading: a sentence about the sizes of the error signals.
        decades: the error signals of the shortest and the longest bar.
    """

    why: str
    prediction: str
    picture: str
    text: str
    input_error: SignalPictures | None
    layers: tuple[tuple[str, tuple[LayerTrace, ...]], ...]
    left_out: int
    flow: tuple[LayerFlow, ...]
    examples: int
    reading: str
    decades: tuple[str, str]

    @property
    def has_sequences(self) -> bool:
        """Whether a layer has an output at every position of a sequence."""
        return any(layer.form == "rows" for _, part in self.layers for layer in part)


def example_trace(subject: Subject) -> ExampleTrace:
    """Return the trace of one example through the network, with sizes over more examples."""
    row, why = _chosen_example(subject)
    others = [i for i in range(min(SAMPLE, len(subject))) if i != row]
    rows = np.array([row, *others[: SAMPLE - 1]])
    seen = compiled_capture(subject.model, *subject.model_examples(rows), subject.loss)
    inner = inner_layers(subject.model, seen)
    # E is the mean over the examples, so the error signal of one example's loss is larger by their
    # number.
    flow = _flow(subject.model, seen, inner, len(rows))
    layers = [_layer_trace(one, len(rows)) for one in inner[:MOST_LAYERS]]
    picture, input_error = "", None
    if is_picture(subject.input_shape):
        picture = data_address(subject.picture(row))
        error = np.asarray(seen.input.error[0]) * len(rows)
        input_error = _maps(error, "error signal of the input")
    return ExampleTrace(
        why=why,
        prediction=_prediction(subject, row),
        picture=picture,
        text=subject.text(row) or "",
        input_error=input_error,
        layers=_parts([layer for layer in layers if layer is not None]),
        left_out=max(0, len(inner) - MOST_LAYERS),
        flow=flow,
        examples=len(rows),
        reading=_reading(flow),
        decades=Bars.of(layer.error_value for layer in flow).ends,
    )


def _parts(layers: list[LayerTrace]) -> tuple[tuple[str, tuple[LayerTrace, ...]], ...]:
    """Return layers in parts by the first two steps of their paths; few of them in one part."""
    if len(layers) <= MOST_OPEN:
        return (("", tuple(layers)),)

    def part(layer: LayerTrace) -> str:
        path = layer.name.rpartition(" after ")[2].partition(" ")[0].split(".")
        return ".".join(path[: 2 if path[1:] and path[1].isdecimal() else 1])

    grouped = [(name, tuple(members)) for name, members in itertools.groupby(layers, part)]
    return tuple((name if len(members) > 1 else "", members) for name, members in grouped)


def _chosen_example(subject: Subject) -> tuple[int, str]:
    losses = subject.losses_by_example[:SEARCHED]
    if subject.evaluation.confusion is None:
        row = int(np.argsort(losses, kind="stable")[len(losses) // 2])
        why = "whose loss is the median"
    else:
        wrong = np.flatnonzero(subject.predictions[:SEARCHED] != subject.truths[:SEARCHED])
        if len(wrong):
            row = int(wrong[np.argmin(losses[wrong])])
            why = "the wrong prediction with the smallest loss"
        else:
            row, why = int(np.argmax(losses)), "the right prediction with the largest loss"
    of = f" of the first {SEARCHED:,}" if len(subject) > SEARCHED else ""
    return row, f"{subject.noun} {subject.called(row)}, {why}{of}"


def _prediction(subject: Subject, row: int) -> str:
    if subject.evaluation.outputs.ndim != 2:
        return ""
    predicted, true = subject.prediction_texts(row)
    text = f"The network predicts {predicted}"
    if subject.chances is None:
        classifies = subject.evaluation.confusion is not None
        right = classifies and subject.predictions[row] == subject.truths[row]
        return f"{text}, which is right." if right else f"{text}; true is {true}."
    chances = subject.chances[row]
    text += f" ({percent(float(chances[subject.predictions[row]]))})"
    if subject.predictions[row] == subject.truths[row]:
        return f"{text}, which is right."
    return f"{text}; true is {true} ({percent(float(chances[subject.truths[row]]))})."


def _layer_trace(layer: LayerSignal, examples: int) -> LayerTrace | None:
    if layer.error is None or layer.value.ndim < 2:
        return None
    value = np.asarray(layer.value[0], np.float64)
    error = np.asarray(layer.error[0], np.float64) * examples
    if value.ndim > 3 or not value.size:
        return None
    form = ("units", "rows", "maps")[value.ndim - 1]
    draw = _maps if form == "maps" else _strip if form == "units" else _rows
    return LayerTrace(
        name=layer.label,
        kind=layer.kind,
        shape=" x ".join(map(str, value.shape)),
        form=form,
        shown=_shown(form, value.shape),
        value=draw(value, f"output of {layer.label}"),
        error=draw(error, f"error signal of {layer.label}"),
    )


def _shown(form: str, shape: tuple[int, ...]) -> str:
    """Return which maps, positions or units of an array are shown; "" where all are."""
    if form == "maps":
        return f"{MOST_MAPS} of {shape[-1]} maps" if shape[-1] > MOST_MAPS else ""
    if form == "units":
        return ""
    cut = ((shape[0], MOST_POSITIONS, "positions"), (shape[1], MOST_UNITS, "units"))
    first = [f"the first {most} of {of} {noun}" for of, most, noun in cut if of > most]
    return "; ".join(first)


def _maps(values: NDArray[np.float64], what: str) -> SignalPictures:
    limit = largest(values)
    tiles = [diverging(each, limit) for each in np.moveaxis(values, -1, 0)[:MOST_MAPS]]
    height, width = values.shape[:2]
    return _pictures(tiles, values, f"{what}: {len(tiles)} maps of {height} x {width}, ", TILE)


def _strip(values: NDArray[np.float64], what: str) -> SignalPictures:
    n = len(values)
    width = min(n, CELLS_A_ROW)
    filled = np.zeros(-(-n // width) * width)
    filled[:n] = values
    pixels = diverging(filled, largest(values))
    pixels[n:] = 255
    tile = pixels.reshape(-1, width, 3)
    return _pictures([tile], values, f"{what}: {n} units, ", LARGEST_CELL * width)


def _rows(values: NDArray[np.float64], what: str) -> SignalPictures:
    shown = values[:MOST_POSITIONS, :MOST_UNITS].T  # steps go from left to right
    units, positions = shown.shape
    found = _pictures([diverging(shown, largest(values))], values, f"{what}: ",
                      LARGEST_CELL * positions)  # fmt: skip
    side = min(LARGEST_CELL, STRIP / positions)
    return replace(found, height=round(min(side * units, max(STRIP_HEIGHT, units))))


def _pictures(
    tiles: list[Pixels], values: NDArray[np.float64], what: str, width: int
) -> SignalPictures:
    low, high = number(float(values.min())), number(float(values.max()))
    return SignalPictures(
        tiles=tuple(data_address(tile) for tile in tiles),
        limit=number(largest(values)),
        alt=f"{what}{low} to {high}",
        width=min(STRIP, width),
    )


def _flow(
    model: nn.Module, seen: Capture, inner: list[LayerSignal], examples: int
) -> tuple[LayerFlow, ...]:
    measured = [
        (layer, float(np.abs(layer.error.astype(np.float64)).mean()) * examples)
        for layer in inner
        if layer.error is not None
    ]
    bars = Bars.of(error for _, error in measured)
    rows = []
    for layer, error in measured:
        zeros = float((layer.value == 0).mean())
        rows.append(
            LayerFlow(
                name=layer.label,
                kind=layer.kind,
                value=number(float(np.abs(layer.value.astype(np.float64)).mean())),
                zeros=percent(zeros) if zeros > FEW_ZEROS else "",
                pull=_pull(model, seen, layer.path),
                error=number(error),
                error_value=error,
                length=_length(layer),
                bar=bars.length(error),
            )
        )
    return tuple(rows)


def _length(layer: LayerSignal) -> float:
    error = np.asarray(layer.error, np.float64)
    return float(np.sqrt(np.square(error).sum()))


def _pull(model: nn.Module, seen: Capture, path: str) -> str:
    weights = {p: w for p, w in nn.parameters(model).items() if p.startswith(f"{path}.")}
    if not weights:
        return ""
    gradients = np.concatenate([np.asarray(seen.gradients[p], np.float64).ravel() for p in weights])
    values = np.concatenate([np.asarray(w, np.float64).ravel() for w in weights.values()])
    size = float(np.abs(values).mean())
    return number(float(np.abs(gradients).mean()) / size, 2) if size else ""


def _reading(flow: tuple[LayerFlow, ...]) -> str:
    if len(flow) < 2:
        return ""
    first, last = flow[0], flow[-1]
    if not (np.isfinite(first.error_value) and np.isfinite(last.error_value)):
        return "Some error signals are not finite: training cannot go on from here."
    if last.error_value == 0:
        return "Every error signal is 0, as the loss of the examples is 0."
    if first.error_value == 0:
        return f"No error signal reaches {first.name}, so this layer cannot learn."
    factor = last.error_value / first.error_value
    way = f"On the way from {last.name} back to {first.name} the error signal"
    times = f"{number(max(factor, 1 / factor), 2)} times"
    by_length = last.length / first.length
    if min(factor, by_length) >= VANISHES:
        return f"{way} shrinks {times}: it vanishes, and the first layers hardly learn."
    if max(factor, by_length) <= 1 / EXPLODES:
        return f"{way} grows {times}: it explodes. Clip it, or start from smaller weights."
    if factor >= VANISHES or factor <= 1 / EXPLODES:
        # The mean of a layer is small where only a few of its many numbers have an error signal.
        change = "smaller" if by_length > 1 else "larger"
        return (
            f"{way} becomes {times} {'smaller' if factor > 1 else 'larger'} on average over all "
            f"numbers of a layer, but its length, the root of the sum of squares, becomes only "
            f"{number(max(by_length, 1 / by_length), 2)} times {change}: it arrives."
        )
    change = f"becomes {times} {'smaller' if factor > 1 else 'larger'}"
    if 2 / 3 < factor < 3 / 2:
        change = "keeps its size"
    return (
        f"{way} {change}: it arrives. Factors of thousands would mean that it vanishes or explodes."
    )
