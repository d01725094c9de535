"""The curves show wrong learning rates, over- and underfitting, and runs that were cut off."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from benchmarks.diagnosis.applied import applied
from clearprop import data, nn, ops, tree
from clearprop.data import Splits
from clearprop.errors import RunError
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.fix import Code, enough_epochs, fit_line
from clearprop.glass.diagnosis.gathering import facts_of_run
from clearprop.glass.diagnosis.of_curves import interval
from clearprop.glass.diagnosis.shapes import best_of, gap, objective_shape, peak, roughness
from clearprop.training import DivergedError, Run, Stopped, fit, predict
from tests.glass.diagnosis.conftest import Parts, fixed, network, of, with_curves

Trained = Callable[..., Run]


def test_a_healthy_run_has_no_faults(trained: Trained, iris: Splits) -> None:
    found = diagnose(trained(), iris)
    assert found.faults == ()
    assert found.skipped == {"unsuitable_optimizer": "no trials were asked for"}
    assert "Looked for: " in str(found)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
def test_a_healthy_run_of_other_optimizers_has_no_faults(
    optimizer: str, trained: Trained, iris: Splits
) -> None:
    run = trained(optimizer=optimizer, learning_rate=0.1 if optimizer == "sgd" else 0.03)
    assert diagnose(run, iris).faults == ()


def test_a_rate_too_high_is_found_and_fixed(iris: Splits) -> None:
    model = network(4, 8, 3, activation="tanh")
    run = fit(model, iris, learning_rate=100.0, epochs=20, batch_size=16, progress=False)
    finding = of("rate_too_high", diagnose(run, iris))
    assert finding.grade == "fault"
    assert finding.evidence["learning rate"] == 100
    assert "learning_rate=0.001" in finding.fix
    again = fixed(finding.fix, model=model, data=iris)["run"]
    assert "rate_too_high" not in diagnose(again, iris).kinds


def test_an_objective_that_rose_and_fell_again_is_described(trained: Trained) -> None:
    objective = np.array([1.2, 1.6, 2.2, 2.4, 2.31, 2.3, 2.3, 2.3])
    run = trained(epochs=len(objective))
    steps = run.history.step
    losses = np.repeat(objective, int(steps[0])).astype(np.float32)
    run = with_curves(run, objective=objective, training_error=np.full(8, 0.9))
    finding = of("rate_too_high", diagnose(dataclasses.replace(run, losses=losses)))
    assert "it rose to 2.4 in epoch 4 and was 2.3 at the end" in finding.sentence


def test_an_objective_that_is_zero_throughout_has_no_fault(trained: Trained) -> None:
    run = trained(epochs=4)
    assert roughness(np.zeros(4)) == 0
    run = with_curves(run, objective=np.zeros(4), training_error=np.zeros(4))
    still = dataclasses.replace(run, losses=np.zeros_like(run.losses))
    assert diagnose(still).faults == ()


def test_without_development_examples_there_is_no_overfitting(iris: Splits) -> None:
    examples = np.asarray(iris.train.inputs, np.float32), iris.train.targets
    run = fit(network(4, 8, 3, activation="tanh"), examples, epochs=20, progress=False)
    found = diagnose(run, examples)
    for kind in ("overfitting", "development_noise"):
        assert found.skipped[kind] == "no development examples were held out"
    other = diagnose(run, (examples[0][:40], examples[1][:40]))
    assert "not the examples that the run was trained on" in other.skipped["labels_shuffled"]


def test_the_fix_of_a_consequence_does_not_repeat_the_fault(iris: Splits) -> None:
    model = network(4, 8, 3, activation="tanh")
    run = fit(model, iris, learning_rate=1e-7, epochs=20, batch_size=16, progress=False)
    found = diagnose(run, iris)
    assert found.findings[0].kind == "rate_too_low"
    following = [finding for finding in found if finding.follows == "rate_too_low"]
    assert following
    assert all("learning_rate" not in finding.fix for finding in following)


def test_a_lucky_first_example_is_no_climb(trained: Trained) -> None:
    draw = np.random.default_rng(0)
    falls = np.repeat(np.geomspace(1, 0.1, 40), 150)
    losses = (falls * draw.exponential(size=falls.size)).astype(np.float32)
    losses[0] = 0.001
    run = with_curves(trained(), objective=falls[::150], step=150 * np.arange(1, 41),
                      training_error=falls[::150] / 2)  # fmt: skip
    settings = {**run.config["settings"], "batch_size": 1}
    run = dataclasses.replace(run, losses=losses, config={**run.config, "settings": settings})
    assert "rate_too_high" not in diagnose(run).kinds
    climbs = np.concatenate([losses[:20], 9 + losses[:300]])
    finding = of("rate_too_high", diagnose(dataclasses.replace(run, losses=climbs)))
    assert "of the first 15 steps" in finding.sentence


def test_a_rate_too_low_is_found(trained: Trained, iris: Splits) -> None:
    straight = np.linspace(1.15, 1.14, 40)
    run = with_curves(trained(), objective=straight, training_error=np.full(40, 0.6))
    began = network(4, 8, 3, activation="tanh").init(0)
    hardly = tree.replace(began, {p: w + 1e-4 for p, w in nn.parameters(began).items()})
    finding = of("rate_too_low", diagnose(dataclasses.replace(run, model=hardly), iris))
    assert finding.evidence["distance"] == pytest.approx(1e-4 / 0.5, rel=0.5)
    assert "learning_rate=0.1," in finding.fix


@pytest.mark.slow
def test_a_rate_too_low_is_fixed(trained: Trained, iris: Splits) -> None:
    fix = of("rate_too_low", diagnose(trained(learning_rate=1e-6), iris)).fix
    again = fixed(fix, model=network(4, 8, 3, activation="tanh"), data=iris)["run"]
    assert "rate_too_low" not in diagnose(again, iris).kinds


def test_overfitting_is_a_fault_where_the_gap_is_wide(trained: Trained) -> None:
    falls = np.geomspace(1, 0.01, 20)
    wide = with_curves(trained(), objective=falls, training_error=falls / 2,
                       development_error=np.concatenate([np.geomspace(0.6, 0.4, 5),
                                                         np.linspace(0.4, 0.6, 15)]))  # fmt: skip
    finding = of("overfitting", diagnose(wide))
    assert finding.grade == "fault"
    assert "patience=" in finding.fix
    narrow = with_curves(trained(), objective=falls, training_error=falls / 2,
                         development_error=falls / 2 + 0.01)  # fmt: skip
    assert "overfitting" not in diagnose(narrow).kinds


@pytest.mark.slow
def test_underfitting_is_found_by_comparison_with_neighbors(digits: Any) -> None:
    train, dev = digits
    small = network(64, 1, 10, activation="tanh")
    run = fit(small, train, dev=dev, epochs=25, batch_size=16, learning_rate=0.03, progress=False)
    finding = of("underfitting", diagnose(run, train, dev=dev))
    assert finding.evidence["training error"] > 2 * finding.evidence["neighbors' error"]
    after = fixed(finding.fix.rpartition("\nrun =")[0], model=small)["model"]
    assert sum(w.size for w in nn.parameters(after).values()) > 1000


def test_few_development_examples_are_a_note(trained: Trained) -> None:
    finding = of("development_noise", diagnose(trained()))
    assert finding.grade == "note"
    low, high = interval(finding.evidence["error"], 30)
    assert (finding.evidence["low"], finding.evidence["high"]) == (low, high)
    many = dataclasses.replace(
        trained(), config={**trained().config, "data": {"development_examples": 10_000}}
    )
    assert "development_noise" not in diagnose(many).kinds


def test_the_answers_of_one_sequence_count_once() -> None:
    rows = np.random.default_rng(0).integers(0, 5, (56, 7)).astype(np.int32)
    train, dev = ((part[:, :-1], part[:, 1:]) for part in (rows[:40], rows[40:]))
    model = nn.Sequential([nn.Embedding(5, 8), nn.Linear(8, 5)])
    run = fit(model, train, dev=dev, loss="sequence_cross_entropy", epochs=3, batch_size=10,
              progress=False)  # fmt: skip
    finding = of("development_noise", diagnose(run, train, dev=dev))
    outputs = np.asarray(predict(run.model, dev[0]))
    rates = (outputs.argmax(-1) != dev[1]).mean(axis=1)
    half = 1.96 * rates.std(ddof=1) / np.sqrt(len(rates))
    assert finding.evidence["error"] == pytest.approx(rates.mean(), abs=1e-6)
    width = finding.evidence["high"] - finding.evidence["low"]
    assert width == pytest.approx(2 * half, rel=1e-4)
    assert "are predicted wrongly on average" in finding.sentence
    # Without the development examples nothing is known of how much they differ.
    assert "development_noise" not in diagnose(run, train).kinds


def test_an_interrupted_run_says_where(trained: Trained) -> None:
    half = dataclasses.replace(trained(), stopped=Stopped("interrupted", 70, 7, None))
    finding = of("unfinished", diagnose(half))
    assert "after 7 of 40 epochs" in finding.sentence
    assert "resume=True" in finding.fix


def test_a_run_that_was_cut_off_has_no_model_yet(
    trained: Trained, iris: Splits, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(str(trained().folder), folder)
    (folder / "model.safetensors").unlink()
    events = folder / "events.jsonl"
    kept = [line for line in events.read_text().splitlines() if '"Stopped"' not in line]
    events.write_text("\n".join(kept) + "\n")
    found = diagnose(folder, iris)
    assert "was cut off after 40 of 40 epochs" in of("unfinished", found).sentence
    assert found.skipped["symmetric_weights"] == "the run has no model yet"
    with pytest.raises(RunError):
        diagnose(tmp_path)


def test_a_run_that_diverged_names_the_place(tmp_path: Path) -> None:
    x = np.full((8, 2), 1e18, np.float32)
    model = network(2, 4, 1)
    with pytest.raises(DivergedError) as caught:
        fit(
            model,
            (x, x[:, :1]),
            loss="squared_error",
            optimizer="sgd",
            epochs=5,
            batch_size=4,
            learning_rate=1e3,
            folder=tmp_path / "run",
            progress=False,
        )
    for run in (caught.value.run, tmp_path / "run"):
        finding = of("non_finite", diagnose(run, (x, x[:, :1])))
        trouble = caught.value.run.non_finite
        assert trouble is not None
        assert finding.where == trouble.place
        assert finding.evidence["step"] == trouble.step
        of("inputs_not_scaled", diagnose(run, (x, x[:, :1])))


def test_no_rate_is_wrong_for_rosenblatts_rule() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    run = fit(
        nn.Linear(2, 1),
        (x, np.array([0, 1, 1, 0])),
        loss="perceptron",
        optimizer="sgd",
        epochs=20,
        batch_size=1,
        learning_rate=5.0,
        progress=False,
    )
    assert diagnose(run, (x, np.array([0, 1, 1, 0]))).faults == ()


def test_shapes_of_curves() -> None:
    assert objective_shape(np.zeros(0)) == "none"
    assert objective_shape(np.array([1.0])) == "one"
    assert objective_shape(np.array([1.0, np.nan])) == "broken"
    assert objective_shape(np.array([1.0, 0.2, 0.19999, 0.19998, 0.19997, 0.19997])) == "level"
    assert gap(0.1, np.nan, 0.1, 0) == "unknown"
    assert gap(0.1, 0.2, 0.1, 3) == "grown"
    assert gap(0.1, 0.2, 0.1, 3, noise=0.2) == "somewhat"
    assert roughness(np.array([2.3, 2.31, 2.3, 2.31, 2.3])) == 0
    assert roughness(np.array([1.0])) == 0
    assert np.isnan(peak(np.array([np.nan]))[0])
    assert peak(np.array([0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0])) == (1.0, 1.2)


def test_report_and_diagnosis_use_the_same_best_epoch(trained: Trained) -> None:
    errors = [0.4, 0.2, 0.2, 0.3, np.nan]
    run = with_curves(trained(), development_error=errors, objective=np.ones(5),
                      development_objective=[2, 1.5, 1, 1, np.nan])  # fmt: skip
    assert best_of(run.history) == (2, 3)
    assert best_of(run.history, Stopped("early", 50, 5, 2)) == (1, 3)
    assert best_of(with_curves(run, development_error=[np.nan]).history) is None


def test_a_command_is_shown_where_it_changes_something(trained: Trained) -> None:
    values: dict[str, Any] = {"learning_rate": 0.01, "patience": 3}
    note = {"recipe": {"name": "mlp", "values": values, "chosen": {}}}
    run = dataclasses.replace(trained(), config={**trained().config, "notes": note})
    facts = facts_of_run(run)
    assert "\n# clearprop train mlp --set learning_rate=0.1" in fit_line(facts, learning_rate=0.1)
    values = {"learning_rate": 0.01, "data": {"name": "/srv/my rows.csv", "target": "price"}}
    note = {"recipe": {"name": "mlp", "values": values, "chosen": {"data.dev": 0.1}}}
    of_table = facts_of_run(dataclasses.replace(run, config={**run.config, "notes": note}))
    line = fit_line(of_table, learning_rate=0.1)
    assert "mlp --data '/srv/my rows.csv' --target price --set data.dev=0.1" in line
    for same in (
        {"learning_rate": 0.01},
        {"patience": None},
        {"optimizer": Code('"adam"')},
        {"optimizer": Code('"adam"'), "learning_rate": 0.1},
        {"resume": True},
        {},
    ):
        assert "# clearprop" not in fit_line(facts, **same)


def test_a_fix_keeps_every_digit_of_what_was_given(trained: Trained) -> None:
    config = {"name": "adam", "learning_rate": 0.00123456789, "beta2": 0.9999}
    run = dataclasses.replace(trained(), config={**trained().config, "optimizer": config})
    line = fit_line(facts_of_run(run), epochs=3)
    assert "cp.optim.adam(learning_rate=0.00123456789, beta2=0.9999)" in line


@pytest.mark.parametrize("epochs", [30, 300])
def test_small_rises_do_not_add_up_over_a_long_run(epochs: int, trained: Trained) -> None:
    objective = 0.4 + 0.06 * 0.5 ** np.arange(epochs) + 0.002 * (np.arange(epochs) % 2)
    run = with_curves(trained(), objective=objective, training_error=np.full(epochs, 0.6))
    assert "rate_too_high" not in diagnose(run).kinds


@pytest.mark.parametrize("epochs", [20, 300])
def test_the_unrest_of_the_first_epochs_is_not_lost_in_a_long_run(
    epochs: int, trained: Trained
) -> None:
    first = [2.0, 1.2, 2.4, 1.4, 2.2, 1.5, 1.9, 1.3]
    objective = np.array(first + [1.2] * (epochs - len(first)))
    run = with_curves(trained(), objective=objective, training_error=np.full(epochs, 0.6))
    assert of("rate_too_high", diagnose(run)).evidence["roughness"] > 0.5


def test_a_run_that_has_stopped_at_its_best_is_mended(trained: Trained) -> None:
    run = trained()
    curves = {"objective": [1.0, 0.5, 0.2, 0.1, 0.1, 0.1], "training_error": [0.5, 0.2, 0, 0, 0, 0],
              "development_error": [0.5, 0.2, 0.5, 0.6, 0.6, 0.6]}  # fmt: skip
    over = with_curves(run, **curves)
    assert of("overfitting", diagnose(over)).grade == "fault"
    settings = {**run.config["settings"], "patience": 4}
    patient = dataclasses.replace(over, config={**run.config, "settings": settings})
    assert of("overfitting", diagnose(patient)).grade == "note"


def test_a_table_that_is_known_by_heart_is_a_note() -> None:
    part = data.load("diabetes").split(dev=0.8, test=0.0)
    model = network(10, 64, 64, 1)
    run = fit(model, part, loss="squared_error", epochs=150, progress=False)
    errors = run.history.development_error
    falling = np.linspace(1.3, 1.0, len(errors)) * errors[-1]
    best = with_curves(run, objective=run.history.objective, development_error=falling,
                       training_error=run.history.training_error)  # fmt: skip
    finding = of("overfitting", diagnose(best, part))  # the development error is at its lowest
    assert finding.grade == "note"
    assert "Nearest neighbors or a linear model" in finding.sentence


def test_a_gap_after_three_epochs_is_no_overfitting(trained: Trained) -> None:
    run = with_curves(trained(), objective=[1.0, 0.4, 0.2], training_error=[0.5, 0.1, 0.02],
                      development_error=[0.6, 0.5, 0.4])  # fmt: skip
    found = diagnose(run)
    assert "overfitting" not in [finding.kind for finding in found.faults]


def test_a_gap_is_no_fault_where_nothing_simple_is_better(trained: Trained, iris: Splits) -> None:
    columns: dict[str, Any] = {"objective": np.geomspace(1, 0.01, 12)}
    for last, grade in ((0.06, {"note"}), (0.5, {"fault"})):
        run = with_curves(trained(), **columns, training_error=np.zeros(12),
                          development_error=np.r_[np.full(10, 0.05), last, last])  # fmt: skip
        grades = {f.grade for f in diagnose(run, iris) if f.kind == "overfitting"}
        assert grades <= grade


def test_too_few_epochs_are_a_note(trained: Trained, iris: Splits) -> None:
    falls = 0.9 ** np.arange(10)
    run = with_curves(trained(), objective=falls, training_error=0.6 * falls,
                      development_error=0.6 * falls, step=90 * np.arange(1, 11))  # fmt: skip
    untrained = dataclasses.replace(run, model=network(4, 8, 3).init(5))
    finding = of("too_few_epochs", diagnose(untrained, iris))
    assert finding.grade == "note"
    assert "falling by 10.00 % with every pass" in finding.sentence
    assert "epochs=120" in finding.fix
    one = with_curves(trained(), objective=[1.0], training_error=[0.6])
    single = of("too_few_epochs", diagnose(one, iris))
    assert "each curve is a single point" in single.sentence
    assert "batch" not in str(single).replace("batch_size", "")
    level = with_curves(trained(), objective=np.full(9, 0.5), training_error=np.full(9, 0.4))
    assert "too_few_epochs" not in diagnose(level).kinds


def test_the_training_error_is_judged_in_inference(trained: Trained, iris: Splits) -> None:
    """With dropout, or the statistics of tiny batches, errors on the way are higher."""
    run = with_curves(trained(), objective=np.full(9, 0.9), training_error=np.full(9, 0.6))
    facts = facts_of_run(run, iris)
    assert facts.training_error is not None
    assert facts.training_error < 0.1
    assert "underfitting" not in diagnose(run, iris).kinds


def test_a_fork_did_not_begin_from_nothing(trained: Trained, iris: Splits) -> None:
    low = np.array([0.01, 0.012, 0.011, 0.013])
    losses = np.repeat(low, 10).astype(np.float32)
    losses[15:22] = 0.06  # a few batches that are hard
    run = with_curves(trained(), objective=low, training_error=np.full(4, 0.3))
    config = {**run.config, "parent": {"folder": "runs/mlp-1", "step": 400}}
    fork = dataclasses.replace(run, losses=losses, config=config)
    found = diagnose(fork, iris)
    assert "begins with the weights" in found.skipped["rate_too_low"]
    assert "initial_scale" in found.skipped
    assert not {"rate_too_high", "rate_too_low"} & set(found.kinds)


def test_the_examples_are_split_as_the_run_did(iris: Splits) -> None:
    x, y = np.asarray(iris.train.inputs, np.float32), iris.train.targets
    run = fit(network(4, 4, 3), (x, y), epochs=1, dev=0.2, seed=3, progress=False)
    found = diagnose(run, (x, y))
    assert "labels_shuffled" in found.checked
    assert "leaking_duplicates" in found.checked
    assert "labels_shuffled" in diagnose(run, (x[:90], y[:90])).skipped


def test_a_rate_that_has_killed_the_units_is_named(digits: Parts) -> None:
    model = network(64, 32, 32, 10)
    run = fit(model, digits[0], optimizer="momentum", learning_rate=3.0, epochs=6, progress=False)
    quiet = with_curves(run, objective=np.full(6, 2.3), training_error=np.full(6, 0.9),
                       learning_rate=np.full(6, 3.0))  # fmt: skip
    found = diagnose(quiet, digits[0])
    finding = of("rate_too_high", found)
    assert "300 times the default of the optimizer" in finding.sentence
    assert of("dead_units", found).grade == "note"
    assert applied(finding.fix, model, digits[0]).arguments["learning_rate"] == 0.01


def test_a_rate_that_has_saturated_the_units_is_named() -> None:
    rng, model = np.random.default_rng(0), network(4, 8, 3, activation="tanh")
    x, y = rng.normal(size=(96, 4)).astype(np.float32), rng.integers(0, 3, 96)
    run = fit(model, x, y, optimizer="sgd", learning_rate=1000.0, epochs=6, progress=False)
    quiet = with_curves(run, objective=np.full(6, 2.3), training_error=np.full(6, 0.6),
                       learning_rate=np.full(6, 1000.0))  # fmt: skip
    found = diagnose(dataclasses.replace(quiet, losses=np.full(6, 2.3, np.float32)), (x, y))
    assert "times the default of the optimizer, and units are saturated" in (
        of("rate_too_high", found).sentence
    )
    assert of("saturated_units", found).grade == "note"


def test_one_lucky_batch_is_no_climb(trained: Trained) -> None:
    x = np.random.default_rng(0).normal(size=(160, 4)).astype(np.float32)
    run = fit(nn.Linear(4, 1), (x, x[:, :1]), loss="squared_error", epochs=5, batch_size=16,
              progress=False)  # fmt: skip
    lucky = with_curves(run, objective=np.full(5, 1.0), training_error=np.full(5, 1.0))
    lucky.losses[:1] = 0.25  # of sixteen squares that are 1 in the mean
    assert "rate_too_high" not in diagnose(lucky).kinds
    lucky.losses[20:30] = 3.0
    assert "rate_too_high" in diagnose(lucky).kinds


def test_an_own_loss_on_classes_is_judged_by_the_classes(digits: Parts) -> None:
    (x, y), _ = digits
    train, dev = (x[::2], y[::2]), (x[1::2], y[1::2])

    def own(outputs: Any, targets: Any) -> Any:
        return -ops.sum(ops.one_hot(targets, 10) * ops.log_softmax(outputs), axis=1)

    run = fit(network(64, 10), train, loss=own, dev=dev, epochs=8, progress=False)
    assert run.loss is not None
    assert run.loss.error_name == "error rate"
    assert run.history.development_error.max() <= 1
    facts = facts_of_run(run, train, dev)
    assert facts.classifies
    assert facts.own_loss


def test_a_batch_of_all_examples_makes_too_few_steps(digits: Parts) -> None:
    train, dev = digits
    model = network(64, 32, 10)
    run = fit(model, train, dev=dev, epochs=12, batch_size=len(train[0]), progress=False)
    found = diagnose(run, train, dev=dev)
    finding = found.faults[0]
    assert finding.kind == "too_few_epochs"
    assert "12 steps: 1 in each epoch" in finding.sentence
    assert "Smaller batches make more steps of an epoch." in finding.sentence
    changed = applied(finding.fix, model, train).arguments
    assert changed["batch_size"] == 32
    slow = fit(model, train, dev=dev, epochs=12, batch_size=len(train[0]), learning_rate=1e-5,
               progress=False)  # fmt: skip
    assert "too_few_epochs" not in [fault.kind for fault in diagnose(slow, train, dev=dev).faults]


def test_noise_that_was_learned_by_heart_is_a_fault(trained: Trained) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    run = fit(nn.Linear(4, 1), (x, x[:, :1]), loss="squared_error", dev=0.3, epochs=9,
              progress=False)  # fmt: skip
    falling = np.geomspace(1.0, 1e-4, 9)
    risen = np.r_[0.9, 0.8, 0.78, np.linspace(0.8, 0.84, 6)]
    heart = with_curves(run, objective=falling**2, training_error=falling, development_error=risen)
    assert of("overfitting", diagnose(heart)).grade == "fault"
    level = np.r_[0.9, 0.8, np.full(7, 0.78)]
    noisy = with_curves(run, objective=falling**2, training_error=falling, development_error=level)
    assert "overfitting" not in [f.kind for f in diagnose(noisy).faults]


def test_a_run_with_too_few_steps_gets_more_epochs(digits: Parts) -> None:
    short = fit(network(64, 10), digits[0], epochs=2, progress=False)
    assert enough_epochs(facts_of_run(short)) == {"epochs": 70}  # of 8 steps
    long = fit(network(64, 10), digits[0], epochs=70, progress=False)
    assert enough_epochs(facts_of_run(long)) == {}
    (x, y), _ = digits
    many = fit(network(64, 10), (x[:8], y[:8]), epochs=300, progress=False)  # of one step
    assert enough_epochs(facts_of_run(many)) == {"epochs": 300}  # never fewer than before


def test_texts_are_compared_with_a_linear_model_of_their_counts() -> None:
    draw = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = np.where(draw.random((120, 9)) < 0.3, 5 + y[:, None], draw.integers(0, 5, (120, 9)))
    model = nn.Sequential([nn.Embedding(7, 4), nn.Flatten(), nn.Linear(36, 2)])
    run = fit(model, (x.astype(np.int32), y), epochs=2, progress=False)
    facts = facts_of_run(run, (x.astype(np.int32), y))
    assert facts.linear is not None
    assert facts.linear.error < 0.15


def test_the_printed_call_has_the_metrics_of_the_run() -> None:
    def sure(outputs: Any, targets: Any) -> float:
        return 0.5

    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    run = fit(network(8, 4, 2), x, y, dev=(x, y), metrics=["f1", sure], epochs=1, progress=False)
    line = fit_line(facts_of_run(run))
    assert 'metrics=["f1", sure]' in line
    names = {"cp": cp, "model": network(8, 4, 2), "data": (x, y), "dev": (x, y), "sure": sure}
    exec(line, names)
    again: Any = names["run"]
    assert list(again.history.metrics) == ["f1", "sure"]


@pytest.mark.parametrize("fraction", [0.2, 0.15, 0.125])
def test_the_printed_call_has_the_fraction_that_was_given(fraction: float) -> None:
    x, y = np.eye(47, dtype=np.float32), np.arange(47) % 3
    run = fit(network(47, 4, 3), x, y, dev=fraction, epochs=1, progress=False)
    facts = facts_of_run(run, (x, y))
    assert len(str(facts.dev_fraction)) <= len(str(fraction))
    names = {"cp": cp, "model": network(47, 4, 3), "data": (x, y)}
    exec(fit_line(facts), names)
    again: Any = names["run"]
    assert again.config["data"] == run.config["data"]


def test_the_printed_optimizer_leaves_out_its_defaults() -> None:
    optimizer = cp.optim.decoupled_weight_decay(
        cp.optim.adam(cp.optim.schedules.cosine(0.01, 100)), 0.1
    )
    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    run = fit(network(8, 4, 2), x, y, optimizer=optimizer, epochs=1, progress=False)
    line = fit_line(facts_of_run(run))
    assert "beta1" not in line
    assert "exclude" not in line
    names = {"cp": cp, "model": network(8, 4, 2), "data": (x, y)}
    exec(line, names)
    again: Any = names["run"]
    assert again.config["optimizer"] == run.config["optimizer"]


def test_a_command_names_the_options_of_the_data(trained: Trained) -> None:
    of_data = {"name": "rows.csv", "target": "y", "ignore": ["id"], "size": [8, 12], "dev": 0.1,
               "decimal": ",", "window": None}  # fmt: skip
    values = {"weight_decay": 0.0, "patience": None, "data": of_data}
    note = {"recipe": {"name": "mlp", "values": values, "chosen": {"data.dev": 0.1}}}
    run = dataclasses.replace(trained(), config={**trained().config, "notes": note})
    line = fit_line(facts_of_run(run), {"weight_decay": 0.1}, optimizer=Code('"adamw"'))
    command = line.rpartition("# ")[2]
    assert command == (
        "clearprop train mlp --data rows.csv --target y --set data.ignore=id "
        "--set data.size=8x12 --set data.decimal=, --set data.dev=0.1 --set weight_decay=0.1"
    )
