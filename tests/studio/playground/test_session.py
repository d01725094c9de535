"""A session answers everything that a page can ask, in any order, and lives on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearprop.studio.playground import messages as m
from clearprop.studio.playground import session as sessions
from clearprop.studio.playground.session import Session
from tests.studio.playground.page import SMALL, Page, Picture, same_weights
from tests.studio.session_page import problems

Settings = m.Settings


def changed(**values: Any) -> Settings:
    return msgspec.structs.replace(SMALL, **values)


@pytest.fixture(scope="module")
def shared() -> Iterator[Page]:
    """A page that is used by several tests: compiling takes a second."""
    with Page() as page:
        page.ask(m.Configure(SMALL))
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    shared.ask(m.Pause(), m.Speed(None), m.PageBack(0), m.Choose(0))
    assert shared.picture.step == 0
    return shared


def test_a_run_is_configured_then_shown(shared: Page) -> None:
    with Page() as page:
        sent = page.ask(m.Configure(SMALL))
        kinds = [type(item).__name__ for item in sent]
        assert kinds == ["Playing", "PageConfigured", "Picture", "Playing"]
        compiling, configured, picture, playing = sent
        assert compiling == m.Playing(False, True)
        assert playing == m.Playing(False)
    assert isinstance(configured, m.PageConfigured)
    assert configured.settings == SMALL
    assert configured.steps_per_epoch == 4
    assert configured.error == "root mean square error"
    assert (configured.run, configured.parent, configured.left_at) == (0, None, None)
    assert [layer.units for layer in configured.network.layers] == [4, 2, 1]
    assert configured.network.features == ("x1", "x2")
    assert configured.network.formula.startswith("<math>")
    assert configured.examples.training == 30
    assert configured.examples.test == 10
    assert configured.examples.classes == ("outside", "inside")
    assert isinstance(picture, Picture)
    assert picture.header["first"] is True
    arrays = picture.arrays
    assert arrays["points"].shape == (40, 2)
    assert set(arrays["targets"].tolist()) == {0.0, 1.0}
    assert arrays["feature_heat"].shape == (2, 40, 40)
    for k, (inputs, units) in enumerate([(2, 4), (4, 2), (2, 1)]):
        side = 100 if k == 2 else 40
        shapes = {
            "weight": (inputs, units),
            "weight_gradient": (inputs, units),
            "heat": (units, side, side),
        }
        others = ("bias", "preactivation", "value", "error", "delta", "bias_gradient", "limit")
        shapes |= dict.fromkeys(others, (units,))
        assert {name: arrays[f"{name}.{k}"].shape for name in shapes} == shapes
    assert arrays["input"].shape == arrays["input_error"].shape == (2,)


def test_before_a_run_there_is_nothing_to_do() -> None:
    with Page() as page:
        sent = page.ask(m.Play(), m.StepOnce(), m.PageBack(3), m.Diagnose(), m.Explain(0, 0))
        assert [one.request for one in problems(sent)] == [
            "play", "step", "back", "diagnose", "explain",
        ]  # fmt: skip
        page.ask(m.Speed(3.0))
        assert not problems(page.ask(m.Configure(SMALL)))


def test_playing_sends_pictures_and_curves(page: Page) -> None:
    began = time.monotonic()
    sent = page.ask(m.Speed(20.0), m.Play())
    seen = len(page.received)
    page.until(lambda item: isinstance(item, Picture) and item.step >= 40)
    took = time.monotonic() - began
    sent += page.received[seen:]
    sent += page.ask(m.Pause())
    pictures = [item for item in sent if isinstance(item, Picture)]
    steps = [one.step for one in pictures]
    assert steps == sorted(steps)
    assert len(set(steps)) > 10
    assert took > 0.8 * 40 / (20 * 4)  # 20 epochs of 4 steps in a second at most
    assert page.last(m.Playing).playing is False
    epochs = [epoch for item in sent if isinstance(item, m.Curves) for epoch in item.epoch]
    assert epochs == list(range(1, page.picture.step // 4 + 1))
    header = page.picture.header
    curves = page.last(m.Curves)
    assert header["objective"] == curves.objective[-1]
    assert header["test_error"] == curves.test_error[-1]


def test_the_fastest_play_ends_with_the_run(page: Page) -> None:
    page.ask(m.Play())
    page.until(lambda item: isinstance(item, m.Playing) and item.ended is not None)
    ended = page.last(m.Playing)
    assert (ended.playing, ended.ended) == (False, "finished")
    assert "50 epochs" in str(ended.about)
    assert page.picture.step == 200
    sent = page.ask(m.Play(), m.StepOnce())
    assert not problems(sent)
    assert page.picture.step == 200
    assert page.last(m.Playing).ended == "finished"
    page.ask(m.PageBack(100))
    assert page.last(m.Playing).ended is None
    assert page.picture.step < 200


def test_steps_of_each_unit(page: Page) -> None:
    page.ask(m.StepOnce("batch"))
    assert page.picture.step == 1
    page.ask(m.StepOnce("epoch"))
    assert page.picture.step == 4
    assert page.picture.header["epoch"] == 1
    page.ask(m.StepOnce("epoch"))
    assert page.picture.step == 8
    before = page.picture
    page.ask(m.Choose(7), m.StepOnce("example"))
    after = page.picture
    assert after.step == 8
    shown = next(item for item in reversed(page.received[:-1]) if isinstance(item, Picture)
                 if item.header["example"] == 7 and item is not after)  # fmt: skip
    for k in range(3):
        moved = shown.arrays[f"weight.{k}"] - 0.03 * shown.arrays[f"weight_gradient.{k}"]
        np.testing.assert_allclose(after.arrays[f"weight.{k}"], moved, rtol=1e-5, atol=1e-7)
    assert not same_weights(before.weights(), after.weights())


def test_the_network_does_not_learn_from_the_test_part(page: Page) -> None:
    before = page.picture.weights()
    sent = page.ask(m.Choose(35), m.StepOnce("example"))
    (problem,) = problems(sent)
    assert "test part" in problem.message
    assert same_weights(before, page.picture.weights())


def test_back_forgets_what_came_later(page: Page) -> None:
    for _ in range(4):
        page.ask(m.StepOnce("epoch"))
    later = page.picture
    page.ask(m.PageBack(9))
    assert page.picture.step == 8
    assert page.last(m.Curves).restart
    assert page.last(m.Curves).epoch == [1, 2]
    assert page.picture.header["objective"] == page.last(m.Curves).objective[-1]
    page.ask(m.StepOnce("epoch"), m.StepOnce("epoch"))
    assert page.picture.step == 16
    assert same_weights(later.weights(), page.picture.weights())


def test_an_edit_is_what_the_next_step_begins_with(page: Page) -> None:
    page.ask(m.StepOnce("batch"))
    before = page.picture.weights()
    page.ask(m.Edit("layers.2.weight", (3, 1), 0.25), m.Edit("layers.4.bias", (0,), -1.5))
    after = page.picture.weights()
    assert after["layers.2.weight"][3, 1] == 0.25
    assert after["layers.4.bias"].tolist() == [-1.5]
    before["layers.2.weight"] = before["layers.2.weight"].copy()
    before["layers.2.weight"][3, 1], before["layers.4.bias"] = 0.25, np.float32([-1.5])
    assert same_weights(before, after)
    page.ask(m.StepOnce("batch"))
    moved = page.picture.weights()["layers.2.weight"][3, 1]
    assert moved != 0.25
    assert abs(moved - 0.25) < 0.1


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (m.Edit("layers.0.weigt", (0, 0), 1.0), "layers.0.weight"),
        (m.Edit("layers.0.weight", (0,), 1.0), "there is no such weight"),
        (m.Edit("layers.0.weight", (2, 0), 1.0), "there is no such weight"),
        (m.Choose(40), "there is no such example"),
        (m.Explain(3, 0), "there is no such unit"),
        (m.Explain(1, 2), "there is no such unit"),
        (m.Configure(changed(loss="cross_entrop")), "cross_entropy"),
        (m.Configure(changed(features=("x1", "x1"))), "twice"),
        (m.Configure(changed(data=m.DataSettings("table", table="a.csv"))), "a.csv"),
        (m.Configure(changed(data=m.DataSettings("drawn"))), "too few points"),
        (m.ForkRun(changed(features=("x1",))), "features"),
        (m.ForkRun(changed(data=m.DataSettings("xor"))), "data"),
        (m.ForkRun(changed(layers=(m.LayerSettings(3),))), "units"),
        (m.ForkRun(changed(loss="cross_entropy")), "output"),
        (m.ForkRun(changed(seed=3)), "seed"),
        (m.ForkRun(changed(learning_rate=1e-300, schedule=m.ScheduleSettings("nope"))), "nope"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    page: Page, request_: m.Request, words: str
) -> None:
    before, run = page.picture.weights(), page.last(m.PageConfigured)
    sent = page.ask(request_)
    (problem,) = problems(sent)
    assert words in msgspec.json.encode(problem).decode()
    assert problem.request == type(request_).__struct_config__.tag
    assert "bug" not in problem.message
    page.ask(m.Pause())
    assert same_weights(before, page.picture.weights())
    assert page.last(m.PageConfigured) is run


def test_units_are_explained_with_the_numbers_of_the_picture(page: Page) -> None:
    page.ask(m.StepOnce("epoch"), m.Choose(12), m.Explain(1, 0))
    explained = page.last(m.Explained)
    assert (explained.layer, explained.unit, explained.example) == (1, 0, 12)
    assert explained.step == page.picture.step
    result = float(explained.forward[1].text.splitlines()[-1].rpartition("=")[2])
    assert result == pytest.approx(page.picture.arrays["value.1"][0], rel=1e-4)
    error = next(one for one in explained.backward if one.text.startswith("dE/dz "))
    shown = float(error.text.splitlines()[-1].rpartition("=")[2])
    assert shown == pytest.approx(page.picture.arrays["delta.1"][0], rel=1e-3)


def test_a_diagnosis_says_what_is_wrong() -> None:
    with Page() as page:
        data = m.DataSettings(examples=80)
        page.ask(m.Configure(changed(data=data, learning_rate=1e-5)), m.Play())
        page.until(lambda item: isinstance(item, m.Playing) and item.ended == "finished")
        page.ask(m.Diagnose())
    found = page.last(m.PageFindings)
    assert found.run == 0
    first = found.findings[0]
    assert (first.grade, first.title) == ("fault", "Learning rate too low")
    assert first.mend.startswith("Use a higher learning rate")
    assert "cp.fit(" in first.code
    assert first.reason
    assert first.reason not in first.mend
    assert all("not ended" not in one.title for one in found.findings)


def test_a_number_that_is_not_finite_is_explained_and_going_back_mends_it() -> None:
    plane = m.DataSettings("plane", examples=40)
    with Page() as page:
        page.ask(m.Configure(changed(data=plane, learning_rate=1000.0)), m.Play())
        page.until(lambda item: isinstance(item, m.Playing) and item.ended is not None)
        ended = page.last(m.Playing)
        assert ended.ended == "non-finite"
        assert "not finite" in str(ended.about)
        assert "learning_rate" in str(ended.about)
        assert all(np.isfinite(x).all() for x in page.picture.weights().values())
        page.ask(m.StepOnce("batch"))
        assert page.last(m.Playing).ended == "non-finite"
        page.ask(m.PageBack(0))
        assert page.last(m.Playing).ended is None
        page.ask(m.ForkRun(changed(data=plane, learning_rate=0.01)))
        page.ask(m.StepOnce("epoch"), m.StepOnce("epoch"))
        assert page.picture.header["objective"] < 1


def test_a_fork_goes_on_with_other_settings_and_has_curves_of_its_own(page: Page) -> None:
    page.ask(m.StepOnce("epoch"), m.StepOnce("batch"), m.Choose(5))
    before = page.picture
    other = changed(learning_rate=0.3, optimizer=m.OptimizerSettings("momentum"), l1=0.001)
    sent = page.ask(m.ForkRun(other))
    configured = page.last(m.PageConfigured)
    assert configured.settings == other
    assert configured.parent == before.run
    assert configured.run > before.run
    assert configured.left_at == before.step
    assert page.picture.header["first"] is True
    assert page.picture.header["example"] == 5
    assert page.picture.step == 5
    assert same_weights(before.weights(), page.picture.weights())
    assert not [item for item in sent if isinstance(item, m.Curves)]
    page.ask(m.StepOnce("epoch"))
    assert page.picture.step == 8
    assert page.last(m.Curves).run == configured.run
    assert page.last(m.Curves).epoch == [2]
    page.ask(m.PageBack(0))
    assert page.picture.step == 5  # a fork begins where it left
    page.ask(m.Configure(SMALL))


def test_a_fork_may_change_loss_activation_dropout_and_batch(page: Page) -> None:
    page.ask(m.StepOnce("batch"))
    before = page.picture.weights()
    layers = (m.LayerSettings(4, "relu"), m.LayerSettings(2, "sigmoid"))
    other = changed(loss="binary_cross_entropy", layers=layers, dropout=0.2, batch_size=15)
    assert not problems(page.ask(m.ForkRun(other)))
    configured = page.last(m.PageConfigured)
    assert configured.steps_per_epoch == 2
    assert configured.error == "error rate"
    kinds = [layer.activation for layer in configured.network.layers]
    assert kinds == ["relu", "sigmoid", "identity"]
    assert same_weights(before, page.picture.weights())
    page.ask(m.StepOnce("epoch"))
    assert not same_weights(before, page.picture.weights())
    page.ask(m.Configure(SMALL))


def test_a_small_training_part_is_one_batch() -> None:
    points = tuple(m.PagePoint(x, -x, float(x > 0)) for x in (-2.0, -1.0, 1.0, 2.0))
    with Page() as page:
        page.ask(m.Configure(Settings(data=m.DataSettings("drawn", points=points, test=0.25))))
        configured = page.last(m.PageConfigured)
        assert configured.settings.batch_size == 3
        assert configured.examples.training == 3
        page.ask(m.StepOnce())
        assert page.picture.step == 1


class Stored(NamedTuple):
    path: Path


def test_a_table_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    rows = [f"{i},{i * i % 7},{'a' if i % 2 else 'b'}" for i in range(30)]
    path.write_text("one,two,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    table = m.DataSettings("table", table="own.csv", target="kind", columns=("one", "two"))
    with Page({"own.csv": Stored(path)}) as page:
        assert not problems(page.ask(m.Configure(changed(data=table)), m.StepOnce()))
        examples = page.last(m.PageConfigured).examples
        assert examples.axes == ("one", "two")
        assert examples.classes == ("a", "b")
        path.write_text("one,two\n1,2\n", encoding="utf-8")
        (problem,) = problems(page.ask(m.Configure(changed(data=table))))
        assert str(tmp_path) not in msgspec.json.encode(problem).decode()


def test_only_the_last_of_a_row_of_choices_is_shown(page: Page) -> None:
    sent = page.ask(*(m.Choose(i) for i in range(30)))
    pictures = [item for item in sent if isinstance(item, Picture)]
    assert len(pictures) < 30
    assert pictures[-1].header["example"] == 29
    sent = page.ask(m.Choose(1), m.StepOnce("batch"), m.Choose(2))
    assert [item.header["example"] for item in sent if isinstance(item, Picture)] == [1, 1, 2]


def test_an_error_that_is_a_bug_is_told_and_the_session_lives_on(
    page: Page, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: object, **options: object) -> object:
        raise KeyError("a mistake")

    monkeypatch.setattr(sessions, "diagnose", broken)
    (problem,) = problems(page.ask(m.Diagnose()))
    assert "bug" in problem.message
    assert "a mistake" in capsys.readouterr().err
    monkeypatch.undo()
    assert not problems(page.ask(m.StepOnce("batch")))
    run: Any = page.session._run
    monkeypatch.setattr(run, "advance", broken)
    page.ask(m.Play())
    page.until(lambda item: isinstance(item, m.Problem))
    page.until(lambda item: isinstance(item, m.Playing))
    assert page.last(m.Playing).playing is False
    monkeypatch.undo()
    assert not problems(page.ask(m.StepOnce("batch")))


def test_several_sessions_train_at_once() -> None:
    with Page() as one, Page() as other, Page() as third:
        pages = (one, other, third)
        for page in pages:
            page.ask(m.Configure(SMALL), m.Speed(100.0), m.Play())
        for page in pages:
            page.until(lambda item: isinstance(item, m.Playing) and item.ended == "finished")
        weights = [page.picture.weights() for page in pages]
        assert same_weights(weights[0], weights[1])
        assert same_weights(weights[0], weights[2])


def test_close_ends_the_thread_while_it_trains() -> None:
    page = Page()
    page.ask(m.Configure(changed(epochs=100_000)), m.Play())
    page.receive_for(0.2)
    thread = page.session._thread
    page.session.close()
    assert not thread.is_alive()
    page.session.ask(m.Play())
    page.session.close()


def test_requests_are_answered_while_it_trains(page: Page) -> None:
    page.ask(m.Configure(changed(epochs=100_000)), m.Play())
    page.receive_for(0.3)
    for request in (m.Choose(3), m.Explain(0, 1), m.Speed(50.0), m.Diagnose()):
        assert not problems(page.ask(request))
    assert page.last(m.Explained).example == 3
    playing = page.last(m.Playing)
    assert playing.playing
    assert not playing.compiling
    page.ask(m.Pause())
    step = page.picture.step
    time.sleep(0.1)
    page.ask(m.Choose(4))
    assert page.picture.step == step
    page.ask(m.Configure(SMALL))


NUMBERS = st.floats(-3, 3, width=32)

REQUESTS = st.one_of(
    st.builds(m.Play),
    st.builds(m.Pause),
    st.builds(m.Speed, st.sampled_from([None, 0.5, 30.0, 1e5])),
    st.builds(m.StepOnce, st.sampled_from(["example", "batch", "epoch"])),
    st.builds(m.PageBack, st.integers(0, 300)),
    st.builds(m.Choose, st.integers(0, 45)),
    st.builds(
        m.Edit,
        st.sampled_from(["layers.0.weight", "layers.4.bias", "nothing"]),
        st.lists(st.integers(0, 3), max_size=3).map(tuple),
        NUMBERS,
    ),
    st.builds(m.Explain, st.integers(0, 4), st.integers(0, 4)),
    st.builds(m.WriteScript),
    st.just(m.ForkRun(changed(features=("x2",)))),
    st.just(m.Configure(changed(loss="nothing"))),
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=st.lists(REQUESTS, max_size=12))
def test_any_order_of_requests(shared: Page, asked: list[m.Request]) -> None:
    begun = len(shared.received)
    for request in asked:
        shared.ask(request)
    shared.ask(m.Pause())
    step = None
    for item in shared.received[begun:]:
        assert not (isinstance(item, m.Problem) and "bug" in item.message), item
        if isinstance(item, Picture):
            step = item.step
            assert 0 <= step <= 200
            assert item.header["epoch"] == step // 4
            assert all(np.isfinite(x).all() for x in item.weights().values())
        if isinstance(item, m.Curves):
            assert len({len(part) for part in (item.epoch, item.objective, item.test_error)}) == 1
    assert shared.session._thread.is_alive()
    run: Any = shared.session._run
    assert step == run.live.step == shared.picture.step
    assert same_weights(
        {path: np.asarray(x) for path, x in run.live.parameters.items()}, shared.picture.weights()
    )


def test_a_session_that_nobody_configured_can_be_closed() -> None:
    session = Session(lambda item: None)
    session.close()
    assert not session._thread.is_alive()


def test_numbers_of_before_a_change_by_hand_are_told_so_until_the_next_epoch(page: Page) -> None:
    changes = [m.StepOnce("epoch"), m.Edit("layers.4.bias", (0,), 2.0), m.StepOnce("batch")]
    seen = [one.header for one in page.ask(*changes) if isinstance(one, Picture)]
    assert [(one["step"], one["changed_at"]) for one in seen] == [(4, None), (4, 4), (5, 4)]
    assert len({one["objective"] for one in seen}) == 1
    page.ask(m.StepOnce("epoch"))
    assert page.picture.header["changed_at"] is None
    page.ask(m.StepOnce("example"))
    assert page.picture.header["changed_at"] == 8
    page.ask(m.PageBack(8))  # undoes the step by hand
    assert page.picture.header["changed_at"] is None


def test_a_fork_has_the_numbers_that_it_left_where_they_are_true_of_it() -> None:
    with Page() as page:
        page.ask(m.Configure(SMALL), m.StepOnce("epoch"))
        left = page.picture.header["test_error"]
        page.ask(m.ForkRun(changed(learning_rate=0.3)))
        assert page.picture.header["test_error"] == left
        page.ask(m.StepOnce("epoch"), m.PageBack(4))
        assert page.picture.header["test_error"] == left
        page.ask(m.ForkRun(changed(loss="binary_squared_error")))
        assert page.picture.header["test_error"] is None
        page.ask(m.StepOnce("epoch"), m.StepOnce("example"), m.ForkRun(changed(dropout=0.1)))
        assert page.picture.header["test_error"] is None
