"""Write the sources of the studio's page that Python already has.

``python -m tools.studio_types`` writes the files below ``studio-ui/src`` that say what Python
already says: the messages of the playground, the colors and the glossary. With ``--check`` it
writes nothing and ends with exit code 1 where a file is not up to date.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
from msgspec import inspect as types

from clearprop.glass import colors
from clearprop.glass.boundary_section import CLASS_COLORS
from clearprop.glass.equations.mistakes import KINDS
from clearprop.glass.glossary import GLOSSARY
from clearprop.studio.backward import messages as of_passes
from clearprop.studio.models import headers
from clearprop.studio.models import messages as of_models
from clearprop.studio.playground import choices, messages
from clearprop.studio.playground.catalog import catalog
from clearprop.studio.runs import messages as of_runs
from clearprop.studio.vision import headers as vision_headers
from clearprop.studio.vision import messages as of_vision

SOURCES = Path(__file__).parents[1] / "studio-ui" / "src"

HEAD = """\
// {about}
// Written by `python -m tools.studio_types` from {source}: change that file and run the
// command again; a test compares the two.
"""


def sources() -> dict[str, str]:
    """Return what each file holds, by its path below ``studio-ui/src``."""
    return {
        "engine/messages.ts": _head(
            "The messages between the page and the engine of the playground.",
            "clearprop/studio/playground/messages.py",
        )
        + typescript(messages),
        "engine/choices.ts": _head(
            "What the settings of the playground can be chosen from.",
            "clearprop/studio/playground/choices.py",
        )
        + typescript(choices),
        "engine/catalog.ts": _head(
            "The library's choices, for a page without a server.",
            "clearprop/studio/playground/catalog.py",
        )
        + 'import type { Catalog } from "./choices";\n\n'
        + f"export const CATALOG: Catalog = {_plain(catalog())};\n",
        "models/messages.ts": _head(
            "What the views of any model send, and what they get as JSON.",
            "clearprop/studio/models/messages.py",
        )
        + typescript(of_models),
        "models/headers.ts": _head(
            "The headers of the frames that the views of any model get.",
            "clearprop/studio/models/headers.py",
        )
        + typescript(headers)
        + f"\nexport const STATISTICS = {json.dumps(headers.STATISTICS)} as const;\n",
        "backward/messages.ts": _head(
            "What the view of the backward pass sends and gets.",
            "clearprop/studio/backward/messages.py",
        )
        + typescript(of_passes),
        "runs/messages.ts": _head(
            "What the page gets to know of runs.", "clearprop/studio/runs/messages.py"
        )
        + 'import type { Finding } from "../engine/messages";\n\n'
        + typescript(of_runs),
        "classroom/passes/kinds.ts": _head(
            "The kinds of mistakes in an exercise, and what they mean.",
            "clearprop/glass/equations/mistakes.py",
        )
        + f"export const KINDS: Readonly<Record<string, string>> = {_record(KINDS)};\n",
        "vision/messages.ts": _head(
            "The messages between the page's view of pictures and the session that trains for it.",
            "clearprop/studio/vision/messages.py",
        )
        + 'import type { Choice } from "../engine/choices";\n'
        + "import type { Back, Curves, Pause, Play, Playing, Problem, Speed, StepOnce } "
        + 'from "../engine/messages";\n'
        + 'import type { PassRequest } from "../models/messages";\n\n'
        + typescript(of_vision),
        "vision/headers.ts": _head(
            "The header of the frames in which a network that trains is shown.",
            "clearprop/studio/vision/headers.py",
        )
        + 'import type { MapsLayer, PassShown } from "../models/headers";\n\n'
        + typescript(vision_headers),
        "drawing/palette.ts": _head(
            "The stops of the colors: below 0, above 0, and darkest; and those of the classes.",
            "clearprop/glass/colors.py and boundary_section.py",
        )
        + _palette(),
        "shell/glossary.ts": _head(
            "What each term means, in one or two sentences.", "clearprop/glass/glossary.py"
        )
        + f"export const GLOSSARY = {_record(GLOSSARY)} as const;\n",
        "engine/defaults.ts": _head(
            "The settings of the playground with which the page begins, and their bounds.",
            "clearprop/studio/playground/messages.py",
        )
        + _defaults(),
    }


def _head(about: str, source: str) -> str:
    return HEAD.format(about=about, source=source) + "\n"


def _record(entries: dict[str, str]) -> str:
    return json.dumps(entries, indent=2, ensure_ascii=False)


def _plain(struct: msgspec.Struct) -> str:
    """Return lists of rows, a row in a line."""
    lists = []
    for name, rows in msgspec.to_builtins(struct).items():
        lines = "".join(f"    {json.dumps(row, ensure_ascii=False)},\n" for row in rows)
        lists.append(f"  {name}: [\n{lines}  ],\n")
    return f"{{\n{''.join(lists)}}}"


def _defaults() -> str:
    settings = json.dumps(msgspec.to_builtins(messages.Settings()), indent=2)
    kinds, features = (json.dumps(get_args(a)) for a in (messages.DataKind, messages.Feature))
    bounds = ("MOST_EXAMPLES", "MOST_LAYERS", "MOST_UNITS")
    return "".join(
        (
            'import type { DataSettings, Settings } from "./messages";\n\n',
            f"export const DEFAULTS: Settings = {settings};\n",
            f'export const KINDS: readonly DataSettings["kind"][] = {kinds};\n',
            f'export const FEATURES: Settings["features"] = {features};\n',
            *(f"export const {name} = {getattr(messages, name)};\n" for name in bounds),
        )
    )


def _palette() -> str:
    stops = {
        "NEGATIVE": colors.NEGATIVE,
        "POSITIVE": colors.POSITIVE,
        "DARKEST": colors.DARKEST,
        "CLASS_COLORS": CLASS_COLORS,
    }
    kinds = {"DARKEST": "readonly [number, number, number]"}
    every = "readonly (readonly [number, number, number])[]"
    return "".join(
        f"export const {name}: {kinds.get(name, every)} = {json.dumps(value)};\n"
        for name, value in stops.items()
    )


def typescript(module: ModuleType) -> str:
    """Return the module's structs and unions as TypeScript, in their order."""
    parts = []
    for name, value in vars(module).items():
        is_struct = isinstance(value, type) and issubclass(value, msgspec.Struct)
        if is_struct and value.__module__ == module.__name__:
            parts.append(_interface(value))
        elif name in ("Request", "Answer"):
            members = "".join(f"\n  | {_named(member)}" for member in get_args(value))
            parts.append(f"export type {name} ={members};\n")
    return "\n".join(parts)


