"""What docstrings say of optimizers, activations and losses, for the menus of the page."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from types import ModuleType


def first_sentence(of: object) -> str:
    """Return the first paragraph of a docstring as one line, without the marks of code.

    >>> first_sentence(first_sentence)
    'Return the first paragraph of a docstring as one line, without the marks of code.'
    """
    return _line((inspect.getdoc(of) or "").partition("\n\n")[0])


def arguments_of(of: object) -> dict[str, str]:
    """Return what the section ``Args`` of a docstring says of each argument.

    Args:
        of: a function.

    >>> arguments_of(arguments_of)
    {'of': 'a function.'}
    """
    _, _, section = (inspect.getdoc(of) or "").partition("Args:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        begun = re.match(r" {4}(\w+): (.*)$", line)
        if begun:
            name, found[begun[1]] = begun[1], begun[2]
        elif name and line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
        else:
            break
    return {name: _line(text) for name, text in found.items()}


def constants_of(module: ModuleType) -> dict[str, str]:
    """Return the texts that stand below the constants of a module, by the constants' names.

    >>> from clearprop.nn.losses import of_numbers
    >>> constants_of(of_numbers)["squared_error"]
    'sum (y - t)^2 / 2, as in the lectures: its error signal is y - t.'
    """
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for statement, below in itertools.pairwise(body):
        match statement, below:
            case ast.Assign(targets=[ast.Name(name)]), ast.Expr(ast.Constant(str(text))):
                found[name] = _line(text)
    return found


def _line(text: str) -> str:
    return " ".join(text.replace("``", "").replace("`", "").split())
