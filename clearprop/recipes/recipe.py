"""What every recipe defines: its data, its model, its loss and its optimizer."""

from __future__ import annotations

import contextlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict

from pydantic import BeforeValidator, Field

from clearprop import nn, ops, optim
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.errors import ConfigurationError
from clearprop.glass.style import Drawing
from clearprop.optim import schedules
from clearprop.recipes.choice import DataChoice
from clearprop.recipes.configuration import (
    Configuration,
    Count,
    Fraction,
    MeshSizes,
    OptionalCount,
    OrNone,
    PositiveFraction,
    Rate,
    Seed,
    one_of,
    split_list,
)
from clearprop.training import History, Learning, Record
from clearprop.training.augmentation import Augment
from clearprop.training.recording.recorder import EVERY
from clearprop.training.run import Machine
from clearprop.training.snapshots import LOG, Given
from clearprop.training.training_data import Data


def _patterns(value: Any) -> Any:
    """Take patterns as ``a,b`` or as a list in JSON; brackets may belong to a pattern."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() in ("", "none"):
        return ()
    with contextlib.suppress(ValueError):
        if isinstance(listed := json.loads(value), list):
            return listed
    return split_list(value, brackets="")


def _steps(value: Any) -> Any:
    """Take one number, several as ``a,b`` or a list in JSON, "log" or none."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in ("", "none"):
        return None
    if text == LOG:
        return text
    return int(text) if text.isdecimal() else split_list(text)


LARGE = 10_000

FIRST_RATE = 0.04
"""The first rate of a schedule that rises, as a fraction of its highest."""

MOST_CYCLES = 12

ScheduleName = Literal["constant", "cosine", "one-cycle", "warm-restarts", "cyclic"]
Activation = Annotated[str, one_of("activation", ops.ACTIVATIONS.keys)]
OptimizerName = Annotated[str, one_of("optimizer", optim.rated_names)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]
Steps = Annotated[Literal["log"] | Count | tuple[int, ...] | None, BeforeValidator(_steps)]


class FitOptions(TypedDict, total=False):
    """Arguments of `fit` that a recipe may give."""

    epochs: int
    batch_size: int | None
    micro_batch_size: int | None
    seed: int
    record: Record | None
    snapshots: Given
    mesh: Mapping[str, int] | None
    fully_sharded: bool
    average: float | None
    patience: int | None
    augment: Augment | None
    keep_best: bool | None
    monitor: str | None
    freeze: tuple[str, ...]


