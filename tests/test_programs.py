"""A program that is equal to an earlier one is compiled once, and only an equal one is taken."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

import clearprop as cp
from clearprop import nn, ops, optim, programs, tree
from clearprop.backend import mesh, replicated
from clearprop.host_callback import host_callback
from clearprop.interop.sklearn import NetworkClassifier
from clearprop.programs import KEPT, SharedJit
from clearprop.training import FitConfig, Learning
from clearprop.training.run_setup import RunSetup
from clearprop.training.train import start

SCALE = 1.0
"""What a model of a user reads, who changes it between two runs."""


@pytest.fixture(autouse=True)
def anew() -> None:
    programs.forget_programs()


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """The names of the programs that were compiled, as they are compiled."""
    found: list[str] = []

    def listen(event: str, seconds: float, **about: Any) -> None:
        if "backend_compile" in event:
            found.append(str(about.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def shared(function: Callable[..., Any], **options: Any) -> SharedJit:
    return SharedJit(function, results=replicated(mesh(1)), **options)


class Scaled(nn.Module):
    """A user's model that reads a name outside itself."""

    inner: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(64, 10)

    def __call__(self, x: Any) -> Any:
        return self.inner(x * SCALE)


class Otherwise(nn.Module):
    """The same arithmetic as a linear layer in `Scaled`, with other names."""

    outer: nn.Linear

    def __init__(self) -> None:
        self.outer = nn.Linear(64, 10)

    def __call__(self, x: Any) -> Any:
        return self.outer(x * SCALE)


def weighted(weight: float) -> Callable[[Any, Any], Any]:
    def loss(outputs: Any, targets: Any) -> Any:
        return weight * ops.softmax_cross_entropy(outputs, targets)

    return loss


def masked(entry: float) -> nn.Module:
    mask = np.ones(64, np.float32)
    mask[36] = entry

    class Masked(nn.Module):
        inner: nn.Linear

        def __init__(self) -> None:
            self.inner = nn.Linear(64, 10)

        def __call__(self, x: Any) -> Any:
            return self.inner(x * mask)

    return Masked()


def trained(digits: Any, model: nn.Module | None = None, **options: Any) -> dict[str, bytes]:
    """The bits of the weights after two epochs."""
    inputs = np.asarray(digits.inputs[:200], np.float32).reshape(200, 64) / 16
    model = nn.Linear(64, 10) if model is None else model
    settings = {"epochs": 2, "progress": False, **options}
    run = cp.fit(model, inputs, np.asarray(digits.targets[:200]), **settings)
    return {path: np.asarray(x).tobytes() for path, x in run.model.parameters().items()}


@pytest.fixture(scope="module")
def digits() -> Any:
    return cp.data.load("digits")


def test_the_second_run_compiles_nothing(digits: Any, compiled: list[str]) -> None:
    first = trained(digits, patience=2, dev=0.1)
    assert any("_trace_" in name for name in compiled)
    compiled.clear()
    assert trained(digits, patience=2, dev=0.1) == first
    assert trained(digits, patience=2, dev=0.1, seed=1) != first  # a seed is no constant
    assert not [name for name in compiled if "_trace_" in name]


@pytest.mark.parametrize("name", ["adam", "sgd", "muon"])
def test_another_rate_is_the_same_program(digits: Any, compiled: list[str], name: str) -> None:
    """Its numbers are those of a program with this rate as a constant."""
    trained(digits, optimizer=name, learning_rate=0.01)
    compiled.clear()
    second = trained(digits, optimizer=name, learning_rate=0.02)
    assert not [one for one in compiled if "_trace_" in one]
    schedule = optim.schedules.exponential(0.02, factor=1.0, every=1)
    assert trained(digits, optimizer=name, learning_rate=schedule) == second


