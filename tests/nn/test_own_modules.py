"""Modules as people write them who come from PyTorch: they work, or the error's mend works."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import json
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import elsewhere, nn
from clearprop.arguments import UnknownArgumentError
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import (
    ClearpropError,
    ConfigurationError,
    ModelError,
    ShapeError,
    TracedValueError,
)

HEAD = """
import random
import time
import jax
import jax.numpy as jnp
import numpy as np
import clearprop as cp
from clearprop import nn, ops

"""

X = np.random.default_rng(0).normal(size=(64, 12)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int32)

_numbers = itertools.count()


def written(tmp_path: Path, source: str) -> types.ModuleType:
    """Write a file as a user does, and import it."""
    file = tmp_path / f"own_{next(_numbers)}.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trained(module: Any) -> cp.training.Run:
    model = module.Net()
    loss = getattr(module, "loss", "cross_entropy")
    return cp.fit(
        model, X, Y, loss=loss, epochs=2, batch_size=32, learning_rate=0.01, progress=False
    )


def check_trained(module: Any) -> nn.Module:
    """Train the model of a file, and check that every parameter has moved."""
    first = module.Net().init(0)
    last = trained(module).model
    assert first.parameters().keys() == last.parameters().keys()
    assert last.parameters()
    for path, before in first.parameters().items():
        assert not np.array_equal(before, last.parameters()[path]), path
    return last


# --- what works ----------------------------------------------------------------------------------

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
    assert config["model"]["structure"].pop("roles") == {"heads": "static", "name": "static"}
    file.write_text(json.dumps(config), encoding="utf-8")
    run = cp.fit(Scaled(nn.Linear(12, 2), 2, "a"), X, Y, epochs=2, resume=True, **options)
    assert len(run.history.training_error) == 2
    with pytest.raises(ConfigurationError, match="continues only"):
        cp.fit(Scaled(nn.Linear(12, 2), 3, "a"), X, Y, epochs=3, resume=True, **options)


def test_own_layers_are_written_as_before() -> None:
    model = cp.models.GPT(vocabulary=5, context=4, width=8, layers=1, heads=2)
    assert "roles" not in repr(nn.to_structure(model))


# --- what is taught ------------------------------------------------------------------------------

INIT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(12, 2)
"""


def calls(body: str, init: str = INIT) -> str:
    """Return a class with this body of its __call__."""
    return (
        f"{init}\n    def __call__(self, x):\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n"
    )


def replaced(source: str, error: ClearpropError) -> str:
    """Put the fix in the place of what was given, with its indentation."""
    given, fix = error.given or "", error.fix or ""
    assert source.count(given) == 1, given
    indent = source[: source.index(given)].rpartition("\n")[2]
    blanks = indent[: len(indent) - len(indent.lstrip())]
    return source.replace(given, fix.replace("\n", f"\n{blanks}"))


def in_init(source: str, error: ClearpropError) -> str:
    """Put the first line of the fix at the end of __init__, the second in the place of given."""
    first, second = (error.fix or "").split("\n")
    source = source.replace(error.given or "", second)
    return source.replace("\n\n    def __call__", f"\n        {first}\n\n    def __call__")


def in_class(source: str, error: ClearpropError) -> str:
    """Put the first line of the fix into the class, the second in the place of given."""
    first, second = (error.fix or "").split("\n")
    source = source.replace(error.given or "", second)
    return source.replace("class Net(nn.Module):\n", f"class Net(nn.Module):\n    {first}\n")


def in_subclass(source: str, error: ClearpropError) -> str:
    """Put the fix at the beginning of the __init__ of the subclass."""
    head = "    def __init__(self, units=2):\n"
    return source.replace(head, f"{head}        {error.fix}\n")


def only_first(source: str, error: ClearpropError) -> str:
    """Put the first of two fixes in the place of the line."""
    line = (error.line or "").split(": ", 1)[1]
    return source.replace(line, (error.fix or "").partition(";")[0])


def of_size(source: str, error: ClearpropError) -> str:
    return source.replace("nn.Linear(10, 2)", error.fix or "")


Mend = Callable[[str, ClearpropError], str]

