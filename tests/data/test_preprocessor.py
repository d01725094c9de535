import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import data
from clearprop.data import Column, Dataset, Preprocessor
from clearprop.data.statistics import center_and_spread
from clearprop.errors import DataError, ShapeError

NAN = np.nan


def table(rows, categories=("blue", "green", "red")):
    columns = (Column("age"), Column("color", categories))
    return np.array(rows, np.float64), columns


def test_missing_numbers_take_the_median_and_missing_categories_the_most_frequent():
    raw, columns = table([[1, 0], [3, 2], [100, 2], [NAN, NAN]])
    preprocessor = Preprocessor.fit(raw, columns=columns, scaling="none")
    assert preprocessor.feature_names == ("age", "color=blue", "color=red")
    arranged = raw.copy()
    arranged[:, 1] = [0, 1, 1, NAN]  # as codes: positions among the two names that training saw
    assert preprocessor.apply(arranged).tolist() == [[1, 1, 0], [3, 0, 1], [100, 0, 1], [3, 0, 1]]


def test_categories_that_training_never_saw_become_zeros():
    raw, columns = table([[1, 0], [2, 0], [3, 2], [4, 2], [5, 1]])
    whole = Dataset("t", raw, np.arange(5.0), "regression", columns=columns)
    preprocessor = Preprocessor.fit(raw[:4], columns=columns, scaling="none")
    prepared = whole.preprocessed(preprocessor)
    assert prepared.inputs[4].tolist() == [5, 0, 0]
    assert prepared.feature_names == ("age", "color=blue", "color=red")


def test_only_numbers_of_a_table_are_scaled():
    raw, columns = table([[0, 0], [10, 1], [20, 2]])
    made = Dataset("t", raw, np.arange(3.0), "regression", columns=columns)
    parts = made.split(dev=0, test=0)
    np.testing.assert_allclose(parts.train.inputs[:, 0], [-1.224745, 0, 1.224745], rtol=1e-6)
    assert set(parts.train.inputs[:, 1:].ravel().tolist()) == {0.0, 1.0}


def test_a_table_whose_held_out_rows_change_is_prepared_the_same():
    rng = np.random.default_rng(0)
    raw = np.stack([rng.normal(size=60), rng.integers(0, 3, 60).astype(float)], axis=1)
    raw[::7, 0] = NAN
    _, columns = table(raw)
    first = Dataset("t", raw, np.arange(60.0), "regression", columns=columns).split(seed=2)
    held = first.dev.targets.ravel().astype(int).tolist()
    held += first.test.targets.ravel().astype(int).tolist()
    assert len(held) == 12
    other = raw.copy()
    other[held] = [1e9, 3.0]
    more = (Column("age"), Column("color", ("blue", "green", "red", "violet")))
    changed = Dataset("t", other, np.arange(60.0), "regression", columns=more).split(seed=2)
    assert changed.preprocessor == first.preprocessor
    np.testing.assert_array_equal(changed.train.inputs, first.train.inputs)


def test_a_column_without_any_value_in_training_is_named():
    raw, columns = table([[NAN, 0], [NAN, 1]])
    with pytest.raises(DataError, match=r"(?s)'age' has no value.*ignore=\['age'\]"):
        Preprocessor.fit(raw, columns=columns)


def test_large_offsets_keep_their_digits():
    seconds = 1.7e9 + np.arange(100.0)[:, None]
    preprocessor = Preprocessor.fit(seconds)
    np.testing.assert_allclose(
        preprocessor.apply(seconds), (np.arange(100.0)[:, None] - 49.5) / 28.866, rtol=1e-4
    )


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 20), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6),
    ),
    st.sampled_from(["standard", "unit", "none"]),
)
def test_the_record_survives_json_to_the_last_bit(inputs, scaling):
    preprocessor = Preprocessor.fit(inputs, scaling=scaling, class_names=("a", "ü"))
    back = Preprocessor.from_json(preprocessor.to_json())
    assert back == preprocessor
    applied = back.apply(inputs)
    np.testing.assert_array_equal(applied, preprocessor.apply(inputs))
    assert np.isfinite(applied).all()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=4, max_side=6)))
def test_statistics_of_bytes_equal_those_of_floats(pictures):
    for scaling in ("standard", "unit"):
        exact = center_and_spread(pictures, scaling)
        floats = center_and_spread(pictures.astype(np.float64), scaling)
        np.testing.assert_allclose(exact, floats, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["iris", "digits", "diabetes"])
def test_a_saved_record_prepares_new_inputs_like_the_split_did(name):
    whole = data.load(name)
    parts = whole.split(dev=0, test=0)
    back = Preprocessor.from_json(parts.preprocessor.to_json())
    np.testing.assert_array_equal(
        back.apply(whole.inputs), parts.preprocessor.scaled(parts.train.inputs)
    )


def test_regression_targets_scale_and_return():
    parts = data.load("diabetes").split()
    scaled = parts.preprocessor.scaled_targets(parts.train.targets)
    assert abs(scaled.mean()) < 1e-5
    assert abs(scaled.std() - 1) < 1e-5
    np.testing.assert_allclose(
        parts.preprocessor.restored_targets(scaled), parts.train.targets, rtol=1e-5
    )


def test_labels_of_another_file_follow_the_class_names_of_training():
    trained = Dataset("a", np.eye(2), np.array([0, 1]), "classification", ("cat", "dog"))
    preprocessor = trained.split(dev=0, test=0).preprocessor
    other = Dataset("b", np.eye(2), np.array([0, 1]), "classification", ("dog", "cat"))
    assert other.preprocessed(preprocessor).targets.tolist() == [1, 0]
    strange = Dataset("c", np.eye(2), np.array([0, 1]), "classification", ("dog", "eel"))
    with pytest.raises(DataError, match="not trained on the class 'eel'"):
        strange.preprocessed(preprocessor)


