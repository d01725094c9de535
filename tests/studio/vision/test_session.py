"""LeNet-5 trains in the page, and every number that is shown is that of the library."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

import clearprop as cp
from clearprop import nn
from clearprop.errors import ClearpropError
from clearprop.recipes.experiment import prepare
from clearprop.studio.frames import unpack
from clearprop.studio.models.messages import PassRequest, Pixels
from clearprop.studio.vision import messages as m
from clearprop.studio.vision import trained_network
from clearprop.studio.vision.session import VisionSession
from clearprop.studio.vision.trained_network import command_of, prepared, settings_of
from tests.studio.session_page import problems
from tests.studio.vision.page import Picture, VisionPage

SETTINGS = m.TrainSettings(batch_size=64, epochs=3)
MEASURES = ("objective", "training_error", "test_error")


@pytest.fixture(scope="module")
def shared() -> Iterator[VisionPage]:
    """A page that is used by several tests: compiling takes seconds."""
    with VisionPage() as page:
        page.ask(m.TrainLeNet(SETTINGS))
        yield page


@pytest.fixture
def page(shared: VisionPage) -> VisionPage:
    shared.ask(m.Pause(), m.Speed(None), m.PageBack(0), look(example=0))
    assert shared.picture.header["step"] == 0
    return shared


def look(**wanted: Any) -> m.LookAt:
    return m.LookAt(PassRequest("", **wanted))


def drawing() -> Pixels:
    """A seven, drawn large."""
    sheet = np.zeros((120, 120, 1), np.uint8)
    sheet[20:32, 30:90] = 255
    for row in range(32, 100):
        sheet[row, 84 - row // 2 : 96 - row // 2] = 255
    return Pixels((120, 120, 1), base64.b64encode(sheet.tobytes()).decode())


def weights(page: VisionPage) -> dict[str, NDArray[Any]]:
    model = page.viewed(example=0).opened.model
    return {path: np.asarray(x) for path, x in nn.parameters(model).items()}


def test_a_network_is_made_then_shown(shared: VisionPage) -> None:
    kinds = [type(item).__name__ for item in shared.received[:4]]
    assert kinds == ["Playing", "NetworkReady", "Picture", "Playing"]
    compiling, ready, picture, playing = shared.received[:4]
    assert compiling == m.Playing(False, True)
    assert playing == m.Playing(False)
    assert isinstance(ready, m.NetworkReady)
    assert ready.settings == SETTINGS
    assert (ready.shape, ready.classes) == ((8, 8, 1), tuple("0123456789"))
    assert (ready.training, ready.examples, ready.part) == (1437, 180, "test")
    assert ready.steps_per_epoch == 23
    assert ready.error == "error rate"
    assert isinstance(picture, Picture)
    header = picture.header
    assert (header["step"], header["epoch"], header["first"]) == (0, 0, True)
    assert [header[name] for name in MEASURES] == [None] * 3
    assert header["source"] == ready.source
    titles = [layer["title"].rpartition(".")[2] for layer in header["layers"]]
    assert titles[:4] == ["input", "0", "conv1", "activation #1"]
    assert picture.arrays[f"kernel.{picture.layer('conv1')}"].shape == (5, 5, 1, 6)
    assert picture.arrays[f"kernel.{picture.layer('conv2')}"].shape == (5, 5, 6, 16)
    conv2 = picture.layer("conv2")
    assert picture.arrays[f"rows.{conv2}"][0].tolist() == [0, 3]  # 14 of 32 rows, each four times


@pytest.mark.parametrize("wanted", [{"example": 5}, {"example": 5, "target": 2}], ids=str)
def test_every_number_is_that_of_explain(page: VisionPage, wanted: dict[str, int]) -> None:
    page.ask(m.StepOnce("batch"), look(**wanted))
    seen = page.viewed(**wanted)
    glass = cp.explain(seen.opened.model, seen.aim.x, seen.aim.y)
    header, arrays = page.picture
    assert header["step"] == 1
    for k, layer in enumerate(header["layers"]):
        node = glass.nodes[layer["node"]]
        for what, array in (("value", node.value), ("error", node.error)):
            one = np.asarray(array)[0]
            expected = np.moveaxis(one, -1, 0) if one.ndim == 3 else one.reshape(1, 1, -1)
            found = arrays[f"{what}_numbers.{k}"]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert header["made"]["objective"] == pytest.approx(glass.objective, rel=1e-5)
    target = str(wanted.get("target", int(np.asarray(seen.opened.subject.targets[5]))))
    assert header["made"]["target"] == target
    chances = [one["probability"] for one in header["made"]["chances"]]
    assert sum(chances) == pytest.approx(1.0)
    assert header["made"]["prediction"] == header["made"]["chances"][0]["name"]


def test_the_offered_network_is_the_one_that_is_shown(page: VisionPage) -> None:
    page.ask(m.StepOnce("batch"), look(example=7))
    before = page.picture
    name = page.viewed(example=7).name
    maps = page.desk.ask(lambda v: v.maps(name)).result()
    frame = Picture(*unpack(maps))
    for key, array in before.arrays.items():
        if not key.startswith("kernel"):
            np.testing.assert_array_equal(frame.arrays[key], array)
    # It stays what it was while another one trains on.
    kept = page.viewed(example=7)
    page.session.ask(m.StepOnce("batch"))
    page.until(lambda x: isinstance(x, Picture) and x.header["step"] == 2)
    conv1 = before.layer("conv1")
    kernel = np.asarray(kept.glass[before.header["layers"][conv1]["kernel"]].value)
    np.testing.assert_array_equal(kernel, before.arrays[f"kernel.{conv1}"])
    assert (page.picture.arrays[f"kernel.{conv1}"] != kernel).any()


def test_back_and_again_gives_the_same_bits(page: VisionPage) -> None:
    page.ask(*[m.StepOnce("batch")] * 3)
    third = page.picture
    page.ask(m.PageBack(1))
    assert page.picture.header["step"] == 1
    page.ask(m.StepOnce("batch"), m.StepOnce("batch"))
    again = page.picture
    assert again.header["step"] == 3
    for name, array in third.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)


@pytest.mark.optimized
def test_it_is_trained_as_the_recipe_trains(page: VisionPage) -> None:
    page.ask(m.StepOnce("epoch"), m.StepOnce("epoch"), m.StepOnce("epoch"))
    assert page.last(m.Playing).ended == "finished"
    curves = page.last(m.Curves)
    values = {"data": {"name": "digits"}, "batch_size": 64, "epochs": 3}
    run = prepare("lenet5", values).train(progress=False)
    expected = nn.parameters(run.model)
    found = weights(page)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[path], np.asarray(x)) for path, x in expected.items())
    assert curves.epoch[-1] == 3
    assert curves.objective[-1] == pytest.approx(float(run.history.objective[-1]))
    assert curves.test_error[-1] == pytest.approx(float(run.history.development_error[-1]))
    header = page.picture.header
    assert [header[name] for name in MEASURES] == [getattr(curves, name)[-1] for name in MEASURES]


def test_a_picture_of_ones_own(page: VisionPage) -> None:
    page.ask(look(pixels=drawing(), fitted=True))
    header, arrays = page.picture
    made = header["made"]
    assert made["example"] is None
    assert made["target"] == made["prediction"]
    assert any(remark.startswith("It is cut to its ink") for remark in made["remarks"])
    shown = arrays["value_numbers.0"][0]
    assert shown.argmax() == shown[:2].argmax()  # the bar of the seven, light on dark
    page.ask(look(pixels=drawing(), fitted=True, target=7))
    assert page.picture.header["made"]["target"] == "7"
    assert page.picture.header["made"]["right"] is (made["prediction"] == "7")


def test_its_target_follows_the_prediction_while_it_trains(page: VisionPage) -> None:
    page.ask(look(pixels=drawing(), fitted=True), m.StepOnce("epoch"))
    made = page.picture.header["made"]
    assert made["target"] == made["prediction"]
    output = page.picture.arrays[f"error_numbers.{len(page.picture.header['layers']) - 1}"]
    # The error signal of softmax with cross-entropy is negative for the target alone.
    assert np.flatnonzero(output.ravel() < 0).tolist() == [int(made["prediction"])]


def test_pictures_stream_while_it_trains(page: VisionPage) -> None:
    begun = len(page.received)
    page.session.ask(m.Play())
    page.until(lambda x: isinstance(x, Picture) and x.header["step"] >= 5)
    page.session.ask(m.OfferNow())
    page.until(lambda x: isinstance(x, Picture) and x.header["source"] is not None)
    offered = page.picture
    seen = page.viewed(example=0)
    k = offered.layer("conv2")
    node = seen.glass[offered.header["layers"][k]["node"]]
    expected = np.moveaxis(np.asarray(node.value)[0], -1, 0)
    np.testing.assert_array_equal(offered.arrays[f"value_numbers.{k}"], expected)
    page.session.ask(m.Pause())
    page.until(lambda x: isinstance(x, m.Playing) and not x.playing)
    page.until(lambda x: isinstance(x, Picture))
    pictures = [item for item in page.received[begun:] if isinstance(item, Picture)]
    assert [one.header["source"] is None for one in pictures[:3]] == [True] * 3
    steps = [one.header["step"] for one in pictures]
    assert steps == sorted(steps)
    assert page.picture.header["source"] is not None
    assert all("rows.1" not in one.arrays for one in pictures)


EMPTY = Pixels((9, 9, 1), base64.b64encode(bytes(81)).decode())
MISTAKES = [
    (look(example=180), "look", "no such example"),
    (look(example=0, target=10), "look", "no such class"),
    (look(text="seven"), "look", "another kind of input"),
    (look(pixels=EMPTY, fitted=True), "look", "nothing on the picture"),
    (m.TrainLeNet(m.TrainSettings(activation="nothing")), "train", "activation"),
    (m.TrainLeNet(m.TrainSettings(optimizer="lbfgs")), "train", ""),
]


@pytest.mark.parametrize(("request_", "tag", "words"), MISTAKES, ids=[str(k) for k in range(6)])
def test_mistakes_are_told_and_change_nothing(
    page: VisionPage, request_: m.Request, tag: str, words: str
) -> None:
    page.ask(m.StepOnce("batch"), look(example=3))
    (told,) = problems(page.ask(request_))
    assert told.request == tag
    assert "bug" not in told.message
    assert words in f"{told.message} {told.where} {told.given}"
    page.ask(m.OfferNow())
    assert page.picture.header["step"] == 1
    assert page.picture.header["made"]["example"] == 3


def test_a_step_takes_a_batch(page: VisionPage) -> None:
    page.session.ask(m.StepOnce("example"))
    page.until(lambda x: isinstance(x, m.Problem))
    assert page.last(m.Problem).message.startswith("a step takes a batch here")


def test_data_that_is_not_here_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_network, "at_hand", lambda known: False)
    with pytest.raises(ClearpropError, match="not on this machine") as told:
        prepared(m.TrainSettings(data="mnist"))
    assert told.value.fix == "download it once, with: clearprop train lenet5 --data mnist"


def test_before_a_network_is_chosen() -> None:
    with VisionPage() as page:
        for request in (m.Play(), m.OfferNow(), m.PageBack(3), look(example=0)):
            (told,) = problems(page.ask(request))
            assert told.message == "there is no run yet"


class Lists:
    """A desk that only writes down what would be done."""

    def __init__(self) -> None:
        self.offers: dict[str, object] = {}
        self.sources = self

    def ask(self, task: Any) -> Any:
        return task(self)

    def offer(self, given: object, source: str) -> None:
        self.offers[source] = given

    def withdraw(self, source: str) -> None:
        del self.offers[source]


def test_a_network_is_taken_back_with_its_page() -> None:
    desk, received = Lists(), list[object]()
    session = VisionSession(received.append, desk)
    session.ask(m.TrainLeNet(SETTINGS))
    while not any(isinstance(item, bytes) for item in received):
        session._thread.join(0.05)
    assert len(desk.offers) == 1
    session.close()
    assert desk.offers == {}
    assert not session._thread.is_alive()


def test_the_command_trains_the_same_network() -> None:
    settings = m.TrainSettings(pooling="average", learning_rate=0.01, seed=3, epochs=2)
    recipe = prepared(settings).recipe
    assert settings_of(recipe) == m.TrainSettings(
        pooling="average", learning_rate=0.01, seed=3, epochs=2, batch_size=32
    )
    command = command_of(recipe)
    assert command.startswith("clearprop train lenet5 --data digits --set ")
    values = dict(part.split("=") for part in command.split(" --set ")[1:])
    assert values == {"pooling": "average", "learning_rate": "0.01", "seed": "3", "epochs": "2"}
    assert prepare("lenet5", {"data": {"name": "digits"}, **values}).recipe == recipe


def test_a_dropped_pass_of_an_older_network_is_not_made_of_the_newer(page: VisionPage) -> None:
    name = page.viewed(example=4).name
    page.desk.ask(lambda v: v._passes._kept.clear()).result()
    page.desk.ask(lambda v: v.seen(name)).result()  # of the same network it is made again
    page.ask(m.StepOnce("batch"))
    page.desk.ask(lambda v: v._passes._kept.clear()).result()
    with pytest.raises(ClearpropError, match="no longer known"):
        page.desk.ask(lambda v: v.seen(name)).result()


REQUESTS = st.one_of(
    st.builds(m.StepOnce, st.just("batch")),
    st.builds(m.PageBack, st.integers(0, 40)),
    st.builds(m.OfferNow),
    st.builds(m.Play),
    st.builds(m.Pause),
    st.builds(m.Speed, st.sampled_from([None, 0.5, 2.0])),
    st.builds(
        lambda example, target: look(example=example, target=target),
        st.one_of(st.integers(0, 200), st.just("worst")),
        st.one_of(st.none(), st.integers(0, 11)),
    ),
    st.just(look(pixels=drawing(), fitted=True)),
    st.just(m.TrainLeNet(m.TrainSettings(schedule="nothing"))),
)


@hypothesis.settings(max_examples=12, deadline=None, derandomize=True)
@hypothesis.given(asked=st.lists(REQUESTS, max_size=8))
def test_any_order_of_requests(shared: VisionPage, asked: list[m.Request]) -> None:
    sent = shared.ask(*asked, m.Pause())
    assert not any("bug" in one.message for one in problems(sent))
    run: Any = shared.session._run
    header, arrays = shared.picture
    assert header["source"] == run.source
    assert header["step"] == run.live.step
    conv1 = shared.picture.layer("conv1")
    kernel = np.asarray(run.live.parameters["layers.1.conv1.weight"])
    np.testing.assert_array_equal(arrays[f"kernel.{conv1}"], kernel)
    chances = [one["probability"] for one in header["made"]["chances"]]
    assert sum(chances) == pytest.approx(1.0)