def _named(struct: type[Any]) -> str:
    """Return the name of a struct on the page: in Python the word Page tells some from others."""
    return struct.__name__.removeprefix("Page")


def _interface(struct: type[msgspec.Struct]) -> str:
    found = types.type_info(struct)
    assert isinstance(found, types.StructType)
    about = _documents(struct)
    lines = [f"/** {about.pop('')} */", f"export interface {_named(struct)} {{"]
    if found.tag is not None:
        lines.append(f"  readonly type: {_quoted(found.tag)};")
    for field in found.fields:
        if field.name in about:
            lines.append(f"  /** {about[field.name]} */")
        lines.append(f"  readonly {field.encode_name}: {_type(field.type)};")
    return "\n".join([*lines, "}\n"])


def _documents(struct: type) -> dict[str, str]:
    """Return the first paragraph of a docstring under "", and those of the attributes by name."""
    text = (inspect.getdoc(struct) or "").replace("`Page", "`")
    first, _, rest = text.partition("\n\n")
    found = {"": " ".join(first.split())}
    name = ""
    _, _, attributes = rest.partition("Attributes:\n")
    for line in attributes.splitlines():
        begun = re.match(r"^ {4}(\w+): (.*)$", line)
        if begun:
            name = begun[1]
            found[name] = begun[2]
        elif name and line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
    return found


def _type(found: Any) -> str:
    match found:
        case types.BoolType():
            return "boolean"
        case types.IntType() | types.FloatType():
            return "number"
        case types.StrType():
            return "string"
        case types.NoneType():
            return "null"
        case types.LiteralType():
            return " | ".join(_quoted(value) for value in sorted(found.values))
        case types.StructType():
            return _named(found.cls)
        case types.UnionType():
            return " | ".join(_type(part) for part in found.types)
        case types.TupleType():
            return f"readonly [{', '.join(map(_type, found.item_types))}]"
        case types.VarTupleType() | types.ListType():
            inner = _type(found.item_type)
            return f"readonly ({inner})[]" if " " in inner else f"readonly {inner}[]"
        case types.DictType():
            return f"Readonly<Record<string, {_type(found.value_type)}>>"
    raise TypeError(f"no type of TypeScript is known for {found}")


def _quoted(value: object) -> str:
    return f'"{value}"'


def main(given: Sequence[str] | None = None) -> int:
    """Write or check the file; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.studio_types", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args(given)
    stale = []
    for path, text in sources().items():
        target = SOURCES / path
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not arguments.check:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
    for path in stale:
        print(path, "is stale" if arguments.check else "is written")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
