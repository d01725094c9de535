import numpy as np
import pytest

from clearprop import data
from clearprop.data.docstrings import docstrings_of, without_names
from clearprop.data.labelled_texts import read_texts
from clearprop.errors import ConfigurationError, DataError


@pytest.fixture
def folder(tmp_path):
    for label, texts in {"sun": ["It shines.", "Hot, hot!"], "rain": ["Wet it is"]}.items():
        (tmp_path / "weather" / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (tmp_path / "weather" / label / f"{number}.txt").write_text(text)
    return tmp_path / "weather"


def test_a_folder_for_each_label(folder):
    made = data.load(folder)
    assert made.class_names == ("rain", "sun")
    assert made.targets.tolist() == [0, 1, 1]
    words = made.vocabularies["inputs"]
    assert [words.decode(row) for row in made.inputs] == ["wet it is", "it shines .", "hot , hot !"]
    assert data.load(folder, sequence_length=2).inputs.shape == (3, 2)


def test_a_table_with_a_column_of_texts(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text('review,stars,who\n"Good, very good",5,a\nbad,1,b\n"so so",5,c\n')
    made = data.load(path, target="stars", text="review")
    assert made.class_names == ("1", "5")
    assert made.targets.tolist() == [1, 0, 1]
    preprocessor = made.split(dev=0, test=0).preprocessor
    assert preprocessor.text_column == "review"
    assert read_texts(path, preprocessor.text_column)[1] == "bad"
    with pytest.raises(ConfigurationError, match="did you mean 'review'"):
        data.load(path, target="stars", text="reviw")
    with pytest.raises(ConfigurationError, match="which column is the label"):
        data.load(path, text="review")
    path.write_text("review,stars\ngood,5\n,1\n")
    with pytest.raises(DataError, match=r"line 3, column 'review': the cell is empty"):
        data.load(path, target="stars", text="review")


def test_new_texts_are_the_lines_of_a_file(tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("one\n\n two\n")
    assert read_texts(path, None) == ["one", " two"]
    path.write_text(" \n")
    with pytest.raises(DataError, match="the file is empty"):
        read_texts(path, None)


def test_what_cannot_be_learned_from(folder, tmp_path):
    (folder / "sun" / "empty.txt").write_text(" ")
    with pytest.raises(DataError, match=r"empty\.txt: a text has no word"):
        data.load(folder)
    (folder / "sun" / "empty.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"(?s)empty\.txt: .*not UTF-8"):
        data.load(folder)
    (folder / "sun" / "empty.txt").unlink()
    (tmp_path / "one" / "label").mkdir(parents=True)
    (tmp_path / "one" / "label" / "a.txt").write_text("word")
    with pytest.raises(DataError, match="only one class"):
        data.load(tmp_path / "one")
    with pytest.raises(ConfigurationError, match="sequence_length is out of range"):
        data.load(folder, sequence_length=0)


@pytest.mark.slow
def test_docstrings_do_not_say_their_library():
    made = data.load("docstrings")
    assert made.class_names == ("jax", "numpy", "scikit-learn", "scipy")
    assert np.bincount(made.targets).tolist() == [1000] * 4
    words = set(made.vocabularies["inputs"].tokens)
    assert not words & {"jax", "jnp", "numpy", "np", "scipy", "sklearn"}
    parts = made.split()
    files = [set(part.groups.tolist()) for part in (parts.train, parts.dev, parts.test)]
    assert not files[0] & files[1]
    assert not (files[0] | files[1]) & files[2]


def test_sources_are_parsed_and_never_run():
    source = "raise SystemExit\ndef f():\n    'About f.'\nclass C:\n    'C.'\n    def g(self):\n"
    assert list(docstrings_of(source + "        'About g.'\n")) == ["About f.", "C.", "About g."]
    assert list(docstrings_of("def f(:")) == []
    assert without_names("JAX's jnp.dot, as in sklearn.svm") == "'s .dot, as in .svm"
