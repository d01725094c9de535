"""Words of other libraries, and misspelt ones, are answered with ours."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import clearprop as cp
from clearprop import elsewhere, nn
from clearprop.arguments import UnknownArgumentError
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import ConfigurationError, ShapeError

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
              elsewhere.MODULE_ATTRIBUTES, elsewhere.RUN_ATTRIBUTES, elsewhere.OPTIMIZERS,
              elsewhere.EVALUATION, elsewhere.OPTIMIZER_ARGUMENTS, elsewhere.OPTIMIZER_ATTRIBUTES,
              elsewhere.FUNCTIONS)  # fmt: skip
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
    assert caught.value.fix == "nn.Activation(lambda x: ops.leaky_relu(x, slope=0.2))"
    with pytest.raises(UnknownArgumentError, match="takes no options"):
        nn.Softmax(dim=1)


@pytest.mark.parametrize(
    ("layer", "options"),
    [(nn.ReLU, {"inplace": True}), (nn.LeakyReLU, {"negative_slope": 0.2}),
     (nn.ELU, {"alpha": 2.0}), (nn.Softmax, {"dim": 0}), (nn.GELU, {"approximate": "tanh"}),
     (nn.GELU, {"approximate": "none"}), (nn.Tanh, {"inplace": True, "other": 1})],
)  # fmt: skip
def test_what_is_printed_for_the_options_of_an_activation_works(
    layer: type[nn.Activation], options: dict[str, object]
) -> None:
    with pytest.raises(UnknownArgumentError, match="takes no options") as caught:
        layer(**options)
    made = eval(caught.value.fix or "", {"nn": nn, "ops": cp.ops})
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
    assert made(x).shape == x.shape
    if layer is nn.Softmax:
        np.testing.assert_allclose(made(x).sum(axis=0), 1, rtol=1e-6)
    if layer is nn.LeakyReLU:
        np.testing.assert_allclose(made(x)[0, 0], -0.4)


@pytest.mark.parametrize(
    ("call", "fix"),
    [(lambda: nn.MaxPool2d(2, 2), "nn.MaxPool2d(2, stride=2)"),  # type: ignore[misc]
     (lambda: nn.Linear(3, 4, False), "nn.Linear(3, 4, bias=False)"),  # type: ignore[misc]
     (lambda: nn.Conv2d(1, 6, 5, 2), "nn.Conv2d(1, 6, 5, stride=2)"),  # type: ignore[misc]
     (lambda: cp.optim.adam(0.1, 0.8), "optim.adam(0.1, beta1=0.8)"),  # type: ignore[misc]
     (lambda: nn.LSTM(3, 4, 2), None)],  # type: ignore[misc]
)  # fmt: skip
def test_arguments_without_a_name_get_the_next_names(
    call: Callable[[], object], fix: str | None
) -> None:
    with pytest.raises(UnknownArgumentError, match="too many arguments") as caught:
        call()
    assert caught.value.fix == fix
    if fix is not None:  # the next option of an LSTM is no number
        assert eval(fix, {"nn": nn, "optim": cp.optim})


def test_a_loss_in_the_place_of_an_option_of_fit() -> None:
    with pytest.raises(UnknownArgumentError, match="too many arguments") as caught:
        cp.fit(nn.Linear(4, 4), *DATA, "nll", progress=False)  # type: ignore[misc]
    assert caught.value.fix == "fit(model, x, y, loss='nll', progress=False)"


def test_a_call_with_too_few_arguments_shows_how_it_is_called() -> None:
    with pytest.raises(UnknownArgumentError, match="too few arguments") as caught:
        nn.Linear(4)  # type: ignore[call-arg]
    assert caught.value.expected == (
        "nn.Linear(in_features, out_features, *, bias=True, weight_init=glorot_uniform, "
        "bias_init=zeros)"
    )


@pytest.mark.parametrize(
    ("word", "fix"),
    [("num_layers", "layers=2"), ("batch_first", elsewhere.LAYER_ARGUMENTS["batch_first"]),
     ("nonsense", None)],
)  # fmt: skip
def test_an_argument_that_a_layer_passes_on(word: str, fix: str | None) -> None:
    with pytest.raises(UnknownArgumentError, match=f"nn.LSTM has no argument '{word}'") as caught:
        nn.LSTM(3, 4, **{word: 2})  # type: ignore[arg-type]
    assert "bidirectional" in (caught.value.expected or "")
    assert caught.value.fix == fix


def test_a_class_with_options_of_its_own_is_told_what_is_missing() -> None:
    class Own(nn.Module):
        def __init__(self, units: int, **rest: object) -> None:
            self.inner = nn.Linear(units, 2)

    with pytest.raises(UnknownArgumentError, match="too few arguments"):
        Own(other=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("word", sorted(elsewhere.OPTIMIZER_ARGUMENTS))
def test_an_argument_of_an_optimizer_of_another_library(word: str) -> None:
    make = cp.optim.rmsprop if word == "rho" else cp.optim.adam
    with pytest.raises(UnknownArgumentError, match=f"no argument '{word}'") as caught:
        make(**{word: 1})  # type: ignore[arg-type]
    fix = caught.value.fix or ""
    if fix.startswith("optim."):
        assert eval(f"cp.{fix}", {"cp": cp})
    elif not fix.startswith("leave it out"):
        assert eval(f"make({fix})", {"make": make})


def test_an_optimizer_is_not_given_the_parameters() -> None:
    weights = nn.Linear(2, 2).init(0).parameters()
    with pytest.raises(UnknownArgumentError, match="'learning_rate' twice") as caught:
        cp.optim.adam(weights, learning_rate=0.01)  # type: ignore[arg-type, misc]
    assert (caught.value.fix or "").startswith("optim.adam(learning_rate=0.01)")
    with pytest.raises(ConfigurationError, match="out of range") as refused:
        cp.optim.adam(weights)  # type: ignore[arg-type]
    assert refused.value.given == "a dict"


@pytest.mark.parametrize("word", sorted(elsewhere.OPTIMIZER_ATTRIBUTES))
def test_a_method_of_an_optimizer_of_another_library(word: str) -> None:
    with pytest.raises(UnknownAttributeError, match=f"no '{word}'") as caught:
        getattr(cp.optim.adam(0.1), word)
    assert caught.value.fix


@pytest.mark.parametrize("word", sorted(elsewhere.RUN_ATTRIBUTES))
def test_a_method_of_a_trained_model_of_another_library(word: str) -> None:
    run = cp.fit(nn.Linear(4, 4), DATA, epochs=1, progress=False)
    for trained in (run, run.predictor):
        with pytest.raises(UnknownAttributeError, match=f"no '{word}'") as caught:
            getattr(trained, word)
        assert caught.value.fix == elsewhere.RUN_ATTRIBUTES[word]
    code = elsewhere.RUN_ATTRIBUTES[word]
    if code.startswith("run."):
        assert eval(code, {"run": run, "x": DATA[0], "y": DATA[1]}) is not False


def test_a_name_of_a_part_is_answered_with_the_part() -> None:
    with pytest.raises(UnknownAttributeError) as caught:
        _ = cp.EpochDone
    assert caught.value.fix == "cp.training.EpochDone"
    assert hasattr(cp.training, "EpochDone")


@pytest.mark.parametrize(
    ("home", "name"), [(nn, "PixelShuffle"), (nn, "Fold"), (cp.optim, "SparseThing")]
)
def test_a_name_like_none_of_ours_gets_no_wrong_answer(home: ModuleType, name: str) -> None:
    with pytest.raises(UnknownAttributeError) as caught:
        getattr(home, name)
    assert caught.value.fix is None


def test_a_loss_as_a_class_of_pytorch() -> None:
    with pytest.raises(UnknownAttributeError) as caught:
        _ = nn.MSELoss
    assert eval(caught.value.fix or "", {"nn": nn}) is nn.mean_squared_error


@pytest.mark.parametrize("word", ["batch_size", "verbose", "nonsense"])
def test_an_argument_of_prediction_and_evaluation(word: str) -> None:
    run = cp.fit(nn.Linear(4, 4), DATA, epochs=1, progress=False)
    calls: list[Callable[..., object]] = [
        run.predict, run.evaluate, run.predictor.predict, run.predictor.evaluate,
        functools.partial(cp.predict, run), functools.partial(cp.evaluate, run),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(UnknownArgumentError, match=f"no argument '{word}'") as caught:
            call(DATA, **{word: 1})
        assert caught.value.fix == elsewhere.EVALUATION.get(word)


def test_a_model_is_loaded_like_another(tmp_path: Path) -> None:
    model = nn.Linear(4, 4).init(0)
    cp.save(model, tmp_path / "model.safetensors")
    with pytest.raises(UnknownArgumentError) as caught:
        cp.load(tmp_path / "model.safetensors", model=nn.Linear(4, 4))  # type: ignore[call-arg]
    assert (caught.value.fix or "").startswith("like=model")
    assert cp.load(tmp_path / "model.safetensors", like=nn.Linear(4, 4)).model is not None


def test_the_shape_of_an_example_is_a_tuple() -> None:
    with pytest.raises(ShapeError, match="is a tuple") as caught:
        nn.summary(nn.Linear(4, 2), 4)  # type: ignore[arg-type]
    assert caught.value.fix == "nn.summary(model, (4,))"
    assert eval(caught.value.fix, {"nn": nn, "model": nn.Linear(4, 2)})
