"""Docstrings of the installed libraries, each labelled with its library."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from clearprop.data.dataset import Dataset
from clearprop.data.installed import folder_of
from clearprop.data.labelled_texts import labelled
from clearprop.data.randomness import permutation
from clearprop.errors import DataError

LIBRARIES = {"jax": "jax", "numpy": "numpy", "scipy": "scipy", "scikit-learn": "sklearn"}
LIBRARY_TEXTS = 1000
SEQUENCE_LENGTH = 60
LEAST_WORDS = 12
MOST_CHARACTERS = 2000

SOURCE = "docstrings in the sources of the installed libraries, as they are on this machine"
LICENCE = "BSD-3-Clause (NumPy, SciPy, scikit-learn), Apache-2.0 (JAX)"

# A docstring that contains the name of its library would be too easy to classify.
_NAMES = re.compile(
    r"(?<![^\W_])(?:jax[^\W_]*|jnp|numpy|np|scipy|sklearn|scikit-learn|scikit|xla|lax)(?![^\W_])",
    re.IGNORECASE,
)
_NOT_SEARCHED = {"tests", "testing", "_vendor", "externals", "vendored", "array_api_compat"}


def load_docstrings(*, sequence_length: int = SEQUENCE_LENGTH) -> Dataset:
    """Return docstrings of NumPy, SciPy, scikit-learn and JAX, with the library that each is from.

    They are read from the source files, which are parsed and never run. The names of the libraries
    are removed, and a text that occurs twice is taken once. The texts of one file are one group: a
    split keeps them in the same part. The texts depend on the installed versions.

    Args:
        sequence_length: how many words of each text are taken.

    Raises:
        DataError: a library has no sources here.
    """
    seen: set[str] = set()
    found = [
        (text, name, str(file))
        for name, package in LIBRARIES.items()
        for text, file in itertools.islice(_new_texts(name, package, seen), LIBRARY_TEXTS)
    ]
    texts, labels, files = zip(*found, strict=True)
    _, groups = np.unique(files, return_inverse=True)
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    made = labelled(
        texts,
        np.array(labels),
        "docstrings",
        sequence_length,
        source=f"{SOURCE}: {versions}",
        licence=LICENCE,
        groups=groups,
    )
    return replace(made, notes=(f"the texts are those of {versions}; others give other figures",))


def _new_texts(name: str, package: str, seen: set[str]) -> Iterator[tuple[str, Path]]:
    """Yield the long texts of a library that are not among the seen ones, with their files."""
    for file in _source_files(name, package):
        for text in docstrings_of(file.read_text(encoding="utf-8", errors="replace")):
            plain = without_names(text[:MOST_CHARACTERS])
            if plain not in seen and len(plain.split()) >= LEAST_WORDS:
                seen.add(plain)
                yield plain, file


def docstrings_of(source: str) -> Iterator[str]:
    r"""Yield the docstrings of the functions, methods and classes in a file.

    A file that cannot be parsed yields none.

    >>> list(docstrings_of('def f():\n    "What it does."'))
    ['What it does.']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    waiting: list[ast.stmt] = list(tree.body)
    for node in waiting:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield text
        if isinstance(node, ast.ClassDef):
            waiting += node.body


def without_names(text: str) -> str:
    """Return a text without the names of the libraries.

    >>> without_names("A NumPy array; see scipy.linalg and jnp.dot.")
    'A  array; see .linalg and .dot.'
    """
    return _NAMES.sub("", text)


def _source_files(name: str, package: str) -> Iterator[Path]:
    folder = folder_of(package)
    files = (
        []
        if folder is None
        else sorted(
            file
            for file in folder.rglob("*.py")
            if not _NOT_SEARCHED.intersection(file.relative_to(folder).parts)
        )
    )
    if not files:
        raise DataError(
            f"the sources of {name} are not on this machine",
            where="docstrings",
            fix="name another set of labelled texts: a folder, or a table with a column of texts",
        )
    # The files are drawn from the whole library, because one folder alone has few subjects.
    return (files[row] for row in permutation(len(files), 0))