TAUGHT: dict[str, tuple[str, type[ClearpropError], str, Mend]] = {
    # what is wrong: (source, error, the line that it names, how its fix is put in)
    "forward": (
        f"{INIT}\n    def forward(self, x):\n        return self.fc(x)\n",
        ModelError,
        "def forward(self, x):",
        replaced,
    ),
    "forward of a subclass of a layer": (
        "class Net(nn.Linear):\n    def __init__(self):\n        super().__init__(12, 2)\n\n"
        "    def forward(self, x):\n        return 2 * super().__call__(x)\n",
        ModelError,
        "def forward(self, x):",
        replaced,
    ),
    "super().__init__ is missing": (
        """
class Base(nn.Module):
    def __init__(self, units):
        self.fc = nn.Linear(12, units)


class Net(Base):
    def __init__(self, units=2):
        self.units = units

    def __call__(self, x):
        return self.fc(x)
""",
        UnknownAttributeError,
        "def __init__(self, units=2):",
        in_subclass,
    ),
    "no return": (calls("y = self.fc(x)"), ModelError, "y = self.fc(x)", replaced),
    "no return after an expression": (calls("self.fc(x)"), ModelError, "self.fc(x)", replaced),
    "a tuple": (calls("y = self.fc(x)\nreturn y, x"), ModelError, "return y, x", only_first),
    "assignment to an entry": (
        calls("y = self.fc(x)\ny[:, 0] = 1.0\nreturn y * y.sum()"),
        TracedValueError,
        "y[:, 0] = 1.0",
        replaced,
    ),
    "assignment to entries of the input": (
        calls("x[:, [0, 0]] *= 2\nreturn self.fc(x)"),
        TracedValueError,
        "x[:, [0, 0]] *= 2",
        replaced,
    ),
    "augmented assignment to an entry": (
        calls("y = self.fc(x)\ny[:, 0] += 1\nreturn y"),
        TracedValueError,
        "y[:, 0] += 1",
        replaced,
    ),
    "a condition": (
        calls("y = self.fc(x)\nif y.sum() > 0:\n    y = y * 2\nreturn y"),
        TracedValueError,
        "if y.sum() > 0:",
        replaced,
    ),
    "a condition with else": (
        calls(
            "y = self.fc(x)\nif y.sum() > 0 and y.max() < 9:\n    y *= 2\n"
            "else:\n    y = -y\nreturn y"
        ),
        TracedValueError,
        "if y.sum() > 0 and y.max() < 9:",
        replaced,
    ),
    "a conditional return": (
        calls("y = self.fc(x)\nif y.sum() > 0:\n    return y * 2\nreturn y"),
        TracedValueError,
        "if y.sum() > 0:",
        replaced,
    ),
    "a conditional expression": (
        calls("y = self.fc(x)\nreturn y if y.mean() > 0 else -y"),
        TracedValueError,
        "return y if y.mean() > 0 else -y",
        replaced,
    ),
    "float": (
        calls("y = self.fc(x)\nreturn y / (1 + float((y * y).mean()))"),
        TracedValueError,
        "return y / (1 + float((y * y).mean()))",
        replaced,
    ),
    "int": (
        calls("y = self.fc(x)\nreturn y * int(y.mean() + 3)"),
        TracedValueError,
        "return y * int(y.mean() + 3)",
        replaced,
    ),
    "int of an index": (
        calls("y = self.fc(x)\nreturn y * (1 + int(y.argmax()))"),
        TracedValueError,
        "return y * (1 + int(y.argmax()))",
        replaced,
    ),
    "bool": (
        calls("y = self.fc(x)\nflag = bool(y.sum() > 0)\nreturn y * (1 + flag)"),
        TracedValueError,
        "flag = bool(y.sum() > 0)",
        replaced,
    ),
    "item": (
        calls("y = self.fc(x)\nreturn y * y.mean().item()"),
        TracedValueError,
        "return y * y.mean().item()",
        replaced,
    ),
    "np.tanh": (
        calls("x = np.tanh(x)\nreturn self.fc(x)"),
        TracedValueError,
        "x = np.tanh(x)",
        replaced,
    ),
    "np.sum": (
        calls("y = self.fc(x)\nreturn y - np.sum(y * y, axis=1, keepdims=True)"),
        TracedValueError,
        "return y - np.sum(y * y, axis=1, keepdims=True)",
        replaced,
    ),
    "np.concatenate": (
        calls("y = self.fc(x)\nreturn np.concatenate([y, 2 * y], axis=1)"),
        TracedValueError,
        "return np.concatenate([y, 2 * y], axis=1)",
        replaced,
    ),
    "a function of NumPy that ops does not have": (
        calls("y = self.fc(x)\nreturn y / np.linalg.norm(y, axis=0)"),
        TracedValueError,
        "return y / np.linalg.norm(y, axis=0)",
        replaced,
    ),
    "jnp.tanh": (
        calls("x = jnp.tanh(x)\nreturn self.fc(x)"),
        TracedValueError,
        "x = jnp.tanh(x)",
        replaced,
    ),
    "x.view": (
        calls("x = x.view(x.shape[0], -1)\nreturn self.fc(x)"),
        TracedValueError,
        "x = x.view(x.shape[0], -1)",
        replaced,
    ),
    "x.size": (
        calls("x = x.reshape(x.size(0), -1)\nreturn self.fc(x)"),
        TracedValueError,
        "x = x.reshape(x.size(0), -1)",
        replaced,
    ),
    "x.unsqueeze": (
        calls("x = x.unsqueeze(1)[:, 0]\nreturn self.fc(x)"),
        TracedValueError,
        "x = x.unsqueeze(1)[:, 0]",
        replaced,
    ),
    "x.permute": (
        calls("x = x.permute(1, 0).T\nreturn self.fc(x)"),
        TracedValueError,
        "x = x.permute(1, 0).T",
        replaced,
    ),
    "x.detach": (
        calls("x = x + 0.1 * x.detach()\nreturn self.fc(x)"),
        TracedValueError,
        "x = x + 0.1 * x.detach()",
        replaced,
    ),
    "dim and keepdim": (
        calls("x = x - x.mean(dim=1, keepdim=True)\nreturn self.fc(x)"),
        TracedValueError,
        "x = x - x.mean(dim=1, keepdim=True)",
        replaced,
    ),
    "x.relu": (
        calls("x = x + x.relu()\nreturn self.fc(x)"),
        TracedValueError,
        "x = x + x.relu()",
        replaced,
    ),
    "x.to": (
        calls("x = x.to('cpu')\nreturn self.fc(x)"),
        TracedValueError,
        "x = x.to('cpu')",
        replaced,
    ),
    "a layer made in __call__": (
        calls("y = self.fc(x)\nreturn nn.Linear(2, 2)(y)"),
        ModelError,
        "return nn.Linear(2, 2)(y)",
        in_init,
    ),
    "a layer made and initialized in __call__": (
        calls("y = self.fc(x)\nreturn nn.Linear(2, 2).init(0)(y)"),
        ModelError,
        "return nn.Linear(2, 2).init(0)(y)",
        in_init,
    ),
    "a class for an instance": (
        calls("return self.act(self.fc(x))", f"{INIT}        self.act = nn.ReLU\n"),
        ModelError,
        "self.act = nn.ReLU",
        replaced,
    ),
    "a class among layers": (
        "class Net(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.Linear(12, 8), nn.ReLU, nn.Linear(8, 2))\n",
        ModelError,
        "super().__init__(nn.Linear(12, 8), nn.ReLU, nn.Linear(8, 2))",
        replaced,
    ),
    "noise of NumPy": (
        calls("x = x + 0.1 * np.random.randn(*x.shape)\nreturn self.fc(x)"),
        ModelError,
        "x = x + 0.1 * np.random.randn(*x.shape)",
        replaced,
    ),
    "noise of NumPy in a statement of its own": (
        calls("noise = np.random.normal(0.0, 0.1, size=x.shape)\nreturn self.fc(x + noise)"),
        ModelError,
        "noise = np.random.normal(0.0, 0.1, size=x.shape)",
        replaced,
    ),
    "changing self": (
        calls("self.counter += 1\nreturn self.fc(x)", f"{INIT}        self.counter = 0\n"),
        ModelError,
        "self.counter += 1",
        in_class,
    ),
    "keeping a value in self": (
        calls("self.h = self.fc(x)\nreturn 2 * x[:, :2] + nn.current().training"),
        ModelError,
        "self.h = self.fc(x)",
        lambda source, error: replaced(source, error).replace("2 * x[:, :2]", "h"),
    ),
    "a static field with layers": (
        calls(
            "for layer in self.ls:\n    x = layer(x)\nreturn x",
            "class Net(nn.Module):\n    ls: tuple = nn.static()\n\n    def __init__(self):\n"
            "        self.ls = [nn.Linear(12, 2)]\n",
        ),
        ModelError,
        "ls: tuple = nn.static()",
        replaced,
    ),
    "a mutable default": (
        calls(
            "return self.fc(x) * self.scales[0]",
            "class Net(nn.Module):\n    scales: list = [2, 3]\n\n    def __init__(self):\n"
            "        self.fc = nn.Linear(12, 2)\n",
        ),
        ModelError,
        "scales: list = [2, 3]",
        replaced,
    ),
    "printing a number": (
        calls('y = self.fc(x)\nprint(f"mean {y.mean():.3f}")\nreturn y'),
        TracedValueError,
        'print(f"mean {y.mean():.3f}")',
        replaced,
    ),
    "a wrong input size": (
        calls(
            "return self.out(x)",
            "class Net(nn.Module):\n    def __init__(self):\n        self.out = nn.Linear(10, 2)\n",
        ),
        ShapeError,
        "return self.out(x)",
        of_size,
    ),
    "a loss without return": (
        f"{calls('return self.fc(x)')}\n\ndef loss(y, t):\n"
        "    value = (y[:, 0] - t) ** 2 + y[:, 1] ** 2\n",
        ModelError,
        "value = (y[:, 0] - t) ** 2 + y[:, 1] ** 2",
        replaced,
    ),
    "a loss of NumPy": (
        f"{calls('return self.fc(x)')}\n\ndef loss(y, t):\n"
        "    return np.mean((y - t[:, None]) ** 2, axis=1)\n",
        TracedValueError,
        "return np.mean((y - t[:, None]) ** 2, axis=1)",
        replaced,
    ),
    "self.training": (
        calls("if self.training:\n    x = 2 * x\nreturn self.fc(x)"),
        UnknownAttributeError,
        "if self.training:",
        lambda source, error: source.replace("self.training", error.fix or ""),
    ),
    "an initializer by its name": (
        calls("return self.fc(x)", INIT.replace("12, 2", "12, 2, weight_init='he_normal'")),
        ConfigurationError,
        "self.fc = nn.Linear(12, 2, weight_init='he_normal')",
        replaced,
    ),
}


