"""What the user gives in place of an example: a picture, a text, or a row of numbers.

It is prepared as the run prepares its examples, so that the model sees the same kind of numbers.

Shape letters: T tokens of a text.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop.data import Vocabulary
from clearprop.data.pictures import read_picture
from clearprop.data.vocabulary import UNKNOWN
from clearprop.errors import ClearpropError, ConfigurationError, DataError
from clearprop.glass.wording import visible
from clearprop.studio.models.causal import is_causal
from clearprop.studio.models.fitted_picture import fitted
from clearprop.studio.models.messages import PassRequest, Pixels
from clearprop.studio.models.opened import FEW_GRAYS, Opened

SIGNATURES = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg"}
"""The beginnings of the files that are taken."""

FULL = 255
LARGEST_SIDE = 512
"""Of a picture that is cut to its ink: a larger one is scaled down first."""

ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
"""The entry of a photograph that says how it was held, and its values for one on its side."""

NAMED = 5

MOST_PLACES = 512
"""Of a text for a network without a limit of its own: every place has arrays in each layer."""

ROOMS = (32, 64, 128, 256, 512)
"""The lengths to which texts are filled up."""


@dataclass(frozen=True, eq=False)
class OwnInput:
    """An input of the user's own, as the model takes it.

    Attributes:
        x: with a batch of one.
        title: what it is.
        raw: the pixels (H, W, C) of a picture, as they were given to the preparation.
        tokens: of a text, as the model reads them, (T,); None for other inputs.
        places: how many of the tokens are of the text; the others fill it up.
        remarks: what the reader has to know.
    """

    x: object
    title: str
    raw: NDArray[np.uint8] | None = None
    tokens: NDArray[np.int32] | None = None
    places: int = 0
    remarks: tuple[str, ...] = ()


def own_input(opened: Opened, request: PassRequest) -> OwnInput | None:
    """Return what the user gave, prepared; None where an example was asked for.

    Raises:
        ClearpropError: it is damaged or too large, or the model takes something else.
    """
    given = {
        "text": request.text is not None,
        "picture": request.picture is not None or request.pixels is not None,
        "numbers": request.numbers is not None,
    }
    named = [name for name, is_given in given.items() if is_given]
    if not named:
        return None
    if len(named) > 1 or request.example is not None:
        raise ConfigurationError(
            "a pass is made for one input",
            given=", ".join([*named, *(["an example"] if request.example is not None else [])]),
        )
    (kind,) = named
    if kind not in opened.takes:
        takes = " or ".join(name for name in opened.takes if name != "example")
        raise ConfigurationError(
            "the network takes another kind of input",
            where=opened.entry.title,
            given=f"a {kind}" if kind != "numbers" else "a row of numbers",
            expected=takes or "one of its examples",
        )
    if request.text is not None:
        return _of_text(opened, request.text, request.roomy)
    if request.numbers is not None:
        return _of_numbers(opened, request.numbers)
    return _of_picture(opened, request)


# -- pictures -----------------------------------------------------------------------------------


def _of_picture(opened: Opened, request: PassRequest) -> OwnInput:
    shape = opened.picture_shape
    assert shape is not None
    remarks = []
    layout = opened.layout if request.fitted else None
    # What is fitted is cut before it is scaled, so it is read as large as it is.
    if request.pixels is not None:
        given, title = _as_drawn(request.pixels), "your drawing"
        pixels = given if layout is not None else _of_size(given, shape)
    else:
        transparency = opened.preprocessor.transparency if opened.preprocessor else "white"
        content, title = decoded(request.picture or ""), "your picture"
        own = _own_shape(content, shape[2]) if layout is not None else shape
        pixels = file_pixels(content, own, transparency)
    if layout is not None:
        pixels = fitted(pixels, layout)
        remarks.append(layout.words)
    elif request.fitted:
        remarks.append(
            f"The examples fill their whole pictures, so yours is stretched to {shape[0]} x "
            f"{shape[1]} pixels."
        )
    if request.inverted:
        pixels = FULL - pixels
    preprocessor = opened.preprocessor
    if preprocessor is not None and preprocessor.kind == "bytes":
        top = opened.subject.brightest
        raw: NDArray[Any] = pixels
        if 0 < top <= FEW_GRAYS:
            raw = np.rint(pixels * (top / FULL)).astype(np.uint8)
            remarks.append(f"Its grays are reduced to 0 to {top}, as those of the examples.")
        kept = preprocessor.encode(raw[None])
    else:
        low, high = _range(opened)
        kept = (low + (high - low) * (pixels[None].astype(np.float32) / FULL)).astype(np.float32)
        remarks.append(f"Black is {low:.3g} and white is {high:.3g}, as in the examples.")
    return OwnInput(opened.inputs.inputs(kept), title, pixels, remarks=tuple(remarks))


def _range(opened: Opened) -> tuple[float, float]:
    """Return the smallest and the largest number among some examples."""
    few = np.arange(min(len(opened), 100))
    kept = np.asarray(opened.subject.inputs[few], np.float32)
    return float(kept.min()), float(kept.max())


def decoded(text: str) -> bytes:
    """Return the bytes that a text in base64 stands for.

    Raises:
        DataError: it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError("the picture was damaged on its way: it is no base64") from error


