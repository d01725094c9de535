"""Faults of the data are found before training, and real data sets have no findings."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from benchmarks.diagnosis.applied import applied
from clearprop import data, fit
from clearprop.errors import DataError, ShapeError
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.reference import neighbours
from tests.glass.diagnosis.conftest import Parts, fixed, network, of, with_curves

MODEL = network(64, 32, 10).init(0)


def kinds(train: Any, dev: Any = None) -> tuple[str, ...]:
    return diagnose(MODEL, train, dev=dev).kinds


def test_good_data_is_left_alone(digits: Parts) -> None:
    assert kinds(*digits) == ()


@pytest.mark.parametrize("name", ["iris", "wine", "breast-cancer"])
def test_real_sets_as_they_are_split_are_left_alone(name: str) -> None:
    splits = data.load(name).split(dev=0.2, test=0.0)
    classes = len(splits.preprocessor.class_names or ())
    assert diagnose(network(*splits.input_shape, 8, classes), splits).findings == ()


def test_real_numbers_to_be_predicted_are_left_alone() -> None:
    assert diagnose(network(10, 8, 1), data.load("diabetes").split(), "squared_error").kinds == ()


@pytest.mark.parametrize("factor", [300.0, 1e-4])
def test_inputs_of_the_wrong_size(factor: float, digits: Parts) -> None:
    (x, y), _ = digits
    finding = of("inputs_not_scaled", diagnose(MODEL, (x * factor, y)))
    size = finding.evidence["root mean square"]
    assert size == pytest.approx(factor * float(np.sqrt((x**2).mean())), rel=1e-4)
    after = fixed(finding.fix.rpartition("\nrun =")[0], inputs=x * factor, targets=y)["data"]
    assert "inputs_not_scaled" not in diagnose(MODEL, after).kinds


def test_a_raw_table_is_found_by_its_widest_column() -> None:
    wine = data.load("wine")
    model = network(13, 8, 3)
    raw = (np.asarray(wine.inputs, np.float32), wine.targets)
    of("inputs_not_scaled", diagnose(model, raw))
    alike = dataclasses.replace(wine, scaling="none").split(dev=0.2, test=0.0)
    finding = of("inputs_not_scaled", diagnose(model, alike))
    assert "proline" in finding.sentence or "root mean square" in finding.sentence


def test_targets_that_are_not_scaled() -> None:
    diabetes = data.load("diabetes")
    raw = (np.asarray(diabetes.inputs, np.float32) * 20, np.asarray(diabetes.targets))
    finding = of("targets_not_scaled", diagnose(network(10, 8, 1), raw, "squared_error"))
    assert finding.evidence["root mean square"] > 100


def test_shuffled_labels(digits: Parts) -> None:
    (x, y), _ = digits
    finding = of("labels_shuffled", diagnose(MODEL, (x, np.random.default_rng(0).permutation(y))))
    assert abs(finding.evidence["deviations from chance"]) < 3
    fixed_data = fixed(finding.fix, inputs=x, targets=y)["data"]
    assert kinds(fixed_data) == ()


def test_targets_that_are_all_equal_are_not_shuffled(digits: Parts) -> None:
    x, y = digits[0][0][:100], np.zeros(100, np.int32)
    assert "labels_shuffled" not in kinds((x, y))
    run = cp.fit(network(64, 4, 2), (x, y), epochs=2, dev=0.2, progress=False)
    found = diagnose(run, (x, y), dev=0.2)
    assert "underfitting" in found.checked
    assert not {"labels_shuffled", "underfitting"} & set(found.kinds)


def test_shuffled_numbers() -> None:
    splits = data.load("diabetes").split()
    x = np.asarray(splits.train.inputs)
    y = np.random.default_rng(0).permutation(
        splits.preprocessor.scaled_targets(splits.train.targets)
    )
    of("labels_shuffled", diagnose(network(10, 8, 1), (x, np.asarray(y)), "squared_error"))


def test_copies_in_the_development_part(digits: Parts) -> None:
    (x, y), (dev_x, dev_y) = digits
    leaking = (np.concatenate([x, dev_x[:20]]), np.concatenate([y, dev_y[:20]]))
    finding = of("leaking_duplicates", diagnose(MODEL, leaking, dev=(dev_x, dev_y)))
    assert finding.evidence["copies"] == 20
    assert finding.evidence["fraction"] == pytest.approx(20 / len(dev_y))


def test_twins_that_the_data_itself_has_are_no_leak() -> None:
    gates = np.random.default_rng(0).integers(0, 2, (200, 3)).astype(np.float32)
    pair = (gates, (gates.sum(1) > 1).astype(np.int32))
    model = network(3, 8, 2)
    held_out = (pair[0][150:], pair[1][150:])
    found = diagnose(model, (pair[0][:150], pair[1][:150]), dev=held_out)
    assert "leaking_duplicates" not in found.kinds


def test_a_rare_class(digits: Parts) -> None:
    (x, y), _ = digits
    kept = np.concatenate([np.flatnonzero(y != 4), np.flatnonzero(y == 4)[:2]])
    finding = of("class_imbalance", diagnose(MODEL, (x[kept], y[kept])))
    assert finding.where == "class 4"
    assert finding.evidence["rarest"] == 2
    code = finding.fix.rpartition("\nrun =")[0]
    drawn = fixed(code, inputs=x[kept], targets=y[kept])["data"]
    assert len(set(np.bincount(drawn[1]))) == 1


def test_neighbors_know_numbers_too() -> None:
    x = np.linspace(0, 1, 200)[:, None]
    found = neighbours(x, np.sin(6 * x), classifies=False)
    assert found is not None
    assert found.error < 0.1
    assert found.strength > 10
    assert neighbours(x[:10], x[:10], classifies=False) is None


def test_data_that_does_not_fit_says_so(digits: Parts) -> None:
    (x, y), _ = digits
    with pytest.raises(ShapeError, match=r"layers\.0"):
        diagnose(MODEL, (x[:, :60], y))
    with pytest.raises(DataError, match="no examples"):
        diagnose(MODEL, (x[:0], y[:0]))
    with pytest.raises(DataError, match="one target for each"):
        diagnose(MODEL, (x, y[:-1]))


def test_it_is_available_as_cp_diagnose() -> None:
    assert cp.diagnose is diagnose


def test_shuffled_labels_are_a_fault_where_a_run_confirms_it(trained: Any, iris: Any) -> None:
    x, y = np.asarray(iris.train.inputs), np.random.default_rng(1).permutation(iris.train.targets)
    assert of("labels_shuffled", diagnose(network(4, 8, 3).init(0), (x, y))).grade == "note"
    for error, said in (
        (0.9, "no better than the best constant prediction"),
        (0.62, "on 30 development examples the network is no better than chance allows"),
    ):
        run = with_curves(trained(), objective=np.ones(3), development_error=np.full(3, error))
        data = {key: v for key, v in run.config["data"].items() if key != "fingerprint"}
        run = dataclasses.replace(run, config={**run.config, "data": data})
        finding = of("labels_shuffled", diagnose(run, (x, y)))
        assert finding.grade == "fault"
        assert said in finding.sentence


def test_inputs_that_are_the_same_in_every_example(digits: Parts) -> None:
    (x, y), _ = digits
    for same in (0 * x, np.repeat(x[:1], len(x), axis=0)):
        found = diagnose(MODEL, (same, y))
        assert of("constant_inputs", found).grade == "fault"
        assert [finding.kind for finding in found.faults] == ["constant_inputs"]
    half = np.where(np.arange(len(x))[:, None] % 2, x, 1.0)
    assert "one color" in of("constant_inputs", diagnose(MODEL, (half, y))).sentence


def test_a_development_part_with_other_classes(digits: Parts) -> None:
    (x, y), dev = digits
    kept = y < 7
    finding = of("development_differs", diagnose(MODEL, (x[kept], y[kept]), dev=dev))
    assert finding.grade == "fault"
    assert "class 7, 8, 9" in finding.sentence
    after = applied(finding.fix, MODEL, (x[kept], y[kept]), dev=dev)
    assert set(after.data[1]) == set(range(10))


def test_a_development_part_with_other_ranges(digits: Parts) -> None:
    (x, y), (dev_x, dev_y) = digits
    raw = (7 * dev_x + 7, dev_y)
    finding = of("development_differs", diagnose(MODEL, (x, y), dev=raw))
    after = applied(finding.fix, MODEL, (x, y), dev=raw)
    assert 0.5 < float(np.std(after.arguments["dev"][0])) < 1.5
    order = np.argsort(x[:, 20])
    both = np.arange(256) % 2
    found = diagnose(MODEL, (x[order[:180]], both[:180]), dev=(x[order[180:]], both[180:]))
    assert "entry 20" in of("development_differs", found).sentence


def test_scaled_arrays_keep_their_development_part(digits: Parts) -> None:
    (x, y), (dev_x, dev_y) = digits
    run = cp.fit(MODEL, (300 * x, y), dev=(300 * dev_x, dev_y), epochs=1, learning_rate=0.5,
                 progress=False)  # fmt: skip
    pair, dev = (300 * x, y), (300 * dev_x, dev_y)
    finding = of("inputs_not_scaled", diagnose(run, pair, dev=dev))
    after = applied(finding.fix, MODEL, pair, dev=dev)
    assert float(np.std(after.data[0])) == pytest.approx(1, rel=0.1)
    assert float(np.std(after.arguments["dev"][0])) < 6  # a few pixels were never seen
    assert after.arguments["learning_rate"] == 0.001


def test_a_rare_class_is_no_other_distribution() -> None:
    splits = data.load("breast-cancer").split(dev=0.3, test=0.0)
    scaled = splits.preprocessor.scaled
    x, y = np.asarray(scaled(splits.train.inputs)), splits.train.targets
    dev = np.asarray(scaled(splits.dev.inputs)), splits.dev.targets
    kept = np.r_[np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:4]]
    model = network(x.shape[1], 8, 2)
    assert "development_differs" not in diagnose(model, (x[kept], y[kept]), dev=dev).kinds
    moved = (dev[0] + 3, dev[1])
    assert "development_differs" in diagnose(model, (x[kept], y[kept]), dev=moved).kinds


def test_rows_that_hardly_differ(digits: Parts) -> None:
    """Rows divided by their length, with one column that is far larger than all others."""
    (x, y), _ = digits
    near = (x * 0.01).astype(np.float32)
    near[:, 0] = 1.0
    rows = near / np.linalg.norm(near, axis=1, keepdims=True)
    finding = of("inputs_not_scaled", diagnose(network(64, 16, 10), (rows, y)))
    assert "hardly differ" in finding.sentence
    mended = applied(finding.fix, network(64, 16, 10), (rows, y))
    assert "inputs_not_scaled" not in diagnose(network(64, 16, 10), mended.data).kinds


def test_classes_that_have_other_numbers_in_development(digits: Parts) -> None:
    train, dev = digits
    model = network(64, 32, 10)
    other = np.array([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    moved = (dev[0], other[dev[1]].astype(np.int32))
    run = fit(model, train, dev=moved, epochs=25, learning_rate=0.01, progress=False)
    finding = of("development_differs", diagnose(run, train, dev=moved))
    assert finding.grade == "fault"
    assert "other numbers" in finding.sentence
    mended = applied(finding.fix, model, train, dev=moved)
    np.testing.assert_array_equal(mended.arguments["dev"][1], dev[1])
    right = fit(model, train, dev=dev, epochs=25, learning_rate=0.01, progress=False)
    assert "development_differs" not in diagnose(right, train, dev=dev).kinds