@pytest.mark.parametrize("name", TAUGHT)
def test_a_mistake_has_its_line_and_a_mend_that_works(name: str, tmp_path: Path) -> None:
    source, kind, line, mend = TAUGHT[name]
    source = f"{HEAD}{source}"
    with pytest.raises(kind) as caught:
        trained(written(tmp_path, source))
    error = caught.value
    assert error.line is not None
    assert error.line.startswith("own_")
    assert error.line.split(": ", 1)[1] == line
    check_trained(written(tmp_path, mend(source, error)))


NEEDS_SOURCE = {"x.size"}  # Python's message, "'int' object is not callable", names no method


@pytest.mark.parametrize("name", sorted(TAUGHT.keys() - NEEDS_SOURCE))
def test_a_mistake_is_taught_without_source_too(name: str) -> None:
    """As of a class that was typed into Python's prompt."""
    source, kind, _, _ = TAUGHT[name]
    names: dict[str, Any] = {"__name__": "__main__"}

    def typed() -> None:
        exec(f"{HEAD}{source}", names)
        trained(types.SimpleNamespace(**names))

    with pytest.raises(kind) as caught:
        typed()
    assert caught.value.fix


def test_at_least_eighteen_mistakes_are_tried() -> None:
    assert len(TAUGHT) >= 18


