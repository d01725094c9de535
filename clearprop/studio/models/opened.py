"""A network that was opened to be looked at: its model, its examples, and what E is for them.

Shape letters: N examples.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import numpy as np
from numpy.typing import NDArray

from clearprop import memory, nn
from clearprop.data import Dataset, Preprocessor, Vocabulary
from clearprop.data.preprocessor import INPUTS
from clearprop.errors import ConfigurationError
from clearprop.glass.pictures import is_picture
from clearprop.glass.subject import Subject
from clearprop.glass.wording import number, visible
from clearprop.nn.fields import Parameter
from clearprop.nn.recording import LossLike, Objective
from clearprop.studio.models.fitted_picture import PictureLayout, layout_of
from clearprop.studio.models.made_up import skeleton_of
from clearprop.studio.models.messages import SourceEntry, Taking
from clearprop.training import Learning
from clearprop.training.model_inputs import ModelInputs
from clearprop.training.run import History

LONGEST_TARGET = 80
MOST_NUMBERS = 4

FEW_GRAYS = 128
"""Pictures whose largest byte is at most this one have fewer than 256 grays."""

LOOKED_AT = 300
"""Among so many examples the layout of the pictures is looked for."""

MOST_LOOKED_AT = 1000
"""Among so many examples the one with the largest E is looked for."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A network with the examples that a pass can be made for.

    Attributes:
        entry: how it is listed.
        subject: its model, which may have no values yet, and its examples.
        followed: what E is, in words.
        loss: with which outputs are compared, or the objective of an algorithm without targets.
        algorithm: of a run without targets; None for all others.
        seed: of the initial values, where the model has none.
        remarks: what the reader has to know.
    """

    entry: SourceEntry
    subject: Subject
    followed: str
    loss: LossLike | Objective
    algorithm: Learning | None = None
    seed: int = 0
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.subject)

    @functools.cached_property
    def model(self) -> nn.Module:
        """The model with values; initial ones are made when they are first needed.

        Raises:
            ConfigurationError: they do not fit into the memory.
        """
        model = self.subject.model
        if nn.is_initialized(model):
            return model
        size = sum(
            int(np.prod(leaf.shape, dtype=np.int64)) * np.dtype(leaf.dtype).itemsize
            for leaf in jax.tree.leaves(model)
            if isinstance(leaf, Parameter)
        )
        memory.make_room(
            "the initial values",
            2 * size,  # making them takes a copy
            where=self.entry.title,
            given=f"{size // 4:,} parameters",
            fix=lambda limit: "look at its graph alone, or at a smaller network",
        )
        return model.init(self.seed)

    @functools.cached_property
    def skeleton(self) -> nn.Module:
        """The model with shapes in the place of values: it traces like the model."""
        return skeleton_of(self.subject.model)

    @property
    def inputs(self) -> ModelInputs:
        """How kept examples become the model's inputs."""
        return ModelInputs(self.subject.preprocessor)

    def pair(self, row: int) -> tuple[object, jax.Array]:
        """Return one example as the model and the loss take it, each with a batch of one.

        Raises:
            ConfigurationError: there is no such example.
        """
        self.check_row(row)
        return self.subject.model_examples(np.array([row]))

    def check_row(self, row: int) -> None:
        """Raise unless there is an example of this number.

        Raises:
            ConfigurationError: there is none.
        """
        if not 0 <= row < len(self):
            raise ConfigurationError(
                "there is no such example",
                where=self.entry.title,
                given=str(row),
                expected=f"a number from 0 to {len(self) - 1}, of the {self.subject.part} part",
            )

    def called(self, row: int) -> str:
        """Return the name of an example in words."""
        subject = self.subject
        part = "" if subject.part == "given" else f"{subject.part} ".replace("made up", "made-up")
        name = f"{part}{subject.noun} {subject.called(row)}"
        return f"{name} of {subject.data_name}" if subject.data_name else name

    def target_text(self, row: int) -> str:
        """Return the target of an example in words: its class or numbers, or the text itself."""
        if self.output == "token":
            return (self.subject.text(row) or "")[:LONGEST_TARGET]
        if self.output == "none" or self.reconstructs:
            return ""
        target = np.asarray(self.subject.targets[row])
        if self.output == "class":
            return self.subject.class_name(label_of(target))
        return numbers_text(target)

    def of_class(self, label: int) -> NDArray[np.intp]:
        """Return the numbers of the examples of a class.

        Raises:
            ConfigurationError: there is no such class.
        """
        if self.output != "class" or not 0 <= label < len(self.classes):
            raise ConfigurationError(
                "there is no such class",
                where=self.entry.title,
                given=str(label),
                expected=f"a number below {len(self.classes)}, the number of its classes",
            )
        return np.asarray(np.flatnonzero(self.subject.truths == label))

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the inputs, as those of an autoencoder."""
        examples = self.subject.examples
        return isinstance(examples, Dataset) and examples.reconstructs

    @functools.cached_property
    def worst(self) -> tuple[int, str]:
        """The example with the worst mistake among the first thousand, and why it is that one."""
        few = self._few
        if self.algorithm is None:
            row, why = replace(few, model=self.model).worst()
        else:
            x, y = self.inputs.examples(few.inputs, few.targets, slice(None))
            losses = np.asarray(self.algorithm.losses_of(self.model, x, y))
            row, why = int(losses.argmax()), f", the one with the largest {self.followed}"
        seen = len(self) > MOST_LOOKED_AT
        return row, why + (f" among the first {MOST_LOOKED_AT:,}" if seen else "")

    @property
    def _few(self) -> Subject:
        rows = np.arange(min(len(self), MOST_LOOKED_AT))
        examples = self.subject.examples
        if isinstance(examples, Dataset):
            return replace(self.subject, examples=examples.take(rows))
        assert examples is not None
        first: Any = jax.tree.map(lambda array: np.asarray(array)[rows], examples)
        return replace(self.subject, examples=(first[0], first[1]))

    # -- what it takes --------------------------------------------------------------------------

    @property
    def preprocessor(self) -> Preprocessor | None:
        """What prepares raw examples; None where examples are taken as they are."""
        return self.subject.preprocessor

    @functools.cached_property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input of one example as the model takes it; "" where it has no name."""
        x, _ = self.pair(0)
        if isinstance(x, Mapping):
            return {name: tuple(part.shape[1:]) for name, part in x.items()}
        array: Any = x
        return {"": tuple(array.shape[1:])}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the first input of one example."""
        return next(iter(self.input_shapes.values()))

    @property
    def picture_shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the pictures that it takes; None for other inputs."""
        shape = self.input_shape
        if len(self.input_shapes) > 1 or not is_picture(shape):
            return None
        return shape[0], shape[1], shape[2]

    @functools.cached_property
    def layout(self) -> PictureLayout | None:
        """How its pictures lie on a plain ground; None where they have none."""
        if self.picture_shape is None:
            return None
        few = np.arange(min(len(self), LOOKED_AT))
        kept = np.asarray(self.subject.inputs[few], np.float64)
        is_bytes = self.preprocessor is not None and self.preprocessor.kind == "bytes"
        top = self.subject.brightest
        # The grays in which a picture of the user's own is given: from 0 to 255.
        low, high = (
            (0.0, float(top if 0 < top <= FEW_GRAYS else 255))
            if is_bytes
            else (float(kept.min()), float(kept.max()))
        )
        return layout_of((kept - low) * (255 / max(high - low, 1e-9)))

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The tokens of a text that can be typed; None where it takes none."""
        if len(self.input_shapes) > 1:
            return None
        preprocessor, examples = self.preprocessor, self.subject.examples
        if preprocessor is not None and INPUTS in preprocessor.vocabularies:
            return preprocessor.vocabularies[INPUTS]
        known = examples.vocabularies if isinstance(examples, Dataset) else {}
        return known.get(INPUTS)

    @property
    def output(self) -> Literal["class", "token", "numbers", "none"]:
        """What an output is: scores of classes, of tokens at each place, or numbers."""
        if self.algorithm is not None:
            return "none"
        loss = self.subject.loss
        if loss.name.startswith("sequence"):
            return "token"
        return "class" if loss.task == "classification" else "numbers"

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, or of the tokens that are predicted; () where unknown."""
        if self.output not in ("class", "token"):
            return ()
        return tuple(map(visible, self.subject.class_names or ()))

    @property
    def takes(self) -> tuple[Taking, ...]:
        """What a pass can be made for."""
        found: list[Taking] = ["example"]
        if self.algorithm is not None:
            return tuple(found)
        if self.picture_shape is not None:
            found.append("picture")
        elif self.vocabulary is not None:
            found.append("text")
        elif self._takes_rows:
            found.append("numbers")
        return tuple(found)

    @property
    def _takes_rows(self) -> bool:
        """Whether an example is a row of numbers, of which each stands for itself."""
        first = jax.tree.leaves(self.pair(0)[0])[0]
        columns = self.preprocessor.raw_columns if self.preprocessor is not None else None
        # Categories are more features than columns, and are not written as numbers.
        is_plain = all(column.categories is None for column in columns or ())
        is_row = len(self.input_shapes) == 1 and len(self.input_shape) == 1
        return is_row and is_plain and bool(np.issubdtype(first.dtype, np.floating))

    @property
    def predicts_next(self) -> bool:
        """Whether it predicts at each place of a text the token that comes next."""
        known = self.vocabulary
        return known is not None and self.subject.class_names == known.tokens

    @property
    def longest_text(self) -> int | None:
        """How many tokens it reads at once; None where there is no limit."""
        context = getattr(self.subject.model, "context", None)
        return context if isinstance(context, int) else None


