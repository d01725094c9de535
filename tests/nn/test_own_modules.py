"""Modules as people write them who come from PyTorch: what can be meant works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.errors import (
    ConfigurationError,
)
from tests.nn.own_modules import HEAD, X, Y, check_trained, written

WORKS = {
    "layers that are not declared": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(12, 8)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(8, 2)

    def __call__(self, x):
        return self.fc2(self.act(self.fc1(x)))
""",
    "a parameter with its initial values": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(0.1 * np.random.randn(12, 2))
        self.bias = nn.Parameter((2,), nn.initializers.zeros)

    def __call__(self, x):
        return x @ self.weight + self.bias
""",
    "a list of layers": """
class Net(nn.Module):
    def __init__(self, sizes=[12, 8, 2]):
        super().__init__()
        self.layers = []
        self.layers = [nn.Linear(n, m) for n, m in zip(sizes, sizes[1:])]

    def __call__(self, x):
        for layer in self.layers[:-1]:
            x = ops.relu(layer(x))
        return self.layers[-1](x)
""",
    "a dict of layers": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = {"wide": nn.Linear(12, 9), "act": nn.Tanh(), "narrow": nn.Linear(9, 2)}

    def __call__(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x
""",
    "layers with their names": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = [("in", nn.Linear(12, 8), 0.5), ("out", nn.Linear(8, 2), 1)]
        self.options = {"scale": [2, 3], "name": "net"}

    def __call__(self, x):
        for name, layer, factor in self.stages:
            x = factor * layer(x)
        return x * self.options["scale"][0]
""",
    "numbers": """
class Net(nn.Module):
    rate: float
    def __init__(self):
        super().__init__()
        self.rate = 2.5
        self.slope = 0.1
        self.fc = nn.Linear(12, 2)

    def __call__(self, x):
        return ops.leaky_relu(self.rate * self.fc(x), slope=self.slope)
""",
    "a subclass of a module with its own __init__": """
class Base(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.fc = nn.Linear(12, units)

    def __call__(self, x):
        return self.fc(x)


class Middle(Base):
    def __call__(self, x):
        return 2 * super().__call__(x)


class Net(Middle):
    def __init__(self, units=2):
        super().__init__(units)
        self.scale = nn.Parameter(jnp.ones(units))

    def __call__(self, x):
        return self.scale * super().__call__(x)
""",
    "a subclass of a layer": """
class Doubled(nn.Linear):
    def __call__(self, x):
        return 2 * super().__call__(x)


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(Doubled(12, 8), nn.Tanh(), nn.Linear(8, 2))
""",
    "values that are shown": """
class Net(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(12, 2)

    def __call__(self, x):
        y = self.fc(x)
        print("y", y, f"of shape {y.shape}: {y}")
        return y
""",
    "augmented assignment to a whole value": """
class Net(nn.Module):
    def __init__(self):
        self.first = nn.Linear(12, 2)
        self.second = nn.Linear(12, 2)

    def __call__(self, x):
        y = self.first(x)
        y += self.second(x)
        y *= 2
        return y
""",
    "helpers and constants of NumPy": """
def constants():
    return np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32)


class Net(nn.Module):
    def __init__(self):
        self.projection = constants()
        self.fc = nn.Linear(12, 2)

    @property
    def size(self):
        return len(self.projection)

    def project(self, x):
        return x @ self.projection / self.size

    def __call__(self, x):
        return self.fc(self.project(x))
""",
}


@pytest.mark.parametrize("name", WORKS)
def test_what_can_be_meant_works(name: str, tmp_path: Path) -> None:
    model = check_trained(written(tmp_path, HEAD + WORKS[name]))
    again = jax.tree.unflatten(jax.tree.structure(model), jax.tree.leaves(model))
    np.testing.assert_array_equal(again(X), model(X))
    assert str(model).startswith("Net")
    cp.save(model, tmp_path / "model.safetensors")
    loaded = cp.load(tmp_path / "model.safetensors").model
    np.testing.assert_array_equal(loaded(X), model(X))
    assert str(loaded) == str(model)


def test_a_dict_of_layers_keeps_its_order() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layers = {"second": nn.Linear(2, 2), "first": nn.Linear(2, 2)}

        def __call__(self, x: Any) -> Any:
            return x

    model = Net().init(0)
    assert list(model.layers) == ["second", "first"]
    assert list(jax.tree.map(lambda w: 2 * w, model).layers) == ["second", "first"]
    assert next(iter(model.parameters())) == "layers.first.weight"


class Masked(nn.Module):
    mask: Any

    def __init__(self) -> None:
        self.mask = jnp.ones(12).at[0].set(0.0)
        self.fc = nn.Linear(12, 2)
        self.seen: jax.Array = jnp.zeros(3)

    def __call__(self, x: Any) -> Any:
        return self.fc(x * self.mask)


def test_an_array_is_a_constant_and_not_trained(tmp_path: Path) -> None:
    model = Masked()
    assert sorted(model.parameters()) == ["fc.bias", "fc.weight"]
    run = cp.fit(model, X, Y, epochs=1, progress=False, folder=tmp_path / "run")
    np.testing.assert_array_equal(run.model.mask, model.mask)
    loaded = cp.load(tmp_path / "run").model
    np.testing.assert_array_equal(loaded.mask, model.mask)
    assert sorted(loaded.parameters()) == ["fc.bias", "fc.weight"]
    np.testing.assert_array_equal(loaded(X), run.model(X))


def test_roles_stay_when_contents_are_replaced() -> None:
    model = Masked().init(0).replace(mask=2 * jnp.ones(12))
    assert "mask" not in model.parameters()
    assert "fc.weight" in model.replace(fc=nn.Linear(12, 3)).parameters()
    structure = nn.to_structure(model)
    assert sorted(nn.from_structure(structure).parameters()) == ["fc.bias", "fc.weight"]


def test_a_file_of_an_earlier_version_is_read() -> None:
    """It has no roles: every declared field that is not static was a parameter."""
    structure: Any = nn.to_structure(Masked().init(0))
    del structure["roles"], structure["fields"]["fc"], structure["fields"]["seen"]
    assert sorted(nn.from_structure(structure).parameters()) == ["mask"]


class Scaled(nn.Module):
    fc: nn.Linear
    heads: int
    name: str

    def __call__(self, x: Any) -> Any:
        return self.fc(x)


def test_a_run_of_an_earlier_version_is_continued(tmp_path: Path) -> None:
    """Its configuration has no roles; what is trained is the same."""
    options: dict[str, Any] = {"progress": False, "folder": tmp_path / "run"}
    cp.fit(Scaled(nn.Linear(12, 2), 2, "a"), X, Y, epochs=1, **options)
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    del config["checksum"]
    assert config["model"]["structure"].pop("roles") == {"heads": "static", "name": "static"}
    file.write_text(json.dumps(config), encoding="utf-8")
    run = cp.fit(Scaled(nn.Linear(12, 2), 2, "a"), X, Y, epochs=2, resume=True, **options)
    assert len(run.history.training_error) == 2
    with pytest.raises(ConfigurationError, match="continues only"):
        cp.fit(Scaled(nn.Linear(12, 2), 3, "a"), X, Y, epochs=3, resume=True, **options)


def test_own_layers_are_written_as_before() -> None:
    model = cp.models.GPT(vocabulary=5, context=4, width=8, layers=1, heads=2)
    assert "roles" not in repr(nn.to_structure(model))
