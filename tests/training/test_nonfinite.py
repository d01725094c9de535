"""A value that is not finite stops a run at the very step, with the last finite weights."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from clearprop import nn, ops
from clearprop.autodiff import value_and_grad
from clearprop.nn.fields import static
from clearprop.training import DivergedError, Event, NonFinite, StepsDone, Stopped, fit
from clearprop.training.nonfinite_mends import Computed, Scales, mend

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
    from clearprop.training import load_model, read_run

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
    loaded = nn.parameters(load_model(tmp_path / "run"))
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


# --- what the error advises ----------------------------------------------------------------------


class Ending(nn.Module):
    """A linear layer, then a function that breaks at its outputs."""

    linear: nn.Linear
    function: Any = static()
    output: nn.Linear

    def __init__(self, units: int, function: Any) -> None:
        self.linear = nn.Linear(3, units)
        self.function = function
        self.output = nn.Linear(units, 2)

    def __call__(self, x: Any) -> Any:
        return self.output(self.function(self.linear(x)))


def advice(model: nn.Module, **options: Any) -> str:
    """Return the fix of the error of a run that breaks in its first step."""
    x, y = positive()
    scale = options.pop("scale", 1.0)
    with pytest.raises(DivergedError, match="stopped at step 1,") as caught:
        fit(model.init(0), (x * scale, y), batch_size=8, progress=False, **options)
    assert caught.value.fix is not None
    broken = caught.value.run.non_finite
    assert broken is not None
    assert broken.mend in caught.value.fix
    return broken.mend


@pytest.mark.parametrize(
    ("units", "function", "told"),
    [
        (4, lambda z: ops.log(ops.relu(z)), "log was given 0, which relu made: .*clip"),
        (4, lambda z: ops.log(2 * ops.relu(z)), "log was given 0, which relu made"),
        (4, ops.log, "log was given -.*clip"),
        (4, lambda z: ops.log(ops.softmax(1e3 * z)), "softmax made: ops.log_softmax"),
        (1, lambda z: ops.log(1 - ops.softmax(z)), "softmax over one unit .*binary_cross_entropy"),
        (4, lambda z: 1 / ops.relu(z), "divided by 0"),
        (4, ops.sqrt, "sqrt was given -"),
        (4, lambda z: ops.sqrt(ops.square(0 * z)), "sqrt was given 0, .* where its slope"),
        (4, lambda z: ops.square(0 * z) ** 0.5, "the power of 0 has no finite"),
        (4, lambda z: ops.exp(1e3 * ops.square(z)), "exp was given .*ops.softmax"),
        (4, lambda z: ops.log1p(-3 - ops.square(z)), "log1p was given -"),
        (
            4,
            lambda z: ops.log(ops.astype(0 * z, "float32")),
            "log was given 0: take it of numbers above 0",
        ),
        (4, lambda z: z * 1e30 * 1e30, "multiply was given numbers up to .*make them smaller"),
    ],
)
def test_a_first_step_that_breaks_is_not_blamed_on_the_learning_rate(
    units: int, function: Any, told: str
) -> None:
    said = advice(Ending(units, function))
    assert re.match(f".*{told}", said), said
    assert "learning_rate" not in said


def test_inputs_that_overflow_are_to_be_scaled() -> None:
    said = advice(Ending(4, lambda z: ops.square(ops.square(z))), scale=1e12)
    assert re.match(r"scale the inputs, which reach 2e\+12: x = x / np.abs\(x\).max\(\)", said)


def test_an_update_that_goes_too_far_is_the_learning_rates() -> None:
    model = nn.Linear(3, 2)
    assert "lower learning_rate" in advice(model, scale=100, optimizer="sgd", learning_rate=1e38)


def test_later_steps_that_overflow_are_the_learning_rates() -> None:
    x, _ = positive()
    with pytest.raises(DivergedError) as caught:
        fit(
            nn.Linear(3, 1),
            (x * 10, x[:, :1]),
            loss="squared_error",
            optimizer="sgd",
            epochs=200,
            batch_size=8,
            learning_rate=10.0,
            progress=False,
        )
    assert caught.value.run.non_finite is not None
    assert caught.value.run.non_finite.step > 1
    assert "lower learning_rate" in caught.value.run.non_finite.mend


def test_weights_that_are_not_finite_before_the_first_step_are_named() -> None:
    x, y = positive()
    model = nn.Linear(3, 2).init(0)
    model = model.replace(bias=np.full(2, np.nan, np.float32))
    with pytest.raises(DivergedError) as caught:
        fit(model, (x, y), batch_size=4, progress=False)
    assert caught.value.where == "bias"
    assert caught.value.given == "it holds NaN before the step"
    assert "new values" in (caught.value.fix or "")


def test_labels_that_are_no_classes_are_named() -> None:
    x, y = positive()

    def own(outputs: Any, labels: Any) -> Any:
        return ops.softmax_cross_entropy(outputs, labels + 1)

    with pytest.raises(DivergedError, match=r"labels are from 0 to 1 for 2 outputs, and these are"):
        fit(nn.Linear(3, 2).init(0), (x, y), loss=own, batch_size=8, progress=False)


def test_a_written_run_keeps_the_mend(tmp_path: Any) -> None:
    from clearprop.training import read_run

    x, y = positive()
    model = Ending(4, lambda z: ops.log(ops.relu(z))).init(0)
    with pytest.raises(DivergedError) as caught:
        fit(model, (x, y), batch_size=8, folder=tmp_path / "run", progress=False)
    told = [e for e in read_run(tmp_path / "run").events if isinstance(e, NonFinite)]
    assert caught.value.run.non_finite is not None
    assert [e.mend for e in told] == [caught.value.run.non_finite.mend]


# --- the advice for one operation ----------------------------------------------------------------

SMALL = Scales(1.0, 1.0)


def told(name: str, *inputs: Any, maker: Computed | None = None, step: int = 0) -> str:
    """Return the advice for an operation with these inputs."""
    arrays = [np.asarray(x, np.float32) for x in inputs]
    return mend(Computed(name, "", arrays, arrays[0], {}), maker, step, SMALL)


def made_by(name: str, output: Any) -> Computed:
    return Computed(name, "", [], np.asarray(output, np.float32), {})


def test_the_logarithm_of_xlogy_is_that_of_its_second_input() -> None:
    assert told("xlogy", [0, 1], [0.5, 0]) == (
        "xlogy was given 0: take it of numbers above 0, ops.xlogy(x, ops.clip(y, low=1e-7))"
    )
    assert "above 0" not in told("xlogy", [-1, 0], [0.5, 0.5])
    x, y = positive()

    def own(outputs: Any, labels: Any) -> Any:
        return -ops.xlogy(labels[:, None] + 1.0, ops.relu(outputs) * 1.0).sum(-1)

    with pytest.raises(DivergedError) as caught:
        fit(nn.Linear(3, 2).init(0), (x, y), loss=own, batch_size=8, progress=False)
    assert caught.value.run.non_finite is not None
    assert "xlogy was given 0, which relu made" in caught.value.run.non_finite.mend


def test_an_exponential_that_overflows_later_has_grown_too_far() -> None:
    maker = made_by("matmul", [99])
    later = told("exp", [99], maker=maker, step=3)
    assert later.startswith("exp was given 99, so the values have grown too far: lower learning_r")
    assert "learning_rate" not in told("exp", [99], maker=maker)
    assert "learning_rate" not in told("exp", [99], step=3)  # an input of the model


@pytest.mark.parametrize("name", ["multiply", "exp", "log", "sqrt", "divide", "power", "log_loss"])
@pytest.mark.parametrize("x", [[np.inf, 3], [np.inf, -np.inf], [np.nan, np.nan]])
def test_no_message_says_that_a_number_is_infinite(name: str, x: Any) -> None:
    for step in (0, 5):
        said = told(name, x, [1.0, 0.0], step=step)
        assert not re.search(r"\b(inf|nan)\b", said), said


@pytest.mark.parametrize(
    ("name", "inputs", "at"),
    [("divide", ([1, 1, 1], [-2, 0, 3]), 1), ("power", ([-2, 0, 3], [-1, -1, -1]), 0),
     ("reciprocal", ([-2, 0, 3],), 0)],
)  # fmt: skip
def test_a_divisor_of_both_signs_keeps_its_signs(name: str, inputs: Any, at: int) -> None:
    """The code as it is told gives finite numbers, and changes none but the 0."""
    code = told(name, *inputs)
    assert "low=" not in code
    found = re.search(r"ops\.where\(.*\)", code)
    assert found is not None
    divisor = np.asarray(inputs[at], np.float32)
    mended = eval(found[0], {"ops": ops, "x": divisor, "y": divisor})
    assert np.allclose(mended, [-2, 1e-7, 3])


def test_a_divisor_of_one_sign_gets_a_lower_end() -> None:
    assert told("divide", [1, 1], [0, 3]).endswith("x / ops.clip(y, low=1e-7)")


def test_a_whole_power_of_negative_numbers_is_no_fault() -> None:
    assert "make them smaller" in told("power", [-3, 2], [-1, -1])


@pytest.mark.parametrize(
    "function",
    [
        lambda z, t: ops.log(ops.softmax(z) * t),
        lambda z, t: ops.log(ops.where(t > 0, ops.softmax(z), 0.0)),
        lambda z, t: ops.log(t * 1.0) + ops.softmax(z),
        lambda z, t: ops.log((ops.softmax(z) * t)[:, :1]),
        lambda z, t: ops.log(1 - ops.softmax(z) - (1 - ops.softmax(z)) * t),
    ],
)
def test_zeros_of_a_mask_are_not_blamed_on_softmax(function: Any) -> None:
    x, y = positive()
    rows = np.eye(2, dtype=np.float32)[y]

    def own(outputs: Any, targets: Any) -> Any:
        return -function(outputs, targets).sum(-1)

    with pytest.raises(DivergedError) as caught:
        fit(nn.Linear(3, 2).init(0), (x, rows), loss=own, batch_size=8, progress=False)
    assert caught.value.run.non_finite is not None
    assert "log was given 0: take" in caught.value.run.non_finite.mend


def test_the_name_of_the_operation_is_its_own() -> None:
    assert told("rsqrt", [0.0]).startswith("rsqrt was given 0: take it of numbers above 0, ops.rs")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("log", ([-2.0, 0.0, 3.0],)),
        ("log1p", ([-2.0, -1.0, 3.0],)),
        ("xlogy", ([1.0, 1.0, 1.0], [-2.0, 0.0, 3.0])),
        ("sqrt", ([-2.0, 0.0, 3.0],)),
        ("rsqrt", ([-2.0, 0.0, 3.0],)),
        ("divide", ([1.0, 1.0, 1.0], [2.0, 0.0, 3.0])),
        ("divide", ([1.0, 1.0, 1.0], [-2.0, 0.0, 3.0])),
        ("power", ([-2.0, 0.0, 3.0], [0.5, 0.5, 0.5])),
    ],
)
def test_the_code_of_the_advice_gives_finite_numbers_and_slopes(name: str, inputs: Any) -> None:
    code = re.search(r"(?:x / )?ops\..*$", told(name, *inputs))
    assert code is not None
    line = code[0] + (" ** 0.5" if name == "power" else "")
    arrays = [np.asarray(a, np.float32) for a in inputs]

    def total(*arrays: Any) -> Any:
        values = dict(zip("xy", arrays, strict=False))
        return eval(line, {"ops": ops, **values}).sum()

    value, slopes = value_and_grad(total, argnums=tuple(range(len(arrays))))(*arrays)
    assert np.isfinite(value)
    assert all(np.isfinite(slope).all() for slope in slopes)