def untrained_subject(
    model: nn.Module,
    loss: nn.Loss,
    examples: Dataset | tuple[object, object],
    *,
    part: str,
    preprocessor: Preprocessor | None = None,
    name: str = "",
) -> Subject:
    """Return the subject of a model that no run trained.

    Args:
        model: with or without values.
        loss: with which outputs are compared.
        examples: as they are kept.
        part: what they are called.
        preprocessor: that prepares them.
        name: of the data.
    """
    known = examples if isinstance(examples, Dataset) else None
    return Subject(
        name="",
        model=model,
        history=History.of([]),
        losses=np.zeros(0, np.float32),
        stopped=None,
        non_finite=None,
        config={},
        preprocessor=preprocessor,
        loss=loss,
        part=part,
        examples=examples,
        class_names=getattr(known, "class_names", None)
        or getattr(preprocessor, "class_names", None),
        feature_names=getattr(known, "feature_names", None)
        or getattr(preprocessor, "feature_names", None),
        data_name=name,
    )


def thumbnail(opened: Opened, row: int) -> NDArray[np.uint8] | None:
    """Return an example as pixels; None where it is no picture."""
    return opened.subject.picture(row) if opened.picture_shape is not None else None


def label_of(target: NDArray[Any]) -> int:
    """Return the class of a target: a label, or one-hot.

    >>> label_of(np.array([2])), label_of(np.array([0.0, 1.0]))
    (2, 1)
    """
    if target.size == 1:
        return int(np.rint(target.reshape(-1)[0]))
    return int(target.reshape(-1).argmax())


def numbers_text(values: NDArray[Any]) -> str:
    """Return the first of some numbers as text.

    >>> numbers_text(np.array([1.5, 2.0]))
    '1.5, 2'
    """
    flat = values.reshape(-1)
    text = ", ".join(number(float(x)) for x in flat[:MOST_NUMBERS])
    return text if len(flat) <= MOST_NUMBERS else f"{text}, ... ({len(flat):,} numbers)"