def test_a_wrong_input_size_names_the_layer_and_both_numbers(tmp_path: Path) -> None:
    source = HEAD + TAUGHT["a wrong input size"][0]
    with pytest.raises(ShapeError) as caught:
        trained(written(tmp_path, source))
    error = caught.value
    assert error.where == "out (Linear)"
    assert error.given == "input (32, 12)"
    assert error.expected == "(..., 10)"


FROZEN = {
    # what stands in __call__: what is taken there, and how often the fix is printed
    "x = x * (np.random.rand(*x.shape) > 0.5)": "random numbers",
    "x = x * random.random()": "random numbers",
    "x = x + GENERATOR.normal(size=x.shape)": "random numbers",
    "x = x + self.generator.normal(size=x.shape)": "random numbers",
    "x = x + np.random.default_rng().normal(size=x.shape)": "random numbers",
    "x = drawn(x)": "random numbers",
    "x = self.noisy(x)": "random numbers",
    "x = x * (time.time() % 2)": "the time",
}

WITH_DRAWS = """
GENERATOR = np.random.default_rng(0)


def drawn(x):
    return x + np.random.standard_normal(x.shape)


class Net(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(12, 2)
        self.generator = np.random.default_rng(0)

    def noisy(self, x):
        return x + np.random.uniform(-1.0, 1.0, x.shape)
"""


