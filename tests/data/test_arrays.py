import numpy as np
import pytest

from clearprop import data
from clearprop.errors import ClearpropError, DataError


@pytest.fixture
def save(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return tmp_path / "set.npz"

    return save


@pytest.mark.parametrize("names", [("x", "y"), ("inputs", "targets"), ("x_train", "y_train")])
def test_arrays_by_their_usual_names(save, names):
    loaded = data.load(save(**{names[0]: np.eye(4), names[1]: np.array([0, 1, 0, 1])}))
    assert loaded.task == "classification"
    assert loaded.class_names == ("0", "1")
    np.testing.assert_array_equal(loaded.inputs, np.eye(4))


def test_the_official_test_part_and_names(save):
    path = save(
        x_train=np.zeros((4, 5, 5), np.uint8),
        y_train=np.array(["dog", "cat", "dog", "cat"]),
        x_test=np.ones((2, 5, 5), np.uint8),
        y_test=np.array(["cat", "dog"]),
    )
    loaded = data.load(path)
    assert loaded.inputs.shape == (4, 5, 5, 1)
    assert loaded.class_names == ("cat", "dog")
    assert loaded.test.targets.tolist() == [0, 1]
    assert len(loaded.split(dev=0.5).test) == 2


def test_labels_minus_one_and_one_become_classes(save):
    loaded = data.load(save(x=np.eye(4), y=np.array([-1, 1, 1, -1])))
    assert loaded.class_names == ("-1", "1")
    assert loaded.targets.tolist() == [0, 1, 1, 0]


def test_given_class_names_set_the_range(save):
    names = np.array(["a", "b", "c"])
    assert data.load(save(x=np.eye(3), y=np.array([0, 1, 0]), class_names=names)).class_names == (
        "a",
        "b",
        "c",
    )
    with pytest.raises(DataError, match="out of range"):
        data.load(save(x=np.eye(3), y=np.array([0, 1, 3]), class_names=names))


def test_numbers_to_predict(save):
    assert data.load(save(x=np.eye(4), y=np.array([0.1, 0.2, 0.3, 0.4]))).task == "regression"
    both = save(x=np.eye(4), y=np.array([1, 2, 1, 2]))
    assert data.load(both, task="regression").targets.shape == (4, 1)
    many = data.load(save(x=np.eye(4), y=np.ones((4, 3)) / 2))
    assert many.targets.shape == (4, 3)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"a": np.eye(2), "b": np.eye(2)}, {}, r"(?s)arrays named a, b.*x and y"),
        ({"x": np.eye(2)}, {}, "arrays named x"),
        ({}, {}, "arrays named nothing"),
        ({"x": np.eye(3), "y": np.array([0, 1])}, {}, "3 examples and 2 targets"),
        ({"x": np.eye(3), "y": np.array([1, 1, 1])}, {}, "only one class"),
        ({"x": np.eye(3), "y": np.array([0.5, np.nan, 1])}, {}, "nan in example 1"),
        (
            {"x": np.eye(3), "y": np.array([0, np.inf, 1])},
            {"task": "classification"},
            "inf in example 1",
        ),
        (
            {"x": np.eye(3), "y": np.array([0.5, 1.0, 0])},
            {"task": "classification"},
            "task='regression'",
        ),
        ({"x": np.eye(3), "y": np.eye(3)}, {"task": "classification"}, "argmax"),
        ({"x": np.full((3, 1), np.nan), "y": np.array([0, 1, 0])}, {}, "nan in example 0"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, {}, "no rows"),
        (
            {
                "x": np.eye(2),
                "y": np.array([0, 1]),
                "x_test": np.eye(2),
                "y_test": np.array([0, 7]),
            },
            {},
            r"(?s)test part is not in the training part.*7",
        ),
        ({"x": np.eye(2), "y": np.array([0, 1], dtype=complex)}, {"task": "regression"}, "numbers"),
    ],
)
def test_arrays_that_do_not_fit(save, arrays, options, message):
    with pytest.raises(ClearpropError, match=message) as caught:
        data.load(save(**arrays), **options)
    assert "set.npz" in str(caught.value)


def test_pickled_objects_are_never_read(save):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was run",))

    path = save(x=np.array([Trap(), Trap()], dtype=object), y=np.array([0, 1]))
    with pytest.raises(DataError, match="pickled objects, which can run any code"):
        data.load(path)


@pytest.mark.parametrize("cut", [0, 3, 50, -30])
def test_a_damaged_file(save, cut):
    path = save(x=np.eye(4), y=np.array([0, 1, 0, 1]))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"set\.npz: the file is cut off, damaged"):
        data.load(path)


def test_damaged_numbers_inside(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, x=np.arange(4000.0).reshape(40, 100), y=np.arange(40) % 2)
    content = bytearray(path.read_bytes())
    content[300:330] = bytes(30)
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged"):
        data.load(path)


def test_one_array_alone(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(DataError, match=r"not a \.npz file"):
        data.load(tmp_path / "one.npz")


def test_inputs_for_a_prediction(save):
    preprocessor = data.load("digits").split().preprocessor
    raw = data.load_inputs(save(x=data.load("digits").inputs[:3, ..., 0]), preprocessor)
    assert preprocessor.apply(raw).shape == (3, 8, 8, 1)
    with pytest.raises(DataError, match="arrays named z"):
        data.load_inputs(save(z=np.eye(2)), preprocessor)


@pytest.mark.parametrize(
    ("changed", "named"),
    [("x", "'x'"), ("y", "'y'"), ("x_test", "'x_test'"), ("y_test", "'y_test'")],
)
def test_a_single_number_is_no_array_of_examples(save, changed, named):
    arrays = {
        "x": np.eye(4),
        "y": np.arange(4) % 2,
        "x_test": np.eye(4),
        "y_test": np.arange(4) % 2,
    }
    with pytest.raises(DataError, match="single number") as caught:
        data.load(save(**(arrays | {changed: np.float64(3)})))
    assert named in caught.value.where


@pytest.mark.parametrize(
    ("large", "problem"),
    [("x", "too large for a standard deviation"), ("y", "too large for single precision")],
)
def test_numbers_that_overflow(save, large, problem):
    arrays = {"x": np.arange(20.0)[:, None], "y": np.linspace(0.0, 1.7, 20)}
    arrays[large] = np.resize([1e300, -1e300, 2.5e300], arrays[large].shape)
    with pytest.raises(DataError, match=problem):
        data.load(save(**arrays), task="regression").split(seed=0)
