import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearprop import data
from clearprop.data import Dataset, Preprocessor
from clearprop.errors import ClearpropError, ConfigurationError, DataError

PETS = """age,color,weight,kind
1,red,4.5,cat
2,blue,,dog
,red,5.0,cat
4,,30.5,dog
5,green,4.0,cat
6,blue,28,dog
"""


@pytest.fixture
def write(tmp_path):
    def write(content, name="pets.csv"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        return path

    return write


def test_numbers_categories_missing_values_and_classes(write):
    pets = data.load(write(PETS), target="kind")
    assert pets.task == "classification"
    assert pets.class_names == ("cat", "dog")
    assert pets.targets.tolist() == [0, 1, 0, 1, 0, 1]
    assert [(c.name, c.categories) for c in pets.columns] == [
        ("age", None),
        ("color", ("blue", "green", "red")),
        ("weight", None),
    ]
    np.testing.assert_array_equal(pets.inputs[:, 1], [2, 0, 2, np.nan, 1, 0])
    parts = pets.split(dev=0, test=0, scaling="none")
    assert parts.train.feature_names == ("age", "color=blue", "color=green", "color=red", "weight")
    assert parts.train.inputs[2].tolist() == [4, 0, 0, 1, 5]
    assert parts.train.inputs[3].tolist() == [4, 1, 0, 0, 30.5]


def test_parquet_gives_what_csv_gives(write, tmp_path):
    path = write(PETS)
    pl.read_csv(path).write_parquet(tmp_path / "pets.parquet")
    csv, parquet = (data.load(p, target="kind") for p in (path, tmp_path / "pets.parquet"))
    np.testing.assert_array_equal(csv.inputs, parquet.inputs)
    assert csv.columns == parquet.columns
    assert csv.class_names == parquet.class_names


def test_parquet_types(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame(
        {
            "flag": [True, False, None, True],
            "size": pl.Series(["s", "l", "s", None], dtype=pl.Categorical),
            "count": pl.Series([1, 2, 3, 4], dtype=pl.Int8),
            "sold": [True, False, True, False],
        }
    )
    frame.write_parquet(path)
    loaded = data.load(path, target="sold")
    np.testing.assert_array_equal(loaded.inputs[:, 0], [1, 0, np.nan, 1])
    assert loaded.columns[1].categories == ("l", "s")
    assert loaded.class_names == ("false", "true")
    frame.with_columns(days=pl.Series([[1], [2], [3], [4]])).write_parquet(path)
    with pytest.raises(DataError, match=r"(?s)'days'.*List.*ignore=\['days'\]"):
        data.load(path, target="sold")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("a;b\n1;2\n3;4\n", "t.csv"),
        ("a\tb\n1\t2\n3\t4\n", "t.tsv"),
        ("\ufeffa,b\n1,2\n3,4\n", "t.csv"),
        ("a,b\r\n 1 ,2\r\n\r\n3,4", "t.csv"),
        (" a , b \n1,2\n3,4\n", "t.csv"),
    ],
)
def test_ways_to_write_the_same_table(write, content, name):
    loaded = data.load(write(content, name), target="b", task="regression")
    assert loaded.inputs.ravel().tolist() == [1, 3]
    assert loaded.targets.ravel().tolist() == [2, 4]


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (["yes", "no"] * 10, "classification"),
        ([0, 1, 2, 1] * 5, "classification"),
        ([1.5, 2.5, 3.5, 4.5] * 5, "regression"),
        (list(range(20)), "regression"),
        ([1.0, 2.0] * 10, "classification"),
    ],
)
def test_the_task_follows_the_target_and_can_be_overridden(write, targets, task):
    rows = "".join(f"{i},{t}\n" for i, t in enumerate(targets))
    path = write("x,y\n" + rows)
    assert data.load(path, target="y").task == task
    if task == "classification" and targets[0] != "yes":
        assert data.load(path, target="y", task="regression").task == "regression"


