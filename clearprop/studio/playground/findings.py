"""A finding of `diagnose` as the page shows it."""

from __future__ import annotations

from clearprop.glass.diagnosis.finding import Finding
from clearprop.studio.playground.messages import PageFinding
from clearprop.studio.problems import plain


def shown_finding(found: Finding) -> PageFinding:
    """Return a finding for the page: the last sentence of its reason says what to do.

    >>> from clearprop.glass.diagnosis.finding import Finding
    >>> shown_finding(Finding("", {}, "It rose.", "fit()", 0.7, kind="rate_too_high")).mend
    'Use a lower learning rate.'
    """
    reason, _, mend = found.reason.rpartition(". ")
    follows = f" It may well follow from: {found.cause}." if found.follows else ""
    parts = {
        "grade": found.grade,
        "title": found.title,
        "place": found.where,
        "evidence": found.sentence,
        "reason": f"{reason}.{follows}" if reason else follows.strip(),
        "mend": mend,
        "code": found.fix,
    }
    return PageFinding(**{name: plain(text) or "" for name, text in parts.items()})
