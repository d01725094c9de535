"""Mistakes in modules of a user: each has its line, and a mend that works."""

from __future__ import annotations

import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from clearprop import nn
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import (
    ClearpropError,
    ConfigurationError,
    ModelError,
    ShapeError,
    TracedValueError,
)
from tests.nn.own_modules import HEAD, X, check_trained, trained, written

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
