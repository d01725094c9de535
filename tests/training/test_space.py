"""A run that does not fit is refused before it takes memory; one that fits is never refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import clearprop as cp
from clearprop import device_memory, memory, nn, programs
from clearprop.errors import CheckpointError, ConfigurationError
from clearprop.training import evaluation
from clearprop.training.fit_config import FitConfig
from clearprop.training.run_setup import RunSetup
from clearprop.training.storage.checkpoint import save_arrays

MB = 10**6

Data = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@pytest.fixture(autouse=True)
def small_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SMALL", 0)


def limited(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(device_memory, "free", lambda: size)


def network(units: int = 400) -> nn.Module:
    return nn.Sequential(nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10))


@pytest.fixture(scope="module")
def pictures() -> Data:
    digits = cp.data.load("digits")
    return digits.inputs.reshape(len(digits), -1).astype(np.float32), digits.targets


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The sizes that are checked."""
    found: dict[str, int] = {}

    def note(what: str, size: int, **said: object) -> None:
        found[what] = max(size, found.get(what, 0))

    monkeypatch.setattr(device_memory, "make_room", note)
    return found


def trained(data: Data, units: int = 400, **options: Any) -> Any:
    options = {"epochs": 1, "batch_size": 64, "progress": False, "dev": 0.1, **options}
    return cp.fit(network(units), *data, **options)


def test_a_model_of_any_size_is_refused_before_it_has_values(pictures: Data) -> None:
    for units in (10**9, 2**31, 10**25):
        with pytest.raises(ConfigurationError, match=r"model: the run would take .*B") as caught:
            trained(pictures, units=units)
        assert caught.value.given is not None
        assert f"(64, {units})" in caught.value.given
        with pytest.raises(ConfigurationError, match="Sequential: the initial values would take"):
            network(units).init(0)


def test_shapes_of_a_model_of_any_size_can_be_computed() -> None:
    shapes = jax.eval_shape(lambda: network(10**9).init(0))
    assert nn.parameters(shapes)["layers.0.weight"].shape == (64, 10**9)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("keep_best", [False, True])
def test_the_states_are_predicted_to_the_byte(
    pictures: Data, noted: dict[str, int], optimizer: str, keep_best: bool
) -> None:
    config = FitConfig(network(), pictures, optimizer=optimizer, keep_best=keep_best, dev=0.1)
    setup = RunSetup.of(config)
    initial = device_memory.size_of(nn.parameters(setup.model))
    state = sum(x.nbytes for x in jax.tree.leaves(setup.state()))
    kept = {"sgd": 0, "momentum": 1, "adam": 2}[optimizer]
    assert initial * (1 + kept + keep_best) <= state <= initial * (1 + kept + keep_best) + 1000
    # Counters are not known before there is a state; they are a few bytes.
    assert initial + 2 * state - 1000 <= noted["the run"] <= initial + 2 * state


