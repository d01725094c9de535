"""``clearprop summary``: the keys of a recipe."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from clearprop import nn
from clearprop.interop.onnx import save
from clearprop.recipes import RECIPES, find_recipe
from clearprop.recipes.configuration import explained, keys_of
from tests.cli.conftest import Command, is_clear


def test_every_key_stands_beside_what_it_means(clearprop: Command) -> None:
    answer = clearprop("summary", "xor")
    assert answer.code == 0
    assert re.search(r"^  hidden_size +8 +units of the hidden layer$", answer.out, re.MULTILINE)
    assert re.search(r"^  data\.ignore +tables: columns to leave out$", answer.out, re.MULTILINE)
    assert max(map(len, answer.out.splitlines())) <= 110


def test_the_network_of_a_file_is_summarized(clearprop: Command, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(64, 32), "relu", nn.Linear(32, 10)).init(0)
    save(network, tmp_path / "network.onnx", np.zeros((1, 64), np.float32))
    answer = clearprop("summary", str(tmp_path / "network.onnx"))
    assert answer.code == 0, answer.err
    assert re.search(r"^  layers\.0 +Gemm +32 +2,080 ", answer.out, re.MULTILINE)
    assert re.search(r"^input +64$", answer.out, re.MULTILINE)


def test_long_explanations_go_on_below_themselves(clearprop: Command) -> None:
    lines = clearprop("summary", "mlp", "--data", "iris").out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("  schedule"))
    column = lines[place].index("how the learning rate")
    assert lines[place + 1][:column].isspace()
    assert not lines[place + 1][column].isspace()


@pytest.mark.parametrize("name", RECIPES)
def test_every_key_is_explained_in_a_docstring(name: str) -> None:
    texts = explained(find_recipe(name))
    assert list(texts) == keys_of(find_recipe(name))
    assert [key for key, text in texts.items() if not text] == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("char-rnn", "--set", "hidden_size=8"), r"^  recurrent +RNN +100 x 8 "),
        (("caption", "--set", "data.limit=60"), r"^input words +6$"),
        (("tagger",), r"^  lstm +LSTM +60 x 128 "),
    ],
)
def test_models_of_tokens_and_of_inputs_by_name(
    clearprop: Command, arguments: tuple[str, ...], line: str
) -> None:
    answer = clearprop("summary", *arguments)
    assert answer.code == 0
    assert re.search(line, answer.out, re.MULTILINE)


def test_a_shape_for_inputs_by_name_is_refused(clearprop: Command) -> None:
    answer = clearprop("summary", "caption", "--set", "data.limit=60", "--input-shape", "6")
    assert is_clear(answer, "several inputs by name", "leave it out")
