"""The view of sequences as a person uses it: a text, its next character, heads, gates, and back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.glass.drawings.attention import attention_of
from clearprop.recipes.experiment import prepare
from tests.studio.browser.conftest import Axe, serving, until

pytestmark = pytest.mark.slow

COMPILED = 120.0
"""Seconds within which a network and its pass are compiled, on a busy machine."""

RHYME = "round and round the rugged rock the ragged rascal ran, and up the hill he went. "
TEXT = "round the rugged"
LSTM: dict[str, Any] = {"hidden_size": 30, "epochs": 8}
GPT: dict[str, Any] = {"width": 32, "layers": 2, "heads": 2, "epochs": 8}
READY = "document.querySelector('.columns:not(.stale)') !== null"


class Served(NamedTuple):
    address: str
    folder: Path

    def model(self, name: str) -> Any:
        return cp.load(self.folder / "runs" / name).model


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a studio on a folder with an LSTM and a GPT that have learned a rhyme."""
    folder = tmp_path_factory.mktemp("studio")
    text = folder / "rhyme.txt"
    text.write_text(RHYME * 60)
    for recipe, values in (("char-lstm", LSTM), ("char-gpt", GPT)):
        data = {"name": str(text), "sequence_length": 40}
        run = folder / "runs" / f"{recipe}-1"
        prepare(recipe, {**values, "data": data}).train(folder=run, progress=False)
    with serving(folder) as address:
        yield Served(address, folder)


def opened(page: Any, served: Served, state: str = "source=run:char-gpt-1") -> None:
    page.goto(f"{served.address}#/sequence?{state}")
    page.locator(".tokens button").first.wait_for(timeout=1000 * COMPILED)
    until(page, READY, seconds=COMPILED)


def shown(page: Any, name: str = "char-gpt-1", **values: object) -> str:
    values = {"source": f"run:{name}", "text": TEXT.replace(" ", "+"), **values}
    return "&".join(f"{key}={value}" for key, value in values.items())


def tokens(page: Any) -> str:
    return "".join(page.locator(".tokens button").all_inner_texts()).replace("␣", " ")


def read(page: Any, text: str) -> None:
    """Wait until the pass of a text is shown."""
    signs = text.replace(" ", "␣")
    inside = "[...document.querySelectorAll('.tokens button')].map(b => b.textContent).join('')"
    until(page, f"{inside} === {signs!r} && {READY}", seconds=COMPILED)


def plain(text: str) -> str:
    return text.replace("−", "-")


def number_in(text: str, pattern: str) -> float:
    found = re.search(pattern.replace("#", r"(-?[\d.,]*\d(?:e-?\d+)?)"), plain(text))
    assert found, f"{pattern} is not in {text}"
    return float(found[1].replace(",", ""))


def encoded(served: Served, name: str, text: str) -> Any:
    run = cp.load(served.folder / "runs" / name)
    assert run.preprocessor is not None
    return run.preprocessor.vocabularies["inputs"].encode(text)[None]


def chances(served: Served, name: str, text: str) -> tuple[list[str], Any]:
    """Return the characters, and their probabilities at each place, by the library."""
    run = cp.load(served.folder / "runs" / name)
    assert run.preprocessor is not None
    logits = np.asarray(run.model(encoded(served, name, text)), np.float64)[0]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return list(run.preprocessor.vocabularies["inputs"].tokens), powers / powers.sum(1)[:, None]


def rows(page: Any) -> list[tuple[str, float, float]]:
    """Return name, percent and error signal of each row of the probabilities."""
    found = []
    for row in page.locator(".next tbody tr").all():
        name, chance, error = (
            row.locator(part).inner_text() for part in ("th", ".chance", ".error")
        )
        found.append((name.strip(), number_in(chance, "# %"), number_in(error, "#")))
    return found


# --- the text and the next character -------------------------------------------------------------


def test_the_newest_run_opens_with_a_text_of_its_own(page: Any, served: Served) -> None:
    opened(page, served, "")
    assert page.get_by_label("Network", exact=True).input_value() == "run:char-gpt-1"
    text = page.get_by_label("Your text").input_value()
    assert len(text) > 10
    assert tokens(page) == text
    assert text.strip() in " ".join(RHYME.split() * 3)
    menu = page.get_by_label("Network", exact=True).inner_text()
    assert "char-lstm-1" in menu
    assert "lenet" not in menu.lower()
    page.get_by_role("button", name="Another text").click()
    page.wait_for_timeout(300)
    until(page, READY)
    assert page.get_by_label("Your text").input_value() == tokens(page)


