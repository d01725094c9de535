"""The recipe ``caption``: a network describes a picture in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from clearprop import models, nn
from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.catalog import load_inputs
from clearprop.data.vocabulary import BEGIN
from clearprop.errors import ConfigurationError
from clearprop.glass.drawings.attention import over_picture
from clearprop.glass.style import Drawing
from clearprop.recipes.configuration import Count, Listed
from clearprop.recipes.transcribing import TranscribingRecipe, numbered, spread_rows, write
from clearprop.training import History


class CaptionRecipe(TranscribingRecipe):
    """Rows of handwritten digits, named one after the other.

    Attributes:
        channels: of each convolution; pooling follows each of them.
        attention: of the decoder over the positions in the picture: "additive" or "dot".

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
        """Return the data set, which must hold pictures with captions."""
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
        """Return numbers as names and the prepared pictures of a file or folder.

        Raises:
            DataError: there are no pictures, or they are of another kind.
            ShapeError: they are of another size.
        """
        of_image = preprocessor.parts["image"]
        images = of_image.apply(load_inputs(path, of_image))
        return numbered(len(images)), np.asarray(images)

    def drawings(self, model: nn.Module, history: History, splits: Splits) -> list[Drawing]:
        """Return a drawing of the attention for each word of one long caption."""
        if splits.test is None:
            return []
        part = spread_rows(splits.test, 50)
        longest = int(np.argmax((part.targets >= 0).sum(axis=1)))
        return [draw_attention(model, splits.preprocessor, part.inputs["image"][longest])]


def describe(
    model: Any, preprocessor: Preprocessor, images: NDArray[np.generic], *, beams: int = 4
) -> list[str]:
    """Return the captions that a trained network writes for pictures.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run, as ``clearprop.training.load_preprocessor`` reads it.
        images: (N, height, width, channels), raw, of the size of the training pictures.
        beams: 1 takes the likeliest word at each step; more beams find likelier captions.

    Raises:
        ShapeError: the pictures have another size.
        DataError: the pixels are not bytes, but the network was trained on bytes.
    """
    words = preprocessor.vocabularies["targets"]
    return [words.decode(row) for row in _written(model, preprocessor, images, beams)]


def _written(
    model: Any, preprocessor: Preprocessor, images: NDArray[np.generic], beams: int
) -> list[list[int]]:
    seen = np.asarray(preprocessor.parts["image"].apply(np.asarray(images)))
    length = CaptionRecipe().longest(preprocessor, seen)
    return write(model, seen, preprocessor.vocabularies["targets"], length, beams)


def draw_attention(model: Any, preprocessor: Preprocessor, image: NDArray[np.generic]) -> Drawing:
    """Draw a picture once for each word of its caption, with the attention for that word.

    Args:
        model: of the recipe, trained.
        preprocessor: of its run.
        image: (height, width, channels), raw, of the size of the training pictures.

    Raises:
        ShapeError: the picture has another size.
    """
    words = preprocessor.vocabularies["targets"]
    (caption,) = _written(model, preprocessor, image[None], beams=1)
    before = np.array([[words.numbers[BEGIN], *caption]], np.int32)
    seen = np.asarray(preprocessor.parts["image"].apply(image[None]))
    looked = np.asarray(model.attention({"image": seen, "words": before}))[0]
    names = [*(words.tokens[number] for number in caption), "end"]
    return over_picture(looked, image, names, "Where it looked for each word")
