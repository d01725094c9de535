"""The guard in a real browser: what another page can do to a studio, and how a token is taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from clearprop.studio import server as servers
from clearprop.studio.app import Engine, Studio
from clearprop.studio.pages import INDEX, STATIC, Pages
from clearprop.studio.server import StudioServer
from tests.studio.browser.conftest import until
from tests.studio.conftest import AboutEcho, Echo

ATTACK = """<!doctype html><title>attack</title><a href="%s">link</a>
<script>
const tried = {};
const studio = "%s";
async function attempt(name, work) {
  try { tried[name] = await work(); } catch (error) { tried[name] = "refused"; }
}
const opened = (socket) => new Promise((done) => {
  socket.onopen = () => done("opened");
  socket.onerror = () => done("refused");
});
const loaded = (element) => new Promise((done) => {
  element.onload = () => done("loaded");
  element.onerror = () => done("refused");
  document.body.append(element);
});
async function attack(name) {
  const socket = studio.replace("http", "ws") + "ws/playground";
  await attempt("socket", () => opened(new WebSocket(socket)));
  await attempt("read", async () => (await fetch(studio + "api/runs")).status);
  await attempt("upload", async () => {
    await fetch(studio + "api/tables?name=x.csv",
      { method: "POST", mode: "no-cors", body: "x,y\\n1,2\\n" });
    return "sent";
  });
  await attempt("script", () => loaded(Object.assign(
    document.createElement("script"), { src: studio + "assets/" + name })));
  await attempt("image", () => loaded(Object.assign(
    document.createElement("img"), { src: studio + "favicon.ico" })));
  const frame = document.createElement("iframe");
  frame.src = studio;
  await loaded(frame);
  await attempt("frame", () => frame.contentWindow.document.title);
  return tried;
}
</script>"""


class Serving(StudioServer):
    """A studio of the built page, whose engine only repeats what it is asked."""

    def __init__(self) -> None:
        engine = Engine(Echo, AboutEcho, lambda: None)
        self.made = Studio(Pages(), engine)
        super().__init__(self.made, port=0)


@pytest.fixture
def own() -> Iterator[Serving]:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    with Serving() as server:
        server.start()
        yield server


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    monkeypatch.setattr(servers, "is_loopback", lambda address: False)
    with Serving() as server:
        server.start()
        yield server


@pytest.fixture
def foreign(browser: Any) -> Iterator[Any]:
    """Open a page whose complaints are wanted: they are what it is refused."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def elsewhere(page: str) -> ThreadingHTTPServer:
    """Serve a page of another site."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_page_of_this_machine_gets_nothing(own: Serving, foreign: Any, host: str) -> None:
    asset = next((STATIC / "assets").glob("*.js")).name
    with elsewhere(ATTACK % (own.url, own.url)) as attacker:
        foreign.goto(f"http://{host}:{attacker.server_port}/")
        tried = foreign.evaluate("name => attack(name)", asset)
        attacker.shutdown()
    assert tried == {
        "socket": "refused",
        "read": "refused",
        "upload": tried["upload"],  # a browser may say "sent"
        "script": "refused",
        "image": "refused",
        "frame": "refused",
    }
    assert len(own.made.tables) == 0
    foreign.goto(own.url)  # the user's own visit is answered
    assert "clearprop studio" in foreign.title()


def test_a_link_of_another_page_opens_the_studio(own: Serving, foreign: Any) -> None:
    with elsewhere(ATTACK % (own.url, own.url)) as other:
        foreign.goto(f"http://localhost:{other.server_port}/")
        foreign.get_by_role("link").click()
        foreign.wait_for_url(f"{own.url}**")
        other.shutdown()
    until(foreign, "document.title.endsWith('clearprop studio')")


def test_the_token_is_taken_out_of_the_address(guarded: Serving, foreign: Any) -> None:
    home = f"http://127.0.0.1:{guarded.place.port}/"
    assert foreign.goto(home).status == 401
    assert "open the whole address" in foreign.content()
    # As in a mail: the first request comes from another site.
    with elsewhere(ATTACK % (f"{guarded.url}#/backward", home)) as mail:
        foreign.goto(f"http://localhost:{mail.server_port}/")
        foreign.get_by_role("link").click()
        foreign.wait_for_url(f"{home}#/backward")
        mail.shutdown()
    foreign.get_by_role("navigation", name="Views").wait_for()
    assert foreign.evaluate("document.cookie") == ""  # scripts cannot read it
    assert guarded.place.token not in foreign.evaluate("location.href")
    foreign.reload()
    foreign.get_by_role("navigation", name="Views").wait_for()
    address = home.replace("http", "ws") + "ws/playground"
    opened = "address => new Promise(done => { const s = new WebSocket(address);"
    opened += " s.onopen = () => done('opened'); s.onerror = () => done('refused'); })"
    assert foreign.evaluate(opened, address) == "opened"
    with elsewhere(ATTACK % (home, home)) as attacker:
        foreign.goto(f"http://localhost:{attacker.server_port}/")
        tried = foreign.evaluate("name => attack(name)", "index.js")
        attacker.shutdown()
    assert {tried[name] for name in ("socket", "read", "script", "frame")} == {"refused"}
    assert len(guarded.made.tables) == 0
