"""Pictures, texts and rows of numbers of the user's own."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clearprop import data, models, nn
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ClearpropError, ConfigurationError, DataError
from clearprop.studio.models.messages import Pixels
from clearprop.studio.models.own_input import file_pixels
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import ALPHABET, Seen, viewed


def file_of(pixels: NDArray[np.uint8], kind: str = "PNG") -> str:
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, kind)
    return base64.b64encode(made.getvalue()).decode()


def gray(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def input_of(network: Seen, **wanted: Any) -> NDArray[np.float32]:
    return np.asarray(network.seen(**wanted).aim.x)


def test_a_picture_is_prepared_as_the_examples_are(lenet: Seen) -> None:
    subject = lenet.viewer.opened(lenet.source).subject
    example = np.asarray(subject.inputs[4])
    expected = input_of(lenet, example=4)
    np.testing.assert_array_equal(input_of(lenet, picture=file_of(example[..., 0])), expected)
    drawn = Pixels((28, 28, 1), base64.b64encode(example.tobytes()).decode())
    np.testing.assert_array_equal(input_of(lenet, pixels=drawn), expected)
    inverted = 255 - example[..., 0]
    np.testing.assert_array_equal(
        input_of(lenet, picture=file_of(inverted), inverted=True), expected
    )


def test_its_target_is_what_the_network_predicts(lenet: Seen) -> None:
    header = lenet.begin(picture=file_of(gray(40, 30), "JPEG")).header
    assert header["example"] is None
    assert header["target"] == header["prediction"]
    assert header["right"] is None
    assert header["picture"].startswith("data:image/png;base64,")
    assert lenet.begin(picture=file_of(gray(40, 30)), target=3).header["target"] == "3"


def test_a_drawing_of_another_size_and_with_colors(lenet: Seen) -> None:
    large = np.zeros((56, 56, 4), np.uint8)
    large[20:40, 20:40, :3] = 200
    x = input_of(lenet, pixels=Pixels((56, 56, 4), base64.b64encode(large.tobytes()).decode()))
    assert x.shape == (1, 28, 28, 1)
    assert x[0, 15, 15, 0] > x[0, 2, 2, 0]


def test_few_grays_stay_few() -> None:
    digits = data.load("digits")
    splits = digits.split(test=0.2)
    model = nn.Sequential([nn.Flatten(), nn.Linear(64, 10)]).init(0)
    network = viewed(Offer("digits", model, data=splits))
    header = network.begin(picture=file_of(np.full((8, 8), 255, np.uint8))).header
    assert any("0 to 16" in remark for remark in header["remarks"])
    white = input_of(network, picture=file_of(np.full((8, 8), 255, np.uint8)))
    expected = splits.preprocessor.apply(np.full((1, 8, 8, 1), 16, np.uint8))
    np.testing.assert_array_equal(white, expected)


def test_pictures_without_a_preparation_have_the_range_of_the_examples() -> None:
    x = np.linspace(-1, 3, 2 * 6 * 6).reshape(2, 6, 6, 1).astype(np.float32)
    model = nn.Sequential([nn.Flatten(), nn.Linear(36, 2)]).init(0)
    network = viewed(Offer("floats", model, data=(x, np.array([0, 1]))))
    found = input_of(network, picture=file_of(np.array([[0, 255]] * 6, np.uint8)))
    assert (found.min(), found.max()) == pytest.approx((-1, 3))


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0 cut off", b"GIF89a" + bytes(40)],
)
def test_what_is_no_picture(content: bytes) -> None:
    with pytest.raises(DataError):
        file_pixels(content, (8, 8, 1))


def test_a_picture_that_claims_to_be_huge_is_refused() -> None:
    content = bytearray(base64.b64decode(file_of(gray(4, 4))))
    content[16:24] = (200_000).to_bytes(4, "big") * 2  # width and height in the header
    content[29:33] = (0).to_bytes(4, "big")
    with pytest.raises(ClearpropError):
        file_pixels(bytes(content), (8, 8, 1))


def test_damaged_requests(lenet: Seen, gpt: Seen) -> None:
    for wanted in (
        {"picture": "***"},
        {"pixels": Pixels((8, 8, 1), "AAAA")},
        {"picture": file_of(gray(4, 4)), "example": 1},
        {"text": "abc"},
        {"numbers": (1.0,)},
    ):
        with pytest.raises(ClearpropError):
            lenet.begin(**wanted)
    with pytest.raises(ConfigurationError, match=r"(?s)another kind of input.*expected: text"):
        gpt.begin(picture=file_of(gray(4, 4)))


def test_a_text_is_read_by_the_vocabulary_of_the_run(gpt: Seen) -> None:
    header = gpt.begin(text="abc d").header
    seen = gpt.viewer.seen(header["pass_id"])
    np.testing.assert_array_equal(seen.aim.x, [[ALPHABET.index(c) for c in "abc d"]])
    # Each place is compared with the next character; what follows the last one is not known.
    np.testing.assert_array_equal(seen.aim.y, [[*(ALPHABET.index(c) for c in "bc d"), -1]])
    assert header["target"] == ""
    with pytest.raises(DataError, match="'Q' is not in the vocabulary"):
        gpt.begin(text="aQ")
    with pytest.raises(DataError, match="empty"):
        gpt.begin(text="")
    one = gpt.begin(text="a").header
    assert one["target"] == one["prediction"]
    last = gpt.begin(text="abc", position=2).header
    assert last["target"] == last["prediction"]
    assert last["right"] is None


def test_a_text_of_another_length_has_a_graph_of_its_own(gpt: Seen) -> None:
    usual = gpt.viewer.graph(gpt.source)
    header = gpt.begin(text="abc").header
    assert header["own_graph"]
    own = gpt.viewer.graph(gpt.source, header["pass_id"])
    seen = gpt.viewer.seen(header["pass_id"])
    assert [node.shape for node in own.nodes] == [node.shape for node in seen.glass]
    assert [group.path for group in own.groups] == [group.path for group in usual.groups]
    assert not gpt.begin(text="abcdefg").header["own_graph"]
    assert not gpt.begin(example=0).header["own_graph"]


def test_a_long_text_keeps_its_end(gpt: Seen) -> None:
    header = gpt.begin(text="abcdefghijkl").header
    seen = gpt.viewer.seen(header["pass_id"])
    assert seen.aim.places == 10
    assert np.asarray(seen.aim.x)[0, -1] == ALPHABET.index("l")
    assert any("last 10 places" in remark for remark in header["remarks"])


def test_words_that_are_not_known_are_told() -> None:
    texts = ["the sun is warm", "the rain is cold", "warm sun", "cold rain"] * 3
    vocabulary = data.Vocabulary.from_texts(texts)
    tokens = vocabulary.encode_all(texts, 5)
    labels = np.array([0, 1, 0, 1] * 3, np.int32)
    named = {"inputs": vocabulary}
    preprocessor = Preprocessor.fit(tokens, class_names=("sun", "rain"), vocabularies=named)
    made = Dataset("words", tokens, labels, "classification", ("sun", "rain"), vocabularies=named)
    model = models.WordClassifier(len(vocabulary), 2, embedding_features=4).init(0)
    network = viewed(Offer("words", model, None, preprocessor, made.preprocessed(preprocessor)))
    header = network.begin(text="The moon is cold and the sun is far").header
    assert any("<unk>: 'moon'" in remark for remark in header["remarks"])
    assert any("cut after its word 5" in remark for remark in header["remarks"])
    assert header["target"] == header["prediction"]


def test_a_row_of_numbers() -> None:
    iris = data.load("iris").split(test=0.2)
    network = viewed(Offer("iris", nn.Linear(4, 3).init(0), data=iris))
    row = (5.1, 3.5, 1.4, 0.2)
    expected = iris.preprocessor.apply(np.array([row]))
    np.testing.assert_allclose(input_of(network, numbers=row), expected)
    for bad in ((1.0,), (1.0, 2.0, 3.0, float("nan"))):
        with pytest.raises(DataError, match="does not fit"):
            network.begin(numbers=bad)


def test_a_regression_is_compared_with_the_mean() -> None:
    x = np.arange(8.0).reshape(4, 2).astype(np.float32)
    network = viewed(Offer("line", nn.Linear(2, 1).init(0), data=(x, x[:, :1])))
    header = network.begin(numbers=(1.0, 1.0)).header
    assert header["target"] == "3"
    assert any("mean of the examples" in remark for remark in header["remarks"])
