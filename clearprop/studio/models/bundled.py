"""The networks of `clearprop.models` with initial values, each with examples to look at.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clearprop import data, models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.studio.models.made_up import made_up
from clearprop.studio.models.messages import SourceEntry
from clearprop.studio.models.opened import Opened, untrained_subject

IMAGENET_CENTER = (123.675, 116.28, 103.53)
IMAGENET_SPREAD = (58.395, 57.12, 57.375)
"""Mean and deviation of the bytes of ImageNet's red, green and blue."""

PALACE, DAISY = 698, 985
"""Numbers of two classes of ImageNet."""

INITIAL = "The weights are initial values, so the predictions mean nothing yet."

WINDOW = 32
"""Characters of an example of a text."""

DIGITS = 200


class Bundled(NamedTuple):
    """A network and its examples.

    Attributes:
        title: for the list.
        about: one sentence.
        model: makes it, without values.
        examples: makes its examples and what prepares them, given the model.
        loss: with which its outputs are compared.
    """

    title: str
    about: str
    model: Callable[[], nn.Module]
    examples: Callable[[], tuple[Dataset | tuple[object, object], Preprocessor | None]]
    loss: str = "cross_entropy"

    @property
    def pictures(self) -> bool:
        """Whether it takes pictures; all others read tokens."""
        return self.loss == "cross_entropy"

    @property
    def texts(self) -> bool:
        """Whether it predicts the next character of a text."""
        return self.examples is _text


def open_bundled(entry: SourceEntry, name: str) -> Opened:
    """Return a network by its name in `BUNDLED`, opened."""
    found = BUNDLED[name]
    examples, preprocessor = found.examples()
    subject = untrained_subject(
        found.model(),
        nn.find_loss(found.loss),
        examples,
        part="given" if isinstance(examples, Dataset) else "made up",
        preprocessor=preprocessor,
        name=examples.name if isinstance(examples, Dataset) else "",
    )
    followed = f"the loss {found.loss} of the example"
    return Opened(entry, subject, followed, subject.loss, remarks=(INITIAL,))


def _digits(size: int, channels: int = 1) -> tuple[Dataset, Preprocessor]:
    """Return handwritten digits of 8 x 8, enlarged by a whole factor with a border around them."""
    digits = data.load("digits")
    factor = size // 8
    first = (size - 8 * factor) // 2
    border = (first, size - 8 * factor - first)
    small = digits.inputs[:DIGITS].astype(np.uint8) * np.uint8(15)  # of 16 grays
    large = small.repeat(factor, axis=1).repeat(factor, axis=2).repeat(channels, axis=3)
    pixels: NDArray[np.uint8] = np.pad(large, [(0, 0), border, border, (0, 0)])
    targets = digits.targets[:DIGITS]
    preprocessor = Preprocessor.fit(pixels, targets, class_names=digits.class_names)
    made = Dataset(
        "digits", pixels, targets, "classification", digits.class_names, licence=digits.licence
    )
    return made.preprocessed(preprocessor), preprocessor


def _flat_digits() -> tuple[Dataset, Preprocessor]:
    return _digits(8)


def _photographs(size: int) -> tuple[Dataset, Preprocessor]:
    """Return the two photographs of scikit-learn, cut to squares and scaled."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    squares = []
    for picture in load_sample_images().images:
        side = min(picture.shape[:2])
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        square = Image.fromarray(picture[top : top + side, left : left + side])
        squares.append(np.asarray(square.resize((size, size), Image.Resampling.BILINEAR)))
    preprocessor = Preprocessor(
        "bytes", (size, size, 3), center=IMAGENET_CENTER, spread=IMAGENET_SPREAD
    )
    made = Dataset(
        "photographs",
        np.stack(squares),
        np.array([PALACE, DAISY], np.int32),
        "classification",
        row_names=("a palace", "a flower"),
        source="scikit-learn: china.jpg and flower.jpg",
        licence="CC BY 2.0",
    )
    return made.preprocessed(preprocessor), preprocessor


def _text() -> tuple[Dataset, Preprocessor]:
    """Return windows of Python's reference topics, character by character."""
    splits = data.load("python-topics", sequence_length=WINDOW).split(dev=0.1)
    assert splits.dev is not None
    return splits.dev, splits.preprocessor


def _characters() -> int:
    return len(data.load("python-topics", sequence_length=WINDOW).class_names or ())


def _gpt() -> nn.Module:
    return models.GPT(_characters(), 128, 64, layers=4, heads=4)


def _recurrent(cell: str) -> Callable[[], nn.Module]:
    return lambda: models.RecurrentLanguageModel(
        _characters(), cell=cell, embedding_features=32, hidden_size=64
    )


BUNDLED: dict[str, Bundled] = {
    "mlp": Bundled(
        "MLP, 64-32-16-10",
        "Fully connected layers on handwritten digits of 8 x 8.",
        lambda: nn.Sequential([nn.Flatten(), models.MLP((64, 32, 16, 10))]),
        _flat_digits,
    ),
    "lenet5": Bundled(
        "LeNet-5",
        "Two convolutions with pools and three fully connected layers (1998).",
        models.LeNet5,
        lambda: _digits(28),
    ),
    "alexnet": Bundled(
        "AlexNet",
        "The network that won ImageNet in 2012, with 62 million parameters.",
        models.AlexNet,
        lambda: _photographs(227),
    ),
    "resnet20": Bundled(
        "ResNet-20",
        "A residual network for pictures of 32 x 32.",
        models.small_resnet,
        lambda: _digits(32, 3),
    ),
    "resnet50": Bundled(
        "ResNet-50",
        "A residual network of 50 layers for pictures of 224 x 224, with 26 million parameters.",
        models.resnet50,
        lambda: _photographs(224),
    ),
    "lstm": Bundled(
        "LSTM for characters",
        "A recurrent network with gates that predicts the next character.",
        _recurrent("lstm"),
        _text,
        "sequence_cross_entropy",
    ),
    "gru": Bundled(
        "GRU for characters",
        "A recurrent network with two gates that predicts the next character.",
        _recurrent("gru"),
        _text,
        "sequence_cross_entropy",
    ),
    "gpt": Bundled(
        "GPT for characters",
        "Four transformer blocks with four heads each predict the next character.",
        _gpt,
        _text,
        "sequence_cross_entropy",
    ),
    "gpt2": Bundled(
        "GPT-2, smallest form",
        "Twelve transformer blocks with 124 million parameters.",
        models.GPT,
        lambda: (made_up({"": (16,)}, 50257, "token"), None),
        "sequence_cross_entropy",
    ),
    "transformer": Bundled(
        "Transformer, encoder and decoder",
        "Sequence to sequence by attention (2017), with small layers.",
        lambda: models.Transformer(60, 50, 64, layers=2, heads=4),
        lambda: (made_up({"source": (9,), "target": (8,)}, 50, "token"), None),
        "sequence_cross_entropy",
    ),
}
"""The networks by name, in the order of the list."""