@pytest.mark.parametrize("name", ["char-gpt-1", "char-lstm-1"])
def test_what_is_typed_is_read_after_a_pause(page: Any, served: Served, name: str) -> None:
    opened(page, served, f"source=run:{name}")
    page.get_by_label("Your text").fill(TEXT)
    read(page, TEXT)
    names, expected = chances(served, name, TEXT)
    best = np.argsort(-expected[-1], kind="stable")[:10]
    found = rows(page)
    assert [row[0] for row in found] == [names[k].replace(" ", "␣") for k in best]
    top = int(best[0])
    for (_, percent, error), k in zip(found, best, strict=True):
        assert percent == pytest.approx(100 * expected[-1, k], abs=0.06)
        assert error == pytest.approx(expected[-1, k] - (k == top), abs=0.006, rel=0.06)
    loss = number_in(page.locator(".next .note").first.inner_text(), r"= #\.")
    assert loss == pytest.approx(-math.log(expected[-1, top]), rel=1e-3)
    assert "text=round+the+rugged" in page.url


def test_a_place_is_compared_with_what_follows_in_the_text(page: Any, served: Served) -> None:
    opened(page, served, shown(page))
    page.locator(".tokens button").nth(6).click()
    until(
        page,
        f"document.querySelector('.tokens .chosen').ariaLabel.startsWith('place 6,') && {READY}",
    )
    names, expected = chances(served, "char-gpt-1", TEXT)
    note = page.locator(".next .note").first.inner_text()
    assert "h, what follows in the text" in note
    assert number_in(note, r"= #\.") == pytest.approx(
        -math.log(expected[6, names.index(TEXT[7])]), rel=1e-3
    )
    labels = [b.get_attribute("aria-label") for b in page.locator(".tokens button").all()]
    assert all(label.endswith("error signal 0") for label in labels[7:])
    assert not any(label.endswith("error signal 0") for label in labels[:7])
    page.locator(".tokens .chosen").focus()
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('.tokens .chosen').ariaLabel.startsWith('place 5,')")
    assert "place=5" in page.url
    page.keyboard.press("End")
    until(page, "!location.hash.includes('place=')")


def test_another_target_has_another_loss(page: Any, served: Served) -> None:
    opened(page, served, shown(page))
    names, expected = chances(served, "char-gpt-1", TEXT)
    second = int(np.argsort(-expected[-1], kind="stable")[1])
    name = names[second].replace(" ", "␣")
    page.get_by_role("button", name=f"{name}, take it as the target").click()
    page.get_by_text("chosen by you").wait_for()
    until(page, READY)
    note = page.locator(".next .note").first.inner_text()
    assert number_in(note, r"= #\.") == pytest.approx(-math.log(expected[-1, second]), rel=1e-3)
    assert {r[0]: r[2] for r in rows(page)}[name] < 0
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("the most probable one").wait_for()


def test_the_text_is_continued(page: Any, served: Served) -> None:
    opened(page, served, shown(page, temperature=0))
    names, expected = chances(served, "char-gpt-1", TEXT)
    page.get_by_role("button", name=re.compile(r"^Append (?!20)")).click()
    read(page, TEXT + names[int(expected[-1].argmax())])
    assert "Temperature 0 takes the most probable character." in page.inner_text(".next")


def test_the_same_seed_continues_in_the_same_way(page: Any, served: Served) -> None:
    written = []
    for seed in (3, 3, 4):
        opened(page, served, shown(page, temperature=1.5, seed=seed))
        page.reload()
        page.locator(".tokens button").first.wait_for(timeout=1000 * COMPILED)
        until(page, READY, seconds=COMPILED)
        page.get_by_role("button", name="Append 20").click()
        length = len(TEXT) + 20
        until(page, f"document.querySelectorAll('.tokens button').length === {length}", seconds=60)
        written.append(page.get_by_label("Your text").input_value())
    assert written[0] == written[1]
    assert written[0] != written[2]
    assert written[0].startswith(TEXT)


def test_texts_that_the_network_does_not_take_as_they_are(browser: Any, served: Served) -> None:
    page = browser.new_page()  # the browser writes what a server refuses into the console
    opened(page, served, shown(page))
    field = page.get_by_label("Your text")
    field.fill("round ☃")
    page.get_by_role("alert").wait_for()
    assert "'☃' is not in the vocabulary" in page.get_by_role("alert").inner_text()
    field.fill("")
    page.get_by_text("Type a text above.").wait_for()
    field.fill(RHYME)
    read(page, RHYME[-40:])
    assert "The network reads the last 40 places." in page.inner_text("main")
    page.close()