class Recipe(Configuration):
    """A named experiment: a subclass defines its data, its model, its loss and its optimizer.

    Attributes:
        data: the data set to train on.
        epochs: how often all training examples are used; none chooses it by their number.
        batch_size: examples of a step; none chooses it by the number of training examples.
        micro_batch_size: examples whose gradient is computed at once; a step adds those of its
            micro-batches. None takes the whole batch.
        learning_rate: eta; with a schedule its highest value.
        seed: of the split, the initial values, the order of the examples and dropout.
        record: patterns of layers and parameters, such as layers.*, whose statistics are recorded.
        record_every: steps from one recorded step to the next.
        snapshots: the steps whose whole state is kept, for `clearprop fork`; one number N for every
            N-th step, or log.
        mesh: the devices by axes, such as data=4,model=2: over data the examples of a batch are
            divided, over model the parameters of layers; -1 takes the devices that are left.
        fully_sharded: whether parameters and the state of the optimizer are divided over data too.
    """

    preferred: ClassVar[tuple[str, ...]]
    """The data sets to try, the best first, when no data set is named."""

    passes: ClassVar[int] = 10
    """Epochs over a large set, unless they are given."""

    small_steps: ClassVar[int] = 2_500
    """Training steps on a small set, or a few more, unless the epochs are given."""

    most_epochs: ClassVar[int] = 100
    """The largest number of epochs, unless it is given."""

    batch_sizes: ClassVar[tuple[int, int]] = (32, 64)
    """Batch size for a small set and for a large one, unless it is given."""

    of_data_set: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    """Values for data sets by name, unless they are given."""

    data: DataChoice = DataChoice()
    epochs: OptionalCount = None
    batch_size: OptionalCount = None
    micro_batch_size: OptionalCount = None
    learning_rate: Rate
    seed: Seed = 0
    record: Patterns = ()
    record_every: Count = EVERY
    snapshots: Steps = None
    mesh: MeshSizes = None
    fully_sharded: bool = False

    def on_mesh(self, mesh: str) -> Self:
        """Return the recipe on another mesh of devices, ``data=4,model=2`` as text."""
        return type(self)(**{**self.model_dump(), "mesh": mesh})

    def settled(self, examples: int) -> Self:
        """Return the recipe with the values filled in that depend on the number of examples.

        A set is large from `LARGE` examples. A small set is repeated for about ``small_steps``
        steps, a large one for ``passes`` epochs.
        """
        small, large = self.batch_sizes
        batch_size = self.batch_size or (large if examples >= LARGE else min(small, examples))
        epochs = self.epochs or self.default_epochs(-(-examples // batch_size))
        return self.model_copy(update={"epochs": epochs, "batch_size": batch_size})

    def default_epochs(self, steps: int) -> int:
        """Return how many epochs to train, given the number of steps in one."""
        return min(self.most_epochs, max(self.passes, -(-self.small_steps // steps)))

    def dataset(self) -> tuple[Dataset, str]:
        """Return the data set, and a line that describes it."""
        return self.loaded()

    def loaded(self, **changes: object) -> tuple[Dataset, str]:
        """Return the data set as this recipe takes it, and a line that describes it.

        Args:
            changes: options of ``data`` that replace those of the recipe.
        """
        dataset, line = self.data.model_copy(update=changes).load(self.preferred)
        return self.adapted(dataset), line

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return a data set as this recipe takes it.

        Raises:
            ConfigurationError: the recipe is not for data of this kind.
        """
        return dataset

    def suited(self, dataset: Dataset) -> Self:
        """Return the recipe with the values of its data set, where others are not given."""
        values = self.of_data_set.get(dataset.name, {})
        free = {name: value for name, value in values.items() if name not in self.model_fields_set}
        return self.model_copy(update=free)

    def settled_data(self, dataset: Dataset) -> DataChoice:
        """Return the choice that finds the same data again, from any folder and machine."""
        return self.data.settled(dataset, self.preferred)

    def split(self, dataset: Dataset) -> Splits:
        """Return training, development and test part, preprocessed."""
        return self.data.split(dataset, self.seed)

    @abstractmethod
    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the model for this data, without values.

        Args:
            preprocessor: describes the shape and the kind of an example.
            outputs: number of classes, or of values to predict.
        """

    def told(self, preprocessor: Preprocessor, outputs: int) -> list[tuple[str, str]]:
        """Return what is said of the model before its training: rows of a name and a text."""
        return []

    @abstractmethod
    def loss(self, dataset: Dataset) -> str:
        """Return the name of the loss for this data."""

    def training_data(self, splits: Splits) -> Data:
        """Return what `fit` gets to learn from: the splits, or an environment."""
        return splits

    def algorithm(self, dataset: Dataset) -> Learning | None:
        """Return the algorithm that trains the model; None for supervised learning with `loss`."""
        return None

    def make_optimizer(self, steps: int) -> optim.Optimizer:
        """Return the optimizer for a run of this number of steps; Adam unless it has another.

        It is not asked for where the algorithm takes its steps without an optimizer.
        """
        return optim.adam(self.learning_rate)

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit` other than data, model, loss and optimizer."""
        return {
            "epochs": self.epochs or 0,
            "batch_size": self.batch_size,
            "micro_batch_size": self.micro_batch_size,
            "seed": self.seed,
            "record": Record(self.record, every=self.record_every) if self.record else None,
            "snapshots": self.snapshots,
            "mesh": self.mesh,
            "fully_sharded": self.fully_sharded,
        }

    def measures(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return further measures on the test part by name, with those of simple baselines.

        A name that ends in "rate", "accuracy" or "fraction" is shown as a percentage.
        """
        return {}

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return lines of text that explain the result."""
        return []

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return the drawings that only the report of this recipe has."""
        return []

    def drawings_over_time(self, machine: Machine, splits: Splits) -> list[Drawing]:
        """Return drawings of the model at the steps whose state the run has kept."""
        return []


class NetworkRecipe(Recipe):
    """A network of several layers, with its optimizer and schedule.

    Attributes:
        optimizer: adadelta, adagrad, adam, adamax, adamw, lamb, lbfgs, lion, momentum, muon, nadam,
            nesterov, radam, rmsprop or sgd; "lbfgs" takes no weight decay, and is for batches of
            all examples.
        schedule: how the learning rate changes over the run: "constant", "cosine" (falls from its
            highest value to 0), "one-cycle" (rises over the first part, then falls to 0),
            "warm-restarts" (falls to 0 in every cycle, each twice as long as the one before it),
            "cyclic" (rises and falls in every cycle, each half as high as the one before it).
        warmup: the fraction of the run over which "one-cycle" rises.
        cycles: of "warm-restarts" and "cyclic" in a run.
        weight_decay: in each step every weight shrinks by this number times the rate; 0 for none.
        average: decay of a running average of the weights; the averaged weights are evaluated and
            kept; none uses the weights themselves.
        patience: training stops after this number of epochs without a better development error, and
            keeps the best weights.
    """

    optimizer: OptimizerName = "adam"
    schedule: ScheduleName = "constant"
    warmup: PositiveFraction = 0.15
    cycles: Annotated[Count, Field(le=MOST_CYCLES)] = 3
    weight_decay: Fraction = 0.0
    average: Annotated[PositiveFraction | None, OrNone] = None
    patience: OptionalCount = None

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy for classes, half the squared error for numbers."""
        return "squared_error" if dataset.task == "regression" else "cross_entropy"

    def make_optimizer(self, steps: int) -> optim.Optimizer:
        """Return the optimizer with its schedule and weight decay."""
        optimizer = optim.create(self.optimizer, self.rate(steps))
        if not self.weight_decay:
            return optimizer
        if optimizer.update_on is not None:
            raise _evaluates(self.optimizer, "weight decay", "weight_decay=0")
        return optim.decoupled_weight_decay(optimizer, self.weight_decay, min_ndim=2)

    def fit_options(self) -> FitOptions:
        """Return the arguments of `fit` other than data, model, loss and optimizer."""
        return {**super().fit_options(), "average": self.average, "patience": self.patience}

    def rate(self, steps: int) -> float | optim.Schedule:
        """Return the learning rate of a run of this number of steps: a number, or a schedule."""
        highest = self.learning_rate
        if self.schedule == "constant" or steps < 2:
            return highest
        if self.schedule == "cosine":
            return schedules.cosine(highest, steps)
        if self.schedule == "warm-restarts":
            first = -(-steps // (2**self.cycles - 1))
            return schedules.cosine_restarts(highest, first, multiply=2)
        if self.schedule == "cyclic":
            up = -(-steps // (2 * self.cycles))
            return schedules.cyclic(FIRST_RATE * highest, highest, up, mode="triangular2")
        rise = max(1, round(self.warmup * steps))
        return schedules.warmup(
            rise, schedules.cosine(highest, max(1, steps - rise)), start=FIRST_RATE
        )


class SequenceRecipe(NetworkRecipe):
    """A network that reads or writes sequences.

    Attributes:
        clip: the largest norm of the gradient over all weights; none does not clip.
    """

    schedule: ScheduleName = "one-cycle"
    clip: Annotated[Rate | None, OrNone] = 1.0

    def loss(self, dataset: Dataset) -> str:
        """Return cross-entropy over the positions with a label."""
        return "sequence_cross_entropy"

    def make_optimizer(self, steps: int) -> optim.Optimizer:
        """Return the optimizer, with gradients clipped to a largest norm."""
        optimizer = super().make_optimizer(steps)
        if self.clip is None:
            return optimizer
        if optimizer.update_on is not None:
            raise _evaluates(self.optimizer, "clipping", "clip=none")
        return optim.chain(optim.clip_by_global_norm(self.clip), optimizer)


def _evaluates(optimizer: str, other: str, change: str) -> ConfigurationError:
    return ConfigurationError(
        f"{optimizer} evaluates the objective itself, which has no {other}",
        given=f"optimizer={optimizer} with {other}",
        fix=f"--set {change}",
    )
