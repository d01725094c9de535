"""A kept state is the state of the run; a fork without a change equals its parent bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn, optim, tree
from clearprop.errors import ConfigurationError
from clearprop.training import DivergedError, FitConfig, Run, fit, open_run, read_run
from clearprop.training.feed import Feed
from clearprop.training.run_setup import RunSetup
from clearprop.training.snapshots import Snapshots
from tests.training.test_recording import normalized, perceptron, pictures, same


def trained(**options: Any) -> Run:
    given: dict[str, Any] = {"epochs": 4, "batch_size": 16, "dev": 0.2, "progress": False}
    return fit(perceptron(), pictures(), **{**given, **options})


def arrays(model: nn.Module) -> dict[str, bytes]:
    return {path: np.asarray(x).tobytes() for path, x in tree.flatten_with_paths(model).items()}


PLANS: list[dict[str, Any]] = [{}, {"steps_per_call": 3}]


@pytest.mark.optimized
@pytest.mark.parametrize("options", PLANS)
def test_snapshots_change_no_bit_and_are_the_states_that_were(options: dict[str, Any]) -> None:
    plain = trained(**options)
    run = trained(snapshots=[0, 3, 4, 9, 16], **options)
    assert same(plain, run)
    assert run.machine is not None
    assert arrays(run.at(16)) == arrays(run.model)
    assert arrays(run.at(0)) == arrays(perceptron().init(0))
    short = trained(epochs=1, **options)
    assert arrays(run.at(4)) == arrays(short.model)


@pytest.mark.optimized
@pytest.mark.parametrize(
    ("options", "step"), [({}, 6), ({"steps_per_call": 3}, 6), ({"patience": 3, "average": 0.9}, 4)]
)
def test_a_fork_without_a_change_is_its_parent(options: dict[str, Any], step: int) -> None:
    run = trained(snapshots=[step], **options)
    for _ in range(2):  # a fork does not change the snapshot
        fork = run.fork(step)
        assert fork.losses.tobytes() == run.losses[step:].tobytes()
        assert arrays(fork.model) == arrays(run.model)
        assert fork.first_step == step
        names = ("objective", "training_error", "development_error", "step")
        for name in names:
            ends = getattr(run.history, name)[-len(fork.history) :]
            assert np.array_equal(getattr(fork.history, name), ends)


@pytest.mark.parametrize(("own", "of_fork"), [(None, 3), (3, None)])
def test_a_fork_within_an_epoch_may_have_another_plan(own: int | None, of_fork: int | None) -> None:
    run = trained(snapshots=[6], steps_per_call=own)
    fork = run.fork(6, steps_per_call=of_fork)
    plans = [one.config["plan"]["epochs_per_call"] > 0 for one in (run, fork)]
    assert plans == [own is None, of_fork is None]
    for name in ("objective", "training_error"):  # of whole epochs, the steps before it too
        expected = getattr(run.history, name)[1:]
        np.testing.assert_allclose(getattr(fork.history, name), expected, rtol=1e-5)


def test_a_fork_with_a_change_goes_another_way() -> None:
    run = trained(snapshots=[5])
    slower = run.fork(5, learning_rate=1e-5)
    assert slower.losses[0] == run.losses[5]  # before the first update
    assert slower.losses[-1] != run.losses[-1]
    assert slower.config["parent"]["changed"] == {"optimizer.learning_rate": [0.001, 1e-5]}
    assert slower.change == "learning_rate 1e-05 from step 5 on"
    names = ["as it was", slower.change, f"{slower.change} (2)"]
    assert list(run.history_with(slower, slower)) == names
    assert len(run.fork(5, batch_size=8).losses) == 3 * 8  # the current epoch begins again
    x, y = pictures()
    assert len(run.fork(5, data=(x[:32], y[:32]), dev=0).losses) == 3 * 2


def test_the_end_of_a_fork_is_counted_in_its_own_steps() -> None:
    run = trained(snapshots=[8, 14])  # 4 epochs of 4 steps
    larger = run.fork(14, batch_size=58)  # its last epoch again, in a single step
    assert (larger.losses.shape, larger.history.step.tolist()) == ((1,), [15])
    smaller = run.fork(8, batch_size=8, snapshots=[8, 24])
    assert smaller.machine is not None
    assert len(smaller.losses) == 2 * 8
    assert arrays(smaller.at(24)) == arrays(smaller.model)
    with pytest.raises(ConfigurationError, match="after the end"):
        run.fork(8, batch_size=8, snapshots=[25])


def test_a_fork_of_larger_batches_is_resumed(tmp_path: Path) -> None:
    run = trained(snapshots=[12])
    options: dict[str, Any] = {"batch_size": 58, "epochs": 5, "snapshots": [14]}
    fork = run.fork(12, folder=tmp_path / "fork", **options)
    again = trained(folder=tmp_path / "fork", resume=True, **options)
    assert again.machine is not None
    assert arrays(again.at(14)) == arrays(fork.model)


@pytest.mark.parametrize(
    "changed", [{"patience": 9}, {"keep_best": True}, {"freeze": ["layers.1"], "keep_best": True}]
)
def test_the_best_of_a_fork_is_one_of_its_own_passes(changed: dict[str, Any]) -> None:
    run = trained(snapshots=[8], optimizer="sgd", learning_rate=1e-30)
    fork = run.fork(8, **changed)  # nothing is learned: no epoch is better than the one before
    assert fork.stopped.best_epoch == 3
    thawed = trained(snapshots=[8], keep_best=True, freeze=["layers.1"]).fork(8, freeze=[])
    assert (thawed.stopped.best_epoch or 0) >= 3


def test_a_run_that_stopped_early_goes_on_only_with_a_change() -> None:
    run = trained(snapshots=[12], patience=2, optimizer="sgd", learning_rate=1e-30)
    assert (run.stopped.reason, run.stopped.step) == ("early", 12)
    with pytest.raises(ConfigurationError, match="nothing is left"):
        run.fork(12)
    assert len(run.fork(12, learning_rate=0.1).losses) == 4
    assert run.fork(12, patience=9, epochs=6).stopped.reason == "finished"


def test_a_pass_of_a_fork_has_the_losses_of_one_kind() -> None:
    run = trained(snapshots=[6], optimizer="sgd", learning_rate=1e-30)
    fork = run.fork(6, label_smoothing=0.5)
    assert len(fork.losses) == 3 * 4  # the current epoch begins again
    assert fork.history.objective[0] == pytest.approx(fork.history.objective[-1], rel=1e-6)


def test_what_a_fork_may_change() -> None:
    order = FitConfig(normalized(), pictures(), folder="run", snapshots=[3])
    assert order.changed({"beta1": 0.5}).own_optimizer.options["beta1"] == 0.5
    assert order.changed({"optimizer": "sgd"}).own_optimizer.name == "sgd"
    assert order.changed({"optimizer": "sgd", "learning_rate": 0.1}).own_optimizer.to_config() == {
        "name": "sgd",
        "learning_rate": 0.1,
    }
    chained = FitConfig(
        normalized(), pictures(), optimizer=optim.chain(optim.clip_by_value(1.0), optim.sgd(0.1))
    )
    inner = chained.changed({"learning_rate": 0.2}).own_optimizer.to_config()
    assert inner["parts"][1]["learning_rate"] == 0.2
    dry = order.changed({"dropout": 0.0}).model
    assert [m.rate for m in nn.modules(dry).values() if isinstance(m, nn.Dropout)] == [0.0]
    assert (order.changed({}).folder, order.changed({}).snapshots) == (None, None)
    with pytest.raises(ConfigurationError, match=r"no nn\.Dropout"):
        FitConfig(perceptron(), pictures()).changed({"dropout": 0.5})


def test_a_configuration_is_read_once_and_steps_are_whole_numbers_of_any_kind() -> None:
    given: dict[str, Any] = {"freeze": iter(["layers.1"]), "record": iter(["layers.1"])}
    config = FitConfig(perceptron(), pictures(), snapshots=iter(np.array([3, 5])), **given)  # type: ignore[arg-type]
    for again in (config, config.changed({"epochs": 5, "snapshots": np.int64(2)})):
        setup = RunSetup.of(again)
        assert setup.config.freeze == ("layers.1",)
        assert setup.record is not None
        assert setup.record.patterns == ("layers.1",)
    plain = [Snapshots.of(steps) for steps in (np.array([3, 5]), np.int64(2), [])]
    assert plain == [Snapshots((3, 5)), Snapshots(2), None]


def test_a_call_of_whole_passes_asks_for_the_orders_that_it_needs() -> None:
    asked = []
    orders = Feed.orders

    def counted(self: Feed, epoch: int, count: int) -> Any:
        asked.append((epoch, count))
        return orders(self, epoch, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Feed, "orders", counted)
        cut = trained(snapshots=[3, 6])
    assert asked == [(0, 1), (0, 2), (1, 3)]
    assert same(cut, trained())


def test_a_fork_of_frozen_parameters_keeps_and_thaws_them() -> None:
    run = trained(snapshots=[5], freeze=["layers.1"])
    thawed = run.fork(5, freeze=[])
    before = nn.parameters(run.model)["layers.1.weight"]
    assert not np.array_equal(nn.parameters(thawed.model)["layers.1.weight"], before)


@pytest.mark.parametrize(
    ("step", "changed", "message"),
    [
        (6, {}, "the nearest are 0, 5"),
        (5, {"learning_rat": 1.0}, "did you mean 'learning_rate'"),
        (5, {"epochs": 1}, "nothing is left"),
        (5, {"resume": True}, "unknown change"),
    ],
)
def test_forks_that_cannot_be(step: int, changed: dict[str, Any], message: str) -> None:
    run = trained(snapshots=[0, 5], epochs=2)
    with pytest.raises(ConfigurationError, match=message):
        run.fork(step, **changed)


@pytest.mark.parametrize("given", [[99], -1, "lag", [1.5], 1.5, True])
def test_snapshots_that_cannot_be(given: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        trained(snapshots=given)
    assert caught.value.where == "snapshots"


def test_without_snapshots_there_is_no_way_back(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no state of this run"):
        trained(epochs=1).at(0)


def test_snapshots_larger_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop import memory

    monkeypatch.setattr(memory, "free_memory", lambda: 60_000)
    with pytest.raises(ConfigurationError, match=r"17 snapshots would take .* of memory") as caught:
        trained(snapshots=1)
    assert caught.value.fix is not None
    every = int(caught.value.fix.split("=")[1].split(",")[0])
    assert trained(snapshots=every).machine is not None


def test_a_run_in_a_folder_is_gone_back_into(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 4, "batch_size": 16, "dev": 0.2, "progress": False}
    run = trained(snapshots="log", folder=tmp_path / "run", record=["layers.1"])
    order = FitConfig(perceptron(), pictures(), snapshots="log", record=["layers.1"], **options)
    machine = open_run(tmp_path / "run", order)
    assert machine.steps == (0, 1, 2, 5, 10)
    assert arrays(machine.at(10)) == arrays(run.at(10))
    fork = machine.fork(5, folder=tmp_path / "fork", learning_rate=0.1)
    told = read_run(tmp_path / "fork")
    assert told.config["parent"]["folder"] == str(tmp_path / "run")
    assert told.losses.tobytes() == fork.losses.tobytes()
    assert told.first_step == 5
    again = fit(
        perceptron(),
        pictures(),
        record=["layers.1"],
        learning_rate=0.1,
        folder=tmp_path / "fork",
        resume=True,
        **options,
    )
    assert arrays(again.model) == arrays(fork.model)
    with pytest.raises(ConfigurationError, match=r"settings\.batch_size"):
        open_run(
            tmp_path / "run", FitConfig(perceptron(), pictures(), batch_size=8, epochs=4, dev=0.2)
        )


def test_a_run_that_diverged_can_be_left_before() -> None:
    with pytest.raises(DivergedError) as caught:
        fit(
            perceptron(),
            pictures(),
            optimizer="sgd",
            learning_rate=1e38,
            epochs=4,
            batch_size=16,
            snapshots=[0],
            progress=False,
        )
    tamed = caught.value.run.fork(0, learning_rate=0.1)
    assert np.isfinite(tamed.losses).all()