def test_a_search_compiles_its_program_once(compiled: list[str]) -> None:
    network = NetworkClassifier((8,), batch_size=50, epochs=2, random_state=0)
    rates = {"learning_rate": [1e-3, 1e-2, 1e-1]}
    searched = GridSearchCV(network, rates, cv=3, refit=False).fit(*load_iris(return_X_y=True))
    assert len(set(searched.cv_results_["mean_test_score"])) > 1
    assert len([name for name in compiled if "_trace_" in name]) == 1


def test_steps_of_partial_fit_are_shared(compiled: list[str]) -> None:
    x, y = load_iris(return_X_y=True)
    one, other = (NetworkClassifier((8,), random_state=seed) for seed in (0, 1))
    one.partial_fit(x, y, classes=range(3))
    compiled.clear()
    other.partial_fit(x, y, classes=range(3))
    other.set_params(learning_rate=0.1).partial_fit(x, y)
    assert other.loss_ != one.loss_
    assert not [name for name in compiled if "step" in name]


DIFFERENT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a rate": ({"learning_rate": 0.01}, {"learning_rate": 0.0100001}),
    "two rates": (
        {"optimizer": optim.chain(optim.sgd(0.1), optim.sgd(0.2))},
        {"optimizer": optim.chain(optim.sgd(0.2), optim.sgd(0.2))},
    ),
    "a rate that warms up to the same": (
        {"learning_rate": 0.1},
        {"learning_rate": optim.schedules.warmup(3, then=0.1)},
    ),
    "an optimizer": ({"optimizer": "adam"}, {"optimizer": "nadam"}),
    "a schedule of one's own": (
        {"optimizer": optim.sgd(lambda t: 0.1 / (1 + t))},
        {"optimizer": optim.sgd(lambda t: 0.1 / (2 + t))},
    ),
    "a loss": ({"loss": weighted(1.0)}, {"loss": weighted(1.5)}),
    "label smoothing": ({}, {"label_smoothing": 0.1}),
    "class weights": ({}, {"class_weight": {0: 2.0}}),
    "a constant": ({"model": masked(0.0)}, {"model": masked(0.5)}),
    "a micro-batch": ({}, {"micro_batch_size": 5}),
    "dropout": (
        {"model": nn.Sequential(nn.Dropout(0.2), nn.Linear(64, 10))},
        {"model": nn.Sequential(nn.Dropout(0.3), nn.Linear(64, 10))},
    ),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_a_different_program_is_not_taken(digits: Any, kind: str) -> None:
    one, other = DIFFERENT[kind]
    first, second = trained(digits, **one), trained(digits, **other)
    assert first != second
    programs.forget_programs()
    assert trained(digits, **other) == second
    assert trained(digits, **one) == first


