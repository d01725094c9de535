import numpy as np
import pytest

from clearprop.data import Dataset, Preprocessor, batches
from clearprop.data.vocabulary import WRITING, Vocabulary
from clearprop.errors import DataError, ShapeError

LETTERS = Vocabulary(("<pad>", "<unk>", "a", "b", "c"), "character")
SOUNDS = Vocabulary((*WRITING, "X", "Y"), "symbol")


def pairs(n=20):
    rng = np.random.default_rng(0)
    return Dataset(
        "pairs",
        {
            "target": rng.integers(2, 6, (n, 4)).astype(np.int32),
            "source": rng.integers(2, 5, (n, 3)).astype(np.int32),
            "picture": rng.integers(0, 256, (n, 2, 2, 1)).astype(np.uint8),
            "extra": rng.normal(3, 2, (n, 2)),
        },
        rng.integers(-1, 6, (n, 4)),
        "text",
        class_names=SOUNDS.tokens,
        vocabularies={"source": LETTERS, "target": SOUNDS, "targets": SOUNDS},
        groups=np.arange(n),
    )


SHAPES = {"extra": (2,), "picture": (2, 2, 1), "source": (3,), "target": (4,)}


def test_what_a_set_of_named_inputs_says_of_itself():
    made = pairs()
    assert len(made) == 20
    assert made.input_shape == SHAPES
    assert made.size_in_bytes == 20 * (4 * 4 + 3 * 4 + 4 + 2 * 8)
    assert not made.streamed
    some = made.take(np.array([3, 1]))
    np.testing.assert_array_equal(some.inputs["source"], made.inputs["source"][[3, 1]])
    assert some.groups.tolist() == [3, 1]


def test_each_input_is_prepared_by_what_the_training_rows_say_of_it():
    parts = pairs().split(dev=0.2, test=0.2)
    assert parts.input_shape == parts.preprocessor.encoded_shape == SHAPES
    assert {name: p.kind for name, p in parts.preprocessor.parts.items()} == {
        "extra": "numbers",
        "picture": "bytes",
        "source": "tokens",
        "target": "tokens",
    }
    np.testing.assert_allclose(parts.train.inputs["extra"].mean(axis=0), 0, atol=1e-6)
    assert parts.train.inputs["picture"].dtype == np.uint8
    seen = parts.preprocessor.scaled(parts.train.inputs)
    assert list(seen) == sorted(SHAPES)
    assert abs(seen["picture"].mean()) < 1e-5
    np.testing.assert_array_equal(seen["target"], parts.train.inputs["target"])


def test_the_record_of_named_inputs_returns():
    preprocessor = pairs().split().preprocessor
    again = Preprocessor.from_json(preprocessor.to_json())
    assert again == preprocessor
    assert again.vocabularies["source"].encode("abc").tolist() == [2, 3, 4]
    raw = pairs().inputs
    for name, values in again.apply(raw).items():
        np.testing.assert_array_equal(values, preprocessor.apply(raw)[name])


def test_named_inputs_of_a_streamed_set_are_the_same_numbers():
    made = pairs()
    streamed = {name: FromDisk(values) for name, values in made.inputs.items()}
    held, fetched = made.split(), Dataset(
        "pairs", streamed, made.targets, "text", class_names=made.class_names,
        vocabularies=made.vocabularies, groups=made.groups,
    ).split()  # fmt: skip
    assert fetched.streamed
    for mine, other in zip(batches(held.train, 4), batches(fetched.train, 4), strict=True):
        assert list(mine.inputs) == list(other.inputs) == sorted(SHAPES)
        for name in SHAPES:
            np.testing.assert_allclose(mine.inputs[name], other.inputs[name], atol=1e-6)


class FromDisk:
    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        return self.array[rows]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "needs a name"),
        ({1: np.zeros((3, 2))}, "needs a name"),
        ({"a": np.zeros((3, 2)), "b": np.zeros((2, 2))}, "3 of a, 2 of b"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 2))}, "one target for each"),
        ({"a": np.zeros((3, 0))}, "examples are empty"),
        ({"a": np.full((3, 2), np.nan)}, "not a finite number"),
    ],
)
def test_wrong_named_inputs(inputs, message):
    with pytest.raises(DataError, match=message):
        Dataset("mine", inputs, np.arange(3), "regression")


def test_tokens_beyond_the_vocabulary_and_missing_names():
    with pytest.raises(DataError, match=r"(?s)mine, source: a token .*9 in example 1"):
        Dataset(
            "mine",
            {"source": np.array([[1], [9]])},
            np.arange(2),
            "regression",
            vocabularies={"source": LETTERS},
        )
    preprocessor = pairs().split().preprocessor
    with pytest.raises(ShapeError, match=r"(?s)given:    source.*extra, picture, source, target"):
        preprocessor.encode({"source": np.zeros((1, 3), np.int32)})
    plain = Dataset("p", np.ones((3, 2)), np.arange(3), "regression")
    with pytest.raises(ShapeError, match="one input without a name"):
        plain.preprocessed(preprocessor)


def test_words_that_training_does_not_know_are_unknown_and_other_sets_are_renumbered():
    texts = ["sun sun rain rain"] * 8 + ["hail sun"]
    words = Vocabulary.from_texts(texts)
    made = Dataset(
        "weather",
        words.encode_all(texts),
        np.array([0, 1] * 4 + [1]),
        "classification",
        vocabularies={"inputs": words},
    )
    parts = made.split(dev=0, test=0)
    assert parts.preprocessor.kind == "tokens"
    assert parts.preprocessor.vocabularies["inputs"].tokens == ("<pad>", "<unk>", "sun", "rain")
    other_words = Vocabulary.from_texts(["rain snow"])
    other = Dataset(
        "other",
        other_words.encode_all(["rain snow"] * 2),
        np.array([0, 1]),
        "classification",
        vocabularies={"inputs": other_words},
    ).preprocessed(parts.preprocessor)
    assert other.inputs.tolist() == [[3, 1], [3, 1]]
    closed = Dataset(
        "closed", np.array([[2], [3]]), np.arange(2), "regression", vocabularies={"inputs": LETTERS}
    ).split(dev=0, test=0)
    strange = Vocabulary(("z", "y"), "character")
    assert closed.preprocessor.vocabularies["inputs"].tokens == ("<pad>", "<unk>", "a", "b")
    less = Preprocessor.fit(
        np.array([[0]]), task="text", vocabularies={"inputs": Vocabulary(("a", "b"), "character")}
    )
    with pytest.raises(DataError, match="not trained on the token 'y'"):
        Dataset(
            "s", np.array([[1], [1]]), np.arange(2), "regression", vocabularies={"inputs": strange}
        ).preprocessed(less)
