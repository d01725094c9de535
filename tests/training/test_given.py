"""Frames, tensors, series and lists as the data of fit, predict, evaluate, report and diagnose."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError, ConfigurationError, DataError
from clearprop.glass.report import write_report
from clearprop.training import Run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64)
NAMES = np.array(["no", "yes"])[LABELS]


class Tensor:
    """What a tensor of PyTorch has: detach, cpu and numpy, and no array before them."""

    def __init__(self, values: Any, steps: int = 0) -> None:
        self.values, self.steps = np.asarray(values), steps
        self.dtype, self.shape = self.values.dtype, self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def detach(self) -> Tensor:
        return Tensor(self.values, 1)

    def cpu(self) -> Tensor:
        assert self.steps == 1
        return Tensor(self.values, 2)

    def numpy(self) -> np.ndarray[Any, Any]:
        assert self.steps == 2, "a tensor with a gradient on a device has no array"
        return self.values

    def __array__(self, *args: object, **kwargs: object) -> Any:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


def frame() -> pd.DataFrame:
    return pd.DataFrame(X, columns=["a", "b", "c", "d"])


def model() -> nn.Module:
    return nn.Sequential([nn.Linear(4, 8), "tanh", nn.Linear(8, 2)])


def fitted(*data: Any, **options: Any) -> Run:
    return cp.fit(model(), *data, progress=False, **{"epochs": 2, "learning_rate": 0.01, **options})


@pytest.fixture(scope="module")
def plain() -> Run:
    return fitted(X, LABELS, dev=0.25)


FORMS: dict[str, tuple[Any, Any]] = {
    "pandas": (frame(), pd.Series(LABELS)),
    "nullable": (frame().astype("Float32"), pd.Series(LABELS, dtype="Int64")),
    "polars": (pl.DataFrame(X, schema=["a", "b", "c", "d"]), pl.Series(LABELS)),
    "lists": (X.tolist(), LABELS.tolist()),
    "tensors": (Tensor(X), Tensor(LABELS)),
    "lists of tensors": (list(map(Tensor, X)), list(map(Tensor, LABELS))),
    "jax": (jnp.asarray(X), jnp.asarray(LABELS)),
    "doubles": (X.astype(np.float64), LABELS.astype(np.int32)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains_bit_for_bit_as_arrays_do(form: str, plain: Run) -> None:
    x, y = FORMS[form]
    run = fitted(x, y, dev=0.25)
    np.testing.assert_array_equal(run.losses, plain.losses)
    np.testing.assert_array_equal(run.predict(x), plain.predict(X))
    assert run.evaluate((x, y)).error == plain.evaluate((X, LABELS)).error
    np.testing.assert_array_equal(cp.predict(plain.model, x), plain.predict(X))
    assert cp.evaluate(plain.model, (x, y)).error == plain.evaluate((X, LABELS)).error


def test_a_development_set_may_have_another_form(plain: Run) -> None:
    run = fitted(frame(), pd.Series(NAMES), dev=(frame()[["d", "c", "b", "a"]], list(NAMES)))
    same = fitted(X, LABELS, dev=(X, LABELS))
    np.testing.assert_array_equal(run.history.development_error, same.history.development_error)


def test_columns_are_put_in_order_by_name_and_missing_or_unknown_ones_are_told(
    tmp_path: Path,
) -> None:
    run = fitted(frame(), NAMES, folder=tmp_path / "run")
    assert run.preprocessor is not None
    assert run.preprocessor.feature_names == ("a", "b", "c", "d")
    mixed = frame()[["c", "a", "d", "b"]]
    for known in (run, tmp_path / "run", cp.load(tmp_path / "run")):
        np.testing.assert_array_equal(cp.predict(known, mixed), run.predict(X))
        assert cp.evaluate(known, (mixed, NAMES)).error == run.evaluate((X, LABELS)).error
    with pytest.raises(DataError, match="the column 'b' that the model was trained with"):
        run.predict(frame().drop(columns="b"))
    with pytest.warns(UserWarning, match="not trained with are left out: 'z'") as caught:
        made = run.predict(mixed.assign(z=1))
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(made, run.predict(X))
    with pytest.raises(DataError, match=r"'a' \(1 of 64 missing\)") as caught_gap:
        run.predict(frame().assign(a=[np.nan, *X[1:, 0]]))
    scope: dict[str, Any] = {"x": frame().assign(a=[np.nan, *X[1:, 0]])}
    exec(caught_gap.value.fix or "", scope)
    np.testing.assert_array_equal(run.predict(scope["x"]), run.predict(X[1:]))


def test_names_of_classes_are_kept_for_every_form_of_inputs(tmp_path: Path) -> None:
    whole = RNG.integers(0, 5, (64, 3))
    embedding = nn.Sequential([nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 2)])
    bytes_ = RNG.integers(0, 255, (64, 4)).astype(np.uint8)
    for inputs, net in ((X, model()), (whole, embedding), (bytes_, model()), (X > 0, model())):
        run = cp.fit(
            net, inputs, NAMES, epochs=1, progress=False, folder=tmp_path / str(id(inputs))
        )
        same = cp.fit(net, inputs, LABELS, epochs=1, progress=False)
        np.testing.assert_array_equal(run.losses, same.losses)
        np.testing.assert_array_equal(run.predict(inputs), same.predict(inputs))
        again = cp.load(tmp_path / str(id(inputs)))
        assert again.class_names == ("no", "yes")
        expected = np.array(["no", "yes"])[same.predict(inputs).argmax(axis=1)]
        assert again.labels(inputs).tolist() == expected.tolist()
        assert again.evaluate((inputs, NAMES)).error == same.evaluate((inputs, LABELS)).error
    with pytest.raises(DataError, match="a class was not there in training"):
        run.evaluate((X > 0, np.array(["maybe"] * 64)))


class Two(nn.Module):
    """Adds what two inputs by name give."""

    def __init__(self) -> None:
        self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2)

    def __call__(self, x: dict[str, Any]) -> Any:
        return self.left(x["left"]) + self.right(x["right"])


def test_inputs_by_name_may_be_frames() -> None:
    both = {"left": frame()[["a", "b"]], "right": frame()[["c", "d"]]}
    arrays = {"left": X[:, :2], "right": X[:, 2:]}
    run = cp.fit(Two(), both, pd.Series(LABELS), epochs=2, progress=False)
    same = cp.fit(Two(), arrays, LABELS, epochs=2, progress=False)
    np.testing.assert_array_equal(run.losses, same.losses)
    mixed = {"right": frame()[["d", "c"]], "left": frame()[["b", "a"]]}
    np.testing.assert_array_equal(run.predict(mixed), same.predict(arrays))
    with pytest.raises(DataError, match=r"inputs right: .*indices"):
        cp.fit(Two(), {**both, "right": both["right"][::-1]}, pd.Series(LABELS), progress=False)


def table() -> pd.DataFrame:
    return frame().assign(
        b=np.where(X[:, 1] > 0, "up", "down"),
        when=pd.date_range("2024-01-01", periods=64),
        e=pd.array([1, None] * 32, dtype="Int64"),
    )


def test_a_frame_that_has_to_be_prepared_is_answered_with_the_call_that_prepares_it() -> None:
    x, y = table(), pd.Series(NAMES)
    with pytest.raises(DataError) as caught:
        fitted(x, y)
    said = str(caught.value)
    assert "'b' (String)" in said
    assert "'when' (Datetime" in said
    assert "'e' (32 of 64 missing)" in said
    scope: dict[str, Any] = {"x": x, "y": y, "cp": cp}
    exec(caught.value.fix or "", scope)
    width = scope["x"].input_shape[0]
    run = cp.fit(nn.Linear(width, 2), scope["x"], scope["y"], epochs=2, progress=False)
    mixed = table()[["when", "e", "d", "c", "b", "a"]]
    with pytest.warns(UserWarning, match="2 of 4 cells of column 'e' are missing"):
        np.testing.assert_array_equal(run.predict(mixed[:4]), run.predict(table()[:4]))
    with pytest.warns(UserWarning, match="column 'b' were not seen in training"):
        run.evaluate((mixed.assign(b="left"), y))
    assert run.evaluate((mixed, y)).error == run.evaluate(cp.data.load(x, target=y)).error


def test_a_frame_without_a_target_is_answered() -> None:
    with pytest.raises(ConfigurationError) as caught:
        fitted(table().assign(y=NAMES))
    scope: dict[str, Any] = {"frame": table().assign(y=NAMES), "cp": cp}
    exec(caught.value.fix or "", scope)
    assert scope["data"].class_names == ("no", "yes")


def test_an_index_in_another_order_is_refused_everywhere() -> None:
    run = fitted(frame(), pd.Series(LABELS))
    shuffled = pd.Series(LABELS)[::-1]
    for call in (
        lambda: fitted(frame(), shuffled),
        lambda: fitted(X, LABELS, dev=(frame(), shuffled)),
        lambda: run.evaluate((frame(), shuffled)),
        lambda: cp.evaluate(run.model, (frame(), shuffled)),
        lambda: cp.diagnose(run, (frame(), shuffled)),
        lambda: write_report(run, (frame(), shuffled), "unused.html"),
    ):
        with pytest.raises(DataError, match="different indices"):
            call()
    np.testing.assert_array_equal(fitted(frame(), shuffled.loc[frame().index]).losses, run.losses)


def test_report_and_diagnosis_take_frames_and_have_the_names(tmp_path: Path) -> None:
    whole = table().assign(y=NAMES)
    parts = cp.data.load(whole, target="y").split(dev=0.2, test=0.0)
    net = nn.Linear(parts.input_shape[0], 2)
    run = cp.fit(net, parts, epochs=2, progress=False)
    mixed = whole[["e", "when", "d", "c", "b", "a"]]
    page = write_report(run, (mixed, whole.y), tmp_path / "a.html").read_text(encoding="utf-8")
    assert "b=down" in page
    assert cp.diagnose(run, (mixed, whole.y)).checked
    # An input that is constant and far too large is named, whichever order the columns have.
    odd = frame().assign(c=0.0, d=X[:, 3] * 10_000)
    run = fitted(odd, NAMES, dev=0.25)
    found = cp.diagnose(run, (odd[["d", "c", "b", "a"]], list(NAMES)))
    assert "inputs_not_scaled" in {finding.kind for finding in found.findings}
    assert "'c'" in str(found) or " c" in str(found)
    same = cp.diagnose(fitted(odd.to_numpy(), LABELS, dev=0.25), (odd.to_numpy(), LABELS))
    assert [f.kind for f in found.findings] == [f.kind for f in same.findings]
    page = write_report(run, (odd, NAMES), tmp_path / "b.html").read_text(encoding="utf-8")
    assert ">yes<" in page
    assert cp.diagnose(model(), (odd, NAMES)).checked


LABELS_WITH_A_MEND = {
    "floats": pd.Series(LABELS.astype(float)),
    "a column": pd.DataFrame({"y": LABELS}),
    "truth values": pd.Series(LABELS == 1),
    "floats of polars": pl.Series(LABELS.astype(float)),
    "floats of a tensor": Tensor(LABELS.astype(np.float32)),
    "a tensor (N, 1)": Tensor(LABELS[:, None]),
    "truth values of a tensor": Tensor(LABELS == 1),
    "a list of floats": LABELS.astype(float).tolist(),
}


@pytest.mark.parametrize("case", LABELS_WITH_A_MEND)
def test_labels_of_another_type_have_a_mend_that_works(case: str, plain: Run) -> None:
    y = LABELS_WITH_A_MEND[case]
    with pytest.raises(ClearpropError) as caught:
        fitted(frame(), y, dev=0.25)
    scope: dict[str, Any] = {"y": y, "np": np}
    exec(caught.value.fix or "", scope)
    np.testing.assert_array_equal(fitted(frame(), scope["y"], dev=0.25).losses, plain.losses)


def test_pictures_with_channels_first_have_a_mend_that_works() -> None:
    first = RNG.normal(size=(8, 3, 6, 5)).astype(np.float32)
    net = nn.Sequential([nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(24, 2)])
    y = np.arange(8) % 2
    known = net.init(0)
    for x in (Tensor(first), first, first.tolist()):
        for call in (
            lambda x=x: cp.fit(net, x, y, epochs=1, progress=False),
            lambda x=x: cp.predict(known, x),
        ):
            with pytest.raises(ClearpropError) as caught:
                call()
            scope: dict[str, Any] = {"x": x, "np": np}
            exec(caught.value.fix or "", scope)
            assert scope["x"].shape == (8, 6, 5, 3)
            np.testing.assert_array_equal(scope["x"], first.transpose(0, 2, 3, 1))
    with pytest.raises(ClearpropError) as caught:
        nn.Conv1d(3, 2, 3).init(0)(jnp.zeros((8, 3, 20)))
    scope = {"x": np.zeros((8, 3, 20))}
    exec(caught.value.fix or "", scope)
    assert scope["x"].shape == (8, 20, 3)


def test_wrong_forms_are_told() -> None:
    class Sparse:
        toarray, nnz, shape, dtype = None, 3, (64, 4), np.dtype("float32")

    twice = pd.concat([frame(), frame()], axis=1)
    for x, said in (
        (Sparse(), "x = x.toarray()"),
        (twice, "two columns have the same name"),
        (pl.DataFrame(X).lazy(), "frame.collect()"),
        (np.ma.masked_array(X, mask=X > 2), "masked"),
        ([*X.tolist()[:-1], [1.0]], "do not make one array"),
        (frame().assign(a=np.nan), "64 of 64 missing"),
    ):
        with pytest.raises(ClearpropError, match=said):
            fitted(x, LABELS)
    with contextlib.suppress(ClearpropError):
        fitted(frame(), "d")
        raise AssertionError("a name in place of the targets passed")


def test_numbers_of_classes_that_are_written_as_text() -> None:
    """Sorted as text, "10" comes before "2": the number 2 is the class "2", and no place."""
    x = np.eye(11, dtype=np.float32).repeat(4, axis=0)
    y = np.arange(11).repeat(4)
    run = cp.fit(nn.Linear(11, 11), x, y.astype(str), epochs=60, learning_rate=0.1, progress=False)
    assert run.evaluate((x, y.astype(str))).error == 0
    assert run.evaluate((x, y)).error == 0


@pytest.fixture(scope="module")
def houses() -> pd.DataFrame:
    rooms = RNG.integers(1, 6, 60)
    return pd.DataFrame({
        "rooms": rooms,
        "city": np.array(["Bern", "Oslo", "Rome"])[RNG.integers(0, 3, 60)],
        "built": pd.Timestamp("1990-01-01") + pd.to_timedelta(RNG.integers(0, 9000, 60), "D"),
        "price": (rooms * 100 + RNG.normal(0, 10, 60)).round(1),
    })  # fmt: skip


@pytest.fixture(scope="module")
def of_houses(houses: pd.DataFrame) -> Run:
    parts = cp.data.load(houses, target="price").split(dev=0.2, test=0.2)
    network = nn.Sequential(nn.Linear(parts.input_shape[0], 8), nn.ReLU(), nn.Linear(8, 1))
    return cp.fit(network, parts, loss="squared_error", epochs=2, progress=False)


@pytest.mark.parametrize("changed", ["array", "one column less", "row", "dicts", "one dict"])
def test_rows_of_a_table_without_names_are_refused_with_the_frame(
    houses: pd.DataFrame, of_houses: Run, changed: str
) -> None:
    x = houses.drop(columns="price").iloc[:2]
    given: Any = {
        "array": x.to_numpy(),
        "one column less": x.to_numpy()[:, 1:],
        "row": x.iloc[0],
        "dicts": x.to_dict("records"),
        "one dict": x.iloc[0].to_dict(),
    }[changed]
    with pytest.raises(DataError, match="finds them by their names") as caught:
        of_houses.predict(given)
    assert caught.value.expected == "a frame with the columns rooms, city, built"
    fix = caught.value.fix or ""
    if "..." not in fix:
        names = {"x": given, "pd": pd}
        exec(fix, names)
        made: Any = names["x"]
        predicted = of_houses.predict(made)
        np.testing.assert_array_equal(predicted, of_houses.predict(x.iloc[: len(made)]))


def test_what_is_no_pair_is_refused_with_the_call(houses: pd.DataFrame, of_houses: Run) -> None:
    splits = cp.data.load(houses, target="price").split()
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((splits,), "run.evaluate(splits.test)"),
        ((houses, houses["price"]), "run.evaluate((x, y))"),
        ((houses.to_numpy(),), "run.evaluate((x, y))"),
        ((houses,), 'run.evaluate((frame.drop(columns=["target"]), frame["target"]))'),
    ]
    for given, fix in wrong:
        for call in (of_houses.evaluate, of_houses.predictor.evaluate):
            with pytest.raises(DataError) as caught:
                call(*given)
            assert caught.value.fix == fix
        with pytest.raises(DataError) as caught:
            cp.evaluate(of_houses, *given)
        assert caught.value.fix == fix
    pair = houses.drop(columns=["price"]), houses["price"]
    assert of_houses.evaluate(pair).examples == 60


def test_a_pass_of_a_run_is_explained_on_raw_examples(houses: pd.DataFrame, of_houses: Run) -> None:
    rows, prices = houses.drop(columns="price").iloc[:3], houses["price"].iloc[:3]
    glass = cp.explain(of_houses, rows, prices)
    objective = of_houses.evaluate((rows, prices)).objective
    np.testing.assert_allclose(glass.objective, objective, rtol=1e-5)
    with pytest.raises(ClearpropError, match="a model takes arrays") as caught:
        cp.explain(of_houses.model, rows, prices)
    assert caught.value.fix == "cp.explain(run, x, y)"


def test_the_loss_of_a_run_explains_its_passes() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        return nn.LOSSES["cross_entropy"].per_example(outputs, targets) * 3

    run = fitted(X, LABELS, loss=own)
    plain = cp.explain(run.model, X[:4], LABELS[:4])
    np.testing.assert_allclose(
        cp.explain(run, X[:4], LABELS[:4]).objective, 3 * plain.objective, rtol=1e-5
    )


def test_classes_and_their_chances_of_a_run() -> None:
    run = fitted(X, NAMES)
    assert set(run.labels(X)) <= {"no", "yes"}
    np.testing.assert_allclose(run.probabilities(X).sum(axis=1), 1, rtol=1e-6)