@pytest.mark.parametrize("line", FROZEN)
def test_numbers_that_would_be_drawn_once_are_refused(line: str, tmp_path: Path) -> None:
    module = written(tmp_path, HEAD + calls(f"{line}\nreturn self.fc(x)", WITH_DRAWS))
    with pytest.raises(ModelError, match=f"takes {FROZEN[line]}") as caught:
        trained(module)
    assert (caught.value.line or "").startswith("own_")
    model = module.Net().init(0)
    assert model(X).shape == (64, 2)  # without compilation every call draws anew
    with pytest.raises(ModelError, match=f"takes {FROZEN[line]}"):
        jax.jit(lambda model, x: model(x))(model, X)


def test_numbers_that_are_the_same_at_each_call_are_no_noise(tmp_path: Path) -> None:
    line = "x = x @ np.random.default_rng(0).normal(size=(12, 12))\nreturn self.fc(x)"
    check_trained(written(tmp_path, HEAD + calls(line, WITH_DRAWS)))


def test_the_mended_noise_is_drawn_anew_at_each_step(tmp_path: Path) -> None:
    source = HEAD + TAUGHT["noise of NumPy"][0]
    with pytest.raises(ModelError) as caught:
        trained(written(tmp_path, source))
    model = written(tmp_path, replaced(source, caught.value)).Net().init(0)

    def output(seed: int) -> Any:
        return nn.apply(model, X, training=True, key=jax.random.key(seed))[0]

    assert not np.array_equal(output(0), output(1))
    np.testing.assert_array_equal(model(X), model(X))


def test_a_counter_counts(tmp_path: Path) -> None:
    source = HEAD + TAUGHT["changing self"][0]
    with pytest.raises(ModelError) as caught:
        trained(written(tmp_path, source))
    last = check_trained(written(tmp_path, in_class(source, caught.value)))
    assert int(nn.statistics(last)["counter"]) == 4  # two epochs of two batches


CLASSES = [layer for layer in vars(nn).values()
           if isinstance(layer, type) and issubclass(layer, nn.Module)]  # fmt: skip
MODELS = [model for model in vars(cp.models).values()
          if isinstance(model, type) and issubclass(model, nn.Module)]  # fmt: skip


@pytest.mark.parametrize("made", [*CLASSES, *MODELS], ids=lambda made: made.__name__)
def test_the_signature_shows_the_arguments(made: type[nn.Module]) -> None:
    shown = inspect.signature(made)
    own = list(inspect.signature(made.__init__).parameters)
    assert list(shown.parameters) == own[1:]
    assert own[0] == "self"


def test_the_signature_of_a_model_and_of_an_own_module() -> None:
    assert "layers" in inspect.signature(cp.models.GPT).parameters
    assert list(inspect.signature(Masked).parameters) == []