def test_an_optimizer_without_copies_is_named_where_it_would_fit(
    pictures: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = device_memory.size_of(nn.parameters(network()))
    limited(monkeypatch, 5 * values)
    with pytest.raises(ConfigurationError, match=r"fewer units .* or optimizer='sgd'") as caught:
        trained(pictures, optimizer="adam")
    assert "--set optimizer=sgd" in caught.value.for_shell()
    limited(monkeypatch, 2 * values)
    with pytest.raises(ConfigurationError) as caught:
        trained(pictures, optimizer="adam")
    assert "sgd" not in str(caught.value)


def test_as_many_parameters_fit_as_the_message_says(
    pictures: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 10 * MB)
    with pytest.raises(ConfigurationError) as caught:
        trained(pictures, units=100_000)
    assert caught.value.fix is not None
    fitting = int(caught.value.fix.split("about ")[1].split(" ")[0].replace(",", ""))
    RunSetup.of(FitConfig(network(fitting // 76), pictures))
    with pytest.raises(ConfigurationError):
        RunSetup.of(FitConfig(network(fitting // 76 * 2), pictures))


def needed(data: Data, noted: dict[str, int], batch_size: int) -> int:
    noted.clear()
    setup = RunSetup.of(FitConfig(network(), data, batch_size=batch_size))
    setup.compiled(setup.plan())
    return noted["a training step"]


def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(
    pictures: Data, noted: dict[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = (pictures[0][:1024], pictures[1][:1024])
    small, large = needed(data, noted, 64), needed(data, noted, 1024)
    assert large > small + 960 * 400 * 4  # at least the hidden units
    monkeypatch.undo()
    limited(monkeypatch, (small + large) // 2)
    monkeypatch.setattr(memory, "SMALL", 0)
    with pytest.raises(ConfigurationError, match=r"batch_size: a training step would") as caught:
        trained(data, batch_size=1024, dev=0, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    found = re.findall(r"\w+batch_size=\d+|batch_size=\d+", str(caught.value.fix))
    assert [one.split("=")[0] for one in found] == ["batch_size", "micro_batch_size"]
    for one in found:
        name, value = one.split("=")
        setup = RunSetup.of(
            FitConfig(network(), pictures, **{"batch_size": 1024, name: int(value)})
        )
        setup.compiled(setup.plan())


def test_the_program_of_a_step_is_compiled_once(
    pictures: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []

    def listen(event: str, seconds: float, **about: Any) -> None:
        if "backend_compile" in event:
            compiled.append(str(about.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    for batch_size, steps in ((64, {"steps_per_call": 5}), (64, {}), (1617, {})):
        programs.forget_programs()
        compiled.clear()
        trained(pictures, batch_size=batch_size, **steps)
        for name in ("jit__trace_steps", "jit__trace_epochs"):
            # A smaller last batch has a program of its own.
            most = 2 if steps else 1
            found = [one for one in compiled if name.removeprefix("jit_") in one]
            assert len(found) <= most, (batch_size, steps, compiled)
        assert any("_trace_" in one for one in compiled)


def test_a_recorded_step_counts(pictures: Data, noted: dict[str, int]) -> None:
    trained(pictures, record="*")
    # Every recorded value and its error signal: the hidden units twice, before and after ReLU.
    assert noted["a recorded step"] >= noted["the run"] // 2 + 2 * 4 * 64 * (400 + 400 + 10)


def test_a_checkpoint_counts_where_a_run_is_written(
    pictures: Data, noted: dict[str, int], tmp_path: Path
) -> None:
    trained(pictures)
    assert "a checkpoint" not in noted
    trained(pictures, folder=tmp_path / "run")
    assert noted["a checkpoint"] >= 2 * (noted["the run"] // 2)


def test_tight_memory_is_given_back_and_ample_memory_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returned: list[bool] = []
    monkeypatch.setattr(device_memory.cpu, "return_memory", lambda: returned.append(True))
    limited(monkeypatch, 100)
    said: Any = {"where": "x", "given": lambda: "", "fix": lambda limit: ""}
    device_memory.make_room("it", 50, **said)
    assert not returned
    device_memory.make_room("it", 51, **said)
    assert returned
    with pytest.raises(ConfigurationError, match="x: it would take 101 bytes, and 100 bytes of"):
        device_memory.make_room("it", 101, **said)


def test_where_the_free_memory_is_unknown_nothing_is_refused(
    pictures: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_memory, "free", lambda: None)
    assert trained(pictures).stopped.reason == "finished"


def test_predictions_that_do_not_fit_are_made_in_smaller_parts(
    pictures: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (x, _) = network(2000).init(0), pictures
    whole = evaluation.outputs(model, x, None)
    sizes: list[int] = []
    forward = evaluation._forward

    def watched(model: nn.Module, x: Any) -> Any:
        sizes.append(len(x))
        return forward(model, x)

    watched.lower = forward.lower  # type: ignore[attr-defined]  # as of a jitted function
    monkeypatch.setattr(evaluation, "_forward", watched)
    other, third = network(2000).init(0), network(2000).init(0)
    limited(monkeypatch, MB)  # the hidden units of 512 examples take 4 MB
    np.testing.assert_allclose(evaluation.outputs(other, x, None), whole, rtol=1e-5, atol=1e-6)
    assert 1 < max(sizes) <= 128
    limited(monkeypatch, 1000)
    with pytest.raises(ConfigurationError, match="Sequential: one example would take"):
        evaluation.outputs(third, x, None)


def test_explain_refuses_what_does_not_fit(pictures: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    model, (x, y) = network(1003).init(0), pictures
    limited(monkeypatch, MB)
    glass = cp.explain(model, x[:500], y[:500])
    with pytest.raises(ConfigurationError, match=r"explain: explain would take") as caught:
        glass["layers.0/matmul"].error  # noqa: B018 - computes it
    fix = caught.value.fix
    assert fix is not None
    fewer = int(fix.split()[1])
    assert 1 <= fewer < 500
    limited(monkeypatch, 100 * MB)
    assert cp.explain(model, x[:fewer], y[:fewer])["layers.0/matmul"].error.shape == (fewer, 1003)


@pytest.mark.parametrize(
    "shape", [[4_000_000_000, 10], [64, 10**30], [-64, 10], ["64", 10], [64.0, 10], [True, 10]]
)
def test_a_file_that_claims_a_huge_model_takes_no_memory(
    tmp_path: Path, shape: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(64, 10).init(0)
    structure: Any = nn.to_structure(model)
    structure["fields"]["weight"]["array"] = shape
    file = tmp_path / "model.safetensors"
    arrays = {path: np.asarray(w) for path, w in nn.parameters(model).items()}
    for held in (arrays, {"bias": arrays["bias"]}):
        save_arrays(file, held, {"format": 1, "structure": structure, "preprocessor": None})
        monkeypatch.setattr(nn.Module, "init", lambda *_: pytest.fail("values were made"))
        with pytest.raises(CheckpointError, match=r"another architecture|architecture is damaged"):
            cp.load(file)


@pytest.mark.parametrize("value", [2**31, 10**30])
def test_counts_beyond_32_bits_are_refused(pictures: Data, value: int) -> None:
    with pytest.raises(ConfigurationError, match="epochs: epochs is out of range"):
        trained(pictures, epochs=value)
    with pytest.raises(ConfigurationError, match="seed: seed is out of range"):
        trained(pictures, seed=2**33 * value)


def test_snapshots_of_a_long_run_are_counted_without_a_list(pictures: Data) -> None:
    with pytest.raises(ConfigurationError, match=r"snapshots would take .* of memory"):
        trained(pictures, epochs=2**31 - 1, snapshots=1)
