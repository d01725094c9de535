"""`cp.studio` in programs and notebooks."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import re
import signal
import subprocess
import sys
import types
import urllib.request
from pathlib import Path

import pytest

import clearprop as cp
from clearprop.errors import ConfigurationError, RunError
from clearprop.studio import pages, start
from tests.studio.conftest import Client, small_run


@pytest.fixture(autouse=True)
def own_page(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve a page also where none is built, and never open a browser."""
    monkeypatch.setattr(start, "check_page", lambda: None)
    monkeypatch.setattr(start, "Pages", lambda: pages.Pages(static))
    monkeypatch.setattr("clearprop.studio.server.open_browser", opened.append)
    opened.clear()


ROOT = Path(__file__).parents[2]
opened: list[str] = []


def test_the_name_is_the_module_and_the_function() -> None:
    assert callable(cp.studio)
    assert isinstance(cp.studio, types.ModuleType)
    assert "studio" in cp.__all__
    assert cp.studio.frames.ALIGNMENT == 8  # type: ignore[attr-defined]


def test_naming_it_imports_nothing() -> None:
    program = (
        "import sys, clearprop as cp; assert callable(cp.studio); "
        "sys.exit(str({'jax', 'starlette', 'uvicorn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr == "set()\n"


def test_it_serves_until_it_is_closed() -> None:
    with cp.studio(port=0, browser=False) as server:
        assert Client(server)("/").status == 200
        assert Client(server)("/api/runs").json["runs"] == []
    assert not server.is_open
    assert opened == []


def test_a_browser_is_opened_but_not_beside_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    with cp.studio(port=0) as server:
        assert opened == [server.url]
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    with cp.studio(port=0) as server:
        assert len(opened) == 1
        assert server.url in server._link()


def test_a_run_is_opened_by_its_folder(tmp_path: Path) -> None:
    run = small_run(tmp_path / "mine")
    for what in (run, tmp_path / "mine", str(tmp_path / "mine")):
        with cp.studio(what, port=0, browser=False) as server:
            assert server.url.endswith("/#/runs?run=mine")
            assert [one["name"] for one in Client(server)("/api/runs").json["runs"]] == ["mine"]


def test_the_objects_of_a_program(tmp_path: Path) -> None:
    model = cp.nn.Sequential(cp.nn.Linear(4, 3))
    with cp.studio(model, cp.data.load("iris"), port=0, browser=False, runs=tmp_path) as server:
        assert server.url.endswith("/#/models?source=object%3A0")
        (first, *_) = Client(server)("/api/models/sources").json["sources"]
        assert (first["id"], first["title"]) == ("object:0", "Sequential")
        graph = Client(server)("/api/models/graph?source=object%3A0")
        assert graph.status == 200
        assert {"layers.0.weight", "layers.0.bias"} <= {one["name"] for one in graph.json["nodes"]}


def test_what_is_to_be_said_is_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="`clearprop train descent` makes a run of it"):
        cp.studio("descent", port=0, browser=False, runs=tmp_path).close()


@pytest.mark.parametrize("what", [3, [1], b"runs", object()])
def test_what_cannot_be_opened(what: object) -> None:
    with pytest.raises(ConfigurationError, match="the studio cannot open this"):
        cp.studio(what)  # type: ignore[arg-type]


def test_data_needs_a_model() -> None:
    with pytest.raises(ConfigurationError, match="data and loss go with a model"):
        cp.studio("lenet5", ([[1.0]], [0]))
    with pytest.raises(ConfigurationError, match="data and loss go with a model"):
        cp.studio(loss="squared_error")


PROGRAM = """
import clearprop as cp
from clearprop.studio import start
from websockets.sync.client import connect

start.check_page = lambda: None
server = cp.studio(port=0, browser=False, wait=False)
host = f"127.0.0.1:{server.place.port}"
talk = connect(f"ws://{host}/ws/playground", origin=f"http://{host}", legacy=True)
talk.send('{"type":"configure","settings":{}}')
talk.send('{"type":"play"}')
while not isinstance(got := talk.recv(), bytes):
    assert "problem" not in got, got
print("trains")
"""


@pytest.mark.slow
def test_a_program_ends_while_a_page_trains(tmp_path: Path) -> None:
    # Python crashes where it stops a thread inside compiled code.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "trains\n")
    assert re.fullmatch(r"studio  http://127\.0\.0\.1:\d+/\n", done.stderr)


SCRIPT = """
import sys
import clearprop as cp
from clearprop.studio import start

start.check_page = lambda: None
cp.studio(port=0, browser=False)
print("last line", flush=True)
"""


def test_a_script_waits_at_its_end(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)
    pipe = subprocess.PIPE
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=pipe, stderr=pipe, text=True, env=env, cwd=tmp_path
    ) as going:
        assert going.stdout is not None
        assert going.stderr is not None
        url = going.stderr.readline().removeprefix("studio  ").strip()
        assert going.stdout.readline() == "last line\n"
        assert "until Ctrl-C" in going.stderr.readline()
        with urllib.request.urlopen(f"{url}api/runs") as answer:
            assert json.load(answer)["runs"] == []
        going.send_signal(signal.SIGINT)
        assert going.wait(60) == 0
        assert going.stderr.read() == ""


@pytest.mark.parametrize("ending", ["raise SystemError", "server.close()"])
def test_a_script_that_failed_or_closed_it_ends(tmp_path: Path, ending: str) -> None:
    script = tmp_path / "mine.py"
    opened = SCRIPT.replace("cp.studio(port", "server = cp.studio(port")
    script.write_text(opened + ending)
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == ("raise" in ending)
    assert "until Ctrl-C" not in done.stderr


def test_help_shows_the_arguments() -> None:
    assert "browser" in inspect.signature(cp.studio).parameters
    text = pydoc.plain(pydoc.render_doc(cp.studio))
    assert text.index("or the\n            name of a recipe") < text.index("PACKAGE CONTENTS")


def test_a_page_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "check_page", lambda: pages.check_page(tmp_path))
    with pytest.raises(RunError, match="make studio"):
        cp.studio()