def test_what_a_model_reads_outside_itself_counts(
    digits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = trained(digits, Scaled())
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    second = trained(digits, Scaled())
    monkeypatch.undo()
    assert trained(digits, Scaled()) == first != second


def test_results_have_the_names_of_their_own_run(digits: Any) -> None:
    model = Scaled().init(0)
    values = {f"outer.{name}": x for name, x in model.inner.parameters().items()}
    one = trained(digits, model)
    other = trained(digits, tree.replace(Otherwise().init(0), values))
    assert sorted(one) == ["inner.bias", "inner.weight"]
    assert sorted(other) == ["outer.bias", "outer.weight"]
    assert one["inner.weight"] == other["outer.weight"]


def test_functions_of_python_are_not_mistaken_for_each_other() -> None:
    """Their places in the text of the programs are the same."""

    def times(factor: float) -> SharedJit:
        return shared(lambda x: host_callback(lambda x: factor * np.asarray(x), x, x))

    x = jnp.ones(3)
    assert [times(factor)(x).tolist() for factor in (2, 3)] == [[2.0] * 3, [3.0] * 3]
    assert not programs._kept


def test_static_arguments_and_kinds_of_arrays_count() -> None:
    call = shared(lambda x, *, times: x * times, static=("times",))
    assert float(call(jnp.ones(()), times=2)) == 2
    assert float(call(jnp.ones(()), times=3)) == 3
    assert call(jnp.ones(2, jnp.int32), times=3).dtype == jnp.int32
    assert call(jnp.ones((2, 1)), times=3).shape == (2, 1)
    strong, weak = jnp.ones(()), jnp.asarray(1.0)
    assert weak.weak_type
    half = jnp.ones(3, jnp.bfloat16)
    both = [shared(lambda x, y: x * y)(x, half).dtype for x in (strong, weak)]
    assert both == [jnp.float32, jnp.bfloat16]
    kept = [shared(lambda x: x + x)(x).weak_type for x in (strong, weak)]
    assert kept == [False, True]  # the text of both programs is the same


def test_memory_is_given_away_as_asked() -> None:
    x, y = jnp.ones(3), jnp.ones(3)
    shared(lambda a, b: (a + b, b), donated=(1,))(x, y)
    assert y.is_deleted()
    z = jnp.ones(3)
    shared(lambda a, b: (a + b, b))(x, z)
    assert not z.is_deleted()


def test_constants_are_compared_whole() -> None:
    table = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    near = table.copy()
    near[5_000] += 1
    one, other = (shared(lambda i, t=t: jnp.asarray(t)[i]) for t in (table, near))
    assert float(other(jnp.int32(5_000)) - one(jnp.int32(5_000))) == pytest.approx(1)


def test_a_call_looks_for_nan_where_jax_is_asked_to() -> None:
    def root() -> SharedJit:
        return shared(jnp.sqrt)

    assert np.isnan(root()(-1.0 * jnp.ones(3))).all()
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        root()(-1.0 * jnp.ones(3))


def test_few_programs_are_kept(compiled: list[str]) -> None:
    for k in range(KEPT + 5):
        shared(lambda x, k=k: x + k)(jnp.ones(()))
    assert len(programs._kept) == KEPT
    compiled.clear()
    shared(lambda x: x + (KEPT + 4))(jnp.ones(()))
    assert not compiled
    shared(lambda x: x + 0.0)(jnp.ones(()))
    assert len(compiled) == 1


def test_a_kept_program_keeps_no_run(digits: Any) -> None:
    """Neither its model and algorithm nor its data."""

    def ran() -> tuple[weakref.ref[Learning], weakref.ref[Any]]:
        inputs = np.asarray(digits.inputs[:200], np.float32).reshape(200, 64)
        config = FitConfig(nn.Linear(64, 10), (inputs, digits.targets[:200]), progress=False)
        setup = RunSetup.of(config)
        start(setup, None)
        assert isinstance(setup.algorithm, Learning)
        return weakref.ref(setup.algorithm), weakref.ref(inputs)

    algorithm, inputs = ran()
    gc.collect()
    assert programs._kept
    assert algorithm() is None
    assert inputs() is None


def test_programs_are_forgotten_before_their_mappings_run_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    square, twice = jax.jit(lambda x: x * x), shared(lambda x: x + x)
    square(jnp.ones(3))
    twice(jnp.ones(3))
    programs.make_room_for_programs()
    assert square._cache_size() == len(programs._kept) == 1  # there is room
    monkeypatch.setattr(programs, "_most_mappings", lambda: 100.0)
    programs.make_room_for_programs()
    if sys.platform == "linux":
        assert not square._cache_size()
        assert not programs._kept
    assert square(jnp.full(3, 2.0)).tolist() == [4, 4, 4]
    assert tree.flatten_with_paths(twice(jnp.ones(3)))[""].tolist() == [2, 2, 2]


def test_a_step_that_is_compiled_by_its_optimizer_trains_again() -> None:
    x, y = np.eye(8, dtype=np.float32), np.arange(8) % 2
    made = optim.adam(1e-3)
    compiled = replace(made, update=jax.jit(made.update))
    runs = [
        cp.fit(nn.Linear(8, 2), (x, y), optimizer=one, epochs=2, batch_size=size, progress=False)
        for size in (4, 8, 4)
        for one in (made, compiled)
    ]
    for own, other in zip(runs[::2], runs[1::2], strict=True):
        np.testing.assert_array_equal(own.losses, other.losses)
