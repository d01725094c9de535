"""The Python interpreters of the sides, and the versions of the libraries that each one has.

A library may have no build for the Python of clearprop. Its sides then run in another environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

ROOT = Path(__file__).parent.parent

PACKAGES = (
    *("clearprop", "jax", "torch", "flax", "optax", "keras", "onnx", "scikit-learn", "numpy"),
)


@dataclass(frozen=True)
class Interpreters:
    """Which interpreter runs the sides of a library.

    Attributes:
        of_library: library -> path of an interpreter; the others run where the benchmark runs.
    """

    of_library: Mapping[str, str] = field(default_factory=dict)

    def path(self, library: str) -> str:
        """Return the interpreter of a library."""
        return self.of_library.get(library, sys.executable)

    def versions(self, library: str) -> dict[str, str]:
        """Return the versions of Python and of the known libraries there."""
        return _versions(self.path(library))

    def why_not(self, library: str) -> str | None:
        """Return why the sides of a library cannot run, or None."""
        try:
            missing = library not in self.versions(library)
        except (OSError, subprocess.CalledProcessError) as failure:
            return f"{self.path(library)} does not run: {failure}"
        return f"{library} is not installed in {self.path(library)}" if missing else None


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the known libraries of this process.

    >>> "numpy" in versions_here()
    True
    """
    known = {"python": python_version()}
    for package in PACKAGES:
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            continue
    return known


@cache
def _versions(python: str) -> dict[str, str]:
    if python == sys.executable:
        return versions_here()
    ask = (
        "import json; from benchmarks.interpreters import versions_here;"
        "print(json.dumps(versions_here()))"
    )
    told = subprocess.run(
        [python, "-c", ask], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    known: dict[str, str] = json.loads(told.stdout)
    return known
