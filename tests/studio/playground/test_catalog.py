"""The catalog has every choice, and its words come from the library."""

from __future__ import annotations

from typing import get_args

import msgspec

from clearprop import nn, ops, optim
from clearprop.studio.playground.catalog import catalog
from clearprop.studio.playground.choices import Catalog
from clearprop.studio.playground.docstrings import arguments_of, constants_of, first_sentence
from clearprop.studio.playground.messages import DataKind, Feature
from clearprop.studio.playground.network import OUTPUTS, UNFIT


def names(part: str) -> set[str]:
    return {one.name for one in getattr(catalog(), part)}


def test_nothing_of_the_library_is_missing() -> None:
    assert names("data") == set(get_args(DataKind))
    assert names("features") == set(get_args(Feature))
    assert names("activations") == {n for n, row in ops.ACTIVATIONS.items() if row.stacks}
    assert names("losses") == set(nn.LOSSES) - set(UNFIT)
    assert names("optimizers") == {*optim.optimizer_names(), *optim.second_order_names()}
    assert {"glorot_uniform", "he_normal", "orthogonal", "zeros"} <= names("initializers")


def test_everything_has_words() -> None:
    for part in Catalog.__struct_fields__:
        for one in getattr(catalog(), part):
            assert len(one.about) > 8, one.name
            assert "`" not in one.about, one.name
            assert one.about[0].isupper() or part == "losses", one.name
            for option in getattr(one, "options", ()):
                assert option.about, (one.name, option.name)


def test_the_losses_say_their_outputs() -> None:
    found = {one.name: one for one in catalog().losses}
    assert found["squared_error"].outputs == {"two classes": "tanh", "regression": "identity"}
    assert found["squared_error"].about.startswith("sum (y - t)^2 / 2")
    assert found["huber"].about.startswith("The Huber loss")
    assert {name: set(one.outputs) for name, one in found.items()} == {
        name: set(tasks) for name, tasks in OUTPUTS.items()
    }


def test_the_optimizers_say_their_numbers() -> None:
    found = {one.name: one for one in catalog().optimizers}
    assert found["adam"].learning_rate == 0.001
    assert found["hessian_free"].learning_rate is None
    assert not found["lbfgs"].takes_penalties
    assert [(one.name, one.default) for one in found["momentum"].options] == [("momentum", 0.9)]
    assert found["sgd"].options == ()


def test_it_is_plain_data() -> None:
    text = msgspec.json.encode(catalog())
    assert msgspec.json.decode(text, type=Catalog) == catalog()


def test_docstrings_are_read() -> None:
    """Say something with ``code``.

    Args:
        one: the first,
            on two lines.
        two: the second.

    Raises:
        ValueError: never.
    """
    own = test_docstrings_are_read
    assert first_sentence(own) == "Say something with code."
    assert arguments_of(own) == {"one": "the first, on two lines.", "two": "the second."}
    assert arguments_of(test_it_is_plain_data) == {}
    assert constants_of(nn.initializers) == {
        "TRUNCATED": "Deviation of the standard normal distribution between -2 and 2."
    }
