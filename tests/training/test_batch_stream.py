"""Iterables of batches as data: each reading is an epoch, and its batches are the steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError, ConfigurationError, DataError
from clearprop.glass.report import write_report
from clearprop.training import Run, batch_stream

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def batches(size: int = 16) -> list[Any]:
    return [(X[i : i + size], Y[i : i + size]) for i in range(0, len(X), size)]


class Loader:
    """Batches in an order that every reading draws anew; it counts the readings."""

    def __init__(self, size: int = 16, shuffled: bool = True) -> None:
        self.size, self.shuffled, self.readings = size, shuffled, 0
        self.random = np.random.default_rng(1)
        self.seen: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        self.readings += 1
        order = self.random.permutation(len(X)) if self.shuffled else np.arange(len(X))
        for i in range(0, len(X), self.size):
            rows = order[i : i + self.size]
            self.seen.append(rows)
            yield X[rows], Y[rows]


def model() -> nn.Module:
    return nn.Linear(4, 2)


def fitted(*data: Any, **options: Any) -> Run:
    return cp.fit(model(), *data, progress=False, **{"epochs": 3, "seed": 3, **options})


def by_hand(orders: list[Any]) -> nn.Module:
    """Train on these rows, batch by batch, with the optimizer of `fit`."""
    net, optimizer = model().init(3), cp.optim.adam(0.001)
    parameters = dict(net.parameters())
    state = optimizer.init(parameters)
    loss = nn.LOSSES["cross_entropy"]
    for rows in orders:

        def objective(values: Any, rows: Any = rows) -> Any:
            made = cp.tree.replace(net, values)(X[rows])
            return loss.per_example(made, Y[rows]).mean()

        updates, state = optimizer.update(cp.grad(objective)(parameters), state, parameters)
        parameters = cp.optim.apply(parameters, updates)
    return cp.tree.replace(net, parameters)


def test_the_batches_of_every_reading_are_the_steps_of_an_epoch() -> None:
    loader = Loader()
    run = fitted(loader)
    assert loader.readings == 1 + 3  # the first counts the examples and checks the targets
    assert len(run.losses) == 3 * 3
    expected = by_hand(loader.seen[3:])
    for path, values in expected.parameters().items():
        np.testing.assert_allclose(run.model.parameters()[path], values, rtol=1e-5, atol=1e-6)


def test_what_is_read_once_is_the_same_as_a_list_of_its_batches() -> None:
    of_list = fitted(batches())
    np.testing.assert_array_equal(fitted(iter(batches())).losses, of_list.losses)
    np.testing.assert_array_equal(fitted(b for b in batches()).losses, of_list.losses)
    np.testing.assert_array_equal(fitted(Loader(shuffled=False)).losses, of_list.losses)
    assert of_list.config["settings"]["batch_size"] == 16


def test_several_steps_of_one_call_and_the_next_portion_are_the_same_steps() -> None:
    of_one = fitted(batches(4), steps_per_call=1)
    for steps in (2, 5, 10):
        np.testing.assert_allclose(
            fitted(batches(4), steps_per_call=steps).losses, of_one.losses, rtol=1e-6
        )


def test_inputs_by_name_frames_and_lists_in_batches() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            self.left, self.right = nn.Linear(2, 2), nn.Linear(2, 2)

        def __call__(self, x: dict[str, Any]) -> Any:
            return self.left(x["left"]) + self.right(x["right"])

    named = [({"left": x[:, :2], "right": x[:, 2:]}, y) for x, y in batches()]
    run = cp.fit(Two(), named, epochs=2, progress=False)
    assert run.predict(named).shape == (40, 2)
    frames = [(pd.DataFrame(x), pd.Series(y)) for x, y in batches()]
    np.testing.assert_array_equal(fitted(iter(frames)).losses, fitted(batches()).losses)
    plain = [(x.tolist(), y) for x, y in batches()]
    np.testing.assert_array_equal(fitted(iter(plain)).losses, fitted(batches()).losses)


def test_development_set_evaluation_prediction_report_and_diagnosis(tmp_path: Path) -> None:
    run = fitted(Loader(), dev=Loader(7))
    assert run.history.development_error[-1] == run.evaluate((X, Y)).error
    assert run.evaluate(batches()).error == run.evaluate((X, Y)).error
    assert cp.evaluate(run.model, iter(batches())).error == run.evaluate((X, Y)).error
    np.testing.assert_array_equal(run.predict(batches()), run.predict(X))
    np.testing.assert_array_equal(cp.predict(run.model, (x for x, _ in batches())), run.predict(X))
    np.testing.assert_array_equal(run.predict(x for x, _ in batches()), run.predict(X))
    page = write_report(run, iter(batches()), tmp_path / "report.html")
    assert "40 examples" in page.read_text(encoding="utf-8")
    kinds = [finding.kind for finding in cp.diagnose(run, batches()).findings]
    assert kinds == [finding.kind for finding in cp.diagnose(run, (X, Y)).findings]
    assert cp.diagnose(model(), iter(batches())).checked


def test_a_run_that_is_resumed_reads_the_rest_of_its_epoch(tmp_path: Path) -> None:
    whole = fitted(batches(4), folder=tmp_path / "whole")
    assert fitted(batches(4), folder=tmp_path / "part", epochs=1).stopped.epoch == 1
    rest = fitted(batches(4), folder=tmp_path / "part", resume=True)
    for path, values in whole.model.parameters().items():
        np.testing.assert_array_equal(rest.model.parameters()[path], values)
    # The order of the examples is the loader's, so another order is no other data.
    other = [(x[::-1], y[::-1]) for x, y in batches(4)[::-1]]
    assert fitted(other, folder=tmp_path / "part", resume=True, epochs=4).stopped.epoch == 4
    fewer = [(x[:, ::-1], 1 - y) for x, y in batches(4)[:4]]
    with pytest.raises(ConfigurationError, match="continues only with the configuration"):
        fitted(fewer, folder=tmp_path / "part", resume=True, epochs=5)


class Shrinking(Loader):
    """One batch is missing from the second reading on."""

    def __iter__(self) -> Iterator[Any]:
        whole = list(super().__iter__())
        yield from whole if self.readings == 1 else whole[:-1]


class Growing(Loader):
    """There is one more batch from the second reading on."""

    def __iter__(self) -> Iterator[Any]:
        whole = list(super().__iter__())
        yield from whole if self.readings == 1 else [*whole, whole[-1]]


def bad(x: Any) -> list[Any]:
    return [*batches(), (x, Y[:4])]


WRONG: dict[str, tuple[Any, str]] = {
    "another batch size": (lambda: fitted(batches(), batch_size=8), "batch_size=16"),
    "targets beside batches": (lambda: fitted(batches(), Y), "brings its own targets"),
    "a fraction to hold out": (lambda: fitted(batches(), dev=0.1), "no fraction"),
    "uneven batches": (lambda: fitted([*batches(), *batches()]), "the same size"),
    "no batch": (lambda: fitted(iter([])), "there is no batch"),
    "three parts": (lambda: fitted([(X, X, Y)] * 2), "no pair"),
    "three parts, read once": (lambda: fitted(iter([(X, X, Y)])), "no pair"),
    "a batch as a dict": (lambda: fitted(iter([{"x": X, "y": Y}])), "no pair"),
    "other columns": (lambda: fitted(iter(bad(X[:4, :3]))), "different shapes"),
    "a number that is not finite": (lambda: fitted(iter(bad(X[:4] * np.nan))), "batch 4"),
    "one target for each": (lambda: fitted(iter(bad(X[:3]))), "one target for each example"),
    "examples one by one": (lambda: fitted(list(zip(X, Y, strict=True))), "zip(*data)"),
    "fewer in an epoch": (lambda: fitted(Shrinking()), "not those of the first reading"),
    "more in an epoch": (lambda: fitted(Growing()), "one more batch"),
    "labels out of range": (
        lambda: fitted(iter([(X[:4], Y[:4]), (X[:4], Y[:4] + 7)])),
        "label 8",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_batches_is_told(case: str) -> None:
    call, said = WRONG[case]
    with pytest.raises(ClearpropError) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: [{"x": x, "y": y} for x, y in batches()],
        lambda: [(x[:, :2], x[:, 2:], y) for x, y in batches()],
        lambda: [*batches(), *batches()],
        lambda: list(zip(X, Y, strict=True)),
        lambda: [(x, y.astype(float)) for x, y in batches()],
        lambda: [(x, y[:, None]) for x, y in batches()],
    ],
)
def test_the_mends_of_batches_work(make: Any) -> None:
    given = make()
    with pytest.raises(ClearpropError) as caught:
        fitted(given)
    scope: dict[str, Any] = {"data": given, "np": np}
    exec(caught.value.fix or "", scope)
    if "x" in scope:
        assert fitted(scope["x"], scope["y"]).losses.size
        return
    inputs, targets = scope["data"][0]
    assert targets.dtype.kind == "i" and targets.ndim == 1  # noqa: PT018 - one form
    if isinstance(inputs, dict):
        assert [part.shape for part in inputs.values()] == [(16, 2), (16, 2)]
    else:
        np.testing.assert_array_equal(fitted(scope["data"]).losses, fitted(batches()).losses)


def test_an_iterator_that_never_ends_is_stopped_by_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_stream, "free_memory", lambda: 20 * X.nbytes)
    endless = ((X, Y) for _ in itertools.count())
    with pytest.raises(DataError, match="can be read only once") as caught:
        fitted(endless)
    scope: dict[str, Any] = {"data": ((X, Y) for _ in itertools.count()), "itertools": itertools}
    monkeypatch.setattr(batch_stream, "free_memory", lambda: 1000 * X.nbytes)
    exec(caught.value.fix or "", scope)
    assert len(fitted(scope["data"], epochs=1).losses) == 100


def test_what_is_no_iterable_of_batches() -> None:
    for value in (X, (X, Y), [X, Y], pd.DataFrame(X), pd.Series(Y), "digits", {"x": X}, 3, []):
        assert not batch_stream.is_batches(value)
    assert batch_stream.is_batches([(X, Y), (X, Y)])


def test_weights_of_examples_need_an_order() -> None:
    batches = [(np.eye(4, dtype=np.float32), np.arange(4)) for _ in range(2)]
    with pytest.raises(ConfigurationError, match="no order") as caught:
        cp.fit(nn.Linear(4, 4), batches, sample_weight=np.ones(8), epochs=1, progress=False)
    names = {"data": batches, "np": np, "model": nn.Linear(4, 4),
             "fit": lambda *given, sample_weight: given}  # fmt: skip
    setup, call = str(caught.value.fix).split("; ")
    exec(setup, names)
    _, x, y = eval(call, names)
    assert cp.fit(nn.Linear(4, 4), x, y, sample_weight=np.ones(8), epochs=1, progress=False).config


def test_an_ignored_label_of_batches_is_refused() -> None:
    batches = [(np.eye(4, dtype=np.float32), np.arange(4)) for _ in range(2)]
    with pytest.raises(ConfigurationError, match="as it yields them"):
        cp.fit(nn.Linear(4, 4), batches, ignore_index=0, epochs=1, progress=False)


def test_an_evaluation_of_batches_has_no_weights_either() -> None:
    batches = [(np.eye(4, dtype=np.float32), np.arange(4)) for _ in range(2)]
    run = cp.fit(nn.Linear(4, 4), batches, epochs=1, progress=False)
    with pytest.raises(ConfigurationError, match="no order"):
        run.evaluate(batches, sample_weight=np.ones(8))


def test_inputs_alone_may_stand_in_a_list_of_one() -> None:
    x = np.eye(4, dtype=np.float32)
    run = cp.fit(nn.Linear(4, 4), x, np.arange(4), epochs=1, progress=False)
    np.testing.assert_array_equal(run.predict(iter([(x[:3],), [x[3:]]])), run.predict(x))
