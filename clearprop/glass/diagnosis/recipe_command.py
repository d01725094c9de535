"""The command that trains the recipe of a run again, with some of its settings changed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from clearprop.errors import Option

OF_DATA = ("name", "target", "dev", "test")
"""Options of the data that have words of their own, or stand among the chosen settings."""


def recipe_command(recipe: Mapping[str, Any], changed: Mapping[str, object]) -> str:
    """Return the command that trains the recipe of a run again, with some settings changed.

    A run that does not know what was chosen names all its settings: the command must not train
    another network.

    Args:
        recipe: the note of a run: ``name``, ``values`` and ``chosen``.
        changed: settings by key.

    >>> note = {"name": "char-gpt", "values": {"width": 32, "epochs": 1}, "chosen": {"width": 32}}
    >>> recipe_command(note, {"epochs": 10})
    'clearprop train char-gpt --set width=32 --set epochs=10'
    """
    values = recipe.get("values", {})
    part = values.get("data")
    data: Mapping[str, Any] = part if isinstance(part, Mapping) else {}
    words = [f"{key} {shlex.quote(str(text))}" for key, text in
             (("--data", data.get("name")), ("--target", data.get("target"))) if text]  # fmt: skip
    words += [_option(key, value).shell for key, value in data.items()
              if key not in OF_DATA and value not in (None, "", [])]  # fmt: skip
    whole = {key: value for key, value in values.items() if key != "data" and value is not None}
    chosen = {**recipe.get("chosen", whole), **changed}
    words += [f"--set {shlex.quote(f'{key}={_setting(value)}')}" for key, value in chosen.items()]
    return " ".join(["clearprop train", str(recipe.get("name")), *words])


def _option(name: str, value: object) -> Option:
    """Return an option of the data as the notes of a recipe have it."""
    return Option(name, tuple(value) if name == "size" and isinstance(value, list) else value,
                  f"data.{name}")  # fmt: skip


def _setting(value: object) -> str:
    """Return a value as ``--set`` takes it.

    >>> _setting([64, 32]), _setting(True), _setting(None), _setting("layers.*")
    ('64,32', 'true', 'none', 'layers.*')
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "none"
    if isinstance(value, list) and all(type(one) in (int, float) for one in value):
        return ",".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)
