"""Functions of the standard library, each token tagged with its role."""

from __future__ import annotations

import ast
import builtins
import io
import itertools
import keyword
import platform
import sysconfig
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import numpy as np

from clearprop.data.dataset import Dataset
from clearprop.data.randomness import permutation
from clearprop.data.tagged_texts import Tagged, tagged
from clearprop.errors import DataError

FUNCTIONS = 2500
SEQUENCE_LENGTH = 60
LEAST_TOKENS = 12

SOURCE = "functions of the standard library of the Python that runs this, from its source files"
LICENCE = "PSF-2.0 (Python)"

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Place: TypeAlias = tuple[int, int]

BUILTIN_CLASSES = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type)
)
_WORDS_AS_VALUES = ("True", "False", "None")
_WITHOUT_TEXT = (
    *(tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.COMMENT, tokenize.ENDMARKER),
)


def load_python_names(*, sequence_length: int = SEQUENCE_LENGTH) -> Dataset:
    """Return functions as sequences of tokens, each tagged with its role.

    The tags: argument (a name before "=" in a call), attribute, call (the name of what is called),
    class, function (a name that is being defined), keyword, literal, operator, parameter (where it
    is declared and where it is used) and variable. The standard library is parsed, never run.
    Strings are shortened to ``''``; docstrings and comments are left out. The functions of a file
    are one group: a split keeps them in the same part.

    Args:
        sequence_length: how many tokens of each function are taken.

    Raises:
        DataError: the sources of the standard library are not on this machine.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    files = [file for file in sorted(folder.glob("*.py")) if not file.name.startswith("_")]
    if not files:
        raise DataError(
            "the sources of the standard library are not on this machine",
            where="python-names",
            fix="name a file of words and tags instead",
        )
    functions = (
        (sentence, row)
        for row in permutation(len(files), 0)
        for sentence in tagged_functions(files[row].read_text(encoding="utf-8", errors="replace"))
    )
    sentences, groups = zip(*itertools.islice(functions, FUNCTIONS), strict=True)
    version = platform.python_version()
    made = tagged(
        sentences,
        "python-names",
        sequence_length,
        source=f"{SOURCE}: Python {version}",
        licence=LICENCE,
        groups=np.array(groups),
    )
    note = f"the functions are those of Python {version}; another one gives other figures"
    return replace(made, notes=(note,))


def tagged_functions(source: str) -> Iterator[Tagged]:
    r"""Yield the functions of a source file with a tag for each token.

    A file that cannot be parsed yields none.

    >>> (found,) = tagged_functions("def twice(x):\n    return add(x, other=x)\n")
    >>> " ".join(f"{word}/{tag}" for word, tag in zip(*found) if tag != "operator")
    'def/keyword twice/function x/parameter return/keyword add/call x/parameter other/argument ...'
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    lines = source.splitlines(keepends=True)
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in (node for node in ast.walk(tree) if isinstance(node, Function)):
        text = "".join(lines[node.lineno - 1 : node.end_lineno])
        # The columns of the syntax tree count bytes, which are characters in ASCII only.
        sentence = _tagged(node, text, BUILTIN_CLASSES | classes) if text.isascii() else None
        if sentence is not None and len(sentence.words) >= LEAST_TOKENS:
            yield sentence


def _tagged(node: Function, text: str, classes: frozenset[str]) -> Tagged | None:
    roles = _roles(node, classes)
    docstring = _docstring_lines(node)
    # dedent removes less if a line of a string begins further left than the function.
    shifted = dedent(text)
    margin = len(text.splitlines()[0]) - len(shifted.splitlines()[0])
    words: list[str] = []
    tags: list[str] = []
    try:
        for token in _whole_strings(tokenize.generate_tokens(io.StringIO(shifted).readline)):
            line, column = token.start[0] + node.lineno - 1, token.start[1] + margin
            if token.type in _WITHOUT_TEXT or line in docstring:
                continue
            words.append("''" if token.type == tokenize.STRING else token.string)
            before = words[-2] if len(words) > 1 else ""
            tags.append(roles.get((line, column)) or _plain_role(token, before))
    except (tokenize.TokenError, IndentationError):
        return None
    return Tagged(tuple(words), tuple(tags))


def _whole_strings(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens, with an f-string as one string.

    From Python 3.12 on its parts are tokens; they may contain f-strings in turn.
    """
    depth = 0
    for token in tokens:
        name = tokenize.tok_name[token.type]
        if name.endswith("STRING_START"):
            depth += 1
            if depth == 1:
                yield token._replace(type=tokenize.STRING)
        elif name.endswith("STRING_END"):
            depth -= 1
        elif depth == 0:
            yield token


def _plain_role(token: tokenize.TokenInfo, before: str) -> str:
    if token.type in (tokenize.STRING, tokenize.NUMBER) or token.string in _WORDS_AS_VALUES:
        return "literal"
    if token.type == tokenize.OP:
        return "operator"
    if keyword.iskeyword(token.string):
        return "keyword"
    return {"def": "function", "class": "class"}.get(before, "variable")


def _docstring_lines(node: Function) -> range:
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None or len(node.body) == 1:
        return range(0)
    return range(first.lineno, (first.end_lineno or first.lineno) + 1)


def _roles(node: Function, classes: frozenset[str]) -> dict[Place, str]:
    """Return the role of every name that the syntax tree contains, by line and column."""
    roles: dict[Place, str] = {}
    parameters = {part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg)}
    # A call is visited before the name that it calls; a class that is called stays a class.
    for part in ast.walk(node):
        match part:
            case ast.arg():
                roles[part.lineno, part.col_offset] = "parameter"
            case ast.keyword(arg=str()):
                roles[part.lineno, part.col_offset] = "argument"
            case ast.Call(func=ast.Name() | ast.Attribute() as called):
                roles[_place(called)] = "call"
            case ast.Attribute():
                roles.setdefault(_place(part), "attribute")
            case ast.Name():
                if part.id in classes - parameters:
                    roles[_place(part)] = "class"
                else:
                    is_parameter = part.id in parameters
                    roles.setdefault(_place(part), "parameter" if is_parameter else "variable")
    return roles


def _place(node: ast.Name | ast.Attribute) -> Place:
    if isinstance(node, ast.Name):
        return node.lineno, node.col_offset
    return node.end_lineno or 0, (node.end_col_offset or 0) - len(node.attr)
