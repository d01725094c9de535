"""The messages between the page's playground and its engine, in both directions.

Each is a struct with a tag, written as JSON. `tools/studio_types.py` makes the types of the page
(`studio-ui/src/engine/messages.ts`) from this file. What changes with every picture is not sent as
JSON but as a binary frame: see `clearprop.studio.frames`.

Names: an *example* is a row of all examples, the training part first, then the test part.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Short = Annotated[str, Meta(max_length=64)]
Finite = Annotated[float, Meta(ge=-1e30, le=1e30)]

MOST_EXAMPLES = 5_000
MOST_LAYERS = 12
MOST_UNITS = 64

DataKind = Literal[
    "circle",
    "xor",
    "gauss",
    "spiral",
    "moons",
    "blobs",
    "plane",
    "gauss-plane",
    "table",
    "drawn",
]
Feature = Literal["x1", "x2", "x1^2", "x2^2", "x1*x2", "sin(x1)", "sin(x2)"]
Unit = Literal["example", "batch", "epoch"]


# --- what is trained -----------------------------------------------------------------------------


class PagePoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A point that the user drew: its place, from -6 to 6, and its target: a class or a number.

    Where the targets of all points are whole numbers from 0 to 5, they are numbers of classes;
    else they are the targets of a regression.
    """

    x1: Finite
    x2: Finite
    target: Finite


class DataSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The examples.

    Attributes:
        kind: which set; "table" is a file that was uploaded, "drawn" the points given here.
        examples: how many are made, training and test part together.
        noise: from 0 to 0.5, as in TensorFlow Playground.
        test: the fraction that is held out as the test part.
        classes: of "blobs" and "spiral"; the other kinds have their own number.
        seed: of the examples and of their split.
        points: those of "drawn".
        table: of "table": the name that the upload returned.
        columns: of "table": two columns by name, or ["PCA"] for its two principal components.
        target: of "table": the column of the target.
    """

    kind: DataKind = "circle"
    examples: Annotated[int, Meta(ge=4, le=MOST_EXAMPLES)] = 500
    noise: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0
    test: Annotated[float, Meta(ge=0.0, le=0.9)] = 0.5
    classes: Annotated[int, Meta(ge=2, le=6)] = 2
    seed: Seed = 0
    points: Annotated[tuple[PagePoint, ...], Meta(max_length=MOST_EXAMPLES)] = ()
    table: Short | None = None
    columns: Annotated[tuple[Annotated[str, Meta(max_length=256)], ...], Meta(max_length=2)] = ()
    target: Annotated[str, Meta(max_length=256)] | None = None


class LayerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A hidden layer: y = activation(W x + b)."""

    units: Annotated[int, Meta(ge=1, le=MOST_UNITS)]
    activation: Short = "tanh"


class ScheduleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule of `clearprop.optim` by its name, with its other numbers.

    Attributes:
        name: "constant" or another.
        options: without the learning rate, such as {"steps": 1000} of "cosine".
    """

    name: Short = "constant"
    options: dict[Short, Finite] = {}


class OptimizerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An optimizer of `clearprop.optim` by its name, with its other numbers."""

    name: Short = "sgd"
    options: dict[Short, Finite] = {}


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides what the playground trains; the address of the page has it.

    Attributes:
        data: the examples.
        features: what the network gets of x1 and x2.
        layers: hidden layers from the input on.
        loss: by its name; it decides the last layer and how it takes the targets, as the catalog
            says: one unit with "tanh" for two classes as -1 and 1 ("squared_error"), one logit for
            classes as 0 and 1 ("binary_cross_entropy", "hinge"), one unit for each class
            ("cross_entropy"), one number for a regression.
        optimizer: what turns gradients into steps.
        learning_rate: its step size.
        schedule: how the learning rate changes.
        batch_size: examples of a step; the whole training part where that is smaller.
        l1: factor of the sum of absolute weights that is added to the loss.
        l2: factor of half the sum of squared weights.
        dropout: the rate after every hidden layer.
        weight_init: of the hidden layers, by its name in `clearprop.nn.initializers`. None draws
            the first weights from U(-a, a) with a^2 = 1 / inputs, the others with 3 / inputs. The
            biases of hidden units begin at 0.1.
        epochs: after which training ends; fewer where they had more than 50 million steps.
        seed: of the weights and of the order of the examples.
    """

    data: DataSettings = DataSettings()
    features: Annotated[tuple[Feature, ...], Meta(min_length=1, max_length=7)] = ("x1", "x2")
    layers: Annotated[tuple[LayerSettings, ...], Meta(max_length=MOST_LAYERS)] = (
        LayerSettings(4),
        LayerSettings(2),
    )
    loss: Short = "squared_error"
    optimizer: OptimizerSettings = OptimizerSettings()
    learning_rate: Annotated[float, Meta(gt=0.0, le=1e6)] = 0.03
    schedule: ScheduleSettings = ScheduleSettings()
    batch_size: Annotated[int, Meta(ge=1, le=MOST_EXAMPLES)] = 10
    l1: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0
    l2: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0
    dropout: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    weight_init: Short | None = None
    epochs: Annotated[int, Meta(ge=1, le=1_000_000)] = 100_000
    seed: Seed = 0


# --- from the page to the engine -----------------------------------------------------------------


class Configure(Struct, tag="configure", frozen=True, forbid_unknown_fields=True):
    """Begin anew with these settings, at step 0 and paused; answered by `PageConfigured`."""

    settings: Settings


class Play(Struct, tag="play", frozen=True, forbid_unknown_fields=True):
    """Train until `Pause`; answered by `Playing`, then by frames."""


class Pause(Struct, tag="pause", frozen=True, forbid_unknown_fields=True):
    """Stop training after the steps under way; answered by `Playing` and a frame."""


class Speed(Struct, tag="speed", frozen=True, forbid_unknown_fields=True):
    """How many epochs are trained in a second at most; None is as fast as possible."""

    epochs_per_second: Annotated[float, Meta(gt=0.0, le=1e6)] | None = None


class StepOnce(Struct, tag="step", frozen=True, forbid_unknown_fields=True):
    """Pause, and take one step of a batch, or all steps to the end of the epoch.

    "example" takes a step in which the chosen example is the whole batch.
    """

    unit: Unit = "epoch"


class PageBack(Struct, tag="back", frozen=True, forbid_unknown_fields=True):
    """Pause, and return to the kept state nearest to a step; what came later is forgotten."""

    step: Annotated[int, Meta(ge=0)]


class ForkRun(Struct, tag="fork", frozen=True, forbid_unknown_fields=True):
    """Leave the run here with other settings; its curves stay for comparison.

    Answered by `PageConfigured`. The settings may change what does not decide the shapes: loss,
    optimizer, learning rate, schedule, batch size, regularization, activations, epochs. An
    optimizer of another kind, and one that gets or loses a penalty, begins with a new state.
    """

    settings: Settings


class Choose(Struct, tag="choose", frozen=True, forbid_unknown_fields=True):
    """Show the numbers of this example in the following frames; answered by a frame."""

    example: Annotated[int, Meta(ge=0)]


class Edit(Struct, tag="edit", frozen=True, forbid_unknown_fields=True):
    """Pause, and give one weight or bias another value; answered by a frame."""

    path: Annotated[str, Meta(max_length=256)]
    index: Annotated[tuple[Annotated[int, Meta(ge=0)], ...], Meta(max_length=8)]
    value: Finite


class Explain(Struct, tag="explain", frozen=True, forbid_unknown_fields=True):
    """Ask for the formulas of one unit with the numbers of the chosen example.

    Attributes:
        layer: 0 is the first hidden layer; the last is the output.
        unit: in the layer.
    """

    layer: Annotated[int, Meta(ge=0)]
    unit: Annotated[int, Meta(ge=0)]


class Diagnose(Struct, tag="diagnose", frozen=True, forbid_unknown_fields=True):
    """Ask what keeps this run from learning; answered by `PageFindings`."""


class WriteScript(Struct, tag="script", frozen=True, forbid_unknown_fields=True):
    """Ask for the Python that makes what the page shows; answered by `Script`."""


Request = (
    Configure
    | Play
    | Pause
    | Speed
    | StepOnce
    | PageBack
    | ForkRun
    | Choose
    | Edit
    | Explain
    | Diagnose
    | WriteScript
)


# --- from the engine to the page -----------------------------------------------------------------


class DenseLayer(Struct, frozen=True):
    """A layer of the network as the page draws it.

    Attributes:
        units: how many.
        activation: its name; "identity" for none.
        weight: path of W, shaped (units of the layer before, units).
        bias: path of b, (units,).
    """

    units: int
    activation: str
    weight: str
    bias: str


class Network(Struct, frozen=True):
    """The network: the features, then the layers; the last is the output.

    Attributes:
        features: names of its inputs.
        layers: hidden layers and the output.
        formula: of the loss, as MathML; t is the target as the loss takes it, such as -1 or 1.
    """

    features: tuple[str, ...]
    layers: tuple[DenseLayer, ...]
    formula: str


class PageExamples(Struct, frozen=True):
    """What the page needs to know of the examples; their numbers come in the first frame.

    There ``targets`` are the numbers of the classes, 0, 1, ..., or those of a regression.

    Attributes:
        training: how many there are, before those of the test part.
        test: how many are held out.
        classes: their names; empty for a regression.
        axes: what the two axes of the picture are.
        low: the smallest x1 and x2 of the picture.
        high: the largest.
        about: one sentence.
    """

    training: int
    test: int
    classes: tuple[str, ...]
    axes: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]
    about: str


class PageConfigured(Struct, tag="configured", frozen=True):
    """The run is ready; a frame of its state follows.

    Attributes:
        settings: as they were taken.
        network: what is drawn.
        examples: what is drawn.
        steps_per_epoch: how many.
        error: what the error of the curves is: "error rate" or "root mean square error".
        run: its number in this session; a fork has another.
        parent: of a fork: the run that it left.
        left_at: of a fork: the step at which it left its parent.
    """

    settings: Settings
    network: Network
    examples: PageExamples
    steps_per_epoch: int
    error: str
    run: int
    parent: int | None = None
    left_at: int | None = None


class Playing(Struct, tag="playing", frozen=True):
    """Whether the run is training.

    Attributes:
        playing: whether it is.
        compiling: whether its program is being made; the page answers meanwhile.
        ended: why it cannot go on: "finished", "early" or "non-finite"; None where it can.
        about: one sentence for `ended`, such as which number was not finite, and the mend.
    """

    playing: bool
    compiling: bool = False
    ended: str | None = None
    about: str | None = None


class Curves(Struct, tag="curves", frozen=True):
    """Points of the learning curves since the last message.

    Attributes:
        run: whose.
        epoch: (E,), may be thinned.
        objective: mean training loss.
        training_error: of each epoch.
        test_error: the same of the test part; empty where there is none.
        test_objective: its mean loss.
        learning_rate: of the next step.
        restart: whether these replace all points of the run that the page has.
    """

    run: int
    epoch: list[int]
    objective: list[float]
    training_error: list[float]
    test_error: list[float]
    test_objective: list[float]
    learning_rate: list[float]
    restart: bool = False


class Formula(Struct, frozen=True):
    """One equation.

    Attributes:
        title: what it gives, in words.
        mathml: with symbols, then with numbers.
        text: the same as plain text, for screen readers and copies.
    """

    title: str
    mathml: str
    text: str


class Explained(Struct, tag="explained", frozen=True):
    """The formulas of a unit.

    Attributes:
        layer: which.
        unit: which.
        step: of training.
        example: whose numbers.
        forward: the value from the values before.
        backward: the error signal from those behind, and the gradients of weights and bias.
    """

    layer: int
    unit: int
    step: int
    example: int
    forward: tuple[Formula, ...]
    backward: tuple[Formula, ...]


class PageFinding(Struct, frozen=True):
    """A finding of `diagnose`, in its words."""

    grade: str
    title: str
    place: str
    evidence: str
    reason: str
    mend: str
    code: str


class PageFindings(Struct, tag="findings", frozen=True):
    """What keeps the run from learning; an empty list where nothing was found."""

    run: int
    step: int
    findings: tuple[PageFinding, ...]


class Script(Struct, tag="script", frozen=True):
    """A program in Python; running it ends with the weights that the page shows."""

    source: str


class Problem(Struct, tag="problem", frozen=True):
    """Something that was asked for cannot be done; nothing was changed.

    Attributes:
        message: what is wrong.
        where: the setting or file.
        given: what was given.
        expected: what would be taken.
        fix: what to do.
        request: the tag of the request.
    """

    message: str
    where: str | None = None
    given: str | None = None
    expected: str | None = None
    fix: str | None = None
    request: str | None = None


Answer = PageConfigured | Playing | Curves | Explained | PageFindings | Script | Problem


# --- answers over HTTP ---------------------------------------------------------------------------


class TableColumn(Struct, frozen=True):
    """A column of an uploaded table, as `clearprop.data.columns_of` takes it.

    Attributes:
        name: of the column.
        kind: what it was taken for, such as "number", "3 categories", "date" or "refused".
        about: its range or its categories, or why it cannot be used.
        notes: what looks doubtful in it.
    """

    name: str
    kind: str
    about: str
    notes: tuple[str, ...] = ()


class Uploaded(Struct, frozen=True):
    """The answer to an upload: `POST /api/tables?name=FILE`, whose body is the file.

    Attributes:
        name: for `DataSettings.table`.
        rows: how many.
        columns: in their order.
    """

    name: str
    rows: int
    columns: tuple[TableColumn, ...]