def file_pixels(
    content: bytes, shape: tuple[int, int, int], transparency: Any = "white"
) -> NDArray[np.uint8]:
    """Return the pixels (H, W, C) of a PNG or JPEG file, stretched to a shape as in training.

    Raises:
        DataError: it is another kind of file, damaged, or too large for the memory.
    """
    suffix = next((s for begin, s in SIGNATURES.items() if content.startswith(begin)), None)
    if suffix is None:
        raise DataError("this is no picture that can be read", expected="a PNG or JPEG file")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{suffix}"
        path.write_bytes(content)
        try:
            return read_picture(path, shape[:2], shape[2], transparency)
        except ClearpropError as error:
            error.where = "the picture"  # the place of the copy says nothing
            raise


def _own_shape(content: bytes, channels: int) -> tuple[int, int, int]:
    """Return height and width of a picture file, at most `LARGEST_SIDE`, and the channels."""
    from PIL import Image

    with contextlib.suppress(OSError, ValueError), Image.open(io.BytesIO(content)) as picture:
        width, height = picture.size
        if picture.getexif().get(ORIENTATION, 1) in TURNED:
            width, height = height, width
        scale = min(1.0, LARGEST_SIDE / max(width, height))
        return max(1, round(scale * height)), max(1, round(scale * width)), channels
    return LARGEST_SIDE, LARGEST_SIDE, channels  # `file_pixels` says what is wrong with it


def _as_drawn(pixels: Pixels) -> NDArray[np.uint8]:
    """Return what was drawn, as large as it was drawn.

    Raises:
        DataError: it does not have as many bytes as its shape says.
    """
    content = np.frombuffer(decoded(pixels.data), np.uint8)
    if content.size != int(np.prod(pixels.shape)):
        raise DataError(
            "the drawing does not have as many bytes as its shape says",
            given=f"{content.size} bytes for {pixels.shape}",
        )
    return content.reshape(pixels.shape)


def _of_size(drawn: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return a drawing scaled to the size of the examples and with their channels."""
    from PIL import Image

    if drawn.shape[2] != shape[2]:
        gray = (
            drawn[:, :, :3].mean(axis=2, keepdims=True) if drawn.shape[2] >= 3 else drawn[..., :1]
        )
        drawn = np.rint(gray).astype(np.uint8).repeat(shape[2], axis=2)
    if drawn.shape[:2] != shape[:2]:
        size = (shape[1], shape[0])
        planes = [
            np.asarray(Image.fromarray(drawn[:, :, k]).resize(size, Image.Resampling.BOX))
            for k in range(shape[2])
        ]
        drawn = np.stack(planes, axis=2)
    return drawn


# -- texts and numbers --------------------------------------------------------------------------


def _of_text(opened: Opened, text: str, roomy: bool) -> OwnInput:
    vocabulary = opened.vocabulary
    assert vocabulary is not None
    if opened.predicts_next:
        return _continuous(opened, vocabulary, text, roomy)
    words = vocabulary.split(text)
    if not words:
        raise DataError("there is no word in this text", given=repr(text[:40]))
    length = opened.input_shape[0]
    tokens = vocabulary.encode_all([words[:length]], length)
    unknown = vocabulary.unknown(words[:length])
    remarks = []
    if unknown:
        names = ", ".join(repr(word) for word in dict.fromkeys(unknown[:NAMED]))
        remarks.append(f"Words that the network does not know are read as {UNKNOWN}: {names}.")
    if len(words) > length:
        remarks.append(f"The text is cut after its word {length}.")
    return _tokens(opened, tokens[0], min(len(words), length), remarks)


def _continuous(opened: Opened, vocabulary: Vocabulary, text: str, roomy: bool) -> OwnInput:
    """Return a text whose next token is predicted at each place; of a long one the end."""
    tokens = vocabulary.encode(text, where="the text")
    if not len(tokens):
        raise DataError("the text is empty", expected="at least one character")
    most = opened.longest_text or MOST_PLACES
    remarks = [f"The network reads the last {most} places."] if len(tokens) > most else []
    tokens = tokens[-most:]
    places = len(tokens)
    if roomy and is_causal(opened.subject.model):
        room = min(most, next((size for size in ROOMS if size >= places), most))
        tokens = np.pad(tokens, (0, room - places))
    return _tokens(opened, tokens, places, remarks)


def _tokens(opened: Opened, tokens: NDArray[np.int32], places: int, remarks: list[str]) -> OwnInput:
    x = opened.inputs.inputs(tokens[None])
    return OwnInput(x, "your text", None, tokens, places, tuple(remarks))


def _of_numbers(opened: Opened, numbers: tuple[float, ...]) -> OwnInput:
    shape = opened.input_shape
    row = np.array(numbers, np.float64)
    if row.shape != shape or not np.isfinite(row).all():
        raise DataError(
            "the row does not fit the network",
            given=f"{len(row)} numbers",
            expected=f"{shape[0]} finite numbers",
        )
    preprocessor = opened.preprocessor
    kept = preprocessor.encode(row[None]) if preprocessor is not None else row[None]
    return OwnInput(opened.inputs.inputs(kept), "your numbers")


def token_names(vocabulary: Vocabulary | None, tokens: NDArray[np.integer]) -> tuple[str, ...]:
    """Return the names of tokens with signs for white space; their numbers without a vocabulary."""
    if vocabulary is None:
        return tuple(str(token) for token in tokens.tolist())
    return tuple(visible(vocabulary.tokens[token]) for token in tokens.tolist())
