"""The guard in front of the studio: who may ask, from where, and what a browser may do with it.

The studio listens on this machine. Still, every page that the user has open in a browser can send
requests to it, also under a name that its own DNS leads here. So the guard checks three things:

- ``Host`` is an address that the server listens on. Where a token is demanded, any host will do.
- What changes something or opens a WebSocket comes from the page itself, by its ``Origin``; other
  requests come from there or from the user, by ``Sec-Fetch-Site`` where the browser sends it.
  Another page may only link to ``/``.
- The token, where the server listens to other machines: once in the address, then in a cookie.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clearprop.studio.playground.messages import Problem

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
UNAUTHORIZED, FORBIDDEN = 401, 403
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
TOKEN = "token"

RULES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "style-src-attr": "'unsafe-inline'",  # places and sizes that the page computes
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
POLICY = "; ".join(f"{what} {sources}" for what, sources in RULES.items())

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

# The cookie is strict, so a browser would not send it with a redirection of a link in a mail.
# A step that this page takes itself is one within the same site.
_ENTER = "location.replace(location.pathname + location.hash)"
_ENTER_HASH = base64.b64encode(hashlib.sha256(_ENTER.encode()).digest()).decode()
_ENTER_POLICY = f"default-src 'none'; script-src 'sha256-{_ENTER_HASH}'; frame-ancestors 'none'"
_ENTER_PAGE = f"""<!doctype html>
<html lang="en"><title>clearprop studio</title><a href="/">Open the studio</a>
<script>{_ENTER}</script></html>
"""


class Refusal(NamedTuple):
    """Why a request is refused.

    Attributes:
        status: code of the answer.
        problem: what the answer says.
    """

    status: int
    problem: Problem


class Guard:
    """Lets only requests through that come from the studio's own page, or from its user.

    Args:
        app: the studio.
        hosts: addresses with their port, as a browser writes them into ``Host``.
        token: that is demanded; None where the server listens on this machine only.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], token: str | None = None) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.token = token
        port = min(hosts, default="").rpartition(":")[2]
        # Cookies are not kept apart by port, so each server has a name of its own.
        self.cookie = f"clearprop-studio-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
        elif self.token is not None and scope["type"] == "http" and _given_token(scope):
            await self._enter(send)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if not host or (self.token is None and host not in self.hosts):
            return _refusal(
                FORBIDDEN,
                "the studio does not answer under this address",
                given=", ".join(hosts) or "no address",
                expected=" or ".join(sorted(self.hosts)),
            )
        if self.token is not None and not self._knows(scope, headers):
            return _refusal(
                UNAUTHORIZED,
                "the studio asks for its token",
                fix="open the whole address that the command `clearprop studio` has printed",
            )
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        origins = headers.getlist("origin")
        if changes and (len(origins) != 1 or not _is_origin_of(origins[0], host)):
            return _refusal(
                FORBIDDEN,
                "only the page of the studio itself may ask for this",
                given=", ".join(origins) or "no origin",
                expected=f"the origin http://{host}",
            )
        site = headers.get("sec-fetch-site", "none")
        if site not in ("same-origin", "none") and not _opens_the_page(scope, headers):
            return _refusal(
                FORBIDDEN,
                "other pages may link to the page of the studio, and to nothing else of it",
                given=f"a request of another page ({site})",
                fix=f"open http://{host}/ itself",
            )
        return None

    def _knows(self, scope: Scope, headers: Headers) -> bool:
        assert self.token is not None
        known = [_given_token(scope)] if scope["type"] == "http" else []
        # Python's reader of cookies stops at the first odd one, which may be another server's.
        pairs = (
            part.partition("=") for text in headers.getlist("cookie") for part in text.split(";")
        )
        known += [value for name, _, value in pairs if name.strip() == self.cookie]
        expected = self.token.encode()
        matches = [
            secrets.compare_digest(one.encode("utf-8", "replace"), expected)
            for one in known
            if one is not None
        ]
        return any(matches)

    async def _enter(self, send: Send) -> None:
        """Answer an address that has the token: give the cookie, and go on without the token."""
        cookie = f"{self.cookie}={self.token}; Path=/; SameSite=Strict; HttpOnly"
        headers = HEADERS | {
            "content-security-policy": _ENTER_POLICY,
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "set-cookie": cookie,
        }
        await _answer(send, "http", 200, headers, _ENTER_PAGE.encode())


def hosts_of(address: str, port: int) -> tuple[str, ...]:
    """Return what a browser may write into ``Host`` for a server on a loopback address.

    >>> hosts_of("127.0.0.1", 8150)
    ('127.0.0.1:8150', 'localhost:8150', '[::1]:8150')
    >>> hosts_of("127.0.0.2", 80)[3:]
    ('127.0.0.2:80', '127.0.0.1', 'localhost', '[::1]', '127.0.0.2')
    """
    own = f"[{address}]" if ":" in address else address
    names = tuple(dict.fromkeys((*LOOPBACK, own)))
    without = names if port == HTTP_PORT else ()  # which a browser leaves out
    return (*(f"{name}:{port}" for name in names), *without)


def _given_token(scope: Scope) -> str | None:
    query = scope.get("query_string", b"").decode("latin-1")
    return dict(parse_qsl(query)).get(TOKEN)


def _is_origin_of(origin: str, host: str) -> bool:
    """Say whether an origin is the page under a host; a proxy may have added ``https``."""
    try:
        found = urlsplit(origin)
        return found.scheme in ("http", "https") and found.netloc.lower() == host
    except ValueError:
        return False


def _opens_the_page(scope: Scope, headers: Headers) -> bool:
    """Say whether a link opens the page of the studio in a window, which starts no work."""
    names = ("sec-fetch-mode", "sec-fetch-dest")
    found = tuple(headers.get(name) for name in names)
    return scope.get("path") == "/" and found == ("navigate", "document")


def _refusal(
    status: int,
    message: str,
    *,
    given: str | None = None,
    expected: str | None = None,
    fix: str | None = None,
) -> Refusal:
    return Refusal(int(status), Problem(message, given=given, expected=expected, fix=fix))


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await receive()  # the request to connect
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    accepted = Headers(scope=scope).get("accept", "")
    problem = refusal.problem
    if "text/html" in accepted:
        lines = [problem.message, *(f"{k}: {v}" for k, v in _details(problem) if v)]
        kind, body = "text/plain; charset=utf-8", "\n".join(lines).encode()
    else:
        kind, body = "application/json", msgspec.json.encode(problem)
    headers = HEADERS | {"content-type": kind, "cache-control": "no-store"}
    await _answer(send, scope["type"], refusal.status, headers, body)


def _details(problem: Problem) -> tuple[tuple[str, str | None], ...]:
    return (("given", problem.given), ("expected", problem.expected), ("fix", problem.fix))


async def _answer(send: Send, kind: str, status: int, headers: dict[str, str], body: bytes) -> None:
    prefix = "websocket.http.response" if kind == "websocket" else "http.response"
    raw = [(name.encode(), text.encode("latin-1", "replace")) for name, text in headers.items()]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": f"{prefix}.start", "status": int(status), "headers": raw})
    await send({"type": f"{prefix}.body", "body": body})


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, text in HEADERS.items():
                headers.setdefault(name, text)
        await send(message)

    return sent
