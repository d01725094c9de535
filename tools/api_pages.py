"""A hook of mkdocs: the API reference, one page a floor, from the docstrings of the package.

The floors and their order are those of the import-linter contract in pyproject.toml, and every
public module below a floor has its place on the floor's page, so that a new file is documented
without a line being written here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "clearprop"
WITHOUT_API = {"__main__", "cli"}


def floors() -> list[str]:
    """Return the names of the floors that stand, from the lowest to the highest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    names = [name for layer in reversed(layers) for name in re.findall(r"\w+", layer)]
    return [
        name
        for name in names
        if name not in WITHOUT_API
        and ((PACKAGE / name / "__init__.py").is_file() or (PACKAGE / f"{name}.py").is_file())
    ]


def page(floor: str) -> str:
    """Return the page of a floor: its own docstring, then its modules."""
    own = f"# {floor}\n\n::: clearprop.{floor}\n"
    modules = list(modules_of(floor))
    if modules:
        own += "    options: {members: false}\n"
    return "\n".join([own, *(f"## {m}\n\n::: clearprop.{floor}.{m}\n" for m in modules)])


def modules_of(floor: str) -> Iterator[str]:
    """Yield the modules below a floor by dotted name, a package before what it holds."""
    folder = PACKAGE / floor
    names = (path.relative_to(folder).with_suffix("").parts for path in folder.rglob("*.py"))
    for parts in sorted(parts[:-1] if parts[-1] == "__init__" else parts for parts in names):
        if parts and not any(part.startswith("_") for part in parts):
            yield ".".join(parts)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation."""
    entries: list[Any] = [{floor: f"api/{floor}.md"} for floor in floors()]
    config.nav = [*(config.nav or []), {"API": entries}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the pages among those to build."""
    for floor in floors():
        files.append(File.generated(config, f"api/{floor}.md", content=page(floor)))
    return files