# --- attention -----------------------------------------------------------------------------------


def test_one_weight_of_one_head(page: Any, served: Served) -> None:
    opened(page, served, shown(page))
    page.get_by_role("button", name="block 1, head 1").click()
    assert "head=3" in page.url
    label = re.compile("Weights of block 1, head 1")
    page.get_by_role("application", name=label).focus()
    for key in ("End", "Home", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.get_by_text("Query of place 1,").wait_for()
    box = page.get_by_role("application", name=label).bounding_box()
    cell = (box["width"] - 24) / len(TEXT)
    page.get_by_role("application", name=label).click(
        position={"x": 24 + 4.5 * min(22, cell), "y": 17 + 10.5 * min(22, cell)}
    )
    page.get_by_text("Query of place 10").wait_for()
    model = served.model("char-gpt-1")
    x = encoded(served, "char-gpt-1", TEXT)
    weights = attention_of(model, x)["blocks.1.attention"][0, 1]
    table = page.locator(".scores")
    text = table.locator("dd").nth(1).inner_text()
    assert number_in(text, r"= #$") == pytest.approx(weights[10, 4], rel=2e-3)
    every = table.locator("tbody tr").all()
    assert len(every) == 8
    for one in every:
        key = int(one.locator(".plain span").inner_text())
        shown_weight = number_in(one.locator(".weight").inner_text(), "#")
        assert shown_weight == pytest.approx(weights[10, key], rel=6e-3)


def test_error_signals_of_the_weights(page: Any, served: Served) -> None:
    opened(page, served, shown(page, query=5))
    before = page.locator(".map canvas").screenshot()
    page.get_by_text("Error signals", exact=True).click()
    assert "show=error" in page.url
    assert page.locator(".map canvas").screenshot() != before
    assert "Only the place of the loss gets error signals in the last block" in page.inner_text(
        ".inside"
    )


# --- recurrent layers ----------------------------------------------------------------------------


def test_a_gate_and_its_equations(page: Any, served: Served) -> None:
    opened(page, served, shown(page, "char-lstm-1", units="all"))
    table = page.get_by_role("application", name=re.compile("Values of forget gate"))
    table.focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    card = page.get_by_role("article", name="One unit at one step")
    card.wait_for()
    found = re.search(r"unit (\d+) at place (\d+)", card.inner_text())
    assert found
    unit, step = int(found[1]), int(found[2])
    model = served.model("char-lstm-1")
    x = encoded(served, "char-lstm-1", TEXT)
    states, gates = model.recurrent.watch(model.embedding(jnp.asarray(x)))
    for letter, values in (("f", gates.forget), ("c", states.cell), ("h", states.hidden)):
        cell = card.locator("tr", has=page.locator(f"th:text-is('{letter}')")).first
        expected = float(values[0, step, unit])
        assert number_in(cell.locator("b").inner_text(), "#") == pytest.approx(expected, rel=1e-3)
    assert f"unit=0.{unit}.{step}" in page.url
    card.get_by_role("button", name="Next step").click()
    assert f"at place {step + 1}," in card.inner_text()
    card.get_by_role("button", name="Close the card").click()
    card.wait_for(state="detached")


def test_what_reaches_back_through_time(page: Any, served: Served) -> None:
    opened(page, served, shown(page, "char-lstm-1"))
    caption = page.locator("figcaption").first.inner_text()
    _, expected = chances(served, "char-lstm-1", TEXT)
    x = encoded(served, "char-lstm-1", TEXT)
    y = np.full_like(x, -1)
    y[0, -1] = expected[-1].argmax()
    glass = cp.explain(served.model("char-lstm-1"), x, y, "sequence_cross_entropy")
    norms = glass.through_time("recurrent").norms
    factor = (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))
    assert number_in(caption, "multiplies the norm by #") == pytest.approx(factor, rel=6e-3)
    assert number_in(caption, rf"Place {len(TEXT) - 1}, .: #") == (
        pytest.approx(norms[-1], rel=1e-3)
    )
    assert page.locator(".bars .place").count() == len(TEXT)


# --- networks and addresses ----------------------------------------------------------------------