@pytest.mark.parametrize(
    ("content", "options", "where", "message"),
    [
        ("x,y\n1,0\n2,1\nthree,0\n4,1\n", {}, "line 4, column 'x'", "'three'"),
        ('x,z,y\n1,"a\nb",0\n\n2,c,1\noops,c,0\n', {}, "line 6, column 'x'", "'oops'"),
        ("x,y\n1,0\n2,\n3,1\n", {}, "line 3, column 'y'", "the target is missing"),
        ("x,y\n1,0.5\n2,nan\n3,1\n", {}, "line 3, column 'y'", "the target is missing"),
        ("x,y\n1,0.5\n2,inf\n3,1\n", {}, "line 3, column 'y'", "the target is infinite"),
        ("x,y\n1,0\n-inf,1\n3,1\n", {}, "line 3, column 'x'", "an infinite number"),
        ("x,y\n1,a\n2,a\n", {}, "column 'y'", "only one class"),
        ("x,y\n1,3\n2,3\n", {}, "column 'y'", "only one class"),
        ("x,y\n1,1.5\n2,2\n", {"task": "classification"}, "column 'y'", "task='regression'"),
        ("x,y\n1,a\n2,b\n", {"task": "regression"}, "line 2, column 'y'", "text to predict"),
        ("x,y\na,0\nb,1\n3,0\n", {"numeric": ["x"]}, "line 2, column 'x'", "'a'"),
        ("x,y\n1,0\n2,1,5\n", {}, "line 3", "3 cells"),
        ("x,y\n1,0\n2\n", {}, "line 3", "1 cells"),
        ("x,x,y\n1,0,1\n", {}, "line 1", "same name"),
        ("x,y\n", {}, "pets.csv", "no rows"),
        ("x,y\n\n\n", {}, "pets.csv", "no rows"),
        ("", {}, "pets.csv", "empty"),
        (b"x,y\n\xff\xfe,1\n", {}, "pets.csv", "not UTF-8"),
        (b"x,y\n1,\xe9\n2,e\n", {}, "pets.csv", "not UTF-8"),
        ("y\n0\n1\n", {}, "pets.csv", "no column is left"),
        ("x,y\n1,0\n,1\n", {"ignore": ["x"]}, "pets.csv", "no column is left"),
    ],
)
def test_damaged_tables_name_file_line_and_column(write, content, options, where, message):
    path = write(content)
    with pytest.raises(DataError) as caught:
        data.load(path, target="y", **options)
    assert str(path) in caught.value.where
    assert where in caught.value.where
    assert message in str(caught.value)


def test_a_slip_among_many_targets(write):
    rows = "".join(f"{i},{i * 1.5}\n" for i in range(40))
    with pytest.raises(DataError, match=r"(?s)line 42, column 'y': text among.*'1,5x'"):
        data.load(write("x;y\n" + rows.replace(",", ";") + "1;1,5x\n"), target="y")


def test_damaged_parquet(write):
    with pytest.raises(DataError, match=r"t\.parquet: the file cannot be read"):
        data.load(write(b"PAR1 cut off", "t.parquet"), target="y")


def test_the_target_must_be_named_and_known(write):
    path = write(PETS)
    with pytest.raises(ConfigurationError, match=r"(?s)which column.*target='kind'"):
        data.load(path)
    with pytest.raises(ConfigurationError, match="did you mean 'weight'"):
        data.load(path, target="wieght")
    with pytest.raises(ConfigurationError, match=r"(?s)'colour' to be ignored.*mean 'color'"):
        data.load(path, target="kind", ignore=["colour"])


def test_columns_can_be_left_out_and_taken_as_categories(write):
    path = write(PETS)
    pets = data.load(path, target="kind", ignore=["color"], categorical=["age"])
    assert [column.name for column in pets.columns] == ["age", "weight"]
    assert pets.columns[0].categories == ("1", "2", "4", "5", "6")


def test_a_column_of_names_is_no_category(write):
    rows = "".join(f"person {i},{i % 2}\n" for i in range(1500))
    with pytest.raises(DataError, match=r"(?s)1,500 different texts.*ignore=\['name'\]"):
        data.load(write("name,y\n" + rows), target="y")


