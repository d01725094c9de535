import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop.data.vocabulary import WRITING, Vocabulary
from clearprop.errors import ConfigurationError, DataError


def test_the_most_frequent_come_first_and_rare_ones_are_left_out():
    texts = ["b a c", "c b", "c"]
    assert Vocabulary.from_texts(texts).tokens[2:] == ("c", "b", "a")
    assert Vocabulary.from_texts(texts, minimum=2).tokens[2:] == ("c", "b")
    assert Vocabulary.from_texts(texts, limit=1).tokens == ("<pad>", "<unk>", "c")
    assert Vocabulary.from_texts(texts, "symbol", specials=WRITING).encode("c").tolist() == [4]


def test_how_words_are_taken_apart():
    words = Vocabulary(("<pad>", "<unk>", "x"))
    assert words.split("Don't, Äpfel_2 x=3.5...") == [
        "don't", ",", "äpfel", "_", "2", "x", "=", "3", ".", "5", "...",
    ]  # fmt: skip
    assert words.unknown("x y x z") == ["y", "z"]


def test_special_tokens_around_a_sequence():
    sounds = Vocabulary((*WRITING, "K", "T"), "symbol")
    assert sounds.encode("K T", begin=True, end=True).tolist() == [2, 4, 5, 3]
    assert sounds.encode_all([["K"], ["T", "K"]], end=True).tolist() == [[4, 3, 0], [5, 4, 3]]
    assert sounds.decode([2, 4, -1, 0, 5, 3, 4]) == "K T"
    plain = Vocabulary(("a",), "character")
    with pytest.raises(DataError, match="no <bos>"):
        plain.encode("a", begin=True)
    with pytest.raises(DataError, match=r"(?s)'b' is not in the vocabulary.*position 1"):
        plain.encode("ab")


def test_learned_from_training_rows_only():
    words = Vocabulary.from_texts(["a b c"])
    rows = words.encode_all(["a a b", "c b b"])
    assert words.learned(rows).tokens == ("<pad>", "<unk>", "a", "b")
    writing = Vocabulary((*WRITING, "a"), "symbol")
    assert writing.learned(np.zeros((1, 1), np.int32)) is writing
    assert words.numbers_in(words.learned(rows)).tolist() == [0, 1, 2, 3, 1]


@given(st.lists(st.text(min_size=1, max_size=9), min_size=1, max_size=5))
def test_characters_return_and_so_does_the_record(texts):
    letters = Vocabulary.from_texts(texts, "character")
    for text in texts:
        assert letters.decode(letters.encode(text)) == text
    record = json.loads(json.dumps(asdict(letters)))
    assert Vocabulary(tuple(record["tokens"]), record["level"]) == letters


def test_rows_are_filled_up_and_cut():
    letters = Vocabulary(("<pad>", "a", "b"), "character")
    assert letters.encode_all(["aba", "b"], 2, filling=-1).tolist() == [[1, 2], [2, -1]]
    assert letters.encode_all([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: Vocabulary(()), DataError, "at least one token"),
        (lambda: Vocabulary(("a", "a")), DataError, "twice"),
        (lambda: Vocabulary(("a",), "words"), ConfigurationError, "did you mean 'word'"),
        (lambda: Vocabulary.from_texts([" "]), DataError, "texts without a token"),
        (lambda: Vocabulary.from_texts(["a"], minimum=2), DataError, "fewer than 2 times"),
        (
            lambda: Vocabulary.from_texts(["a"], limit=0),
            ConfigurationError,
            "limit is out of range",
        ),
    ],
)
def test_what_is_no_vocabulary(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_a_large_one_is_shown_in_a_line():
    words = Vocabulary(tuple(map(str, range(5000))), "word")
    shown = "Vocabulary(5,000 tokens of level 'word': '0', '1', '2', '3', '4', '5', ...)"
    assert repr(words) == shown
