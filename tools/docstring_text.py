"""An extension of griffe: docstrings, which are plain text for `help()`, become Markdown.

Markdown reads ``>>>`` as a quotation three deep, ``<gradient, v>`` as a tag that it swallows and
``x**2`` as the beginning of bold type. The sources stay as a reader of plain text wants them.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*\n?(?:^(?!\s*$).*\n?)*", re.MULTILINE)
CODE = re.compile(r"(^```.*?^```$|``.+?``|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
POWER = re.compile(r"(?<=[\w)])\*\*(?=[\w(])")


def markdown(text: str) -> str:
    r"""Return a docstring's text with its examples fenced and its mathematics kept as it is.

    >>> print(markdown("Add <x, y> to `x**2` and y**2."))
    Add &lt;x, y> to `x**2` and y\*\*2.
    >>> markdown(">>> add(1, 2)\n3")
    '```pycon\n>>> add(1, 2)\n3\n```'
    """
    fenced = EXAMPLE.sub(lambda example: f"```pycon\n{example[0].rstrip()}\n```\n", text).rstrip()
    parts = CODE.split(fenced)
    parts[::2] = [POWER.sub(r"\*\*", part.replace("<", "&lt;")) for part in parts[::2]]
    return "".join(parts)


class DocstringText(griffe.Extension):
    """Rewrites every docstring once, when its object has been read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
