"""From its stored initial values a run computes how far its parameters have moved."""

from __future__ import annotations

import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import nn, tree
from clearprop.training import fit
from clearprop.training.initial_values import changes, describe_initial_values


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_distance_is_that_of_the_entries(dtype: Any) -> None:
    before = nn.Linear(40, 30).init(0, dtype=dtype)
    noted = json.loads(json.dumps(describe_initial_values(before)))
    after = tree.replace(before, {"weight": before.weight + jnp.asarray(0.25, dtype)})
    found = changes(noted, after)
    assert found["bias"].same
    assert found["bias"].distance == 0
    assert not found["weight"].same
    assert found["weight"].distance == pytest.approx(0.25, rel=0.02)
    assert found["weight"].deviation == pytest.approx(float(np.std(before.weight)), rel=0.02)


def test_a_change_of_one_entry_is_a_change() -> None:
    before = nn.Linear(40, 30).init(0)
    after = tree.replace(before, {"weight": before.weight.at[17, 3].add(1e-6)})
    assert not changes(describe_initial_values(before), after)["weight"].same


def test_a_run_keeps_what_it_began_with() -> None:
    x, y = np.eye(6, 4, dtype=np.float32), np.arange(6) % 3
    run = fit(nn.Sequential([nn.Linear(4, 5), "tanh", nn.Linear(5, 3)]), (x, y), epochs=2,
              batch_size=3, freeze=["layers.0"], progress=False)  # fmt: skip
    found = changes(run.config["initial_values"], run.model)
    assert {path: change.same for path, change in found.items()} == {
        "layers.0.weight": True, "layers.0.bias": True,
        "layers.2.weight": False, "layers.2.bias": False,
    }  # fmt: skip


def test_of_parameters_that_were_not_noted_nothing_is_said() -> None:
    assert changes({}, nn.Linear(2, 3).init(0)) == {}
