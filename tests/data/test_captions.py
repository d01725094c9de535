import numpy as np
import pytest

from clearprop import data
from clearprop.data.captions import NAMES, WORDS, load_captions
from clearprop.errors import ConfigurationError


def test_a_caption_names_the_digits_that_its_picture_shows():
    digits, made = data.load("digits"), load_captions(limit=40)
    assert made.inputs["image"].dtype == np.uint8
    assert made.inputs["image"].shape == (40, 12, 48, 1)
    originals = np.asarray(digits.inputs)[..., 0]
    sums = originals.sum(axis=(1, 2))
    for row in range(40):
        caption = WORDS.decode(made.targets[row]).split()
        assert 1 <= len(caption) <= 5
        assert made.inputs["words"][row, 0] == 2
        np.testing.assert_array_equal(made.inputs["words"][row, 1:][: len(caption)],
                                      made.targets[row, : len(caption)])  # fmt: skip
        if len(caption) == 1:
            ink = int(made.inputs["image"][row].sum())
            assert caption[0] in {NAMES[label] for label in digits.targets[sums == ink]}


def test_no_original_is_in_two_parts_and_all_is_the_same_again():
    parts = data.load("digit-captions", limit=300).split()
    groups = [set(part.groups.tolist()) for part in (parts.train, parts.dev, parts.test)]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]
    again = data.load("digit-captions", limit=300)
    np.testing.assert_array_equal(
        again.inputs["image"], data.load("digit-captions", limit=300).inputs["image"]
    )
    assert parts.preprocessor.vocabularies["words"].tokens[:4] == (
        "<pad>",
        "<unk>",
        "<bos>",
        "<eos>",
    )
    with pytest.raises(ConfigurationError, match="limit is out of range"):
        load_captions(limit=0)
