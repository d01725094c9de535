"""What can be worked out: pages by name, networks of the page, recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from msgspec.structs import replace

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError, ConfigurationError, ModelError, RunError, ShapeError
from clearprop.recipes.experiment import prepare
from clearprop.studio.backward.flow import Flow
from clearprop.studio.backward.messages import (
    USUAL_DIGITS,
    NamedPage,
    RunExample,
    SentLayer,
    SentNetwork,
)
from clearprop.studio.backward.sources import network, pages, solution, target_for
from clearprop.studio.playground.network import OUTPUTS, output_of


def sent(**changes: Any) -> SentNetwork:
    made = SentNetwork(
        layers=(
            SentLayer(((0.1, -0.4, 0.7), (0.8, 0.6, -0.2)), (0.1, 0.0, -0.1), "tanh"),
            SentLayer(((0.3,), (0.9,), (-0.5,)), (0.05,), "tanh"),
        ),
        input=(0.35, 0.9),
        target=-1.0,
        loss="squared_error",
        learning_rate=0.03,
        features=("x1", "x2"),
    )
    return replace(made, **changes)


def test_the_usual_digits_are_those_of_a_handout() -> None:
    from clearprop.glass.equations.sheet import LECTURE_DIGITS

    assert USUAL_DIGITS == LECTURE_DIGITS


def test_every_page_can_be_worked_out() -> None:
    for page in pages():
        seed = 3 if page.seeded else None
        found = solution(NamedPage(page.name, seed), 4)
        assert found.sheet.title
        assert [f.user for f in Flow.of(found).visits]


def test_a_seed_draws_other_numbers_than_the_lecture() -> None:
    values = [solution(NamedPage("2-2-1", seed), 4).values for seed in (None, 1, 2, 1)]
    assert values[1] == values[3]
    assert values[0] != values[1] != values[2]


def test_later_passes_follow_from_the_updates() -> None:
    page = NamedPage("2-2-1")
    first, second, third = (solution(page, 4, number=number) for number in (1, 2, 3))
    for before, after in ((first, second), (second, third)):
        for name in ("w1", "w2", "w3", "w4", "w5", "w6"):
            assert after.values[name] == pytest.approx(before.values[f"{name}'"], rel=1e-12)
        assert after.values["y"] == pytest.approx(before.values["y'"], rel=1e-12)
    errors = [solution(page, 4, number=n).values["E"] for n in (1, 5, 25)]
    assert errors == sorted(errors, reverse=True)


# --- networks of the page ------------------------------------------------------------------------


def test_a_sent_network_has_the_gradients_of_grad() -> None:
    found = solution(sent(), 4)
    flow = Flow.of(found)
    model, loss = network(sent()), nn.find_loss("squared_error")
    x, t = jnp.array([[0.35, 0.9]]), jnp.array([[-1.0]])
    gradients = nn.parameters(cp.grad(lambda m: loss(m(x), t))(model))
    checked = 0
    for place, path in flow.run.given.learned.items():
        name, _, index = path.partition("[")
        at = tuple(int(i) for i in index.rstrip("]").split(","))
        assert flow.scalars[place].error == pytest.approx(float(gradients[name][at]), rel=1e-4)
        checked += 1
    assert checked == sum(leaf.size for leaf in nn.parameters(model).values())


def test_numbers_of_32_bits_are_shown_as_they_were_meant() -> None:
    as_sent = float(np.float32(0.1))
    layers = (replace(sent().layers[0], bias=(as_sent, 0.0, 0.0)), sent().layers[1])
    assert solution(sent(layers=layers), 4).values["b1"] == 0.1


@pytest.mark.parametrize(
    ("loss", "task"), [(loss, task) for loss, tasks in OUTPUTS.items() for task in tasks]
)
def test_every_loss_of_the_playground_can_be_followed(loss: str, task: str) -> None:
    classes = {"two classes": 2, "several classes": 3, "regression": 0}[task]
    output = output_of(loss, task, classes)
    last = SentLayer(((0.3,) * output.units,) * 3, (0.1,) * output.units, output.activation)
    target = float(max(1, classes - 1)) if output.coding == "labels" else 1.0
    example = sent(layers=(sent().layers[0], last), loss=loss, target=target)
    found = solution(example, 4)
    targets = jnp.atleast_1d(jnp.asarray(target_for(loss, target)))
    value = nn.find_loss(loss)(network(example)(jnp.asarray([example.input])), targets)
    assert found.values["E"] == pytest.approx(float(value), rel=1e-5)
    assert found.step.again is not None
    assert Flow.of(found).visits


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"input": (1.0, 2.0, 3.0)}, ShapeError, "do not fit the layer before"),
        ({"loss": "cross"}, ConfigurationError, "unknown loss"),
        ({"loss": "cross_entropy", "target": 0.5}, ConfigurationError, "is a class"),
        ({"loss": "cross_entropy", "target": -1.0}, ConfigurationError, "is a class"),
        (
            {"layers": (SentLayer(((1.0,), (1.0,)), None, "tanhh"),)},
            ConfigurationError,
            "unknown activation",
        ),
        ({"layers": (SentLayer(((1.0, 2.0), (1.0,)), None, "tanh"),)}, ShapeError, "do not fit"),
        ({"layers": (SentLayer(((), ()), None, "tanh"),)}, ShapeError, "do not fit"),
        (
            {"layers": (SentLayer(((1.0,), (1.0,)), (1.0, 2.0), "tanh"),)},
            ShapeError,
            "do not fit",
        ),
    ],
)
def test_what_does_not_fit_is_told(
    changes: dict[str, Any], error: type[ClearpropError], words: str
) -> None:
    with pytest.raises(error, match=words):
        solution(sent(**changes), 4)


def test_a_network_that_is_too_large_is_refused_with_what_fits() -> None:
    wide = SentLayer(((0.1,) * 80,) * 2, (0.0,) * 80, "tanh")
    last = SentLayer(((0.1,),) * 80, (0.0,), "tanh")
    with pytest.raises(ModelError, match="too large") as caught:
        solution(sent(layers=(wide, last)), 4)
    assert caught.value.given == "321 parameters"
    assert caught.value.expected == "at most 200"


# --- runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    prepare("xor", {"epochs": 2}).train(folder=folder / "xor-1", progress=False)
    return folder


def test_an_example_of_a_run(runs: Path) -> None:
    found = solution(RunExample("xor-1", 2), 4, runs)
    assert found.sheet.title == "xor-1: training example 2"
    assert "which used adam" in found.sheet.intro[0]
    flow = Flow.of(found)
    model = cp.load(runs / "xor-1").model
    x = jnp.asarray([[flow.scalars[place].value for place in flow.run.given.inputs]])
    (y,) = (flow.scalars[place].value for place in flow.outputs)
    assert y == pytest.approx(float(model(x.astype(jnp.float32))[0, 0]), rel=1e-5)
    again = solution(RunExample("xor-1", 2), 4, runs, 2)
    assert again.values["E"] < found.values["E"]


def test_a_link_to_a_folder_elsewhere_is_not_followed(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "linked").symlink_to(runs / "xor-1")
    with pytest.raises(RunError, match="no run of this name"):
        solution(RunExample("linked", 0), 4, tmp_path / "runs")


@pytest.mark.parametrize("name", ["..", ".", "xor-1/../xor-1", "/etc", "none", "", "xor-1/"])
def test_only_folders_of_the_runs_are_read(name: str, runs: Path) -> None:
    with pytest.raises(RunError, match="no run of this name"):
        solution(RunExample(name, 0), 4, runs)


def test_an_example_that_a_run_does_not_have(runs: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such example") as caught:
        solution(RunExample("xor-1", 4), 4, runs)
    assert caught.value.expected == "a number from 0 to 3, of the training part"


def test_without_a_folder_of_runs_there_is_none() -> None:
    with pytest.raises(RunError, match="no run of this name"):
        solution(RunExample("xor-1", 0), 4)
