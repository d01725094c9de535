"""What the views of any model send, and what they get as JSON; `headers.py` has the frames.

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

LONGEST_TEXT = 20_000
"""The most characters of a text that is typed."""

LARGEST_PICTURE = 8_000_000
"""The most characters of a picture in base64: 6 MB."""

MOST_NUMBERS = 100_000


# --- what can be looked at -----------------------------------------------------------------------


class SourceEntry(Struct, frozen=True):
    """A network that can be looked at.

    Attributes:
        id: for all other requests.
        kind: a run of the run folder, a saved model, a recipe or a network with initial values, or
            an object that Python gave.
        title: for the list.
        about: one sentence.
        pictures: whether it takes pictures, or may: of a saved model it is known when it is opened.
        texts: whether it predicts the next token of a text, or may.
    """

    id: str
    kind: SourceKind
    title: str
    about: str
    pictures: bool = False
    texts: bool = False


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
        continues: whether it predicts at each place of a text the token that comes next.
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
    continues: bool
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
        fitted: whether a picture is cut to its ink, scaled, centered and drawn light or dark as the
            examples are, where those lie on a plain ground.
        inverted: whether dark and light of a picture are exchanged.
        target: number of the class with which the output is compared; null for the example's own,
            or for the predicted class where there is none.
        position: of a text: only the prediction at this place counts, so that the error signals
            show what reaches back from there; "last" is the last one; null counts every place.
        roomy: whether a typed text is filled up to one of a few lengths where what comes next is
            predicted: texts of other lengths then need no new program. What fills it up comes after
            the text, and a model is known to read no later place; others get the text as it is.
    """

    source: SourceName
    example: Number | Literal["worst"] | None = None
    text: Annotated[str, Meta(max_length=LONGEST_TEXT)] | None = None
    picture: Annotated[str, Meta(max_length=LARGEST_PICTURE)] | None = None
    pixels: Pixels | None = None
    numbers: Annotated[tuple[float, ...], Meta(max_length=MOST_NUMBERS)] | None = None
    fitted: bool = False
    inverted: bool = False
    target: Number | None = None
    position: Number | Literal["last"] | None = None
    roomy: bool = False


# --- why ---------------------------------------------------------------------------------------


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
