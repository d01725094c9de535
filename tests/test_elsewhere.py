"""Words of other libraries, and misspelt ones, are answered with ours."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import clearprop as cp
from clearprop import elsewhere, nn
from clearprop.arguments import UnknownArgumentError
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import ConfigurationError

DATA = (np.eye(4, dtype=np.float32), np.arange(4))
PAGE = Path(__file__).parents[1] / "docs" / "coming-from.md"


def fitted(model: nn.Module, code: str) -> None:
    """Train with arguments as they are printed in a fix."""
    code = code.partition("  #")[0]
    code += "".join(f", {more}" for more in ("progress=False", "dev=data", "epochs=1")
                    if more.partition("=")[0] + "=" not in code)  # fmt: skip
    call = f"cp.fit(model, data, {code})"
    x_dev, y_dev = DATA
    known = {"cp": cp, "model": model, "data": DATA, "x_dev": x_dev, "y_dev": y_dev}
    exec(call, known)


@pytest.mark.parametrize("word", sorted(elsewhere.FIT))
def test_an_argument_of_another_library(word: str) -> None:
    with pytest.raises(UnknownArgumentError, match=f"no argument '{word}'") as caught:
        cp.fit(nn.Linear(4, 4), DATA, **{word: 1})  # type: ignore[arg-type]
    assert isinstance(caught.value, TypeError)
    fix = caught.value.fix or ""
    if "=" in fix and not fix.startswith("fit(") and "..." not in fix:
        fitted(nn.Linear(4, 4), fix)


def test_a_misspelt_argument() -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        cp.fit(nn.Linear(4, 4), DATA, epoch=3)  # type: ignore[call-arg]
    assert caught.value.fix == "epochs=..."
    assert list(inspect.signature(cp.fit).parameters)[:4] == ["model", "x", "y", "loss"]


@pytest.mark.parametrize("word", sorted(elsewhere.LOSSES))
def test_a_loss_of_another_library(word: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown loss '{word}'") as caught:
        nn.find_loss(word)
    made = eval(caught.value.fix or "", {"cp": cp})
    assert nn.find_loss(made).name


@pytest.mark.parametrize("word", sorted(elsewhere.LAYERS))
def test_a_layer_of_another_library(word: str) -> None:
    with pytest.raises(UnknownAttributeError, match=f"no '{word}'") as caught:
        getattr(nn, word)
    fix = caught.value.fix or ""
    assert fix.startswith("nothing") or hasattr(nn, fix.removeprefix("nn."))
    assert not hasattr(nn, word)


@pytest.mark.parametrize("word", sorted(elsewhere.OPTIMIZERS))
def test_an_optimizer_of_another_library(word: str) -> None:
    with pytest.raises(UnknownAttributeError, match=f"no '{word}'") as caught:
        getattr(cp.optim, word)
    assert eval(f"cp.{caught.value.fix}", {"cp": cp})


@pytest.mark.parametrize(
    "name", ["nadam", "RAdam", "Adamax", "Lion", "LAMB", "Muon", "LBFGS", "NAdam"]
)
def test_an_optimizer_by_the_name_that_it_has_everywhere(name: str) -> None:
    run = cp.fit(nn.Linear(4, 4), DATA, optimizer=name, epochs=1, progress=False)
    assert run.config["optimizer"]["name"] == name.lower()


def test_swapped_letters_are_the_name_with_these_letters() -> None:
    for wrong, right in {"adma": "adam", "lino": "lion", "mnadam": "nadam", "muno": "muon"}.items():
        with pytest.raises(ConfigurationError, match=f"did you mean '{right}'"):
            cp.fit(nn.Linear(4, 4), DATA, optimizer=wrong)


@pytest.mark.parametrize("word", sorted(elsewhere.FUNCTIONS))
def test_a_function_of_another_library(word: str) -> None:
    with pytest.raises(UnknownAttributeError, match=f"no '{word}'") as caught:
        getattr(cp, word)
    assert caught.value.fix


def test_misspelt_names() -> None:
    with pytest.raises(UnknownAttributeError) as caught:
        _ = nn.Linaer
    assert caught.value.fix == "nn.Linear"
    with pytest.raises(UnknownAttributeError) as caught:
        _ = cp.evalaute
    assert caught.value.fix == "cp.evaluate"


def test_the_page_has_the_tables() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [
        (line.split("|")[1].strip().strip("`"), line.split("|")[2].strip().replace("`", ""))
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    tables = (elsewhere.LOSSES, elsewhere.LAYERS, elsewhere.LAYER_ARGUMENTS,
              elsewhere.MODULE_ATTRIBUTES, elsewhere.OPTIMIZERS, elsewhere.FUNCTIONS)  # fmt: skip
    for words in (elsewhere.FIT, *tables):
        for word, ours in words.items():
            shown = [right for left, right in rows if left == word]
            assert any(ours.partition("  #")[0] in right for right in shown), word


@pytest.mark.parametrize(
    ("layer", "name"),
    [(nn.ReLU, "relu"), (nn.LeakyReLU, "leaky_relu"), (nn.ELU, "elu"), (nn.GELU, "gelu"),
     (nn.SiLU, "silu"), (nn.Sigmoid, "sigmoid"), (nn.Tanh, "tanh"), (nn.Softplus, "softplus"),
     (nn.Softmax, "softmax"), (nn.LogSoftmax, "log_softmax"), (nn.Identity, "identity")],
)  # fmt: skip
def test_activations_are_layers_too(layer: type[nn.Activation], name: str, tmp_path: Path) -> None:
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(layer()(x), nn.Activation(name)(x))
    model = nn.Sequential(nn.Linear(4, 4), layer()).init(0)
    cp.save(model, tmp_path / "model.safetensors")
    again = cp.load(tmp_path / "model.safetensors").model
    assert type(again[1]) is layer
    assert repr(again[1]) == f"{layer.__name__}()"
    np.testing.assert_array_equal(again(x), model(x))
    ast.parse(repr(layer()))


def test_options_of_an_activation_are_told() -> None:
    with pytest.raises(UnknownArgumentError, match="takes no options") as caught:
        nn.LeakyReLU(0.2)
    assert caught.value.fix == "nn.Activation(lambda x: ops.leaky_relu(x, ...))"
    with pytest.raises(UnknownArgumentError, match="takes no options"):
        nn.Softmax(dim=1)