def test_the_address_brings_the_same_view_back(page: Any, served: Served) -> None:
    opened(page, served, shown(page, "char-lstm-1", place=9, units="error", unit="0.7.8"))
    card = page.get_by_role("article", name="One unit at one step")
    before = (rows(page), card.inner_text(), tokens(page))
    assert "LSTM unit 7 at place 8" in before[1]
    page.reload()
    page.locator(".tokens button").first.wait_for(timeout=1000 * COMPILED)
    until(page, READY, seconds=COMPILED)
    assert (rows(page), card.inner_text(), tokens(page)) == before


def test_a_link_shows_its_place_and_target_in_an_open_tab(page: Any, served: Served) -> None:
    opened(page, served, shown(page, place=3))
    link = "#/sequence?source=run:char-lstm-1&text=the+hill&place=2&target=5&unit=0.3.1"
    page.evaluate("link => { location.hash = link; }", link)
    page.get_by_role("region", name="LSTM recurrent").wait_for(timeout=1000 * COMPILED)
    read(page, "the hill")
    assert page.locator(".tokens .chosen").get_attribute("aria-label").startswith("place 2,")
    assert "chosen by you" in page.locator(".next .note").first.inner_text()
    assert "unit 3 at place 1" in page.inner_text("article")
    assert "place=2&target=5" in page.url
    page.evaluate("location.hash = '#/sequence'")
    until(page, "location.hash.includes('text=the+hill') && location.hash.includes('place=2')")
    assert tokens(page) == "the hill"


def test_a_typed_text_stays_with_another_network(page: Any, served: Served) -> None:
    opened(page, served, shown(page))
    page.get_by_label("Network", exact=True).select_option("run:char-lstm-1")
    page.get_by_role("region", name="LSTM recurrent").wait_for(timeout=1000 * COMPILED)
    assert tokens(page) == TEXT
    assert page.get_by_role("region", name="Attention").count() == 0


def test_a_network_that_predicts_no_next_character(page: Any, served: Served) -> None:
    page.goto(f"{served.address}#/sequence?source=network:lenet5")
    page.get_by_text("This network predicts no next character of a text.").wait_for(
        timeout=1000 * COMPILED
    )


def test_nothing_is_trained_yet(page: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        page.goto(f"{address}#/sequence")
        page.locator(".tokens button").first.wait_for(timeout=1000 * COMPILED)
        text = page.inner_text("main")
        assert "clearprop train char-gpt" in text
        assert "clearprop train char-lstm" in text
        assert "The weights are initial values" in text
        assert page.get_by_label("Network", exact=True).input_value() == "network:gpt"


def test_numbers_that_are_not_finite_are_explained(page: Any, served: Served) -> None:
    run = cp.load(served.folder / "runs" / "char-gpt-1")
    model: Any = run.model
    broken = jax.tree.map(lambda w: jnp.full_like(w, jnp.nan), nn.layer_at(model, "norm"))
    cp.save(
        nn.replace_layer(model, "norm", broken),
        served.folder / "runs" / "broken.safetensors",
        run.preprocessor,
    )
    opened(page, served, shown(page, source="file:broken.safetensors"))
    text = page.inner_text("main")
    assert "Some numbers of this pass are not finite: they are striped." in text
    assert "Not a number: the result of a step that has none" in text
    assert page.get_by_role("button", name="Append 20").is_disabled()
    assert page.locator(".tokens .strange").count() == len(TEXT)


# --- everybody -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["char-gpt-1", "char-lstm-1"])
def test_nothing_keeps_people_from_using_it(
    page: Any, served: Served, axe: Axe, scheme: str, name: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    more = {"unit": "0.3.4"} if "lstm" in name else {"show": "error"}
    opened(page, served, shown(page, name, **more))
    page.wait_for_timeout(400)
    axe(page)


@pytest.mark.parametrize("size", [(1024, 768), (390, 844)])
@pytest.mark.parametrize("name", ["char-gpt-1", "char-lstm-1"])
def test_nothing_is_wider_than_the_screen(
    browser: Any, served: Served, size: tuple[int, int], name: str
) -> None:
    wide, high = size
    context = browser.new_context(viewport={"width": wide, "height": high}, has_touch=wide < 600)
    page = context.new_page()
    opened(page, served, shown(page, name))
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    if wide < 600:
        table = page.locator(".inside .table").first
        table.scroll_into_view_if_needed()
        box = table.bounding_box()
        page.touchscreen.tap(box["x"] + 60, box["y"] + 50)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
    context.close()
