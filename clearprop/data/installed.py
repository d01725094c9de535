"""Finds data files in other installed packages, without running these packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from clearprop.errors import DataError


def folder_of(package: str) -> Path | None:
    """Return the folder of an installed package without importing it; None if it is missing.

    >>> folder_of("numpy").name
    'numpy'
    """
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places else None


def data_file(name: str, package: str, extra: str, *parts: str) -> Path:
    """Return a data file of an optional package.

    Args:
        name: the name of the data set, for messages.
        package: the package that contains the file.
        extra: the extra of clearprop that installs the package.
        parts: the folders and the file within the package.

    Raises:
        DataError: the package is not installed, or has no such file.
    """
    folder = folder_of(package)
    if folder is None:
        raise DataError(
            f"this data set comes with the package {package}, which is not installed",
            where=name,
            fix=f"pip install 'clearprop[{extra}]'",
        )
    path = folder.joinpath(*parts)
    if not path.is_file():
        raise DataError(
            f"this version of {package} does not have the file",
            where=name,
            given=str(Path(package, *parts)),
            fix=f"pip install --upgrade 'clearprop[{extra}]'",
        )
    return path
