"""Every recipe goes through every command: a table that no recipe can be missing from."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearprop import nn
from clearprop.recipes.catalog import RECIPES
from clearprop.training import load_model
from tests.cli.conftest import Command
from tests.onnx_networks import small_cnn

STUDIES = {name for name, entry in RECIPES.items() if entry.kind.endswith("Study")}
"""These train several runs, and have no run of their own."""

SMALL: dict[str, tuple[str, ...]] = {
    "perceptron": (),
    "xor": ("epochs=20",),
    "mlp": ("data=iris", "hidden_sizes=8"),
    "fine-tune": ("file=net.onnx", "data=digits"),
    "lenet5": ("data=digits",),
    "resnet20": ("data=digits", "depth=8", "width=4"),
    "alexnet": ("data=digits", "examples=24", "test_examples=8", "hidden_size=16"),
    "char-gpt": ("data=text.txt", "data.sequence_length=16", "layers=1", "width=16"),
    "char-rnn": ("data=text.txt", "data.sequence_length=16", "hidden_size=8"),
    "char-lstm": ("data=text.txt", "data.sequence_length=16", "hidden_size=8"),
    "tagger": ("hidden_size=8",),
    "text-classify": ("hidden_size=12", "embedding_features=8"),
    "g2p": ("data.limit=300", "hidden_size=8"),
    "caption": ("data.limit=300", "hidden_size=8"),
    "forecast": ("data=sunspots", "hidden_size=8"),
    "autoencoder": ("data=digits", "code_size=8"),
    "vae": ("data=digits", "code_size=4"),
    "rbm": ("data=digits", "hidden_size=8"),
    "som": ("data=iris", "rows=4", "columns=4", "epochs=2"),
    "gan": ("hidden_sizes=8",),
    "dcgan": ("data=digits", "width=4"),
    "dqn": ("data.limit=500", "warmup=200", "hidden_sizes=8"),
}
"""Data, and values with which a recipe trains in seconds."""

NEW: dict[str, tuple[str, ...]] = {
    "perceptron": ("--data", "iris"),
    "xor": ("--data", "xor"),
    "mlp": ("--data", "iris"),
    **dict.fromkeys(("char-gpt", "char-rnn", "char-lstm"), ("--input", "text.txt")),
    **dict.fromkeys(("tagger", "text-classify"), ("--input", "lines.txt")),
    "g2p": ("--input", "words.txt"),
    "caption": ("--data", "digit-captions"),
    "forecast": ("--data", "sunspots"),
    "som": ("--data", "iris"),
    "dqn": ("--data", "CartPole-v1"),
}
"""What a model predicts for; of pictures it is the digits."""

WITHOUT_PREDICTION = {"gan", "dcgan"}
"""Their models make examples of noise, so new examples are refused with a message."""


def test_no_recipe_is_missing() -> None:
    assert set(SMALL) | STUDIES == set(RECIPES)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SMALL)
def test_a_run_goes_through_every_command(clearprop: Command, tmp_path: Path, recipe: str) -> None:
    small_cnn(tmp_path / "net.onnx")
    (tmp_path / "text.txt").write_text("the network learns what the numbers say. " * 60)
    (tmp_path / "lines.txt").write_text("return the mean of the values\nwrite a file\n")
    (tmp_path / "words.txt").write_text("network\nlearning\n")
    given = ["--set", "snapshots=1"]
    has_epochs = any(one.startswith("epochs=") for one in SMALL[recipe])
    for one in (*SMALL[recipe], *(() if has_epochs else ("epochs=1",))):
        name, _, value = one.partition("=")
        given += ["--data", value] if name == "data" else ["--set", one]

    def done(*command: str) -> str:
        answer = clearprop(*command)
        assert answer.code == 0, f"{command}: {answer.err}"
        assert "Traceback" not in answer.err
        return answer.out

    done("train", recipe, *given, "--folder", "run")
    done("evaluate", "run")
    done("explain", "run")
    parameter = next(iter(nn.parameters(load_model(tmp_path / "run"))))
    done("explain", "run", "--node", parameter)
    done("diagnose", "run")
    done("report", "run")
    done("fork", "run", "--step", "1", "--set", "learning_rate=0.003", "--folder", "fork")
    answer = clearprop("predict", "run", *NEW.get(recipe, ("--data", "digits")))
    assert answer.code == (2 if recipe in WITHOUT_PREDICTION else 0), answer.err
    assert "Traceback" not in answer.err
