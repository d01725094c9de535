"""The playground as a person uses it: by pointer, by keyboard, and by its address."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.studio.browser.conftest import Axe, first_paint, until

pytestmark = pytest.mark.slow

COMPILED = 60.0
"""Seconds within which the engine has made the program of a small network, on a busy machine."""

READY = "document.querySelector('button.play')?.disabled === false"
EPOCH = "Number(document.querySelector('.counters dd').textContent.replaceAll(',', ''))"
STEP = "Number(document.querySelectorAll('.counters dd')[1].textContent.replaceAll(',', ''))"


def opened(page: Any, studio: str, state: str = "") -> None:
    """Open the playground, and wait until its engine is ready."""
    page.goto(f"{studio}#/playground{state}")
    until(page, READY, seconds=COMPILED)
    until(page, "document.querySelectorAll('select option[value=adam]').length", seconds=COMPILED)


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def settled(page: Any) -> None:
    """Wait until a change of the settings has reached the engine."""
    until(page, "document.querySelector('.playground').ariaBusy === 'false'", seconds=COMPILED)


def step(page: Any, unit: str = "epoch") -> int:
    """Take a step, and return the number of steps so far."""
    before = page.evaluate(STEP)
    button(page, f"Step: {unit}").click()
    until(page, f"{STEP} > {before}", seconds=COMPILED)
    taken: int = page.evaluate(STEP)
    return taken


def values_of(page: Any) -> dict[str, str]:
    """Return the values of the address."""
    query = page.url.partition("?")[2]
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {key: unquote(value) for key, _, value in pairs}


# --- training ------------------------------------------------------------------------------------


def test_play_and_pause_by_button_and_by_space(page: Any, studio: str) -> None:
    opened(page, studio)
    assert page.evaluate(EPOCH) == 0
    button(page, "Play").click()
    until(page, f"{EPOCH} > 5", seconds=COMPILED)
    button(page, "Pause").click()
    button(page, "Play").wait_for()
    page.wait_for_timeout(300)
    paused = page.evaluate(EPOCH)
    page.wait_for_timeout(400)
    assert page.evaluate(EPOCH) == paused
    page.locator("#main").focus()
    page.keyboard.press("Space")
    until(page, f"{EPOCH} > {paused + 3}", seconds=COMPILED)
    page.keyboard.press("Space")
    button(page, "Play").wait_for()


def test_single_steps(page: Any, studio: str) -> None:
    opened(page, studio)
    shown = "document.querySelector('.example span').textContent"
    before = page.evaluate(shown)
    button(page, "Step: example").click()
    until(page, f"{shown} !== {before!r}", seconds=COMPILED)
    assert page.evaluate(STEP) == 0  # a step by hand is none of the epoch
    assert step(page, "batch") == 1
    assert step(page, "epoch") == 25  # 250 training examples in batches of 10
    assert page.evaluate(EPOCH) == 1
    assert step(page, "epoch") == 50


def test_back_shows_and_takes_an_earlier_state(page: Any, studio: str) -> None:
    opened(page, studio)
    for _ in range(4):
        step(page)
    slider = page.get_by_label("Back", exact=True)
    slider.focus()
    page.keyboard.press("ArrowLeft")
    until(page, f"{STEP} === 75")
    page.keyboard.press("Home")
    until(page, f"{STEP} === 0")
    page.keyboard.press("End")
    until(page, f"{STEP} === 100")  # keys alone forget nothing
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    until(page, f"{STEP} === 0")
    assert step(page) == 25


def test_a_fork_continues_and_both_curves_stay(page: Any, studio: str) -> None:
    opened(page, studio)
    for _ in range(2):
        step(page)
    button(page, "Fork").click()
    dialog = page.get_by_role("dialog", name="Fork")
    dialog.get_by_role("spinbutton").fill("0.3")
    dialog.get_by_role("spinbutton").press("Enter")
    dialog.get_by_role("button", name="Continue").click()
    page.get_by_text("Strong: learning rate 0.3. Pale: learning rate 0.03.").wait_for(
        timeout=1000 * COMPILED
    )
    assert page.get_by_label("Learning rate", exact=True).input_value() == "0.3"
    until(page, f"{STEP} > 50", seconds=COMPILED)  # it trains on by itself
    button(page, "Pause").click()
    button(page, "Play").wait_for()
    assert values_of(page) == {"rate": "0.3"}


def test_a_changed_rate_continues_and_a_changed_layer_begins_anew(page: Any, studio: str) -> None:
    opened(page, studio)
    step(page)
    rate = page.get_by_label("Learning rate", exact=True)
    rate.focus()
    page.keyboard.press("ArrowUp")
    page.get_by_text("Strong: learning rate 0.1.").wait_for(timeout=1000 * COMPILED)
    assert step(page) == 50
    button(page, "More units in hidden layer 1").click()
    until(page, f"{STEP} === 0", seconds=COMPILED)


def test_numbers_that_are_not_finite_are_explained(page: Any, studio: str) -> None:
    opened(page, studio, "?data=plane&layers=8relu,8relu&rate=1000")
    button(page, "Play").click()
    page.get_by_role("alert").get_by_text("not finite").first.wait_for(timeout=1000 * COMPILED)


# --- the network ---------------------------------------------------------------------------------


def units(page: Any) -> list[int]:
    """Return how many units each column has, the features first."""
    counts: list[int] = page.evaluate(
        "[...document.querySelectorAll('.network [role=group]')].map(column => "
        "column.querySelectorAll('[data-unit]').length).filter(Boolean)"
    )
    return counts


def test_layers_and_units_are_added_and_removed(page: Any, studio: str) -> None:
    opened(page, studio)
    assert units(page) == [7, 4, 2, 1]
    button(page, "Add a hidden layer").click()
    button(page, "More units in hidden layer 1").click()
    button(page, "Fewer units in hidden layer 2").click()
    settled(page)
    assert units(page) == [7, 5, 1, 2, 1]
    assert values_of(page) == {"layers": "5tanh,1tanh,2tanh"}
    step(page)
    for _ in range(3):
        button(page, "Remove the last hidden layer").click()
    settled(page)
    assert units(page) == [7, 1]
    assert values_of(page) == {"layers": "none"}
    step(page)


def test_features_are_switched(page: Any, studio: str) -> None:
    opened(page, studio)
    squared = button(page, "Feature x₁²")
    squared.click()
    button(page, "Feature x₂").click()
    settled(page)
    assert squared.get_attribute("aria-pressed") == "true"
    assert values_of(page) == {"features": "x1,x1^2"}
    step(page)


def test_a_weight_is_edited(page: Any, studio: str) -> None:
    opened(page, studio)
    step(page)
    button(page, "Unit 2 of layer 1").click()
    card = page.get_by_role("article", name="Unit 2 of layer 1")
    card.get_by_role("button", name="local derivative").wait_for()
    card.locator("math").first.wait_for(timeout=1000 * COMPILED)
    card.get_by_role("button", name=re.compile("Change the weight from x₁")).click()
    card = page.get_by_role("article", name="Weight from x₁ to unit 2 of layer 1")
    field = card.get_by_role("spinbutton")
    field.fill("2.5")
    until(page, "document.querySelector('.place dd').textContent === '2.5'")
    field.focus()
    page.keyboard.press("ArrowUp")
    until(page, "document.querySelector('.place dd').textContent === '2.6'")
    page.keyboard.press("Escape")
    button(page, "Close the card").wait_for(state="detached")
    errors = "[...document.querySelectorAll('.curves dd')].map(dd => dd.textContent).join(' ')"
    until(page, f"{errors} === '– – –'")
    slider = page.get_by_label("Back", exact=True)
    assert slider.get_attribute("aria-valuetext") == "step 25, changed by hand"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    until(page, f"/^[\\d.]+ [\\d.]+RMS [\\d.]+RMS$/.test({errors})")


def test_long_equations_wrap(page: Any, studio: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    opened(page, studio)
    button(page, "Unit 1 of layer 2").click()
    page.get_by_role("article").locator("math").first.wait_for(timeout=1000 * COMPILED)
    sizes = (
        "[...document.querySelectorAll('.place .scroll')].map(x => x.scrollWidth - x.clientWidth)"
    )
    assert set(page.evaluate(sizes)) == {0}


def test_links_and_biases_are_found_on_the_picture(page: Any, studio: str) -> None:
    opened(page, studio)
    a = page.locator('[data-column="2"][data-unit="0"]').bounding_box()
    b = page.locator('[data-column="3"][data-unit="0"]').bounding_box()
    y = (a["y"] + b["y"] + a["height"]) / 2
    page.mouse.move((a["x"] + a["width"] + b["x"]) / 2, y)
    page.get_by_role("article", name="Weight from unit 1 of layer 2 to the output").wait_for()
    page.mouse.move(b["x"] - 6, b["y"] + b["height"] - 4)
    page.get_by_role("article", name="Bias of the output").wait_for()
    page.mouse.click(b["x"] - 6, b["y"] + b["height"] - 4)
    page.get_by_role("spinbutton", name="New value of the bias").fill("-1.5")
    until(page, "document.querySelector('.place dd').textContent === '−1.5'")


def test_the_backward_numbers_are_shown(page: Any, studio: str) -> None:
    opened(page, studio)
    page.locator(".network canvas").wait_for()
    page.get_by_role("radio", name="Error signal").check(force=True)
    page.get_by_role("radio", name="Gradients").check(force=True)
    page.get_by_text(re.compile(r"full color: ±[\d.]+ · widest link: [\d.]+")).wait_for()
    assert values_of(page) == {"units": "error", "links": "gradient"}


# --- the examples --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title",
    ["Exclusive-or", "Two clouds", "Spiral", "Moons", "Clouds in a ring", "Plane", "Hills"],
)
def test_every_set_of_examples_is_learned(page: Any, studio: str, title: str) -> None:
    opened(page, studio)
    chosen = button(page, title)
    chosen.click()
    settled(page)
    assert chosen.get_attribute("aria-pressed") == "true"
    step(page)
    assert page.get_by_role("alert").count() == 0


def test_points_are_drawn(page: Any, studio: str) -> None:
    opened(page, studio)
    button(page, "Draw").click()
    picture = page.get_by_role("application")
    box = picture.bounding_box()
    until(page, "document.activeElement.getAttribute('role') === 'application'")
    page.get_by_text("Draw at least one point of each of two classes").wait_for()
    page.wait_for_timeout(600)
    assert page.get_by_role("alert").count() == 0
    assert page.get_by_role("button", name="Play", exact=True).is_disabled()

    def click(x: float, y: float, which: str = "left") -> None:
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"], button=which)

    for x, y in [(0.2, 0.2), (0.3, 0.25), (0.25, 0.4)]:
        click(x, y)
    for x, y in [(0.7, 0.7), (0.8, 0.75), (0.75, 0.6)]:
        click(x, y, "right")
    picture.focus()
    page.keyboard.press("3")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.get_by_text("7 points").wait_for()
    settled(page)
    until(page, f"{STEP} === 0", seconds=COMPILED)
    assert len(values_of(page)["points"]) == 4 * 7
    assert values_of(page)["loss"] == "cross_entropy"
    page.keyboard.press("Backspace")
    page.get_by_text("6 points").wait_for()
    settled(page)
    step(page)


def test_a_table_is_uploaded(page: Any, studio: str, tmp_path: Path) -> None:
    rows = ["length,width,kind"]
    rows += [f"{i * 0.37 % 5:.2f},{i * 0.71 % 3:.2f},{'ab'[i % 2]}" for i in range(60)]
    table = tmp_path / "my <b>table.csv"
    table.write_text("\n".join(rows))
    opened(page, studio)
    page.locator("input[type=file]").set_input_files(table)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("60 rows.").wait_for(timeout=1000 * COMPILED)
    dialog.get_by_role("button", name="Learn from it").click()
    until(page, "document.querySelectorAll('.panel ul li').length === 2", seconds=COMPILED)
    assert values_of(page)["columns"] == "length,width"
    settled(page)
    step(page)


def test_what_is_no_table_is_refused_in_words(browser: Any, studio: str, tmp_path: Path) -> None:
    page = browser.new_page()  # a browser notes the answer 400 as an error of the page
    opened(page, studio)
    wrong = tmp_path / "notes.csv"
    wrong.write_bytes(b"\xff\xfe\x00 not a table \x00\xff")
    with page.expect_response("**/api/tables*") as answer:
        page.locator("input[type=file]").set_input_files(wrong)
    assert answer.value.status == 400
    page.get_by_role("alert").wait_for()
    page.close()


def test_an_example_is_chosen(page: Any, studio: str) -> None:
    opened(page, studio)
    page.get_by_text("Example 1:").wait_for()
    button(page, "Next example").click()
    page.get_by_text("Example 2:").wait_for()
    picture = page.get_by_role("application")
    picture.focus()
    page.keyboard.press("ArrowRight")
    until(page, "!document.querySelector('.example b').textContent.startsWith('Example 2:')")


# --- the address, the program, the connection ----------------------------------------------------


def test_the_address_brings_everything_back(page: Any, studio: str) -> None:
    state = "?data=spiral&classes=3&features=x1,x2,sin(x1)&layers=6relu,5relu&loss=cross_entropy"
    state += "&opt=adam:beta1%3D0.8&rate=0.01&batch=20&l2=0.001&seed=3"
    opened(page, studio, state)
    assert units(page) == [7, 6, 5, 3]
    assert page.get_by_label("Optimizer", exact=True).input_value() == "adam"
    assert page.get_by_label("Batch size", exact=True).input_value() == "20"
    assert values_of(page)["opt"] == "adam:beta1=0.8"
    step(page)
    assert page.get_by_role("alert").count() == 0


def test_a_teachers_link_hides_controls(page: Any, studio: str) -> None:
    opened(page, studio)
    button(page, "Share").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name=re.compile("^Examples")).check()
    dialog.get_by_role("checkbox", name=re.compile("^Training settings")).check()
    link = dialog.get_by_label("Link").input_value()
    assert link.endswith("hide=data%2Csettings")
    page.goto("about:blank")
    page.goto(link)
    until(page, READY, seconds=COMPILED)
    assert page.get_by_role("heading", name="Data").count() == 0
    assert page.get_by_label("Optimizer", exact=True).count() == 0
    assert page.get_by_role("heading", name="Output").count() == 1


def test_the_program_is_shown(page: Any, studio: str) -> None:
    opened(page, studio)
    step(page)
    button(page, "Copy as Python").click()
    source = page.get_by_role("region", name="The program")
    source.wait_for(timeout=1000 * COMPILED)
    assert "import clearprop" in source.inner_text()
    with page.expect_download() as saved:
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
    assert saved.value.suggested_filename == "playground.py"
    compile(Path(saved.value.path()).read_text(), "playground.py", "exec")


def test_a_lost_connection_comes_back_with_the_settings(page: Any, studio: str) -> None:
    sockets: list[Any] = []

    def through(socket: Any) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket("**/ws/playground", through)
    opened(page, studio, "?layers=3tanh")
    step(page)
    sockets[-1].close()
    page.get_by_text("The connection is lost.").wait_for()
    page.get_by_text("The connection is lost.").wait_for(state="detached")
    until(page, f"{STEP} === 0", seconds=COMPILED)
    assert units(page) == [7, 3, 1]
    assert len(sockets) == 2


def test_a_run_goes_on_behind_another_view(page: Any, studio: str) -> None:
    opened(page, studio, "?layers=3tanh")
    button(page, "Play").click()
    until(page, f"{EPOCH} > 3", seconds=COMPILED)
    views = page.get_by_role("navigation")
    views.get_by_role("link", name="Backward pass", exact=True).click()
    button(page, "Pause").wait_for(state="hidden")
    before = page.evaluate(EPOCH)
    views.get_by_role("link", name="Playground", exact=True).click()
    button(page, "Pause").wait_for()
    assert page.evaluate(EPOCH) >= before
    assert units(page) == [7, 3, 1]
    assert values_of(page) == {"layers": "3tanh"}


# --- everybody, and how fast ---------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(page: Any, studio: str) -> None:
    opened(page, studio)
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.getAttribute('aria-label') ?? "
                "document.activeElement.textContent.trim()"
            )
        )
        if "Feature x₁" in reached:
            break
    assert {"Play", "Step: epoch", "Learning rate", "Circle", "Feature x₁"} <= reached
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    label = "document.activeElement.getAttribute('aria-label')"
    assert "of layer 1" in page.evaluate(label)
    page.keyboard.press("Home")
    assert page.evaluate(label) == "Unit 1 of layer 1"
    page.keyboard.press("Enter")
    until(page, f"({label} ?? '').startsWith('Change the weight')")
    page.keyboard.press("Enter")
    until(page, f"{label} === 'New value of the weight'")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    until(page, f"{label} === 'Unit 1 of layer 1'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_from_using_it(page: Any, studio: str, axe: Axe, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, studio, "?data=spiral&classes=3&loss=cross_entropy&showtest=1")
    step(page)
    button(page, "Unit 1 of layer 1").click()
    page.get_by_role("article").wait_for()
    axe(page)
    page.keyboard.press("Escape")
    button(page, "Fork").click()
    axe(page)
    page.keyboard.press("Escape")
    button(page, "Share").click()
    axe(page)
    page.keyboard.press("Escape")
    button(page, "Draw").click()
    axe(page)


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (390, 844)])
def test_nothing_is_cut_off(page: Any, studio: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    opened(page, studio)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    if size[0] >= 1024:
        box = page.locator(".network canvas").bounding_box()
        assert box["y"] + box["height"] <= size[1]
        picture = page.get_by_role("application").bounding_box()
        assert picture["y"] + picture["height"] <= size[1]


def test_reduced_motion_is_respected(page: Any, studio: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    opened(page, studio)
    button(page, "Play").click()
    until(page, f"{EPOCH} > 3", seconds=COMPILED)
    assert page.evaluate("document.getAnimations().length") == 0


def test_how_fast_it_feels(page: Any, studio: str, capsys: pytest.CaptureFixture[str]) -> None:
    page.goto(f"{studio}#/playground")
    picture = "performance.getEntriesByName('first-picture').map(one => one.startTime)[0]"
    shown = until(page, picture, seconds=COMPILED)
    painted = first_paint(page)
    until(page, READY, seconds=COMPILED)
    button(page, "Play").click()
    until(page, f"{EPOCH} > 3", seconds=COMPILED)
    frames, pictures = page.evaluate("""() => new Promise(done => {
        const counter = document.querySelectorAll('.counters dd')[1];
        let pictures = 0;
        new MutationObserver(() => pictures++).observe(counter, {
            characterData: true, childList: true, subtree: true,
        });
        const times = [];
        const began = performance.now();
        const next = now => {
            times.push(now);
            const seconds = (now - began) / 1000;
            if (seconds < 3) requestAnimationFrame(next);
            else done([(times.length - 1) / seconds, pictures / seconds]);
        };
        requestAnimationFrame(next);
    })""")
    with capsys.disabled():
        sys.stdout.write(
            f" first paint {painted:.0f} ms, first picture {shown:.0f} ms, "
            f"{frames:.0f} frames/s, {pictures:.0f} pictures of training/s "
        )
