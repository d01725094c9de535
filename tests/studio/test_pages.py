"""The files of the page: those of the build, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.studio.pages import check_page
from tests.studio.conftest import SECRET, Client, Started


def test_the_page_is_asked_for_each_time(client: Client) -> None:
    answer = client("/")
    assert (answer.status, answer.body) == (200, b"<!doctype html><title>studio</title>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


def test_an_asset_never_changes(client: Client) -> None:
    answer = client("/assets/index-a1_b2.js")
    assert (answer.status, answer.body) == (200, b"void 0;")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


UP = ("..", "%2e%2e", "%2E.", "..%00", "%252e%252e", "..%5c", "..\\", "..;", "%c0%ae%c0%ae", "．．")
SLASHES = ("/", "%2f", "%5c", "\\", "%252f", "//", "%c0%af", "%ef%bc%8f")


@pytest.mark.parametrize("slash", SLASHES)
@pytest.mark.parametrize("up", UP)
def test_nothing_outside_of_the_assets_is_read(client: Client, up: str, slash: str) -> None:
    for path in (
        f"/assets/{up}{slash}index.html",
        f"/assets/{up}{slash}{up}{slash}secret.js",
        f"/assets{slash}{up}{slash}index.html",
        f"/{up}{slash}secret.js",
        f"/assets/x{slash}{up}{slash}index-a1_b2.js",
    ):
        answer = client.raw(f"GET {path} HTTP/1.1", f"Host: {client.host}")
        assert answer.status in (400, 404), path
        assert SECRET.encode() not in answer.body
        assert b"<title>" not in answer.body


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "notes.txt", "missing.js", ".hidden.js", "index-a1_b2.js%00", "a%0d%0ab.js"],
)
def test_what_is_no_asset(client: Client, name: str) -> None:
    answer = client(f"/assets/{name}")
    assert answer.status == 404
    assert answer.json["message"] in ("the page has no such file", "the studio has nothing here")


def test_a_link_among_the_assets_is_not_followed(tmp_path: Path, start: Started) -> None:
    assets = tmp_path / "static" / "assets"
    assets.mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret", encoding="utf-8")
    try:
        os.symlink(tmp_path / "secret.js", assets / "linked.js")
    except OSError:
        pytest.skip("this system makes no links")
    assert start(pages=assets.parent)("/assets/linked.js").status == 404


def test_a_page_that_is_not_built(tmp_path: Path, start: Started) -> None:
    with pytest.raises(RunError, match=r"(?s)page of the studio is missing.*make studio"):
        check_page(tmp_path)
    assert start(pages=tmp_path)("/").status == 404


def test_what_nobody_serves(client: Client) -> None:
    answer = client("/api/nothing?here")
    assert (answer.status, answer.json["where"]) == (404, "/api/nothing")
    assert client("/", "POST").status == 405
    assert client("/favicon.ico").status == 204
