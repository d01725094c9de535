import numpy as np
import pytest

from clearprop import data
from clearprop.data.python_names import tagged_functions
from clearprop.data.tagged_texts import read_sentences, read_tagged
from clearprop.errors import ConfigurationError, DataError

LINES = "-DOCSTART- -X- O\n\nEU\tORG\nrejects\tO\n\n\nPeter NNP B-PER\nBlack NNP I-PER\n! . O\n"


@pytest.mark.parametrize("name", ["news.conll", "news.tags", "news.txt"])
def test_words_and_tags_of_a_file(tmp_path, name):
    path = tmp_path / name
    path.write_text(LINES)
    options = {"tags": True} if name.endswith(".txt") else {}
    made = data.load(path, **options)
    assert made.class_names == ("B-PER", "I-PER", "O", "ORG")
    assert made.targets.tolist() == [[3, 2, -1], [0, 1, 2]]
    words = made.vocabularies["inputs"]
    assert [words.decode(row) for row in made.inputs] == ["EU rejects", "Peter Black !"]
    assert made.inputs[0, 2] == 0
    assert data.load(path, **options, sequence_length=1).targets.tolist() == [[3], [0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tX\nb\n", r"t\.tags, line 2: the line has no tag"),
        (b"a\tX\nb\t\n", r"t\.tags, line 2: the line has no tag"),
        (b"a\tX\n\tY\n", r"t\.tags, line 2: the line has no word"),
        (b"\n\n", "the file is empty"),
        (b"", "the file is empty"),
        (b"a X\n\xff Y\n", "not UTF-8"),
    ],
)
def test_what_is_no_file_of_tags(tmp_path, content, message):
    path = tmp_path / "t.tags"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        data.load(path)


def test_one_tag_only_and_wrong_options(tmp_path):
    path = tmp_path / "t.tags"
    path.write_text("a X\nb X\n")
    with pytest.raises(DataError, match="only one class"):
        data.load(path)
    path.write_text("a X\nb Y\n")
    with pytest.raises(ConfigurationError, match="sequence_length is out of range"):
        data.load(path, sequence_length=0)
    with pytest.raises(ConfigurationError, match="tags=False"):
        data.load(path, tags=False)
    new = tmp_path / "new.txt"
    new.write_text("to be tagged\n\nthis too\n")
    assert read_sentences(new) == [["to", "be", "tagged"], ["this", "too"]]
    assert read_sentences(path) == [["a", "b"]]
    assert len(read_tagged(path)) == 1


FUNCTION = '''
class Mine:
    def method(self, size: int = 3) -> "Mine":
        """Left out."""
        # left out too
        if size is None or self.size:
            raise ValueError(f"a {size}", extra=total)
        return Mine(self.other.call(size)[0])
'''


def test_the_role_of_every_token_of_a_function():
    (sentence,) = tagged_functions(FUNCTION)
    roles = dict(zip(sentence.words, sentence.tags, strict=True))
    assert roles == {
        "def": "keyword", "method": "function", "(": "operator", "self": "parameter",
        ",": "operator", "size": "attribute", ":": "operator", "int": "class", "=": "operator",
        "3": "literal", ")": "operator", "->": "operator", "''": "literal", "if": "keyword",
        "is": "keyword", "None": "literal", "or": "keyword", ".": "operator", "raise": "keyword",
        "ValueError": "class", "extra": "argument", "total": "variable", "return": "keyword",
        "Mine": "class", "other": "attribute", "call": "call", "[": "operator", "0": "literal",
        "]": "operator",
    } | {"size": "parameter"}  # fmt: skip
    sizes = [tag for word, tag in zip(*sentence, strict=True) if word == "size"]
    assert sizes == ["parameter", "parameter", "attribute", "parameter"]


def test_a_string_left_of_its_method_moves_no_role():
    text = (
        'class A:\n    def f(self, size):\n        text = """\nleft\n"""\n        return g(size)\n'
    )
    (sentence,) = tagged_functions(text)
    tags = [tag for word, tag in zip(*sentence, strict=True) if word in ("size", "g")]
    assert tags == ["parameter", "call", "parameter"]


def test_damaged_sources_and_signs_beyond_ascii_are_left_out():
    assert list(tagged_functions("def f(:")) == []
    assert list(tagged_functions("def f(x):\n    return 'ä' + x + x + x + x\n")) == []


def test_the_standard_library():
    made = data.load("python-names")
    assert len(made) == 2500
    assert made.class_names == (
        "argument", "attribute", "call", "class", "function", "keyword", "literal", "operator",
        "parameter", "variable",
    )  # fmt: skip
    parts = made.split()
    files = [set(part.groups.tolist()) for part in (parts.train, parts.dev, parts.test)]
    assert not files[0] & files[1]
    assert not (files[0] | files[1]) & files[2]
    counted = made.targets >= 0
    np.testing.assert_array_equal(counted, made.inputs != 0)
