"""The classroom file: one page that trains in the browser, without a server and without a network.

It is built from ``studio-ui`` beside the page of the studio. What `export_page` writes into it,
such as the settings with which it begins and what a recorded run shows, stands in one element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from clearprop.errors import ConfigurationError, RunError, unknown_name
from clearprop.files import read_errors, write_output
from clearprop.studio.kept_answers import Budget, kept_answers
from clearprop.studio.pages import COMMAND, STATIC, built_file
from clearprop.studio.playground.messages import Settings

CLASSROOM = "classroom.html"

PLACE = re.compile(r'(<script type="application/json" id="classroom">)\s*\{\}\s*(</script>)')
"""The element that holds what is embedded; the built file has an empty object in it."""

HIDEABLE = (
    *("data", "draw", "table", "features", "layers", "settings", "steps", "past", "edit"),
    *("curves", "diagnosis", "backward", "code"),
)
"""Parts of the playground that a teacher can hide, as `studio-ui/src/playground/hidden.ts` has
them; a test compares the two."""


def export_page(
    path: Path | str,
    run: Path | str | None = None,
    settings: Settings | Mapping[str, Any] | str | None = None,
    *,
    hide: Sequence[str] = (),
    most_bytes: int = Budget.most_bytes,
    static: Path = STATIC,
) -> Path:
    """Write the classroom file, which works from a disk; return its path.

    Args:
        path: of the file; an existing one is replaced.
        run: the folder of a recorded run, which is then in the file, to look at step by step.
        settings: with which the playground begins; or a link to a playground, copied from its page.
        hide: parts of the playground that are not shown, see `HIDEABLE`.
        most_bytes: of the run that are kept; of a larger one fewer steps are in the file.
        static: the folder of the built page.

    Raises:
        RunError: the page is not built, the folder holds no run, or the file cannot be written.
        ConfigurationError: the settings or the parts to hide are unknown.
    """
    path = Path(path)
    template = _template(static)
    content: dict[str, Any] = {}
    if settings is not None:
        content |= _embedded_settings(settings)
    if hide:
        content["hide"] = _known_parts(hide)
    if run is not None:
        content["run"] = kept_answers(Path(run), Budget(most_bytes=most_bytes)).as_dict()
    write_output(path, page_with(template, content))
    return path


def page_with(template: str, content: Mapping[str, Any]) -> str:
    r"""Return the page with something embedded in it.

    The JSON is ASCII without ``<``, so that no text of a user ends the element or is markup.

    Raises:
        RunError: the page has no place for it.

    >>> page = '<script type="application/json" id="classroom">{}</script>'
    >>> page_with(page, {"name": "</script>"})
    '<script type="application/json" id="classroom">{"name":"\\u003c/script>"}</script>'
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("&", "\\u0026")
    found = PLACE.findall(template)
    if len(found) != 1:
        raise RunError(
            "the built classroom file has no place for what is exported",
            given=f"{len(found)} places",
            expected="1",
            fix=COMMAND,
        )
    return PLACE.sub(lambda match: f"{match[1]}{safe}{match[2]}", template)


def _template(static: Path) -> str:
    file = built_file(CLASSROOM, static)
    with read_errors(file, RunError):
        return file.read_text(encoding="utf-8")


def _embedded_settings(settings: Settings | Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(settings, str):
        address = settings.partition("#")[2]
        if not address.startswith("/playground"):
            raise ConfigurationError(
                "this is no link to a playground",
                where="settings",
                given=repr(settings)[:80],
                expected="such as 'http://127.0.0.1:8150/#/playground?data=xor&rate=0.1'",
                fix="copy it from the address bar of the studio, or from its button Share",
            )
        return {"address": f"#{address}"}
    if not isinstance(settings, Settings):
        try:
            settings = msgspec.convert(settings, Settings)
        except msgspec.ValidationError as error:
            raise ConfigurationError(
                "these are no settings of the playground", where="settings", given=str(error)
            ) from error
    if settings.data.kind == "table":
        raise ConfigurationError(
            "the classroom file cannot read tables, and has none in it",
            where="settings.data.kind",
            given="table",
            fix="choose one of the point sets",
        )
    return {"settings": msgspec.to_builtins(settings)}


def _known_parts(hide: Sequence[str]) -> list[str]:
    for part in hide:
        if part not in HIDEABLE:
            raise unknown_name("part of the playground", part, HIDEABLE, where="hide")
    return list(dict.fromkeys(hide))
