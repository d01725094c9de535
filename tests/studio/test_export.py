"""The classroom file: what is written into it, and what is refused."""

from __future__ import annotations

import base64
import html.parser
import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn
from clearprop.cli import main
from clearprop.errors import ConfigurationError, RunError
from clearprop.studio.export import CLASSROOM, HIDEABLE, PLACE, export_page, page_with
from clearprop.studio.frames import unpack
from clearprop.studio.kept_answers import Budget, KeptAnswers, address_of, kept_answers, spread
from clearprop.studio.pages import STATIC
from clearprop.studio.playground.messages import DataSettings, LayerSettings, Settings
from clearprop.training.recording.recorder import Record

SOURCES = Path(__file__).parents[2] / "studio-ui"
EMPTY = '<script type="application/json" id="classroom">{}</script>'
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 \u2029 & é"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A built page, as far as an export looks at it."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / CLASSROOM).write_text(f"<!doctype html><head>{EMPTY}</head>", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded run with snapshots and whole arrays."""
    folder = tmp_path_factory.mktemp("runs") / "small-1"
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)).astype(np.float32)
    cp.fit(
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)),
        x,
        (x.sum(axis=1) > 0).astype(np.int32),
        epochs=6,
        batch_size=10,
        dev=0.25,
        folder=folder,
        record=Record("*", what="arrays", every=2),
        snapshots=2,
        progress=False,
    )
    return folder


class _Elements(html.parser.HTMLParser):
    """Reads a page as a browser does: the names of its elements, and the text of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        if self.names[-1:] == ["script"]:
            self.text += data


def embedded(page: Path) -> dict[str, Any]:
    """Return what is embedded in a page, read as a browser reads it."""
    read = _Elements()
    read.feed(page.read_text(encoding="utf-8"))
    assert read.names == ["head", "script"], "what is embedded became markup"
    found: dict[str, Any] = json.loads(read.text)
    return found


# --- settings ------------------------------------------------------------------------------------


def test_settings_are_embedded(static: Path, tmp_path: Path) -> None:
    settings = Settings(
        DataSettings("xor", seed=3), layers=(LayerSettings(8, "relu"),), learning_rate=0.1
    )
    page = export_page(tmp_path / "class.html", settings=settings, hide=["edit"], static=static)
    found = embedded(page)
    assert msgspec.convert(found["settings"], Settings) == settings
    assert found["hide"] == ["edit"]
    plain = msgspec.to_builtins(settings)
    again = export_page(tmp_path / "plain.html", settings=plain, static=static)
    assert embedded(again)["settings"] == found["settings"]


def test_a_link_is_embedded_as_it_is(static: Path, tmp_path: Path) -> None:
    link = "http://127.0.0.1:8150/?token=secret#/playground?data=spiral&hide=code"
    page = export_page(tmp_path / "class.html", settings=link, static=static)
    assert embedded(page) == {"address": "#/playground?data=spiral&hide=code"}
    assert "secret" not in page.read_text(encoding="utf-8")


def test_nothing_that_is_embedded_becomes_markup(static: Path, tmp_path: Path) -> None:
    page = tmp_path / "class.html"
    template = (static / CLASSROOM).read_text(encoding="utf-8")
    page.write_text(page_with(template, {HOSTILE: [HOSTILE]}), encoding="utf-8")
    assert embedded(page) == {HOSTILE: [HOSTILE]}
    assert page.read_text(encoding="utf-8").isascii()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"settings": "http://127.0.0.1/#/backward"}, "no link to a playground"),
        ({"settings": {"learning_rate": -1.0}}, "no settings of the playground"),
        ({"settings": {"rate": 1.0}}, "no settings of the playground"),
        ({"settings": Settings(DataSettings("table", table="a"))}, "cannot read tables"),
        ({"hide": ["edits"]}, "did you mean 'edit'"),
    ],
)
def test_what_cannot_be_exported_is_told(
    given: dict[str, Any], said: str, static: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        export_page(tmp_path / "class.html", static=static, **given)
    assert not (tmp_path / "class.html").exists()


def test_a_page_that_is_not_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="page of the studio is missing") as error:
        export_page(tmp_path / "class.html", static=tmp_path)
    assert "make studio" in str(error.value)


@pytest.mark.parametrize("template", ["<head></head>", EMPTY + EMPTY])
def test_a_page_without_its_place_is_told(template: str) -> None:
    with pytest.raises(RunError, match="no place"):
        page_with(template, {})


def test_the_built_file_has_its_place() -> None:
    for page in (SOURCES / "classroom.html", STATIC / CLASSROOM):
        if page.is_file():
            assert len(PLACE.findall(page.read_text(encoding="utf-8"))) == 1, page


def test_the_parts_to_hide_are_those_of_the_page() -> None:
    source = (SOURCES / "src/playground/hidden.ts").read_text(encoding="utf-8")
    assert tuple(re.findall(r'{ name: "(\w+)"', source)) == HIDEABLE


