"""The line of a user's code that led to an error, and the statement and expression in it."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

_LIBRARIES = (
    f"{Path(__file__).parent}/",
    *(f"{sysconfig.get_path(name)}/" for name in ("stdlib", "purelib", "platlib")),
    "<frozen",
)

LONGEST = 160
"""So many characters of a line are shown; the place says where the rest stands."""


@dataclass(frozen=True)
class UserCode:
    """A place in a user's code.

    Attributes:
        file: its path, or the name of a cell of a notebook.
        line: its number.
        expression: the source of the expression that failed; "" where it is not known.
        statement: the statement around it; None where there is no source.
        tree: the whole file; None where there is no source.
        names: the global names of the code.
    """

    file: str
    line: int
    expression: str
    statement: ast.stmt | None
    tree: ast.Module | None
    names: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The line, without the blanks around it."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        place = f"{Path(self.file).name}:{self.line}"
        shown = self.source
        if len(shown) > LONGEST:
            shown = textwrap.shorten(shown, LONGEST, placeholder=" ...")
        return f"{place}: {shown}" if shown else place

    def name_of(self, module: str) -> str | None:
        """Return the global name that the code has for a module; None where it has none."""
        loaded = sys.modules.get(module)
        return next((name for name, x in self.names.items() if x is loaded is not None), None)

    def text(self, node: ast.AST) -> str:
        """Return the source of a part of the file."""
        return ast.get_source_segment("".join(linecache.getlines(self.file)), node) or ""


def of_error(error: BaseException) -> UserCode | None:
    """Return the innermost place in a user's code that an error has passed."""
    found: TracebackType | None = None
    step = error.__traceback__
    while step is not None:
        if _is_users(step.tb_frame):
            found = step
        step = step.tb_next
    return None if found is None else _code(found.tb_frame, found.tb_lasti, found.tb_lineno)


def of_caller() -> UserCode | None:
    """Return the innermost place in a user's code that is running now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame):
        frame = frame.f_back
    return None if frame is None else _code(frame, frame.f_lasti, frame.f_lineno)


def of_function(function: Callable[..., object]) -> UserCode | None:
    """Return the place where a function of a user is defined."""
    inner: Any = function
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    code = getattr(inner, "__code__", None)
    if code is None or code.co_filename.startswith(_LIBRARIES):
        return None
    return at_line(code.co_filename, code.co_firstlineno, inner.__globals__)


def function_at(place: UserCode | None) -> ast.FunctionDef | None:
    """Return the function whose definition, with its decorators, begins at a place."""
    for node in ast.walk(place.tree) if place is not None and place.tree is not None else ():
        if not isinstance(node, ast.FunctionDef) or place is None:
            continue
        if min([node.lineno, *(d.lineno for d in node.decorator_list)]) == place.line:
            return node
    return None


def of_class(cls: type) -> tuple[UserCode, ast.ClassDef] | None:
    """Return the place where a class of a user is defined, and its source as a tree."""
    functions = [getattr(x, "__wrapped__", x) for x in vars(cls).values()]
    codes = [f.__code__ for f in functions if hasattr(f, "__code__")]
    places = [(code.co_filename, code.co_firstlineno) for code in codes]
    running = of_caller()  # while the class is being made
    if running is not None:
        places.append((running.file, running.line))
    for file, line in places:
        place = at_line(file, line, {})
        for node in ast.walk(place.tree or ast.Module([], [])):
            if not isinstance(node, ast.ClassDef) or node.name != cls.__name__:
                continue
            if node.lineno <= line <= (node.end_lineno or 0) and not file.startswith(_LIBRARIES):
                return at_line(file, node.lineno, {}), node
    return None


def at_line(file: str, line: int, names: Mapping[str, Any]) -> UserCode:
    """Return the place at a line of a file."""
    tree = _tree(file, len(linecache.getlines(file)))
    return UserCode(file, line, "", _statement(tree, line), tree, names)


def is_library(code: CodeType) -> bool:
    """Return whether code is part of clearprop, of another package or of Python."""
    return code.co_filename.startswith(_LIBRARIES)


def _is_users(frame: FrameType) -> bool:
    return not is_library(frame.f_code)


def _code(frame: FrameType, instruction: int, line: int) -> UserCode:
    file = frame.f_code.co_filename
    whole = at_line(file, line, frame.f_globals)
    positions = list(frame.f_code.co_positions())
    first, last, start, end = positions[instruction // 2] if instruction >= 0 else (None,) * 4
    expression = ""
    if first is not None and last is not None and start is not None and end is not None:
        lines = [linecache.getline(file, n).encode() for n in range(first, last + 1)]
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
        expression = b"".join(lines).decode(errors="replace").strip()
    return UserCode(file, line, expression, whole.statement, whole.tree, frame.f_globals)


@functools.lru_cache(maxsize=8)
def _tree(file: str, length: int) -> ast.Module | None:
    # The number of lines tells a changed file from the one before.
    try:
        return ast.parse("".join(linecache.getlines(file))) if length else None
    except (SyntaxError, ValueError):  # a cell of a notebook with magic commands
        return None


def _statement(tree: ast.Module | None, line: int) -> ast.stmt | None:
    around = [
        node
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)), default=None)


def calls_to_user() -> int:
    """Return how many calls up the first line outside clearprop is, for a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("clearprop"):
        level, frame = level + 1, frame.f_back
    return level
