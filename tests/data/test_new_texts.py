import numpy as np
import pytest

from clearprop import data
from clearprop.data import new_texts
from clearprop.data.labelled_texts import labelled
from clearprop.data.tagged_texts import Tagged, tagged
from clearprop.errors import ConfigurationError, DataError


@pytest.fixture
def reviews():
    texts = ["good good film", "bad bad film", "good", "bad"]
    made = labelled(texts, np.array(["+", "-", "+", "-"]), "reviews", 4, text_column="review")
    return made.split(dev=0, test=0).preprocessor


@pytest.fixture
def roles():
    sentences = [Tagged(("I", "see", "it"), ("p", "v", "p"))] * 3
    return tagged(sentences, "roles").split(dev=0, test=0).preprocessor


def test_lines_become_texts_and_unknown_words_are_counted(reviews, tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("Good plot, good film, good end\n\nbad plot\n")
    made = new_texts(path, reviews)
    assert made.words == (("good", "plot", ","), ("bad", "plot"))
    assert made.tokens.tolist() == [[3, 1, 1], [2, 1, 0]]
    assert made.unknown == {"plot": 2, ",": 1}
    assert made.cut == 1
    assert made.remarks == [
        "3 of 5 words were not seen in training and are read as <unk>: 'plot', ','",
        "1 texts are cut after their word 3",
    ]
    np.testing.assert_array_equal(data.load_inputs(path, reviews), made.tokens)


def test_a_table_needs_the_column_of_texts(reviews, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("id,review\n1,good film\n2,bad\n")
    assert new_texts(path, reviews).words == (("good", "film"), ("bad",))
    path.write_text("id,reviw\n1,good film\n")
    with pytest.raises(ConfigurationError, match="no column 'review'"):
        new_texts(path, reviews)


def test_sentences_to_tag_are_not_cut(roles, tmp_path):
    path = tmp_path / "new.txt"
    path.write_text("I see it\nsee see see see it you\n")
    made = new_texts(path, roles)
    assert made.tokens.shape == (2, 6)
    assert made.unknown == {"you": 1}
    path = tmp_path / "new.tags"
    path.write_text("I p\nsee v\n")
    assert new_texts(path, roles).words == (("I", "see"),)
    assert new_texts(path, roles).remarks == []


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file(reviews, roles, tmp_path, content):
    path = tmp_path / "new.txt"
    path.write_bytes(content)
    for preprocessor in (reviews, roles):
        with pytest.raises(DataError, match="the file is empty"):
            new_texts(path, preprocessor)


def test_other_files_and_other_models(reviews, roles, tmp_path):
    with pytest.raises(DataError, match=r"\.txt, \.csv, \.tsv, \.parquet, \.pq"):
        new_texts(tmp_path / "a.png", reviews)
    with pytest.raises(DataError, match=r"\.txt, \.conll, \.tags, \.iob"):
        new_texts(tmp_path / "a.csv", roles)
    numbers = data.load("iris").split().preprocessor
    with pytest.raises(ConfigurationError, match="does not read words"):
        new_texts(tmp_path / "a.txt", numbers)
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        new_texts(tmp_path / "a.txt", reviews)
