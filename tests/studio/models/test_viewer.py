"""What the viewer keeps, and for how long."""

from __future__ import annotations

import pytest

from clearprop import nn
from clearprop.errors import ConfigurationError
from clearprop.studio.models import viewer as viewers
from clearprop.studio.models.messages import PassRequest
from clearprop.studio.models.sources import Offer
from tests.studio.models.conftest import read, viewed


def test_requests_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers, "MOST_PASSES", 1)
    monkeypatch.setattr(viewers, "LARGEST_REQUESTS", 1500)
    seen = viewed(Offer("wide", nn.Linear(50, 2).init(0)))
    request = PassRequest(seen.source, numbers=tuple(k / 7 for k in range(50)))  # 600 bytes
    frames = [read(seen.viewer.begin(request)).header for _ in range(4)]
    names = [one["pass_id"] for one in frames]
    for name in names[-2:]:  # the numbers of one were dropped, and are the same again
        assert seen.viewer.seen(name).glass.objective == pytest.approx(frames[0]["objective"])
    for name in names[:2]:
        with pytest.raises(ConfigurationError, match="no longer known"):
            seen.viewer.seen(name)
    # One that is larger than all may be is kept while it is the newest.
    monkeypatch.setattr(viewers, "LARGEST_REQUESTS", 10)
    seen = viewed(Offer("wide", nn.Linear(50, 2).init(0)))
    first = read(seen.viewer.begin(PassRequest(seen.source, numbers=(0.5,) * 50))).header
    assert seen.viewer.seen(first["pass_id"]).glass.objective == pytest.approx(first["objective"])


def test_what_was_used_is_kept_longest() -> None:
    recent = viewers._Recent[str, bytes](3, 10, len)
    for name, size in (("a", 4), ("b", 4), ("a", 5)):
        recent.keep(name, b"." * size)
    assert recent.kept == [b"....", b"....."]
    recent.keep("c", b"..")
    assert recent.get("b") is None
    assert (recent.get("a"), recent.get("c")) == (b".....", b"..")
    recent.keep("d", b"." * 99)
    assert recent.kept == [b"." * 99]
