"""A value that is not finite stops a run at the very step, with the last finite weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.training import DivergedError, Event, NonFinite, StepsDone, Stopped, fit

EXAMPLES = 40


def positive() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(1, 2, (EXAMPLES, 3)).astype(np.float32), rng.integers(0, 2, EXAMPLES)


class Logarithm(nn.Module):
    def __call__(self, x: Any) -> Any:
        return ops.log(x)


class LogarithmInALoop(nn.Module):
    def __call__(self, x: Any) -> Any:
        return ops.scan(lambda carry, _: (ops.log(carry), None), x, None, length=2)[0]


class RootOfNothing(nn.Module):
    """sqrt((x - x)^2): 0 in the forward pass, infinity times 0 in the backward pass."""

    def __call__(self, x: Any) -> Any:
        return x + ops.sqrt(ops.square(x - x * 1.0))


class MaskedLogarithm(nn.Module):
    """Computes log 0, which is not finite, and does not use it."""

    def __call__(self, x: Any) -> Any:
        return ops.where(x > 0, x, ops.log(x * 0.0))


@pytest.mark.parametrize("steps_per_call", [None, 3])
def test_the_step_and_the_layer_are_named(steps_per_call: int | None) -> None:
    x, y = positive()
    x[17] = -1.0
    model = nn.Sequential([Logarithm(), nn.Linear(3, 2)]).init(0)
    events: list[Event] = []
    with pytest.raises(DivergedError) as caught:
        fit(
            model,
            (x, y),
            epochs=3,
            batch_size=4,
            steps_per_call=steps_per_call,
            progress=False,
            on_event=events.append,
        )
    from clearprop.data import epoch_order

    expected = int(np.argwhere(epoch_order(EXAMPLES, 0, 0) == 17)[0, 0]) // 4 + 1
    broken = caught.value.run.non_finite
    assert broken is not None
    assert (broken.step, broken.epoch, broken.place) == (expected, 1, "layers.0")
    assert broken.cause == "going forward, log gave NaN"
    assert caught.value.where == "layers.0"
    assert isinstance(events[-2], NonFinite)
    assert events[-1] == Stopped("non-finite", expected - 1, 0, None)
    assert sum(len(e.losses) for e in events if isinstance(e, StepsDone)) == expected - 1
    assert len(caught.value.run.losses) == expected - 1


def test_the_weights_are_those_before_the_step() -> None:
    x, y = positive()
    model = nn.Sequential([Logarithm(), nn.Linear(3, 2)]).init(0)
    from clearprop.data import epoch_order

    spoiled = x.copy()
    spoiled[epoch_order(EXAMPLES, 0, 1)[9]] = -1.0  # in the third step of the second epoch
    first = fit(model, (x, y), epochs=1, batch_size=4, progress=False)
    assert np.isfinite(first.losses).all()
    with pytest.raises(DivergedError) as caught:
        fit(model, (spoiled, y), epochs=9, batch_size=4, progress=False)
    run = caught.value.run
    weights = nn.parameters(run.model)
    assert all(np.isfinite(w).all() for w in weights.values())
    assert run.non_finite is not None
    assert run.non_finite.step == len(run.losses) + 1


def test_a_gradient_alone_is_noticed() -> None:
    x, y = positive()
    model = nn.Sequential([nn.Linear(3, 2), RootOfNothing()]).init(0)
    with pytest.raises(DivergedError) as caught:
        fit(model, (x, y), epochs=2, batch_size=4, progress=False)
    broken = caught.value.run.non_finite
    assert broken is not None
    assert (broken.step, broken.place) == (1, "layers.1")
    assert broken.cause.startswith("going back, ")
    assert "square" in broken.cause or "sqrt" in broken.cause
    for path, w in nn.parameters(caught.value.run.model).items():
        assert np.array_equal(w, nn.parameters(model)[path])


class LogarithmByName(nn.Module):
    output: nn.Linear

    def __init__(self) -> None:
        self.output = nn.Linear(3, 2)

    def __call__(self, x: Any) -> Any:
        return self.output(ops.log(x["a"]) + x["b"])


@pytest.mark.parametrize("steps_per_call", [None, 3])
def test_inputs_by_name_are_searched_too(steps_per_call: int | None) -> None:
    x, y = positive()
    x[17] = -1.0
    inputs, model = {"a": x, "b": np.ones_like(x)}, LogarithmByName().init(0)
    with pytest.raises(DivergedError) as caught:
        fit(model, (inputs, y), batch_size=4, steps_per_call=steps_per_call, progress=False)
    broken = caught.value.run.non_finite
    assert broken is not None
    assert broken.cause == "going forward, log gave NaN"


def test_a_step_too_far_is_the_optimizers() -> None:
    x, y = positive()
    x *= 100
    model = nn.Linear(3, 2).init(0)
    with pytest.raises(DivergedError, match="step 1,") as caught:
        fit(model, (x, y), optimizer="sgd", learning_rate=1e38, batch_size=4, progress=False)
    assert caught.value.where == "the update"


def test_the_last_finite_weights_are_in_the_folder(tmp_path: Any) -> None:
    from clearprop.training import load, read_run

    x, y = positive()
    x[17] = -1.0
    model = nn.Sequential([nn.Linear(3, 2), nn.Linear(2, 2)]).init(0)
    spoiled = nn.Sequential([Logarithm(), *model.layers])
    with pytest.raises(DivergedError) as caught:
        fit(spoiled, (x, y), batch_size=4, folder=tmp_path / "run", progress=False)
    assert str(tmp_path / "run") in str(caught.value)
    record = read_run(tmp_path / "run")
    assert isinstance(record.events[-1], Stopped)
    assert record.events[-1].reason == "non-finite"
    loaded = nn.parameters(load(tmp_path / "run"))
    for path, w in nn.parameters(caught.value.run.model).items():
        assert np.array_equal(w, loaded[path])


def test_what_happens_inside_a_loop_is_named_by_its_layer() -> None:
    x, y = positive()
    model = nn.Sequential([LogarithmInALoop(), nn.Linear(3, 2)]).init(0)
    with pytest.raises(DivergedError) as caught:
        fit(model, (x / 4, y), batch_size=4, progress=False)
    assert caught.value.where == "layers.0"
    assert caught.value.run.non_finite is not None


def test_an_infinite_value_that_is_masked_is_not_blamed() -> None:
    x, y = positive()
    model = nn.Sequential([MaskedLogarithm(), nn.Linear(3, 2), Logarithm()]).init(0)
    with pytest.raises(DivergedError) as caught:
        fit(model, (x, y), batch_size=4, progress=False)
    assert caught.value.where == "layers.2"