def test_inputs_of_another_shape():
    preprocessor = data.load("digits").split().preprocessor
    with pytest.raises(ShapeError, match=r"(?s)\(28, 28, 1\).*\(8, 8, 1\)"):
        preprocessor.apply(np.zeros((2, 28, 28, 1), np.uint8))
    with pytest.raises(ShapeError, match=r"inputs\[None\]"):
        preprocessor.apply(np.zeros((8, 8, 1), np.uint8))


def test_scaled_pixels_where_bytes_were_trained_on():
    preprocessor = data.load("digits").split().preprocessor
    with pytest.raises(DataError, match="raw pixels"):
        preprocessor.apply(np.full((1, 8, 8, 1), 0.5))
    preprocessor.apply(np.full((1, 8, 8, 1), 7.0))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"kind": "magic"}', "null", '{"kind": "bytes", "input_shape": 3}'],
)
def test_a_damaged_record(text):
    with pytest.raises(DataError, match=r"model\.json: this is not the record"):
        Preprocessor.from_json(text, where="model.json")


def test_a_record_with_an_unknown_entry():
    record = json.loads(Preprocessor.fit(np.eye(3)).to_json()) | {"surprise": 1}
    with pytest.raises(DataError, match="surprise"):
        Preprocessor.from_json(json.dumps(record))


def test_scaling_works_on_jax_arrays_inside_a_compiled_step():
    import jax

    parts = data.load("digits").split()
    on_device = jax.jit(parts.preprocessor.scaled)(jax.numpy.asarray(parts.train.inputs[:5]))
    np.testing.assert_allclose(
        on_device, parts.preprocessor.scaled(parts.train.inputs[:5]), rtol=1e-6, atol=1e-6
    )


STRANGE = (
    *(None, True, 3, -1, 2.5, 10**400, float("nan"), float("inf"), "", "a", "text", [], [1], ["a"]),
    *([None], [[1.0]], {}, {"a": 1}, {"kind": "numbers"}),
)


def saved_records():
    table = data.load(write_table(), target="y", task="regression", dayfirst=True)
    named = Preprocessor.fit({"a": np.eye(4), "b": np.arange(8).reshape(4, 2)})
    texts = data.labelled_texts.labelled(["so good", "so bad"] * 4, np.array(["+", "-"] * 4), "t")
    plain = (data.load("digits"), table, texts)
    return [named, *(one.split(dev=0.2, test=0).preprocessor for one in plain)]


def write_table():
    from tempfile import mkdtemp

    path = Path(mkdtemp()) / "t.csv"
    rows = [f"{i},{i % 12 + 1:02}/02/2024,{'ab'[i % 2]},{i / 2}%,{i}" for i in range(12)]
    path.write_text("\n".join(["x,day,kind,share,y", *rows, ""]), encoding="utf-8")
    return path


def places(value, before=()):
    """Yield the way to every value in a record."""
    yield before
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value[:3])
        for key, one in pairs:
            yield from places(one, (*before, key))


def changed(record, way, new):
    if not way:
        return new
    copy = dict(record) if isinstance(record, dict) else list(record)
    copy[way[0]] = changed(record[way[0]], way[1:], new)
    return copy


@pytest.mark.parametrize("number", range(4))
def test_a_record_with_any_other_value_is_read_or_refused(number):
    preprocessor = saved_records()[number]
    record = json.loads(preprocessor.to_json())
    refused = 0
    for way in places(record):
        for new in STRANGE:
            text = json.dumps(changed(record, way, new))
            try:
                again = Preprocessor.from_json(text, where="model.json")
            except DataError as error:
                refused += 1
                message = str(error)
            else:
                message = "model.json"
                assert "Preprocessor(" in repr(again)
                use(again)
            assert message.startswith("model.json"), (way, new)
    assert refused > 300


def use(preprocessor):
    """Prepare examples of the shape that a record says."""
    if preprocessor.kind == "named":
        for part in preprocessor.parts.values():
            use(part)
    elif np.prod(preprocessor.input_shape) < 10**6:
        shape = (2, *preprocessor.input_shape)
        preprocessor.apply(np.zeros(shape, np.uint8 if preprocessor.kind == "bytes" else float))
        preprocessor.restored_targets(np.zeros((2, max(1, len(preprocessor.target_center)))))


@pytest.mark.parametrize("number", range(4))
def test_a_record_without_one_of_its_values_is_refused_unless_an_older_one_had_none(number):
    record = json.loads(saved_records()[number].to_json())
    optional = {"transparency", "text_column"}
    for name in record:
        left = {key: value for key, value in record.items() if key != name}
        if name in optional:
            Preprocessor.from_json(json.dumps(left))
            continue
        with pytest.raises(DataError, match=f"model\\.json: .*(?s:.*){name}"):
            Preprocessor.from_json(json.dumps(left), where="model.json")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"kind":' * 100_000, "[" * 10**5 + "]" * 10**5])
def test_a_record_that_is_nested_too_deep(text):
    with pytest.raises(DataError, match=r"(?s)model\.json: .*nested too deep"):
        Preprocessor.from_json(text, where="model.json")


def test_the_place_of_a_wrong_value_is_named():
    record = json.loads(saved_records()[2].to_json())
    record["columns"][1]["fill"] = [1]
    with pytest.raises(DataError, match=r"m\.json, columns\[1\], fill: .*(?s:.*)given: +\[1\]"):
        Preprocessor.from_json(json.dumps(record), where="m.json")
    record["columns"][1] = "x"
    with pytest.raises(DataError, match=r"m\.json, columns\[1\]: .*(?s:.*)an object with names"):
        Preprocessor.from_json(json.dumps(record), where="m.json")
