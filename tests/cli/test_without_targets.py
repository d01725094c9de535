"""Commands on runs whose algorithm does not compare outputs with targets."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import explain, fit, models, nn
from clearprop.algorithms import ContrastiveDivergence, DeepQLearning
from clearprop.cli import main
from clearprop.errors import ConfigurationError
from tests.cli.conftest import Command

SMALL = {
    "som": ["--data", "iris", "--set", "rows=4", "--set", "columns=4", "--set", "epochs=2"],
    "rbm": ["--data", "digits", "--set", "hidden_size=16", "--set", "epochs=1"],
    "vae": ["--data", "digits", "--set", "code_size=4", "--set", "epochs=1"],
    "gan": ["--data", "gaussian-ring", "--set", "epochs=1"],
    "dqn": ["--set", "data.limit=500", "--set", "warmup=200", "--set", "epochs=1"],
}
MEASURED = {
    "som": "quantization error",
    "rbm": "reconstruction error",
    "vae": "negative evidence lower bound",
    "gan": "confused pairs",
    "dqn": "mean return of 100 episodes",
}
FOLLOWED = {"dqn": "value of the best action"}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SMALL)
def test_evaluate_and_explain_say_what_the_algorithm_measures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str
) -> None:
    folder = str(tmp_path / "run")
    assert main(["train", recipe, *SMALL[recipe], "--folder", folder, "--no-report"]) == 0
    capsys.readouterr()
    assert main(["evaluate", folder]) == 0
    assert MEASURED[recipe] in capsys.readouterr().out
    assert main(["explain", folder]) == 0
    said = capsys.readouterr().out
    assert f"the one with the largest {FOLLOWED.get(recipe, 'objective')}" in said
    assert "dE/dvalue" in (tmp_path / "run" / "explain.html").read_text()
    assert main(["explain", folder, "--example", "1", "--node", "input"]) == 0
    assert main(["explain", folder, "--example", "100000"]) == 2


@pytest.mark.slow
def test_a_run_without_targets_is_evaluated_explained_reported_and_used(
    clearprop: Command,
) -> None:
    options = ("--set", "epochs=2", "--set", "hidden_size=16")
    assert clearprop("train", "rbm", *options, "--no-report", "--folder", "run").code == 0
    assert "reconstruction error" in clearprop("evaluate", "run", "--data", "digits").out
    for command in ("report", "diagnose", "evaluate", "explain"):
        assert clearprop(command, "run").code == 0
    answer = clearprop("predict", "run", "--data", "digits")
    assert answer.code == 0
    header, *rows = answer.out.splitlines()
    assert header.split(",")[0] == "prediction1"
    assert len(header.split(",")) == 16
    assert len(rows) > 100


def test_explain_follows_the_objective_of_a_run_back_to_its_inputs() -> None:
    x = np.random.default_rng(0).integers(0, 2, (40, 6)).astype(np.float32)
    machine = models.RBM(6, 4)
    run = fit(
        machine, x, algorithm=ContrastiveDivergence(persistent=True), epochs=2, progress=False
    )
    glass = explain(run, x[:3])
    trained = run.model
    assert isinstance(trained, models.RBM)
    # dF/dv = -b - W sigmoid(c + v W); the other end of the chain is a constant.
    hidden = 1 / (1 + jnp.exp(-(x[:3] @ trained.hidden.weight + trained.hidden.bias)))
    expected = -(trained.visible_bias + hidden @ trained.hidden.weight.T) / 3
    found = glass["input"].error
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_explain_of_deep_q_learning_follows_the_value_of_the_best_action() -> None:
    algorithm = DeepQLearning(epoch_steps=200, warmup=200, evaluation_episodes=1)
    network = models.QNetwork(4, 2, hidden_sizes=(8,))
    options = {"algorithm": algorithm, "batch_size": 4, "epochs": 1, "progress": False}
    run = fit(network, "CartPole-v1", **options)
    seen = np.array([[0.0, 0.1, 0.02, -0.1]], np.float32)
    glass = explain(run, seen)
    values = np.asarray(run.model(seen))
    assert glass.objective == pytest.approx(values.max())


def test_a_model_alone_needs_targets_to_be_explained() -> None:
    with pytest.raises(ConfigurationError, match="targets are missing"):
        explain(nn.Linear(2, 1).init(0), jnp.ones((1, 2)))
