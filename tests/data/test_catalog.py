import numpy as np
import pytest

from clearprop import data
from clearprop.data.truth_tables import GATES
from clearprop.errors import ConfigurationError, DataError

BUNDLED = [row.name for row in data.list() if row.kind and row.name not in (*GATES,)][:6]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_are_what_the_list_says(name):
    row = next(row for row in data.list() if row.name == name)
    loaded = data.load(name)
    assert row.size == f"{len(loaded)} x {'x'.join(map(str, loaded.input_shape))}"
    assert row.kind == loaded.task
    assert row.source == loaded.source
    assert row.licence == loaded.licence
    loaded.split(dev=0.1, test=0.1)


def test_the_list_names_every_set_once():
    names = [row.name for row in data.list()]
    assert len(names) == len(set(names))
    assert {"digits", "mnist", "fashion-mnist", "xor"} <= set(names)


@pytest.mark.parametrize("name", GATES)
def test_truth_tables(name):
    gate = {
        "and": lambda a, b: a and b,
        "or": lambda a, b: a or b,
        "xor": lambda a, b: a != b,
        "not": lambda a: not a,
    }[name]
    table = data.load(name)
    assert table.inputs.shape == ((2, 1) if name == "not" else (4, 2))
    for inputs, target in zip(table.inputs, table.targets, strict=True):
        assert int(target) == int(gate(*(bool(x) for x in inputs)))
    with pytest.raises(DataError, match="dev=0, test=0"):
        table.split()


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean 'digits'"):
        data.load("digit")
    assert data.load("breast_cancer").name == "breast-cancer"


def test_a_missing_file_suggests_the_nearest(tmp_path):
    (tmp_path / "pets.csv").write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"no such file(?s:.*)pets\.csv"):
        data.load(tmp_path / "pet.csv")
    with pytest.raises(DataError, match="no such file"):
        data.load("nowhere/at/all")


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "pets.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"(?s)cannot be read here.*\.xlsx.*\.csv"):
        data.load(tmp_path / "pets.xlsx")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digits", {"target": "y"}, "digits has no option 'target'"),
        ("xor", {"size": 3}, "xor has no option 'size'"),
        ("mnist", {"sequence_length": 3}, r"(?s)mnist has no option.*one of folder"),
    ],
)
def test_an_option_of_another_kind_of_data(name, options, message):
    with pytest.raises(ConfigurationError, match=message):
        data.load(name, **options)


def test_an_unknown_task(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(ConfigurationError, match="did you mean 'regression'"):
        data.load(tmp_path / "t.csv", target="y", task="regresion")


def test_a_description_counts_classes_and_missing_values(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,color,y\n1,red,a\n,blue,b\n3,,a\n")
    about = data.describe(data.load(path, target="y"))
    assert about.classes == (("a", 2), ("b", 1))
    assert dict(about.features) == {
        "x": "1 to 3, mean 2, 1 missing",
        "color": "2 categories: blue, red, 1 missing",
    }
    digits = str(data.describe(data.load("digits")))
    assert "1797" in digits
    assert "8x8x1 of uint8" in digits
    diabetes = data.describe(data.load("diabetes"))
    assert diabetes.target_range == (25.0, 346.0)
    assert "from 25 to 346" in str(diabetes)


def test_a_description_of_text(tmp_path):
    (tmp_path / "t.txt").write_text("abcabcabc" * 30)
    assert "alphabet:  3 characters" in str(data.describe(data.load(tmp_path / "t.txt")))


def test_inputs_for_a_prediction_from_the_wrong_kind_of_file(tmp_path):
    preprocessor = data.load("iris").split().preprocessor
    with pytest.raises(DataError, match="no such file"):
        data.load_inputs(tmp_path / "x.csv", preprocessor)
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(DataError, match="trained on a table"):
        data.load_inputs(tmp_path / "x.txt", preprocessor)


def test_digits_learn_linearly():
    """All steps from a name to prepared batches: least squares on real digits."""
    parts = data.load("digits").split(dev=0.2, test=0)
    design, held = (
        np.c_[np.ones(len(p)), parts.preprocessor.scaled(p.inputs).reshape(len(p), -1)]
        for p in (parts.train, parts.dev)
    )
    weights, *_ = np.linalg.lstsq(design, np.eye(10)[parts.train.targets], rcond=None)
    assert ((held @ weights).argmax(axis=1) == parts.dev.targets).mean() > 0.9
