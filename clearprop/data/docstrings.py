"""Which library a docstring is from: labelled texts that are always at hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
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

# What a library is called, in words and in its examples, would give the answer away.
_NAMES = re.compile(
    r"(?<![^\W_])(?:jax[^\W_]*|jnp|numpy|np|scipy|sklearn|scikit-learn|scikit|xla|lax)(?![^\W_])",
    re.IGNORECASE,
)
_NOT_SEARCHED = {"tests", "testing", "_vendor", "externals", "vendored", "array_api_compat"}


def load_docstrings(*, sequence_length: int = SEQUENCE_LENGTH) -> Dataset:
    """Return docstrings of NumPy, SciPy, scikit-learn and JAX, with the library that each is from.

    They are read from the source files, which are parsed and never run. The names of the libraries
    are taken out; a text that occurs twice is taken once; texts of one file are one group, so that
    a split does not tear them apart. Which texts there are depends on the versions installed.

    Args:
        sequence_length: words of a text that are taken.

    Raises:
        DataError: a library has no sources here.
    """
    texts: list[str] = []
    labels: list[str] = []
    files: list[str] = []
    seen: set[str] = set()
    for name, package in LIBRARIES.items():
        found = 0
        for file in _source_files(name, package):
            for text in docstrings_of(file.read_text(encoding="utf-8", errors="replace")):
                plain = without_names(text[:MOST_CHARACTERS])
                if found == LIBRARY_TEXTS or plain in seen or len(plain.split()) < LEAST_WORDS:
                    continue
                seen.add(plain)
                texts.append(plain)
                labels.append(name)
                files.append(str(file))
                found += 1
            if found == LIBRARY_TEXTS:
                break
    _, groups = np.unique(files, return_inverse=True)
    return labelled(
        texts,
        np.array(labels),
        "docstrings",
        sequence_length,
        source=SOURCE,
        licence=LICENCE,
        groups=groups,
    )


def docstrings_of(source: str) -> Iterator[str]:
    r"""Yield the docstrings of a file's functions, methods and classes; none where it is damaged.

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
    files = sorted(folder.rglob("*.py")) if folder is not None else []
    files = [
        file
        for file in files
        if not _NOT_SEARCHED.intersection(file.relative_to(folder or file).parts)
    ]
    if not files:
        raise DataError(
            f"the sources of {name} are not on this machine",
            where="docstrings",
            fix="name another set of labelled texts: a folder, or a table with a column of texts",
        )
    # Drawn over the whole library: one folder alone would speak of one subject.
    yield from (files[row] for row in permutation(len(files), 0))