@pytest.mark.parametrize(
    ("made", "options", "fix"),
    [
        (nn.Linear, {"wieght_init": nn.initializers.zeros}, "weight_init=..."),
        (nn.Linear, {"kernel_initializer": nn.initializers.zeros},
         "weight_init=nn.initializers.glorot_uniform"),
        (nn.Linear, {"use_bias": True}, "bias=True"),
        (nn.Linear, {"weight_init": "zeros"}, "nn.initializers.zeros"),
        (nn.Linear, {"weight_init": "xavier_uniform"}, "nn.initializers.glorot_uniform"),
        (nn.Linear, {"weight_init": "normal"}, "nn.initializers.normal(0.01)"),
        (nn.Dropout, {"p": 0.5}, "rate=0.5"),
        (cp.models.GPT, {"layer": 2}, "layers=..."),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_a_layer(
    made: Callable[..., object], options: dict[str, object], fix: str
) -> None:
    sizes = (2, 3) if made is nn.Linear else ()
    with pytest.raises(ConfigurationError) as caught:
        made(*sizes, **options)
    assert caught.value.fix == fix
    assert (caught.value.line or "").startswith("test_own_modules.py:")


def test_every_initializer_is_known_by_its_name() -> None:
    made = {name for name, function in vars(nn.initializers).items() if inspect.isfunction(function)
            and function.__module__ == nn.initializers.__name__} - {"fans"}  # fmt: skip
    assert {name for name in made if not name.startswith("_")} <= elsewhere.INITIALIZERS.keys()
    for function in elsewhere.INITIALIZERS.values():
        made_by = eval(f"nn.initializers.{function}", {"nn": nn})
        assert nn.Linear(2, 3, weight_init=made_by).init(0).weight.shape == (2, 3)


def test_too_few_arguments_show_the_signature() -> None:
    with pytest.raises(UnknownArgumentError, match="too few arguments") as caught:
        nn.Linear(2)  # type: ignore[call-arg]  # this is the mistake
    assert "out_features" in (caught.value.given or "")
    assert (caught.value.expected or "").startswith("nn.Linear(in_features")


@pytest.mark.parametrize("word", sorted(elsewhere.MODULE_ATTRIBUTES))
def test_a_word_of_another_library_on_a_module(word: str) -> None:
    model = nn.Linear(2, 2)
    assert not hasattr(model, word)
    with pytest.raises(UnknownAttributeError) as caught:
        getattr(model, word)
    assert caught.value.fix == elsewhere.MODULE_ATTRIBUTES[word]


def test_truth_values_as_targets_get_a_mend_that_trains() -> None:
    model, y = nn.Linear(12, 2), Y > 0
    with pytest.raises(ShapeError) as caught:
        cp.fit(model, X, y, progress=False)
    names: dict[str, Any] = {"y": y}
    exec(caught.value.fix or "", names)
    assert cp.fit(model, X, names["y"], epochs=1, progress=False).history.training_error


def test_a_run_is_evaluated_and_predicts() -> None:
    run = cp.fit(nn.Linear(12, 2), X, Y, epochs=1, progress=False)
    assert cp.predict(run, X).shape == (64, 2)
    assert 0 <= (cp.evaluate(run, (X, Y)).accuracy or 0) <= 1


def test_parameters_beside_constants_in_one_list_are_refused() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.arrays = [nn.Parameter(jnp.ones(2)), jnp.ones(2)]

    with pytest.raises(ModelError, match="beside plain arrays") as caught:
        Net()
    assert "self.arrays = [" in (caught.value.line or "")


def test_a_value_that_can_change_is_refused() -> None:
    class Table:
        __hash__ = None  # type: ignore[assignment]  # as of a frame of pandas

    class Net(nn.Module):
        def __init__(self) -> None:
            self.table = Table()

    with pytest.raises(ModelError, match="cannot keep a Table") as caught:
        Net()
    assert "self.table = Table()" in (caught.value.line or "")


def test_an_array_of_strings_is_no_constant() -> None:
    class Net(nn.Module):
        def __init__(self, names: Any) -> None:
            self.names = names

    with pytest.raises(ModelError, match="cannot keep a ndarray") as caught:
        Net(np.array(["a", "b"]))
    names = {"values": np.array(["a", "b"])}
    mended = eval((caught.value.fix or "").partition("= ")[2], names)
    assert nn.fields.roles(Net(mended)) == {"names": "static"}


def test_a_declared_field_without_a_value_is_told() -> None:
    class Net(nn.Module):
        fc: nn.Linear
        scale: float

        def __init__(self) -> None:
            self.fc = nn.Linear(12, 2)

    with pytest.raises(ModelError, match="sets no value"):
        Net()


def test_a_list_in_the_class_is_not_shared() -> None:
    with pytest.raises(ModelError, match="share one dict") as caught:

        class Net(nn.Module):
            options: dict[str, int] = {"a": 1}  # noqa: RUF012 - this is the mistake

    assert caught.value.fix == 'def __init__(self):\n    self.options = {"a": 1}'


def test_a_model_is_printed_as_a_tree() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.mask = jnp.ones(12)
            self.scale = nn.Parameter(jnp.ones(12))
            self.body = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm(8), "relu")

    assert str(Net()) == textwrap.dedent("""\
        Net                             132 parameters: scale 12, mask 12 (constant)
          body        Sequential        120
            layers.0  Linear            104  weight 12x8, bias 8
            layers.1  BatchNorm          16  scale 8, shift 8, running_mean 8 (statistic), \
running_variance 8 (statistic)
            layers.2  Activation(relu)""")
    assert str(Net().init(0)).splitlines()[0] == str(Net()).splitlines()[0]


def test_an_error_inside_a_property_is_not_hidden() -> None:
    class Net(nn.Module):
        @property
        def size(self) -> int:
            return self.units  # type: ignore[no-any-return]  # this is the mistake

    with pytest.raises(AttributeError, match="'units'"):
        _ = Net().size
