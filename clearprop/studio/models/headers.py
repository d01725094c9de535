"""The headers of the binary frames that the views of any model get.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/models/headers.ts`) from this
file. The arrays of each frame are listed in `clearprop.studio.models`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

CellKind = Literal["convolution", "max_pool", "average_pool", "weighted_sum", "entrywise", "other"]
BackKind = Literal[
    "convolution", "max_pool", "average_pool", "weighted_sum", "copies", "entrywise", "whole"
]
What = Literal["value", "error", "passed", "local"]

STATISTICS = (
    "mean",
    "deviation",
    "smallest",
    "largest",
    "size",
    "norm",
    "zeros",
    "nonfinite",
    "saturated",
)
"""The columns of the statistics of a pass. All but the last three are of the finite entries:
``size`` is the mean of their absolute values, ``norm`` the root of the sum of their squares;
``zeros`` and ``saturated`` are fractions of all entries, ``nonfinite`` is their number."""


# --- one pass ------------------------------------------------------------------------------------


class Chance(Struct, frozen=True):
    """A class with its probability."""

    name: str
    probability: float


class PassShown(Struct, frozen=True):
    """The header of a frame "pass".

    Attributes:
        pass_id: for all requests about this pass.
        source: of the network.
        example: its number; null for an input of the user's own.
        title: the example, in words.
        objective: E; null where it is not finite.
        target: what the output is compared with, in words.
        prediction: what is predicted, in words; null where the output is no prediction.
        right: whether the prediction is the target; null where that is not known.
        chances: the most probable classes, the most probable first; empty for others.
        picture: the input as a data address; null where it is no picture.
        own_graph: whether the graph of this pass has other shapes or nodes than that of the
            examples, such as for a text of another length; "graph" with ``pass_id`` returns it.
        remarks: what the reader has to know, such as unknown words of a text.
    """

    pass_id: str
    source: str
    example: int | None
    title: str
    objective: float | None
    target: str
    prediction: str | None
    right: bool | None
    chances: tuple[Chance, ...]
    picture: str | None
    own_graph: bool
    remarks: tuple[str, ...]


class ArrayShown(Struct, frozen=True):
    """The header of a frame "array": an array as tiles of 8-bit codes.

    ``tile_axes``, ``row_axes`` and ``column_axes`` are the axes of the array that tiles, rows and
    columns run over, the last fastest; an axis in none of them is at its index 0. A pixel stands
    for ``factor`` rows by ``factor`` columns. It shows the entry of the largest size among them, or
    that one is not finite.

    Attributes:
        pass_id: of which pass.
        node: of which node.
        what: "value", "error" = dE/dvalue, "passed" = what the node passes to an input, or "local"
            = the local derivative by an input.
        shape: of the array.
        tile_axes: along which there are tiles.
        row_axes: along which there are rows.
        column_axes: along which there are columns.
        wrap: of a vector: its entries go on in the next row after so many; 0 for others.
        first: number of the first tile.
        tiles: how many tiles there are in all.
        factor: rows and columns of a pixel.
        limit: the size of the darkest color; 0 where every entry is 0.
    """

    pass_id: str
    node: int
    what: What
    shape: tuple[int, ...]
    tile_axes: tuple[int, ...]
    row_axes: tuple[int, ...]
    column_axes: tuple[int, ...]
    wrap: int
    first: int
    tiles: int
    factor: int
    limit: float


class NumbersShown(Struct, frozen=True):
    """The header of a frame "numbers": exact floats of a node.

    Attributes:
        pass_id: of which pass.
        node: of which node.
        what: as in `ArrayShown`.
        index: as it was asked for, such as "0,3,:,2".
        shape: of the whole array.
    """

    pass_id: str
    node: int
    what: What
    index: str
    shape: tuple[int, ...]


# --- pictures ------------------------------------------------------------------------------------


class LayerRead(Struct, frozen=True):
    """A layer that another one reads, with no further layer between them.

    Attributes:
        layer: its number in the frame.
        same_channel: whether an entry reads its own channel alone; null where the places that it
            reads are no rectangle, as those of a linear layer.
    """

    layer: int
    same_channel: bool | None


class MapsLayer(Struct, frozen=True):
    """A layer in a frame "maps".

    Attributes:
        node: number of its output.
        group: number of its group in the graph; -1 for the input.
        title: its path, or "input".
        kind: class of the layer, or the activation that it applies.
        shape: of its output, the batch first.
        maps: how many of its maps the frame has, the first ones.
        factor: rows and columns of a pixel.
        kernel: number of the parameter that is the kernel of a convolution; null for others.
        reads: the layers whose outputs it takes.
    """

    node: int
    group: int
    title: str
    kind: str
    shape: tuple[int, ...]
    maps: int
    factor: int
    kernel: int | None
    reads: tuple[LayerRead, ...]


class MapsShown(Struct, frozen=True):
    """The header of a frame "maps": values and error signals of every layer as pictures."""

    pass_id: str
    layers: tuple[MapsLayer, ...]


class CellOperand(Struct, frozen=True):
    """An input of an operation at one entry.

    Attributes:
        node: its number; null for a constant.
        name: of it.
        index: of the entry that is read.
        value: of the entry; null where it is not finite.
        local: derivative of the result by it; null where none is known.
        passed: what the result passes back to it: its error signal times the local derivative.
    """

    node: int | None
    name: str
    index: tuple[int, ...]
    value: float | None
    local: float | None
    passed: float | None


class CellShown(Struct, frozen=True):
    """The header of a frame "cell": how one entry of a node came about.

    Attributes:
        pass_id: of which pass.
        node: the node whose entry is explained. An entry of a linear layer's sum with its bias is
            explained at the product before it.
        cell_kind: which arrays the frame has.
        index: of the entry.
        value: of the entry; null where it is not finite.
        error: dE/d(entry); null where none arrives or it is not finite.
        total: the sum of the products, the largest of the patch or its mean, in double precision;
            it agrees with ``value`` to rounding. Null for other kinds.
        bias: that is added to the sum; null without one.
        source: number of the node that is read.
        weights: number of the parameter; null without one.
        winner: of a largest one, the row and the column in the patch.
        operands: of an entrywise operation.
        text: of other operations: the chain rule with its numbers.
    """

    pass_id: str
    node: int
    cell_kind: CellKind
    index: tuple[int, ...]
    value: float | None
    error: float | None
    total: float | None = None
    bias: float | None = None
    source: int | None = None
    weights: int | None = None
    winner: tuple[int, ...] | None = None
    operands: tuple[CellOperand, ...] = ()
    text: str = ""


class BackPart(Struct, frozen=True):
    """What an operation that reads an entry adds to its error signal.

    Attributes:
        node: the result of the operation.
        kind: which arrays the frame has.
        total: what it adds, the sum of the products; null where it is not finite.
        weights: number of the parameter; null without one.
        index: of an entrywise operation: the entry that is made of it.
        error: of an entrywise operation: the error signal of that entry.
        local: of an entrywise operation: the derivative of that entry by it.
    """

    node: int
    kind: BackKind
    total: float | None
    weights: int | None = None
    index: tuple[int, ...] = ()
    error: float | None = None
    local: float | None = None


class BackShown(Struct, frozen=True):
    """The header of a frame "back": how the error signal of one entry of a node came about.

    Attributes:
        pass_id: of which pass.
        node: of which node.
        index: of the entry.
        value: of the entry; null where it is not finite.
        error: dE/d(entry), the sum of the parts to rounding; null where it is not finite or none
            arrives.
        parts: one for each operation that reads the entry and passes an error signal back.
        text: where a part is "whole": the chain rule with its numbers.
    """

    pass_id: str
    node: int
    index: tuple[int, ...]
    value: float | None
    error: float | None
    parts: tuple[BackPart, ...]
    text: str = ""


class FieldShown(Struct, frozen=True):
    """The header of a frame "field": the receptive field of a unit.

    Attributes:
        pass_id: of which pass.
        group: number of the layer's group in the graph.
        index: of the unit, without the batch.
        box: first and last row, first and last column of the input that can reach it.
        fraction: the part of the picture that they are.
    """

    pass_id: str
    group: int
    index: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    fraction: float


# --- sequences -----------------------------------------------------------------------------------


class AttentionShown(Struct, frozen=True):
    """An attention in a frame "sequence".

    Attributes:
        path: of its layer.
        node: number of the node of its weights.
        heads: G.
        queries: T.
        keys: S.
        scale: factor of the scores before softmax, usually 1 / sqrt(features of a key).
        causal: whether a place attends only to itself and to earlier places.
    """

    path: str
    node: int
    heads: int
    queries: int
    keys: int
    scale: float
    causal: bool


class RecurrentShown(Struct, frozen=True):
    """A recurrent layer, or one of several inside it, in a frame "sequence".

    Attributes:
        path: of its layer.
        call: its number where the layer is called more than once.
        depth: its number where several are stacked.
        kind: "LSTM", "GRU" or "RNN"; the name of the class where a step has other equations.
        names: of its gates and states, which are arrays of the frame.
        units: H.
        factor: by which one step back changes the norm of the error signal of the state, as a
            geometric mean from the chosen place back to the first; null where nothing arrives at
            the place, or it is the first.
        uncounted: the places whose step a mask hides: the state stays as it was there, and no gate
            has a number.
        form: of a GRU whether it resets "before" or "after" the product, of an RNN its function
            "tanh" or "relu"; else "".
    """

    path: str
    call: int
    depth: int
    kind: str
    names: tuple[str, ...]
    units: int
    factor: float | None
    uncounted: tuple[int, ...] = ()
    form: str = ""


class StreamShown(Struct, frozen=True):
    """A value with one vector for each place, in a frame "sequence".

    Attributes:
        title: the layer's path.
        node: number of the node.
        features: of each vector.
    """

    title: str
    node: int
    features: int


class SequenceShown(Struct, frozen=True):
    """The header of a frame "sequence".

    Attributes:
        pass_id: of which pass.
        text: what the model reads, as text; of a long text the end.
        tokens: the same, token by token, with signs for white space.
        place: at which the prediction is looked at.
        target: number of the class with which the prediction there is compared; null for none.
        assumed: whether that target is the prediction itself.
        classes: the tokens that are predicted, with signs for white space.
        pieces: the same tokens as a text has them.
        attentions: every attention of the pass.
        recurrent: every recurrent layer.
        streams: the values with one vector for each place, in the order of computation.
        remarks: such as what was left out because it is too large.
    """

    pass_id: str
    text: str
    tokens: tuple[str, ...]
    place: int
    target: int | None
    assumed: bool
    classes: tuple[str, ...]
    pieces: tuple[str, ...]
    attentions: tuple[AttentionShown, ...]
    recurrent: tuple[RecurrentShown, ...]
    streams: tuple[StreamShown, ...]
    remarks: tuple[str, ...]
