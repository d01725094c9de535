"""Small networks with initial values, and a viewer of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from clearprop import data, models, nn
from clearprop.data import Dataset, Preprocessor, Vocabulary
from clearprop.data.preprocessor import INPUTS
from clearprop.studio.frames import unpack
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.passes import ViewedPass
from clearprop.studio.models.sources import Offer, Sources
from clearprop.studio.models.viewer import Viewer

ALPHABET = tuple("abcdefghij kl")
WINDOW = 7


class Frame(NamedTuple):
    """A frame, read."""

    header: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class Seen:
    """A viewer with one source, and what a page would do with it."""

    def __init__(self, viewer: Viewer, source: str) -> None:
        self.viewer = viewer
        self.source = source

    def begin(self, **wanted: Any) -> Frame:
        return read(self.viewer.begin(PassRequest(self.source, **wanted)))

    def seen(self, **wanted: Any) -> ViewedPass:
        return self.viewer.seen(self.begin(**wanted).header["pass_id"])


def read(frame: bytes) -> Frame:
    return Frame(*unpack(frame))


def viewed(offer: Offer, folder: Path = Path("no-such-folder")) -> Seen:
    sources = Sources(folder, offers=[offer])
    return Seen(Viewer(sources), "object:0")


def letters() -> tuple[Dataset, Preprocessor]:
    """Windows of a text of few letters, and what prepares them."""
    random = np.random.default_rng(1)
    tokens = random.integers(0, len(ALPHABET), (6, WINDOW + 1), np.int32)
    vocabularies = {INPUTS: Vocabulary(ALPHABET, "character")}
    preprocessor = Preprocessor.fit(
        tokens[:, :-1], task="text", class_names=ALPHABET, vocabularies=vocabularies
    )
    windows = Dataset(
        "letters",
        tokens[:, :-1],
        tokens[:, 1:],
        "text",
        ALPHABET,
        vocabularies=vocabularies,
    )
    return windows.preprocessed(preprocessor), preprocessor


def of_text(model: nn.Module, init: bool = True) -> Seen:
    windows, preprocessor = letters()
    model = model.init(0) if init else model
    return viewed(Offer("letters", model, "sequence_cross_entropy", preprocessor, windows))


@pytest.fixture(scope="module")
def lenet() -> Seen:
    """LeNet-5 on digits of 28 x 28, as bytes."""
    digits = data.load("digits")
    pixels = np.kron(digits.inputs[:20] * np.uint8(15), np.ones((1, 3, 3, 1), np.uint8))
    pixels = np.pad(pixels, [(0, 0), (2, 2), (2, 2), (0, 0)])
    targets = digits.targets[:20]
    preprocessor = Preprocessor.fit(pixels, targets, class_names=digits.class_names)
    made = Dataset("digits", pixels, targets, "classification", digits.class_names)
    offer = Offer("LeNet-5", models.LeNet5().init(0), None, preprocessor, made)
    return viewed(offer)


@pytest.fixture(scope="module")
def gpt() -> Seen:
    """A GPT of two blocks with two heads."""
    return of_text(models.GPT(len(ALPHABET), 10, 8, layers=2, heads=2))


@pytest.fixture(scope="module")
def lstm() -> Seen:
    """An LSTM of two layers."""
    model = models.RecurrentLanguageModel(
        len(ALPHABET), cell="lstm", embedding_features=4, hidden_size=5, layers=2
    )
    return of_text(model)
