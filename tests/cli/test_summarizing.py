"""What `clearprop summary` says of the keys of a recipe."""

from __future__ import annotations

import re

import pytest

from clearprop.recipes import RECIPES, find_recipe
from clearprop.recipes.configuration import explained, keys_of
from tests.cli.conftest import Command


def test_every_key_stands_beside_what_it_means(clearprop: Command) -> None:
    answer = clearprop("summary", "xor")
    assert answer.code == 0
    assert re.search(r"^  hidden_size +8 +units of the hidden layer$", answer.out, re.MULTILINE)
    assert re.search(r"^  data\.ignore +tables: columns to leave out$", answer.out, re.MULTILINE)
    assert max(map(len, answer.out.splitlines())) <= 110


def test_long_explanations_go_on_below_themselves(clearprop: Command) -> None:
    lines = clearprop("summary", "mlp", "--data", "iris").out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("  schedule"))
    column = lines[place].index("how the rate goes")
    assert lines[place + 1][:column].isspace()
    assert not lines[place + 1][column].isspace()


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_is_explained_in_a_docstring(name: str) -> None:
    texts = explained(find_recipe(name))
    assert list(texts) == keys_of(find_recipe(name))
    assert [key for key, text in texts.items() if not text] == []
