"""A mesh of devices changes where arrays lie, and no result beyond rounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.errors import ConfigurationError
from clearprop.models import GPT, LeNet5
from clearprop.nn.sharding import filled, shardings
from clearprop.training import fit
from clearprop.training.fit_config import FitConfig
from clearprop.training.mesh_sizes import sizes_of_axes
from clearprop.training.placement import splits_of
from clearprop.training.space import share_of

ROOT = Path(__file__).parents[2]
ROUNDING = 2e-5
"""Of float32 sums in another order, over two epochs of Adam."""


def found(case: str) -> Any:
    """Return what a process with eight devices found."""
    command = [sys.executable, "-m", "tests.training.mesh_cases", case]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[case]


@pytest.mark.parametrize(
    "name",
    [
        "dense",
        "attended",
        pytest.param("convolved", marks=pytest.mark.slow),
        pytest.param("recurrent", marks=pytest.mark.slow),
    ],
)
def test_losses_of_every_mesh_are_those_of_one_device(name: str) -> None:
    alone, *rows = found(name)
    assert len(rows) == (7 if name == "dense" else 2)
    for row in rows:
        np.testing.assert_allclose(row[:4], alone[:4], rtol=ROUNDING)
        # An example on the border may be counted otherwise.
        np.testing.assert_allclose(row[4:], alone[4:], atol=2 / 128)


def test_arrays_lie_as_they_are_said_to() -> None:
    placed = found("placed")
    alone = placed["0"]["held"]
    for row in placed.values():
        assert row["held"] == row["predicted"]
        assert row["stays"]
    assert placed["0"]["weight"] == [32, 16]
    assert placed["4"]["weight"] == [32, 4]
    assert placed["6"]["weight"] == [8, 16]
    assert placed["7"]["weight"] == [8, 8]
    assert placed["6"]["held"] < alone / 3
    assert placed["7"]["held"] < alone / 6


def test_a_run_goes_on_with_another_mesh() -> None:
    rows = found("continued")
    for i in range(3):
        assert rows[str(i)][:2] == ["interrupted", "finished"]
        np.testing.assert_allclose(rows[str(i)][2:10], rows["whole"][:8], rtol=ROUNDING)
        assert rows[f"weights {i}"] < 1e-4
        assert rows[f"recorded {i}"] == rows["recorded 0"] != [0]
        assert rows[f"forked {i}"]


def test_a_model_that_learned_on_a_mesh_is_looked_into_as_any_other() -> None:
    rows = found("looked into")
    np.testing.assert_allclose(*rows["values"], rtol=1e-4)
    np.testing.assert_allclose(*rows["predicted"], atol=1e-4)
    assert rows["reason"] == "early"
    assert rows["devices"] == [8]


def test_a_block_sends_two_sums_over_the_parts_of_its_layers() -> None:
    sent = found("sent")
    assert sent["1"] == []
    # The embedding adds once, and each block after its attention and after its network.
    size = 8 * 15 * 16 * 4
    assert sent["2"] == [["all-reduce", "model", size]] * (1 + 2 * 2)


def test_steps_by_hand_forks_and_named_inputs() -> None:
    rows = found("by hand")
    assert rows["steps"] == 5
    alone, stays = rows["plans"]
    assert (alone["devices"], alone["parts"], alone["fully_sharded"]) == (1, 1, False)
    assert (stays["devices"], stays["parts"], stays["fully_sharded"]) == (4, 2, True)
    np.testing.assert_allclose(*rows["named"], rtol=ROUNDING)


def test_stacked_layers_and_other_fields_train_on_one_device() -> None:
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)

    class Ensemble(nn.Module):
        sharding: int

        def __init__(self) -> None:
            self.sharding = 3
            self.member = nn.Linear(4, 2)

        def __call__(self, x: Any) -> Any:
            return ops.matmul(x, self.member.weight).mean(0)

    stacked = jax.tree.map(lambda a: jnp.stack([a] * 3), Ensemble().init(0))
    assert shardings(stacked)["member.weight"] == (None, None, None)
    run = fit(stacked, (x, np.arange(32) % 2), epochs=1, progress=False)
    assert np.isfinite(run.history.objective[-1])


def test_the_memory_of_a_fully_sharded_run_is_that_of_its_parts() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 8))
    config = FitConfig(model, (np.ones((4, 8), np.float32), np.zeros(4, int)))
    assert share_of(model, nn.parameters(model), config) == 1
    two = replace(config, mesh={"data": 2}, fully_sharded=True)
    assert share_of(model, nn.parameters(model), two) == 0.5
    assert share_of(model, nn.parameters(model), replace(two, fully_sharded=None)) == 1


def test_what_a_user_says_of_a_layer_holds() -> None:
    alone, own = found("own sharding")
    np.testing.assert_allclose(own[:4], alone[:4], rtol=ROUNDING)


def test_every_mesh_that_cannot_be_has_an_answer() -> None:
    said = found("messages")
    answers = {
        "unknown axis": ["unknown axis of the mesh 'dta'", "did you mean 'data'?"],
        "too many": ["does not fit the devices", "over 8 devices", "configure_cpu(devices=16)"],
        "two open axes": ["at most one -1"],
        "no devices left": ["has to come out even"],
        "no whole number": ["data=2.5", "a number of devices"],
        "nothing": ["no axis"],
        "odd batch": ["a batch cannot be sharded evenly", "batch_size=30"],
        "two sizes": ["mesh={'data': 2} and devices=2", 'mesh={"data": 2} alone'],
        "no mesh": ["fully_sharded", "there is none"],
        "no layer": ["the pattern 'layer.0' matches no path"],
        "too many entries": ["one entry for each axis", "layers.4.bias"],
        "does not divide": ["layers.6.weight", "does not divide evenly", "model=4"],
        "unknown name": ["unknown axis of the mesh 'modl'"],
        "text": ["a mesh is the number of devices by axis", "data=2"],
        "no patterns": ["said by patterns", "('model',)"],
        "a text": ["one entry for each axis", "'model' for 1 axes"],
        "two axes": ["one entry for each axis", "('data', 'model')"],
        "no truth": ["fully sharded or not", "'no'"],
        "twice": ["name each axis of the mesh once"],
    }
    assert said.keys() == answers.keys()
    for name, parts in answers.items():
        for part in parts:
            assert part in said[name], name


@pytest.mark.parametrize(
    ("given", "devices", "sizes"),
    [
        ({"data": -1}, 6, {"data": 6, "model": 1}),
        ({"model": -1}, 6, {"data": 1, "model": 6}),
        ({"data": 2}, 6, {"data": 2, "model": 1}),
        ({"model": 2, "data": -1}, 6, {"data": 3, "model": 2}),
    ],
)
def test_sizes_of_axes(given: dict[str, int], devices: int, sizes: dict[str, int]) -> None:
    assert sizes_of_axes(given, devices) == sizes


def test_layers_say_how_they_are_divided() -> None:
    of_gpt = shardings(GPT(10, 8, 16, layers=1, heads=2))
    block = "blocks.0"
    assert of_gpt[f"{block}.attention.query.weight"] == (None, "model")
    assert of_gpt[f"{block}.attention.query.bias"] == ("model",)
    assert of_gpt[f"{block}.attention.output.weight"] == ("model", None)
    assert of_gpt[f"{block}.attention.output.bias"] == (None,)
    assert of_gpt[f"{block}.feedforward.hidden.weight"] == (None, "model")
    assert of_gpt[f"{block}.feedforward.output.weight"] == ("model", None)
    assert of_gpt[f"{block}.attention_norm.scale"] == (None,)
    assert of_gpt["embedding.weight"] == ("model", None)
    assert shardings(LeNet5())["conv2.weight"] == (None, None, None, "model")


def test_a_layer_of_ones_own_says_how_it_is_divided() -> None:
    class Own(nn.Module):
        parameter_sharding: ClassVar = {"inner.weight": ("model", None)}

        def __init__(self) -> None:
            self.inner = nn.Linear(4, 6)

        def __call__(self, x: Any) -> Any:
            return self.inner(x)

    assert shardings(Own())["inner.weight"] == ("model", None)
    assert shardings(nn.Sequential(Own()))["layers.0.inner.bias"] == ("model",)


def test_what_does_not_come_out_even_stays_whole() -> None:
    model = nn.Sequential(nn.Linear(6, 9), nn.Linear(9, 4))
    parameters = nn.parameters(model)
    axes = {"data": 3, "model": 2}
    splits = splits_of(model, parameters, axes)
    assert splits["layers.0.weight"] == (None, None)
    assert splits["layers.1.weight"] == (None, "model")
    fully = splits_of(model, parameters, axes, fully=True)
    assert fully["layers.0.weight"] == (None, "data")
    assert fully["layers.1.weight"] == ("data", "model")
    assert fully["layers.1.bias"] == ("model",)
    one = {"layers.1.weight": parameters["layers.1.weight"]}
    frozen = splits_of(model, one, axes, fully=True)
    assert frozen["layers.0.weight"] == (None, None)


def test_an_ellipsis_stands_for_what_is_missing() -> None:
    assert filled((..., "model"), 3, "w") == (None, None, "model")
    assert filled(("model", ...), 1, "w") == ("model",)
    with pytest.raises(ConfigurationError, match="one entry for each axis"):
        filled(("model",), 2, "w")
