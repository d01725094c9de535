"""A captioner: a convolutional network reads a picture, a recurrent network describes it.

Shape letters: B pictures, height x width of a picture, C its channels, S places of the feature map,
M channels of the feature map, T words, K words known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from clearprop import nn, ops
from clearprop.errors import ConfigurationError, ShapeError
from clearprop.models.attentive_decoder import AttentiveDecoder, Writing
from clearprop.models.checks import named_shapes
from clearprop.nn.fields import Array, static


class Captioner(nn.Module):
    """Writes words about a picture, and attends to places of the picture for each word.

    It takes ``{"image": (B, height, width, C), "words": (B, T)}``, the word before each place, and
    returns logits (B, T, K) of the word that follows. To write a caption, call `begin` with the
    picture and `step` for each word.

    For pictures of 28 x 140 and ``channels=(16, 32, 64)``:

        image                              (B, 28, 140, 1)
        conv 3x3, relu, max-pool 2x2       (B, 14, 70, 16)
        conv 3x3, relu, max-pool 2x2       (B, 7, 35, 32)
        conv 3x3, relu, max-pool 2x2       (B, 3, 17, 64)
        places, each with its own vector   (B, 51, 64)
        decoder with attention             (B, T, K)

    Args:
        shape: of a picture: height, width, C.
        words: K.
        channels: of the convolutions, each followed by pooling.
        embedding_features: of a word.
        hidden_size: units of the decoder.
        attention: "additive" or "dot", see `AttentiveDecoder`.
        dropout: rate on embeddings and before the last layer.

    Raises:
        ConfigurationError: the pictures are too small for so many poolings.
        ShapeError: the inputs are not pictures of this shape with words.

    >>> model = Captioner((8, 24, 1), 14, channels=(8, 16), hidden_size=16).init(0)
    >>> x = {"image": jnp.ones((2, 8, 24, 1)), "words": jnp.array([[2, 5], [2, 6]])}
    >>> model(x).shape, model.attention(x).shape
    ((2, 2, 14), (2, 2, 2, 6))

    Source: Xu et al. (2015), *Show, attend and tell*, soft attention. There a network trained on
    ImageNet reads the picture; here the convolutions are trained with the rest, and each place of
    the feature map has a learned vector, which distinguishes equal things at two places.
    """

    convolutions: tuple[nn.Conv2d, ...]
    pool: nn.MaxPool2d
    places: nn.LearnedPositions
    decoder: AttentiveDecoder
    shape: tuple[int, ...] = static()

    def __init__(
        self,
        shape: Sequence[int],
        words: int,
        *,
        channels: Sequence[int] = (16, 32, 64),
        embedding_features: int = 32,
        hidden_size: int = 128,
        attention: str = "additive",
        dropout: float = 0.0,
    ) -> None:
        height, width, depth = shape
        map_height, map_width = (side // 2 ** len(channels) for side in (height, width))
        if not map_height * map_width or not channels:
            raise ConfigurationError(
                "the pictures are too small for so many poolings",
                where="Captioner",
                given=f"pictures of {height} x {width}, channels={tuple(channels)}",
                fix="fewer channels: each number is a convolution and a pooling by 2",
            )
        self.convolutions = tuple(
            nn.Conv2d(before, after, 3, padding="same", weight_init=nn.initializers.he_normal)
            for before, after in zip((depth, *channels), channels, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.places = nn.LearnedPositions(map_height * map_width, channels[-1])
        self.decoder = AttentiveDecoder(
            words,
            channels[-1],
            channels[-1],
            embedding_features=embedding_features,
            hidden_size=hidden_size,
            attention=attention,
            dropout=dropout,
        )
        self.shape = tuple(shape)

    def __call__(self, x: Mapping[str, Array]) -> Array:
        self._check(x)
        return self.decoder(x["words"], self.begin(x["image"]))

    def begin(self, image: Array, length: int | None = None) -> Writing:
        """Return the state of the decoder before the first word, for pictures (B, *shape).

        Other models need ``length``, to make room for so many tokens; this one ignores it.
        """
        self._check_image(image)
        seen = image
        for convolution in self.convolutions:
            seen = self.pool(ops.relu(convolution(seen)))
        B, height, width, M = seen.shape
        values = self.places(ops.reshape(seen, shape=(B, height * width, M)))
        mask = jnp.ones((B, height * width), bool)
        return self.decoder.begin(values, mask, ops.mean(values, axis=1))

    def step(self, state: Writing, tokens: Array) -> tuple[Array, Writing]:
        """Return log-probabilities (B, K) of the word after one more word (B,), and the state."""
        return self.decoder.step(state, tokens)

    def attention(self, x: Mapping[str, Array]) -> Array:
        """Return the attention of each word to each place of the map, (B, T, rows, columns)."""
        self._check(x)
        weights = self.decoder.write(x["words"], self.begin(x["image"]))[1]
        rows, columns = (side // 2 ** len(self.convolutions) for side in self.shape[:2])
        return ops.reshape(weights, shape=(*weights.shape[:2], rows, columns))

    def _check(self, x: Any) -> None:
        given = named_shapes(x)
        if list(given) == ["image", "words"]:
            self._check_image(x["image"])
            words = given["words"]
            if len(words) == 2 and words[0] == given["image"][0] and x["words"].dtype.kind in "iu":
                return
        raise ShapeError(
            f"the model takes pictures of {self._size} with the words before each place",
            given=str(given or type(x).__name__),
            expected="by name: image and, as whole numbers, words (batch, T)",
        )

    def _check_image(self, image: Array) -> None:
        if tuple(image.shape[1:]) != self.shape:
            raise ShapeError(
                f"the model takes pictures of {self._size}",
                given=f"image {tuple(image.shape)}",
                expected=f"image (batch, {', '.join(map(str, self.shape))})",
                fix="make a model for pictures of this size, or resize the pictures",
            )

    @property
    def _size(self) -> str:
        return " x ".join(map(str, self.shape))
