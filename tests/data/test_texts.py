import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import data
from clearprop.data import Preprocessor, Vocabulary
from clearprop.errors import ConfigurationError, DataError

LINES = "the quick brown fox jumps over the lazy dog\nÄpfel, 数字 und 🦊\n" * 20


def decoded(tokens, made):
    return made.vocabularies["inputs"].decode(tokens)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fox.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_targets_are_the_inputs_moved_on_by_one(file):
    text = data.load(file, sequence_length=16)
    assert text.task == "text"
    assert text.inputs.dtype == text.targets.dtype == np.int32
    assert text.inputs.shape == text.targets.shape == ((len(LINES) - 1) // 16, 16)
    assert decoded(text.inputs[0], text) == LINES[:16]
    assert decoded(text.targets, text) == LINES[1 : text.targets.size + 1]
    assert "🦊" in text.class_names


def test_a_text_is_split_in_order_and_its_tokens_are_kept(file):
    text = data.load(file, sequence_length=16)
    parts = text.split(dev=0.2, test=0.1)
    joined = np.concatenate([parts.train.inputs, parts.dev.inputs, parts.test.inputs])
    np.testing.assert_array_equal(joined, text.inputs)
    assert parts.train.inputs.dtype == np.int32
    assert parts.preprocessor.scaled(parts.train.inputs).dtype == np.int32
    assert parts.preprocessor.class_names == text.class_names


def test_new_text_for_a_prediction(file, tmp_path):
    saved = data.load(file, sequence_length=16).split().preprocessor
    preprocessor = Preprocessor.from_json(saved.to_json())
    new = tmp_path / "new.txt"
    new.write_text("so lazy", encoding="utf-8")
    tokens = preprocessor.apply(data.load_inputs(new, preprocessor))
    assert decoded(tokens, preprocessor) == "so lazy"
    new.write_text("so lazy, 7", encoding="utf-8")
    with pytest.raises(DataError, match=r"(?s)new\.txt: the character '7'.*position 9"):
        data.load_inputs(new, preprocessor)


@given(st.text(min_size=1, max_size=40))
def test_encoding_returns(text):
    text = text.encode("utf-8", "ignore").decode("utf-8")
    vocabulary = Vocabulary(tuple(sorted(set(text))), "character")
    assert vocabulary.decode(vocabulary.encode(text)) == text


@pytest.mark.parametrize("content", ["", "a", "short"])
def test_too_short(tmp_path, content):
    path = tmp_path / "t.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=f"too short .*\n.*{len(content)} characters"):
        data.load(path)


def test_one_character_only_and_bad_bytes_and_length(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a" * 100)
    with pytest.raises(DataError, match="only one class"):
        data.load(path)
    with pytest.raises(ConfigurationError, match="sequence_length is out of range"):
        data.load(path, sequence_length=0)
    path.write_bytes(b"abc\xff")
    with pytest.raises(DataError, match="0xff at position 3"):
        data.load(path)


def test_windows_that_overlap_are_not_shared_between_the_parts(file):
    text = data.load(file, sequence_length=16, stride=5)
    assert text.inputs.shape == ((len(LINES) - 17) // 5 + 1, 16)
    np.testing.assert_array_equal(text.inputs[0, 5:], text.inputs[1, :11])
    parts = text.split(dev=0.2, test=0.1)
    last, first = len(parts.train) - 1, len(text) - len(parts.test) - len(parts.dev)
    assert 5 * last + 16 <= 5 * (first - text.gap)
    with pytest.raises(ConfigurationError, match="stride is out of range"):
        data.load(file, stride=0)


def test_a_text_is_encoded_by_the_characters_that_the_model_knows(file, tmp_path):
    preprocessor = data.load(file, sequence_length=16).split().preprocessor
    other = tmp_path / "other.txt"
    other.write_text("the fox " * 20)
    part = data.load(other, sequence_length=16).preprocessed(preprocessor)
    assert decoded(part.inputs[0], preprocessor) == "the fox the fox "
    assert decoded(part.targets[0], preprocessor) == "he fox the fox t"
    other.write_text("the fox & I " * 20)
    with pytest.raises(DataError, match="not trained on the token '&'"):
        data.load(other, sequence_length=16).preprocessed(preprocessor)


def test_the_topics_of_python_are_a_text():
    topics = data.load("python-topics", sequence_length=100)
    assert topics.inputs.size > 300_000
    assert "Python 3." in topics.source
    assert decoded(topics.inputs[0], topics).startswith('The "assert" statement')