# --- runs ----------------------------------------------------------------------------------------


def answers(plain: dict[str, Any]) -> dict[str, bytes]:
    """Return the answers of a kept run, as the page unpacks them."""
    content = zlib.decompress(base64.b64decode(plain["answers"]))
    found, at = {}, 0
    for address, length in plain["index"]:
        found[address] = content[at : at + length]
        at += length
    assert at == len(content)
    return found


def test_a_run_is_kept_with_all_its_films(run: Path, static: Path, tmp_path: Path) -> None:
    page = export_page(tmp_path / "class.html", run, static=static)
    plain = embedded(page)["run"]
    assert plain["name"] == "small-1"
    found = answers(plain)
    detail = json.loads(found["detail?run=small-1"])
    films = {film["kind"]: film for film in detail["films"]}
    assert set(films) == {"weights", "statistics", "arrays"}
    for step in films["weights"]["steps"]:
        address = f"frame?film=weights&of=layers.0.weight&run=small-1&step={step}"
        header, arrays = unpack(found[address])
        assert (header["step"], arrays["tiles"].shape) == (step, (1, 3, 5))
    for what in ("value", "error"):
        for example in range(Budget.examples):
            address = (
                f"frame?example={example}&film=arrays&of=layers.1&run=small-1&step=4&what={what}"
            )
            assert unpack(found[address])[0]["example"] == example
    header, _ = unpack(found["curves?run=small-1"])
    assert header["epochs"] == 6
    assert json.loads(found["diagnosis?data=1&run=small-1"])["ready"]


def test_the_numbers_are_those_of_the_run(run: Path) -> None:
    found = kept_answers(run).answers
    steps = json.loads(found["detail?run=small-1"])["films"][0]["steps"]
    address = f"frame?film=weights&of=layers.2.weight&run=small-1&step={steps[-1]}"
    tiles = unpack(found[address])[1]["tiles"]
    own = nn.parameters(cp.load(run).model)["layers.2.weight"]
    np.testing.assert_array_equal(tiles[0], own)


def test_a_small_budget_keeps_fewer_steps_from_the_first_to_the_last(run: Path) -> None:
    whole = kept_answers(run)
    small = kept_answers(run, Budget(most_bytes=30_000))
    assert _size(small) < _size(whole) / 2
    every, few = (json.loads(one.answers["detail?run=small-1"])["films"] for one in (whole, small))
    before, after = every[0]["steps"], few[0]["steps"]
    assert 2 <= len(after) < len(before)
    assert (after[0], after[-1]) == (before[0], before[-1])
    for film in few:
        for step in film["steps"] if film["kind"] != "statistics" else ():
            assert any(f"film={film['kind']}" in a and f"step={step}" in a for a in small.answers)


def _size(kept: KeptAnswers) -> int:
    return sum(map(len, kept.answers.values()))


def test_a_run_stands_alone(run: Path) -> None:
    """What belongs to this machine, or to other runs, is not in the file."""
    detail = json.loads(kept_answers(run).answers["detail?run=small-1"])
    assert (detail["report"], detail["forks"], detail["compared"]) == (False, [], [])
    assert detail["summary"]["holder"] == ""
    assert str(run.parent) not in json.dumps(detail)


# Each name with what `new URLSearchParams([["run", name]]).toString()` makes of it.
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a~1", "a%7E1"),
        ("a*b", "a*b"),
        ("a b+c", "a+b%2Bc"),
        ("g/h.i-j_k", "g%2Fh.i-j_k"),
        ("é&=!'()", "%C3%A9%26%3D%21%27%28%29"),
    ],
)
def test_addresses_are_those_of_a_browser(name: str, written: str) -> None:
    assert address_of("detail", run=name) == f"detail?run={written}"


def test_a_folder_without_a_run_is_told(static: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError):
        export_page(tmp_path / "class.html", tmp_path, static=static)
    assert not (tmp_path / "class.html").exists()


def test_steps_are_spread_evenly() -> None:
    assert spread(list(range(0, 1001, 10)), 5) == [0, 250, 500, 750, 1000]
    assert spread([1, 2, 3], 1) == [3]


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_the_file(
    static: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        export_page, "__kwdefaults__", {**export_page.__kwdefaults__, "static": static}
    )
    page = tmp_path / "class.html"
    link = "#/playground?rate=0.1"
    monkeypatch.setattr(sys, "argv", ["clearprop", "studio", "--export", str(page), "--link", link])
    assert main() == 0
    assert embedded(page) == {"address": link}
    assert capsys.readouterr().out.strip() == f"page  {page}"
    monkeypatch.setattr(sys, "argv", ["clearprop", "studio", "--link", link])
    assert main() != 0
    assert "--export" in capsys.readouterr().err