def test_new_rows_for_a_prediction_use_the_names_and_categories_of_training(write):
    parts = data.load(write(PETS), target="kind").split(dev=0, test=0)
    new = write("weight,color,age\n4.5,red,1\n,violet,\n", "new.csv")
    saved = Preprocessor.from_json(parts.preprocessor.to_json())
    prepared = saved.apply(data.load_inputs(new, saved))
    np.testing.assert_array_equal(prepared[0], parts.train.inputs[0])
    assert prepared[1, 1:4].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(
        saved.apply(data.load_inputs(write(PETS), saved)), parts.train.inputs
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "weight,colour,age\n4.5,red,1\n",
            r"(?s)'color' that .* is missing.*mean 'colour'",
        ),
        ("weight,color,age\n4.5,red,old\n", r"(?s)line 2, column 'age'.*'old'"),
        ("height\n4.5\n", r"(?s)'age' that .* is missing.*the columns height"),
    ],
)
def test_new_rows_that_do_not_fit(write, content, message):
    preprocessor = data.load(write(PETS), target="kind").split(dev=0, test=0).preprocessor
    with pytest.raises(DataError, match=message):
        data.load_inputs(write(content, "new.csv"), preprocessor)


def test_iris_can_be_predicted_from_a_table(write):
    iris = data.load("iris")
    preprocessor = iris.split().preprocessor
    header = ",".join(f'"{name}"' for name in iris.feature_names)
    new = write(f"{header}\n5.1,3.5,1.4,0.2\n", "new.csv")
    np.testing.assert_allclose(data.load_inputs(new, preprocessor), iris.inputs[:1])


cells = st.one_of(
    st.integers(-9, 9).map(str),
    st.floats(allow_nan=True).map(str),
    st.sampled_from(["", "NA", "a", "b", "x y", '"q,r"', "?", "1;2"]),
    st.sampled_from(['"1,5"', '"1,234"', "$5", "7 %", "5 kg", "(3)", "2024-02-29", "3/4/2024"]),
)


def test_an_empty_column_is_named_when_the_rows_are_split(write):
    path = write("x,note,y\n1,,a\n2,,b\n3,,a\n")
    for options in ({}, {"categorical": ["note"]}, {"numeric": ["note"]}):
        loaded = data.load(path, target="y", **options)
        with pytest.raises(DataError, match=r"'note' has no value in the training rows"):
            loaded.split(dev=0, test=0)


@pytest.mark.parametrize("cell", ["a\0b", "a" * 200_000, "'"])
def test_odd_text_in_a_number_column(write, cell):
    with pytest.raises(DataError, match="text in a column of numbers") as caught:
        data.load(write(f"x,y\n1,a\n2,b\n{cell},a\n"), target="y")
    assert "line 4" in caught.value.where
    assert len(caught.value.given) < 80


def test_cells_of_blanks_only_are_missing_and_count_as_a_line(write):
    content = "x,z,y\n1,2,a\n , ,b\n3,oops,a\n4,4,b\n"
    with pytest.raises(DataError, match=r"line 4, column 'z'"):
        data.load(write(content), target="y")


@given(st.lists(st.tuples(cells, cells, cells), max_size=12), st.booleans())
def test_any_table_is_loaded_or_refused(tmp_path_factory, rows, as_numbers):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("a,b,c\n" + "".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    options = {"numeric": ["a"]} if as_numbers else {}
    try:
        loaded = data.load(path, target="c", **options)
    except ClearpropError:
        return
    assert len(loaded) <= len(rows)
    assert not np.isinf(loaded.inputs).any()


@given(st.binary(max_size=60))
def test_any_bytes_as_a_table_are_loaded_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes(b"a,c\n" + content)
    try:
        loaded = data.load(path, target="c")
    except ClearpropError:
        return
    assert isinstance(loaded, Dataset)


def test_training_rows_without_a_value_name_their_table(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{i},{'seen' if i == 3 else ''},{i / 2}" for i in range(12)]
    path.write_text("\n".join(["x,note,y", *rows, ""]), encoding="utf-8")
    loaded = data.load(path, target="y")
    refused = []
    for seed in range(20):
        try:
            loaded.split(dev=0.5, test=0, seed=seed)
        except DataError as error:
            refused.append(error.where)
    assert 0 < len(refused) < 20
    assert set(refused) == {"t.csv"}
