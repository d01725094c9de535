"""Every recipe trains on real data, and reports its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import data, nn
from clearprop.errors import ConfigurationError, RunError
from clearprop.recipes import find_recipe, prepare
from clearprop.recipes.experiment import Experiment, of_run, recipe_of
from clearprop.recipes.perceptron import PerceptronRecipe
from clearprop.training import Run, read_run


def trained(name: str, folder: Path | None = None, **values: Any) -> tuple[Experiment, Run]:
    experiment = prepare(name, values)
    return experiment, experiment.train(folder=folder, progress=False)


def accuracy(experiment: Experiment, run: Run) -> float:
    evaluation = experiment.evaluate(run.model, experiment.splits.test)
    assert evaluation is not None
    assert evaluation.accuracy is not None
    return evaluation.accuracy


def remarks(experiment: Experiment, run: Run) -> list[str]:
    return experiment.recipe.remarks(run.model, run.history, experiment.splits)


# --- perceptron ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["and", "or", "not"])
def test_the_perceptron_learns_what_one_neuron_can(gate: str) -> None:
    experiment, run = trained("perceptron", data={"name": gate}, seed=1)
    assert run.history.training_error[-1] == 0
    lines = remarks(experiment, run)
    assert lines[0].startswith("a linear decision boundary separates the classes")
    assert lines[1].startswith("  z = ")


@pytest.mark.parametrize("seed", range(2))
def test_the_perceptron_tells_setosa_from_the_rest(seed: int) -> None:
    experiment, run = trained("perceptron", seed=seed)
    assert accuracy(experiment, run) == 1
    assert "petal length" in remarks(experiment, run)[1]


def test_the_plane_is_told_in_the_units_of_the_data() -> None:
    experiment, run = trained("perceptron", data={"name": "iris", "dev": 0, "test": 0})
    line = remarks(experiment, run)[1]
    words = line.removeprefix("  z = ").partition(",")[0].split()
    numbers = [float(word) for word in words if word.lstrip("+-")[0].isdigit()]
    z = np.asarray(data.load("iris").inputs) @ numbers[:4] + numbers[4]
    np.testing.assert_array_equal(z >= 0, data.load("iris").targets == 0)


def test_the_plane_of_two_columns_is_drawn_among_their_values(tmp_path: Path) -> None:
    rng, file = np.random.default_rng(0), tmp_path / "two.csv"
    rows = np.concatenate(
        [rng.normal(m, (9.0, 1.0), (20, 2)) for m in ((100.0, 5.0), (160.0, 12.0))]
    )
    lines = [f"{x:.2f},{y:.2f},{'ab'[i // 20]}" for i, (x, y) in enumerate(rows)]
    file.write_text("\n".join(["height,weight,kind", *lines]) + "\n")
    experiment, run = trained("perceptron", data={"name": str(file), "target": "kind"})
    assert run.history.training_error[-1] == 0
    (drawing,) = experiment.recipe.drawings(run.model, run.history, experiment.splits)
    (axes,) = drawing.figure.axes
    assert axes.get_xlim()[0] > 50
    assert "wrong prediction" not in [text.get_text() for text in axes.get_legend().get_texts()]


def test_on_xor_the_perceptron_shows_the_four_inequalities() -> None:
    experiment, run = trained("perceptron", data={"name": "xor"})
    assert run.stopped.reason == "finished"
    assert run.history.training_error[-1] > 0
    lines = remarks(experiment, run)
    assert lines[0].startswith("no linear decision boundary separates the classes")
    spare = [line.replace(" ", "") for line in lines[1:]]
    assert spare[:4] == [
        "(0,0)is0:b<0",
        "(0,1)is1:w2+b>=0",
        "(1,0)is1:w1+b>=0",
        "(1,1)is0:w1+w2+b<0",
    ]
    assert "w1+w2+2b>=0" in spare[4]
    assert "w1+w2+2b<0" in spare[5]


def test_of_a_real_set_without_a_plane_the_proof_is_named() -> None:
    experiment, run = trained("perceptron", positive="virginica", epochs=20)
    lines = remarks(experiment, run)
    assert lines[0].startswith("no linear decision boundary separates the classes")
    assert "'virginica'" in lines[1]
    assert "'not virginica'" in lines[1]


def test_a_plane_that_was_not_found_yet_is_not_denied() -> None:
    experiment, run = trained("perceptron", data={"name": "breast-cancer"}, epochs=5)
    (line,) = remarks(experiment, run)
    assert "though a linear decision boundary separates the classes: --set epochs=50" in line


@pytest.mark.parametrize("name", ["mlp", "perceptron", "xor"])
def test_words_are_no_measurements(name: str, tmp_path: Path) -> None:
    for label, text in (("good", "fine"), ("bad", "poor")):
        (tmp_path / label).mkdir()
        for number in range(4):
            (tmp_path / label / f"{number}.txt").write_text(f"a {text} text, the {number}th")
    with pytest.raises(ConfigurationError, match=r"takes .*measurements[^$]*text-classify"):
        prepare(name, {"data": {"name": str(tmp_path)}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"positive": "setosaa"}, "did you mean 'setosa'"),
        ({"data": {"name": "diabetes"}}, "needs data in classes"),
    ],
)
def test_the_perceptron_needs_two_classes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        prepare("perceptron", values)


@pytest.mark.parametrize(
    ("values", "title"),
    [
        ({"data": {"name": "and"}}, "The decision boundary of the perceptron"),
        ({"data": {"name": "xor"}}, "No linear boundary separates the classes"),
        (
            {"positive": "virginica", "epochs": 20},
            "No linear boundary separates the classes",
        ),
    ],
)
def test_the_perceptron_draws_its_plane_and_counts_its_corrections(
    values: dict[str, Any], title: str
) -> None:
    experiment, run = trained("perceptron", **values)
    recipe, splits = experiment.recipe, experiment.splits
    (drawing,) = recipe.drawings(run.model, run.history, splits)
    assert drawing.title == title
    assert isinstance(recipe, PerceptronRecipe)
    done = recipe.corrections(splits.train, splits.preprocessor)
    assert done is not None
    # Counting the corrections repeats the training, and gives the same weights.
    weights = np.asarray(nn.parameters(run.model)["neuron.weight"])[:, 0]
    np.testing.assert_allclose(done.weights, weights, rtol=1e-4, atol=1e-5)
    measures = recipe.measures(run.model, splits)
    assert measures["corrections"] == done.total > 0
    if done.ended:
        assert done.total <= measures["corrections at most"]
        assert "(Novikoff)" in remarks(experiment, run)[-1]


# --- xor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_one_hidden_layer_solves_xor(seed: int) -> None:
    experiment, run = trained("xor", seed=seed)
    assert run.history.training_error[-1] == 0
    lines = remarks(experiment, run)
    assert len(lines) == 5
    assert [round(float(line.split()[-1])) for line in lines[1:]] == [0, 1, 1, 0]


def test_an_unsolved_xor_says_so() -> None:
    experiment, run = trained("xor", epochs=1)
    assert "not learned" in remarks(experiment, run)[-1]


# --- mlp and lenet5 ------------------------------------------------------------------------------


def test_the_mlp_reads_digits() -> None:
    experiment, run = trained("mlp", data={"name": "digits"})
    assert accuracy(experiment, run) >= 0.97


def test_lenet5_reads_enlarged_digits() -> None:
    experiment, run = trained("lenet5", data={"name": "digits"}, epochs=6)
    assert nn.summary(run.model, (8, 8, 1)).layers[1].output_shape == (32, 32, 1)
    assert accuracy(experiment, run) >= 0.95


def test_the_mlp_predicts_numbers_in_their_units() -> None:
    experiment, run = trained("mlp", data={"name": "diabetes"}, hidden_sizes=(16,), epochs=30)
    assert experiment.loss == "squared_error"
    evaluation = experiment.evaluate(run.model, experiment.splits.test)
    assert evaluation is not None
    assert experiment.splits.test is not None
    spread = float(np.std(experiment.splits.test.targets))
    assert evaluation.error < 0.9 * spread


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adagrad", "rmsprop", "muon", "lbfgs"])
def test_other_optimizers_train_a_recipe(optimizer: str) -> None:
    rates = {"sgd": 0.3, "nesterov": 0.03, "adagrad": 0.1, "lbfgs": 1.0}
    values = {"optimizer": optimizer, "learning_rate": rates.get(optimizer, 0.02)}
    _, run = trained("mlp", data={"name": "iris"}, hidden_sizes=(8,), epochs=15, **values)
    assert run.history.objective[-1] < 0.7 * run.history.objective[0]


@pytest.mark.parametrize(
    ("name", "values", "fix"),
    [
        ("mlp", {"weight_decay": 0.1}, "--set weight_decay=0"),
        ("text-classify", {"weight_decay": 0.0}, "--set clip=none"),
    ],
)
def test_what_lbfgs_cannot_take_is_told_with_its_mend(
    name: str, values: dict[str, Any], fix: str
) -> None:
    recipe = find_recipe(name)
    with pytest.raises(ConfigurationError) as raised:
        recipe.of({"optimizer": "lbfgs", **values}).make_optimizer(10)
    assert raised.value.fix == fix
    option, value = fix.removeprefix("--set ").split("=")
    recipe.of({"optimizer": "lbfgs", **values, option: value}).make_optimizer(10)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", (0.1, 0.1, 0.1)),
        ("cosine", (0.1, 0.05, 0.0)),
        ("one-cycle", (0.004, 0.069, 0.0)),
        ("warm-restarts", (0.1, 0.0983, 0.0017)),
        ("cyclic", (0.004, 0.0492, 0.0068)),
    ],
)
def test_schedules_over_a_run(schedule: str, expected: tuple[float, ...]) -> None:
    recipe = find_recipe("mlp").of(
        {"schedule": schedule, "learning_rate": 0.1, "optimizer": "sgd", "warmup": 0.2}
    )
    rule = recipe.make_optimizer(100)
    state = rule.init({"w": np.zeros(1, np.float32)})
    rates = []
    for step in range(101):
        if step in (0, 50, 100):
            rates.append(float(rule.learning_rate(state)))
        _, state = rule.update(
            {"w": np.zeros(1, np.float32)}, state, {"w": np.zeros(1, np.float32)}
        )
    assert rates == pytest.approx(expected, abs=1e-3)


def test_small_sets_are_gone_over_more_often() -> None:
    recipe = find_recipe("mlp").of({})
    large, small = recipe.settled(54_000), recipe.settled(1437)
    assert (large.epochs, large.batch_size) == (10, 64)
    assert (small.epochs, small.batch_size) == (56, 32)
    assert recipe.settled(5).batch_size == 5
    assert find_recipe("mlp").of({"epochs": 3, "batch_size": 7}).settled(1437).epochs == 3


def test_patience_stops_early_and_keeps_the_best() -> None:
    experiment, run = trained(
        "mlp", data={"name": "wine"}, patience=3, epochs=200, schedule="constant"
    )
    assert run.stopped.reason == "early"
    assert run.stopped.best_epoch == run.stopped.epoch - 3
    evaluation = experiment.evaluate(run.model, experiment.splits.dev)
    assert evaluation is not None
    assert evaluation.error == pytest.approx(run.history.development_error.min())


def test_an_average_is_what_is_judged() -> None:
    experiment, run = trained("mlp", data={"name": "iris"}, average=0.9, epochs=20)
    evaluation = experiment.evaluate(run.model, experiment.splits.dev)
    assert evaluation is not None
    assert evaluation.error == pytest.approx(run.history.development_error[-1])


@pytest.mark.parametrize(
    ("name", "given"),
    [("iris", "examples of shape 4"), ("diabetes", "regression")],
)
def test_lenet5_takes_pictures_only(name: str, given: str) -> None:
    with pytest.raises(ConfigurationError, match="square pictures") as caught:
        prepare("lenet5", {"data": {"name": name}})
    assert given in str(caught.value)


# --- what a run remembers ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["perceptron", "xor", "mlp"])
def test_a_run_knows_its_recipe_and_its_split(name: str, tmp_path: Path) -> None:
    values: dict[str, Any] = {"seed": 3, "epochs": 1}
    if name == "mlp":
        values["data"] = {"name": "digits", "dev": 0.2}
    experiment, _ = trained(name, tmp_path / "run", **values)
    again = of_run(read_run(tmp_path / "run").config, "run")
    assert again.recipe == experiment.recipe
    np.testing.assert_array_equal(again.splits.train.targets, experiment.splits.train.targets)


def test_data_that_has_changed_since_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rows = [f"{i % 5},{i % 3},{(i % 5) * 2 + i % 3 + 0.5}" for i in range(40)]
    file.write_text("a,b,c\n" + "\n".join(rows))
    trained("mlp", tmp_path / "run", data={"name": str(file), "target": "c"}, epochs=1)
    file.write_text("a,b,c\n" + "\n".join(rows[:-1]))
    with pytest.raises(RunError, match="changed since the run was trained") as caught:
        of_run(read_run(tmp_path / "run").config, "run")
    # Commands without --data show this, too.
    assert caught.value.fix is not None
    assert "clearprop evaluate RUN --data" in caught.value.fix


def test_a_run_without_a_recipe_is_told_apart() -> None:
    with pytest.raises(RunError, match="no recipe started this run"):
        recipe_of({"notes": {}}, "run")
