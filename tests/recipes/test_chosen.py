"""The command of a fix trains the network of the run, with one thing changed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import pytest

from clearprop.glass.diagnosis.recipe_command import recipe_command
from clearprop.recipes.configuration import assigned
from clearprop.recipes.experiment import Experiment, prepare

GPT = {"epochs": 1, "width": 32, "layers": 2, "heads": 2,
       "data": {"name": "python-topics", "sequence_length": 48, "stride": 200}}  # fmt: skip


def note_of(experiment: Experiment) -> Mapping[str, object]:
    note = experiment._notes()["recipe"]
    assert isinstance(note, Mapping)
    return note


def test_the_command_keeps_the_network() -> None:
    command = recipe_command(note_of(prepare("char-gpt", GPT)), {"epochs": 10})
    assert command == (
        "clearprop train char-gpt --data python-topics --set data.sequence_length=48 "
        "--set data.stride=200 --set epochs=10 --set layers=2 --set width=32 --set heads=2"
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mlp", {"data": {"name": "iris", "dev": 0.2}, "hidden_sizes": "8,4", "snapshots": "log"}),
        ("mlp", {"data": {"name": "digits"}, "record": "layers.*,layers[0]"}),
        ("lenet5", {"data": {"name": "digits"}, "pooling": "average", "seed": 3}),
        ("som", {"data": {"name": "iris"}, "rows": 6, "toroidal": "true"}),
        ("gan", {"epochs": 2, "packing": 2}),
        ("char-gpt", GPT),
        ("char-lstm", {"hidden_size": 24, "snapshots": 50, "data": {"name": "python-topics"}}),
        ("mlp", {"data": {"name": "iris"}}),
    ],
)
def test_the_command_gives_the_same_recipe(name: str, values: Mapping[str, object]) -> None:
    made = prepare(name, values)
    words = shlex.split(recipe_command(note_of(made), {}))
    assert words[:3] == ["clearprop", "train", name]
    long = {"--set": "", "--data": "data.name=", "--target": "data.target="}
    pairs = zip(words[3::2], words[4::2], strict=True)
    again = prepare(name, assigned([f"{long[option]}{text}" for option, text in pairs]))
    assert again.recipe.model_dump() == made.recipe.model_dump()
    assert again.chosen() == made.chosen()


def test_defaults_are_not_named() -> None:
    assert prepare("mlp", {"data": {"name": "iris"}}).chosen() == {}
    assert prepare("mlp", {"data": {"name": "iris"}, "epochs": 7}).chosen() == {"epochs": 7}
