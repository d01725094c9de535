from __future__ import annotations

import inspect
import re

import pytest

from clearprop.errors import ConfigurationError
from clearprop.recipes import RECIPES, find_recipe
from clearprop.recipes.configuration import Configuration, assigned, keys_of


def test_every_recipe_is_found_and_can_be_made_without_values() -> None:
    for name in RECIPES:
        assert find_recipe(name).of({}).seed == 0


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("learning_rate=1e-3", "learning_rate", 1e-3),
        ("hidden_sizes=64,32", "hidden_sizes", (64, 32)),
        ("hidden_sizes=[7]", "hidden_sizes", (7,)),
        ("hidden_sizes=", "hidden_sizes", ()),
        ("patience=none", "patience", None),
        ("activation=tanh", "activation", "tanh"),
        ("average=0.99", "average", 0.99),
    ],
)
def test_text_becomes_the_type_of_its_key(text: str, key: str, value: object) -> None:
    assert getattr(find_recipe("mlp").of(assigned([text])), key) == value


def test_a_key_with_a_dot_goes_into_its_group() -> None:
    recipe = find_recipe("mlp").of(assigned(["data.name=iris", "data.ignore=a, b"]))
    assert (recipe.data.name, recipe.data.ignore) == ("iris", ("a", "b"))


@pytest.mark.parametrize(
    ("recipe", "text", "parts"),
    [
        ("lenet5", "epoch=3", ("unknown key 'epoch'", "did you mean 'epochs'?")),
        ("mlp", "data.nam=iris", ("unknown key 'data.nam'", "did you mean 'data.name'?")),
        ("mlp", "learning_rate=-0.1", ("'learning_rate'", "learning_rate=-0.1", "greater than 0")),
        ("mlp", "learning_rate=nan", ("'learning_rate'", "finite number")),
        ("mlp", "batch_size=0", ("'batch_size'", "greater than or equal to 1")),
        ("mlp", "epochs=2.5", ("'epochs'", "epochs=2.5", "a whole number")),
        ("mlp", "epochs=many", ("'epochs'", "a whole number")),
        ("mlp", "seed=-1", ("'seed'", "greater than or equal to 0")),
        ("mlp", "activation=rellu", ("unknown activation 'rellu'", "'relu'")),
        ("mlp", "optimizer=adma", ("unknown optimizer 'adma'", "'adam'")),
        ("mlp", "schedule=cosin", ("'schedule'", "'cosine'")),
        ("mlp", "dropout=1", ("'dropout'", "less than 1")),
        ("mlp", "hidden_sizes=8,x", ("'hidden_sizes.1'", "a whole number")),
        ("mlp", "data=iris", ("'data'",)),
        ("lenet5", "pooling=mean", ("'pooling'", "'max' or 'average'")),
        ("perceptron", "batch_size=2", ("'batch_size'", "1")),
        ("xor", "hidden_sizes=3", ("unknown key 'hidden_sizes'", "did you mean 'hidden_size'?")),
    ],
)
def test_a_value_that_cannot_be_used_is_named(
    recipe: str, text: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_recipe(recipe).of(assigned([text]), where=recipe)
    message = str(caught.value)
    assert message.startswith(f"{recipe}: ")
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    "texts", [["epochs"], ["=3"], ["epochs=1", "epochs=2"], ["data=x", "data.name=y"], ["data.="]]
)
def test_what_is_no_assignment_is_refused(texts: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="--set"):
        assigned(texts)


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        find_recipe("mlp").of({}).epochs = 3


def test_the_values_of_a_recipe_make_it_again() -> None:
    recipe = find_recipe("mlp").of(assigned(["hidden_sizes=5,4", "data.name=iris", "average=0.9"]))
    assert find_recipe("mlp").of(recipe.model_dump(mode="json")) == recipe


def test_the_keys_of_a_recipe_include_those_of_its_groups() -> None:
    keys = keys_of(find_recipe("lenet5"))
    assert {"epochs", "pooling", "data.name", "data.target"} <= set(keys)
    assert "data" not in keys


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_is_read(name: str) -> None:
    kind = find_recipe(name)
    modules = {inspect.getmodule(base) for base in kind.__mro__ if issubclass(base, Configuration)}
    text = "\n".join(inspect.getsource(module) for module in modules if module is not None)
    unread = {key for key in kind.model_fields if not re.search(rf"\bself\.{key}\b", text)}
    # Every study has a seed; descent draws nothing with it.
    assert unread <= ({"seed"} if name == "descent" else set())


@pytest.mark.parametrize("name", ["approximate", "overfit", "transfer"])
def test_studies_part_their_data_themselves(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'data\.dev'"):
        find_recipe(name).of({"data": {"dev": 0.3}})


def test_of_many_keys_the_nearest_are_named() -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_recipe("lenet5").of(assigned(["lerning_rate=1"]))
    expected = str(raised.value.expected)
    assert re.match(r"one of \d+, such as learning_rate, ", expected)
    assert expected.count(",") <= 7
