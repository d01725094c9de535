"""What the views of any model send and get: JSON, and the headers of binary frames.

`tools/studio_types.py` makes the types of the page (`studio-ui/src/models/messages.ts`) from this
file. A *node* is a value of one pass: an input, a parameter, or the result of an operation. Its
number is its place in the order of computation, the same in the graph and in every frame.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Number = Annotated[int, Meta(ge=0)]
SourceName = Annotated[str, Meta(max_length=512)]

SourceKind = Literal["run", "file", "recipe", "network", "object"]
Taking = Literal["example", "text", "picture", "numbers"]
CellKind = Literal["convolution", "max_pool", "average_pool", "weighted_sum", "entrywise", "other"]
What = Literal["value", "error", "passed", "local"]

LONGEST_TEXT = 20_000
"""The most characters of a text that is typed."""

LARGEST_PICTURE = 8_000_000
"""The most characters of a picture in base64: 6 MB."""

MOST_NUMBERS = 100_000

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


# --- what can be looked at -----------------------------------------------------------------------


class SourceEntry(Struct, frozen=True):
    """A network that can be looked at.

    Attributes:
        id: for all other requests.
        kind: a run of the run folder, a saved model, a recipe or a network with initial values, or
            an object that Python gave.
        title: for the list.
        about: one sentence.
    """

    id: str
    kind: SourceKind
    title: str
    about: str


class SourceList(Struct, frozen=True):
    """Everything that can be looked at.

    Attributes:
        sources: in the order of the list.
        folder: of the runs, for a message where there are none.
    """

    sources: tuple[SourceEntry, ...]
    folder: str


# --- the graph -----------------------------------------------------------------------------------


class GraphNode(Struct, frozen=True):
    """A value of a pass.

    Attributes:
        name: unique in its graph, such as "conv1/convolution"; of a parameter its path.
        group: number of the innermost group that it belongs to.
        operation: its name, or "parameter" or "input".
        shape: of its value, the batch of one example first.
        dtype: of its value.
        inputs: numbers of the nodes that it reads, parameters too.
        operations: arithmetic operations of one example; a multiply-add counts as two.
        carries_error: whether an error signal can arrive.
        steps: of a loop over time.
    """

    name: str
    group: int
    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    inputs: tuple[int, ...] = ()
    operations: int = 0
    carries_error: bool = True
    steps: int = 0


class GraphGroup(Struct, frozen=True):
    """A call of a layer: what the graph folds into one box. The first group is the whole pass.

    Attributes:
        parent: number of the group around it; -1 of the whole pass.
        path: of the layer; "" of the whole pass, "loss" of the loss.
        title: the path relative to the group around it; a later call as "activation #2".
        kind: class of the layer, or the activation that it applies.
        output: number of the node of its output.
        parameters: how many learned numbers its nodes are the first to read.
        operations: arithmetic operations of one example inside it.
        nodes: how many nodes are inside it, parameters not counted.
    """

    parent: int
    path: str
    title: str
    kind: str
    output: int
    parameters: int = 0
    operations: int = 0
    nodes: int = 0


class NetworkGraph(Struct, frozen=True):
    """A network as a graph that folds by the paths of its layers.

    Attributes:
        source: which.
        model: its class.
        nodes: in the order of computation, parameters first.
        groups: outer ones before inner ones, and in the order of computation.
        about: what each operation and each kind of layer is, in one sentence, by its name.
        takes: what a pass can be made for.
        input_shape: of one example, as the model takes it; of several inputs the first.
        picture_shape: height, width and channels of the pictures that it takes; null for others.
        longest_text: how many tokens it reads at once; null where there is no limit, or no text.
        level: what a token of its text is: "character", "word" or "symbol"; null without texts.
        examples: how many there are.
        part: which they are: "test", "development", "training", "given" or "made up".
        noun: what one of them is called.
        classes: names of the classes, or of the tokens that are predicted; empty for others.
        objective: what E is, in words.
        remarks: what the reader has to know, such as that the weights are not trained.
    """

    source: SourceEntry
    model: str
    nodes: tuple[GraphNode, ...]
    groups: tuple[GraphGroup, ...]
    about: dict[str, str]
    takes: tuple[Taking, ...]
    input_shape: tuple[int, ...]
    picture_shape: tuple[int, int, int] | None
    longest_text: int | None
    level: str | None
    examples: int
    part: str
    noun: str
    classes: tuple[str, ...]
    objective: str
    remarks: tuple[str, ...]


class ExampleEntry(Struct, frozen=True):
    """An example in the list to choose from.

    Attributes:
        number: of it.
        title: its number, and its name where it has one.
        target: its class, its value, or its text.
        picture: as a data address; null where it is none.
    """

    number: int
    title: str
    target: str
    picture: str | None


class ExampleList(Struct, frozen=True):
    """Some of the examples.

    Attributes:
        examples: in their order.
        start: number of the first.
        total: how many there are.
    """

    examples: tuple[ExampleEntry, ...]
    start: int
    total: int


# --- one pass ------------------------------------------------------------------------------------


class Pixels(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture as its bytes, row by row, such as one that was drawn.

    Attributes:
        shape: height, width and channels.
        data: the bytes from 0 to 255, in base64.
    """

    shape: tuple[
        Annotated[int, Meta(ge=1, le=1024)],
        Annotated[int, Meta(ge=1, le=1024)],
        Annotated[int, Meta(ge=1, le=4)],
    ]
    data: Annotated[str, Meta(max_length=LARGEST_PICTURE)]


class PassRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a pass is made for: an example, or one of text, picture, pixels and numbers.

    Attributes:
        source: of the network.
        example: its number; "worst" is the wrong prediction with the largest loss.
        text: typed; the preparation of the run turns it into tokens.
        picture: a PNG or JPEG file in base64.
        pixels: drawn.
        numbers: one row of raw inputs.
        inverted: whether dark and light of a picture are exchanged first.
        target: number of the class with which the output is compared; null for the example's own,
            or for the predicted class where there is none.
        position: of a text: only the prediction at this place counts, so that the error signals
            show what reaches back from there; null counts every place.
    """

    source: SourceName
    example: Number | Literal["worst"] | None = None
    text: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    picture: Annotated[str, Meta(max_length=LARGEST_PICTURE)] | None = None
    pixels: Pixels | None = None
    numbers: Annotated[tuple[float, ...], Meta(max_length=MOST_NUMBERS)] | None = None
    inverted: bool = False
    target: Number | None = None
    position: Number | None = None


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


class WhyStep(Struct, frozen=True):
    """An operation on the way of an error signal back from E.

    Attributes:
        node: its number.
        name: its name.
        factor: the norm that it passes on, divided by the norm that arrived.
        norm: of what it passes on; null where it is not finite.
    """

    node: int
    name: str
    factor: float | None
    norm: float | None


class WhyShown(Struct, frozen=True):
    """Why the error signal of a node, or the gradient of a parameter, has its size.

    Attributes:
        node: its number.
        verdict: "zero", "tiny", "huge", "not a number", "healthy" or "not connected".
        norm: of its error signal; null where it is not finite.
        culprit: number of the node that is the cause; null where none stands out.
        reason: in words.
        steps: from E back to the node.
    """

    node: int
    verdict: str
    norm: float | None
    culprit: int | None
    reason: str
    steps: tuple[WhyStep, ...]


# --- pictures ------------------------------------------------------------------------------------


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
    """

    node: int
    group: int
    title: str
    kind: str
    shape: tuple[int, ...]
    maps: int
    factor: int


class MapsShown(Struct, frozen=True):
    """The header of a frame "maps": values and error signals of every layer as pictures."""

    pass_id: str
    layers: tuple[MapsLayer, ...]


class Operand(Struct, frozen=True):
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
        kind: which arrays the frame has.
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
    kind: CellKind
    index: tuple[int, ...]
    value: float | None
    error: float | None
    total: float | None = None
    bias: float | None = None
    source: int | None = None
    weights: int | None = None
    winner: tuple[int, ...] | None = None
    operands: tuple[Operand, ...] = ()
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
    """

    path: str
    node: int
    heads: int
    queries: int
    keys: int


class RecurrentShown(Struct, frozen=True):
    """A recurrent layer, or one of several inside it, in a frame "sequence".

    Attributes:
        path: of its layer.
        depth: its number where several are stacked.
        kind: "LSTM", "GRU" or "RNN".
        names: of its gates and states, which are arrays of the frame.
        units: H.
        factor: by which one step back changes the norm of the error signal, as a geometric mean;
            null where it is not known.
    """

    path: str
    depth: int
    kind: str
    names: tuple[str, ...]
    units: int
    factor: float | None


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
        tokens: what the model reads, with signs for white space.
        targets: what should come next at each place; "" where nothing is compared.
        classes: the tokens that are predicted, with signs for white space.
        attentions: every attention of the pass.
        recurrent: every recurrent layer.
        streams: the values with one vector for each place, in the order of computation.
        remarks: such as what was left out because it is too large.
    """

    pass_id: str
    tokens: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    attentions: tuple[AttentionShown, ...]
    recurrent: tuple[RecurrentShown, ...]
    streams: tuple[StreamShown, ...]
    remarks: tuple[str, ...]
