"""The recipe ``caption``: from a picture to the words that tell what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.catalog import load_inputs
from clearprop.data.vocabulary import BEGIN, END
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.attention import over_picture
from clearprop.glass.style import Drawing
from clearprop.models.transcription import transcribe
from clearprop.recipes.configuration import Count, Listed
from clearprop.recipes.transcribing import (
    TranscribingRecipe,
    references,
    some,
    spread_rows,
    vocabulary,
)
from clearprop.training import History

SHOWN = 3


class CaptionRecipe(TranscribingRecipe):
    """Rows of handwritten digits, named one after the other.

    Attributes:
        channels: of the convolutions, each of which is followed by pooling.
        attention: of the decoder over the places of the picture: "additive" or "dot".

    >>> CaptionRecipe(channels="16,32").channels
    (16, 32)
    """

    preferred: ClassVar[tuple[str, ...]] = ("digit-captions",)
    passes: ClassVar[int] = 15
    given: ClassVar[str] = "image"
    written: ClassVar[str] = "words"
    token: ClassVar[str] = "word"
    whole: ClassVar[str] = "caption"

    channels: Annotated[tuple[Count, ...], Listed, Field(min_length=1)] = (32, 64)
    attention: Literal["additive", "dot"] = "additive"
    hidden_size: Count = 96
    embedding_features: Count = 32

    def adapted(self, dataset: Dataset) -> Dataset:
        """Return the data set, which must be one of pictures with words about them."""
        dataset = super().adapted(dataset)
        shape = dataset.input_shape["image"]
        if len(shape) != 3:
            raise ConfigurationError(
                "the recipe caption takes pictures",
                where=dataset.name,
                given=f"images of shape {shape}",
                expected="(height, width, channels)",
            )
        return dataset

    def model(self, preprocessor: Preprocessor, outputs: int) -> nn.Module:
        """Return the network for pictures of this size."""
        return models.Captioner(
            preprocessor.encoded_shape["image"],
            outputs,
            channels=self.channels,
            embedding_features=self.embedding_features,
            hidden_size=self.hidden_size,
            attention=self.attention,
            dropout=self.dropout,
        )

    def read(self, path: Path, preprocessor: Preprocessor) -> tuple[list[str], NDArray[np.generic]]:
        """Return the pictures of a file or folder, numbered, as the model sees them.

        Raises:
            DataError: there are none, or they are of another kind.
            ShapeError: they are of another size.
        """
        of_image = preprocessor.parts["image"]
        images = of_image.apply(load_inputs(path, of_image))
        return [str(number + 1) for number in range(len(images))], np.asarray(images)

    def called(self, part: Dataset) -> list[str]:
        """Return the numbers of a part's pictures, from 1."""
        return [str(number + 1) for number in range(len(part))]

    def remarks(self, model: nn.Module, history: History, splits: Splits) -> list[str]:
        """Return some captions of the test part, right and wrong."""
        if splits.test is None:
            return []
        part = spread_rows(splits.test, 200)
        words = vocabulary(part)
        right, wrong = [], []
        answers = self.answers(model, part)
        for told, wanted in zip(answers, references(part), strict=True):
            if told == wanted:
                right.append(f"  {words.decode(told)}")
            else:
                wrong.append(
                    f"  {words.decode(told) or 'nothing'}   (it is {words.decode(wanted)})"
                )
        shown = [("said right:", right), ("said wrong:", wrong)]
        return [line for head, lines in shown if lines for line in (head, *some(lines, SHOWN))]

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return where the network looked for each word of one long caption."""
        if splits.test is None:
            return []
        part = spread_rows(splits.test, 50)
        longest = int(np.argmax((part.targets >= 0).sum(axis=1)))
        return [draw_attention(model, splits.preprocessor, part.inputs["image"][longest])]


def describe(
    model: Any, preprocessor: Preprocessor, images: NDArray[np.generic], *, beams: int = 4
) -> list[str]:
    """Return what a trained network says about pictures.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run, such as ``clearprop.training.load_preprocessor`` reads.
        images: (N, height, width, channels), raw, of the size that was trained on.
        beams: 1 takes the likeliest word at each step; more search for likelier captions.

    Raises:
        ShapeError: pictures of another size.
        DataError: pixels that are no bytes, where the network was trained on bytes.
    """
    words = preprocessor.vocabularies["targets"]
    told = _told(model, preprocessor, images, beams)
    return [words.decode(row) for row in told]


def _told(
    model: Any, preprocessor: Preprocessor, images: NDArray[np.generic], beams: int
) -> list[list[int]]:
    if not len(images):
        return []
    seen = np.asarray(preprocessor.parts["image"].apply(np.asarray(images)))
    first, last = (preprocessor.vocabularies["targets"].numbers[token] for token in (BEGIN, END))
    length = preprocessor.parts["words"].input_shape[0]
    return transcribe(model, seen, length=length, beams=beams, first=first, last=last)


def draw_attention(model: Any, preprocessor: Preprocessor, image: NDArray[np.generic]) -> Drawing:
    """Draw a picture once a word of its caption, with where the network looked for that word.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run.
        image: (height, width, channels), raw, of the size that was trained on.

    Raises:
        ShapeError: a picture of another size.
    """
    words = preprocessor.vocabularies["targets"]
    (told,) = _told(model, preprocessor, image[None], beams=1)
    before = np.array([[words.numbers[BEGIN], *told]], np.int32)
    seen = np.asarray(preprocessor.parts["image"].apply(image[None]))
    looked = np.asarray(model.attention({"image": seen, "words": before}))[0]
    names = [*(words.tokens[number] for number in told), "end"]
    return over_picture(looked, image, names, "Where it looked for each word")
