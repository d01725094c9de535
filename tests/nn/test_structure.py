"""Architectures as data: reading returns what was written, and runs nothing."""

import json

import jax.numpy as jnp
import pytest

from clearprop import models, nn, ops, tree
from clearprop.errors import CheckpointError, ModelError


@pytest.mark.parametrize(
    "model",
    [
        models.MLP((4, 3, 2), dropout=0.1, output="sigmoid"),
        models.LeNet5(activation=ops.tanh, pooling="average"),
        nn.Sequential([nn.Conv1d(2, 4, 3, padding="same"), nn.BatchNorm(4), nn.Flatten()]),
        nn.Residual(nn.WeightNorm(nn.Linear(3, 3)), nn.Linear(3, 3)),
    ],
)
def test_structure_goes_through_json_and_back(model):
    model = model.init(0)
    written = json.dumps(nn.to_structure(model))
    again = nn.from_structure(json.loads(written))
    assert nn.to_structure(again) == nn.to_structure(model)
    arrays = {**nn.parameters(model), **nn.statistics(model)}
    full = tree.replace(again, arrays)
    size = {"MLP": (2, 4), "LeNet5": (2, 28, 28, 1), "Sequential": (2, 9, 2), "Residual": (2, 3)}
    x = jnp.linspace(-1, 1, 2 * 784).reshape(-1)[
        : int(jnp.prod(jnp.array(size[type(model).__name__])))
    ]
    x = x.reshape(size[type(model).__name__])
    assert jnp.array_equal(full(x), model(x))


def test_unknown_classes_are_named_and_never_imported():
    data = {"class": "os.system", "fields": {}}
    with pytest.raises(CheckpointError, match=r"os\.system"):
        nn.from_structure(data)


@pytest.mark.parametrize(
    "data",
    [
        {"class": "Linear", "fields": {}},
        {"class": "Linear"},
        {"operation": "no_such_operation"},
        {"tuple": 3},
        [1, 2],
        {"class": "Dropout", "fields": {"rate": {"array": [1], "dtype": "float32"}}},
    ],
)
def test_damaged_structures_are_refused(data):
    with pytest.raises(CheckpointError):
        nn.from_structure(data)


def test_a_function_of_the_users_own_cannot_be_written():
    with pytest.raises(ModelError, match="plain data"):
        nn.to_structure(nn.Sequential([nn.Linear(2, 2), lambda x: x]))


def test_a_class_of_another_program_cannot_be_imported() -> None:
    for name, fix in {
        "__main__.Net": "define class Net in this program first, or load(path, like=Net(...))",
        "networks.own.Net": "import networks.own first",
    }.items():
        with pytest.raises(CheckpointError, match="not loaded") as caught:
            nn.from_structure({"class": name, "fields": {}})
        assert caught.value.fix == fix
