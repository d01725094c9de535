"""Arguments, signatures and attributes of modules; what is refused; how a model is printed."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import elsewhere, nn
from clearprop.arguments import UnknownArgumentError
from clearprop.elsewhere import UnknownAttributeError
from clearprop.errors import (
    ConfigurationError,
    ModelError,
    ShapeError,
)
from tests.nn.own_modules import X, Y

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


class Plain(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(2, 2)

    def __call__(self, x: Any) -> Any:
        return self.layer(x)


def test_the_signature_of_a_model_and_of_an_own_module() -> None:
    assert "layers" in inspect.signature(cp.models.GPT).parameters
    assert list(inspect.signature(Plain).parameters) == []


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
    assert (caught.value.line or "").startswith(f"{Path(__file__).name}:")


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
