from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop.cli import compile_cache

COMMAND = [sys.executable, "-m", "clearprop", "train", "xor", "--set", "epochs=3", "--no-report"]

BY_ONEDNN = """
import sys
from pathlib import Path
from clearprop.cli.compile_cache import keep_compiled
keep_compiled(Path(sys.argv[1]))
import jax, jax.numpy as jnp
from clearprop import ops
from clearprop.backend import HAS_ONEDNN, jit_convolutions
x, kernel = jnp.ones((2, 8, 8, 16)), jnp.ones((3, 3, 16, 16))
jit_convolutions(lambda x, kernel: ops.convolution(x, kernel, padding=1))(x, kernel)
jax.jit(lambda x: x @ x)(jnp.ones((3, 3)))
print("oneDNN" if HAS_ONEDNN else "XLA")
"""


def train(folder: Path, **environment: str) -> str:
    return told(COMMAND, folder, **environment)


def told(command: list[str], folder: Path, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k != compile_cache.FOLDER}
    kept |= {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder), **environment}
    done = subprocess.run(
        command, env=kept, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*-cache")}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another cache folder")
def test_a_command_keeps_its_compiled_programs_and_reads_them_again(tmp_path: Path) -> None:
    train(tmp_path)
    kept = files(tmp_path)
    assert kept
    assert all(path.startswith("cache/clearprop/compiled/") for path in kept)
    log = train(tmp_path, JAX_LOGGING_LEVEL="DEBUG", JAX_DEBUG_LOG_MODULES="jax._src.compiler")
    assert "Persistent compilation cache hit for 'jit_" in log
    assert "PERSISTENT COMPILATION CACHE MISS" not in log
    assert files(tmp_path) == kept


@pytest.mark.slow
def test_a_damaged_program_is_compiled_again(tmp_path: Path) -> None:
    train(tmp_path)
    sizes = {path: path.stat().st_size for path in tmp_path.rglob("*-cache")}
    assert sizes
    for path in sizes:
        path.write_bytes(path.read_bytes()[:100])
    told = train(tmp_path)
    assert "objective" in told
    assert "cache" not in told
    assert {path: path.stat().st_size > 100 for path in sizes} == dict.fromkeys(sizes, True)


def test_a_program_that_cannot_be_kept_is_no_warning(tmp_path: Path) -> None:
    said = told([sys.executable, "-c", BY_ONEDNN, str(tmp_path / "kept")], tmp_path)
    assert said in ("oneDNN\n", "XLA\n")
    assert list((tmp_path / "kept").rglob("*-cache"))  # the other programs are kept


def test_the_choice_of_the_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(compile_cache.FOLDER, "")
    compile_cache.keep_compiled(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(compile_cache.FOLDER)
    (tmp_path / "compiled").write_text("a file")
    compile_cache.keep_compiled(tmp_path)
    assert compile_cache.FOLDER not in os.environ


def test_the_oldest_programs_are_deleted(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    compile_cache.delete_oldest(tmp_path, 25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new"]
    compile_cache.delete_oldest(tmp_path / "none", 25)
