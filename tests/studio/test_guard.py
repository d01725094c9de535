"""What the guard lets through, and what it refuses."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from websockets.exceptions import InvalidStatus

from clearprop.studio import server as servers
from clearprop.studio.guard import HEADERS
from tests.studio.conftest import Client, Started


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"]
)
def test_names_of_this_machine_are_answered(client: Client, host: str) -> None:
    assert client("/", headers={"Host": host.format(port=client.port)}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}"),
        *("127.0.0.1:{port}.evil.example", "127.0.0.1:{port}@evil.example", "0.0.0.0:{port}", ""),
        *("localhost.:{port}", "127.0.0.1:{port}, evil.example", "2130706433:{port}"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/playground/catalog", "/assets/index-a1_b2.js"])
def test_other_names_are_refused_as_after_dns_rebinding(
    client: Client, host: str, path: str
) -> None:
    answer = client(path, headers={"Host": host.format(port=client.port)})
    assert answer.status == 403
    assert answer.json["message"] == "the studio does not answer under this address"


def test_a_request_needs_exactly_one_host(client: Client) -> None:
    assert client.raw("GET / HTTP/1.1", f"Host: {client.host}").status == 200
    assert client.raw("GET / HTTP/1.1").status == 400
    assert client.raw("GET / HTTP/1.0").status == 403
    two = f"Host: {client.host}", "Host: evil.example"
    assert client.raw("GET / HTTP/1.1", *two).status == 400


FOREIGN = [
    *("http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1", "http://localhost"),
    *("http://[::1", "file://", "chrome-extension://abc", "", "http://{host}.evil.example"),
    *("http://user@{host}", "javascript://{host}", "http://localhost:{port}"),
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_websocket_of_another_page_is_refused(client: Client, origin: str) -> None:
    origin = origin.format(host=client.host, port=client.port)
    with pytest.raises(InvalidStatus, match="403"), client.talk(origin=origin):
        pass


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_page_cannot_change_anything(client: Client, origin: str) -> None:
    headers = {"Origin": origin.format(host=client.host, port=client.port)}
    answer = client("/api/tables?name=a.csv", "POST", b"x,y\n1,2\n", headers)
    assert answer.status == 403
    assert "only the page of the studio" in answer.json["message"]
    assert len(client.server.studio.tables) == 0


def test_without_an_origin_nothing_changes(client: Client) -> None:
    lines = ["POST /api/tables?name=a.csv HTTP/1.1", f"Host: {client.host}", "Content-Length: 0"]
    assert client.raw(*lines).status == 403
    with pytest.raises(InvalidStatus, match="403"), client.talk(origin=None):
        pass


def test_the_page_under_another_name_of_this_machine(client: Client) -> None:
    name = f"localhost:{client.port}"
    headers = {"Host": name, "Origin": f"http://{name}"}
    assert client("/api/tables?name=a.txt", "POST", b"", headers).status == 400  # a wrong name
    with client.talk(host=name, origin=f"http://{name}"):
        pass


@pytest.mark.parametrize(
    ("path", "site", "mode", "dest", "status"),
    [
        ("/api/playground/catalog", "same-origin", "cors", "empty", 200),
        ("/api/playground/catalog", "same-origin", "navigate", "document", 200),  # a printed page
        ("/api/playground/catalog", "none", "navigate", "document", 200),  # typed by the user
        ("/", "cross-site", "navigate", "document", 200),  # a link
        ("/", "same-site", "navigate", "document", 200),
        ("/?token=x", "cross-site", "navigate", "document", 200),
        ("/", "cross-site", "navigate", "iframe", 403),
        ("/", "cross-site", "navigate", "", 403),
        ("/", "cross-site", "no-cors", "image", 403),
        ("/api/playground/catalog", "cross-site", "navigate", "document", 403),
        ("/api/playground/catalog", "cross-site", "navigate", "iframe", 403),
        ("/api/playground/catalog", "same-site", "cors", "empty", 403),  # another server here
        ("//", "cross-site", "navigate", "document", 403),
    ],
)
def test_other_pages_may_link_to_the_page_only(
    client: Client, path: str, site: str, mode: str, dest: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    assert client(path, headers=headers).status == status


@pytest.mark.parametrize("path", ["/", "/assets/index-a1_b2.js", "/api/playground/catalog", "/no"])
def test_every_answer_says_what_a_browser_may_do(client: Client, path: str) -> None:
    answer = client(path)
    refused = client(path, headers={"Host": "evil.example"})
    for name, text in HEADERS.items():
        assert answer.headers[name] == text
        assert refused.headers[name] == text
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy  # no host outside


# --- with a token --------------------------------------------------------------------------------


def token(client: Client) -> str:
    found = client.server.place.token
    assert found is not None
    return found


@pytest.mark.parametrize("path", ["/", "/api/playground/catalog", "/assets/index-a1_b2.js", "/no"])
def test_without_the_token_nothing_is_answered(guarded: Client, path: str) -> None:
    right, cookie = token(guarded), f"clearprop-studio-{guarded.port}"
    assert client_statuses(guarded, path) == {401}
    for wrong in ("", "x", right[:-1], right + "x", right.swapcase(), "%00", "é", right[::-1]):
        assert guarded(f"{path}?token={wrong.replace('é', '%C3%A9')}").status == 401
        written = wrong.encode("latin-1").decode("latin-1")
        assert guarded(path, headers={"Cookie": f"{cookie}={written}"}).status == 401
    assert guarded(path, headers={"Cookie": f"other={right}"}).status == 401
    assert guarded(path, headers={"Authorization": f"Bearer {right}"}).status == 401


def client_statuses(client: Client, path: str) -> set[int]:
    headers = [{}, {"Host": "localhost"}, {"Host": "evil.example"}, {"Cookie": ";;;=,\x7f"}]
    return {client(path, headers=one).status for one in headers}


def test_the_address_gives_a_cookie_once(guarded: Client) -> None:
    address = guarded.server.url
    assert address.endswith(f"/?token={token(guarded)}")
    answer = guarded(f"/?token={token(guarded)}")
    assert answer.status == 200
    cookie = SimpleCookie(answer.headers["set-cookie"])[f"clearprop-studio-{guarded.port}"]
    assert (cookie["samesite"], cookie["httponly"], cookie["path"]) == ("Strict", True, "/")
    assert answer.headers["cache-control"] == "no-store"
    # The page goes on to the address without the token, which then stands in no history.
    assert b"location.replace(location.pathname + location.hash)" in answer.body
    assert token(guarded).encode() not in answer.body
    headers = {"Cookie": f'theme={{"a": 1}}; {cookie.key}={cookie.value}; x=y'}
    page = guarded("/", headers=headers)
    assert (page.status, page.body) == (200, b"<!doctype html><title>studio</title>")
    assert guarded("/api/playground/catalog", headers=headers).status == 200
    for host in ("192.168.1.7:8150", "laptop.local:8150"):
        assert guarded("/", headers={**headers, "Host": host}).status == 200


def test_a_websocket_needs_cookie_and_origin(guarded: Client) -> None:
    cookie = {"Cookie": f"clearprop-studio-{guarded.port}={token(guarded)}"}
    with guarded.talk(additional_headers=cookie) as socket:
        socket.send('{"type":"play"}')
        assert socket.recv() == '{"type":"play"}'
    with pytest.raises(InvalidStatus, match="403"):
        guarded.talk(additional_headers=cookie, origin="http://evil.example").close()
    for path in ("/ws/playground", f"/ws/playground?token={token(guarded)}"):
        with pytest.raises(InvalidStatus, match="401"):
            guarded.talk(path).close()


def test_a_person_without_the_token_reads_what_to_do(guarded: Client) -> None:
    answer = guarded("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert b"open the whole address" in answer.body


def test_each_studio_has_a_token_of_its_own(
    guarded: Client, start: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "is_loopback", lambda address: False)
    other = start()
    assert len(token(guarded)) == 32
    assert token(guarded) != token(other)
    assert (
        other("/", headers={"Cookie": f"clearprop-studio-{other.port}={token(guarded)}"}).status
        == 401
    )
