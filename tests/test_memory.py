"""Free memory is that of the container, if its limit is lower than the machine's memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearprop import memory
from clearprop.errors import ConfigurationError
from clearprop.memory import ControlGroup, free_memory, groups, total_memory, usable_memory

GB = 10**9


def system(root: Path, own: str, files: dict[str, str], available: int = 40 * GB) -> Path:
    """Write the files in which a Linux system reports its memory."""
    told = {
        "proc/meminfo": f"MemTotal: 99999999 kB\nMemAvailable: {available // 1024} kB\n",
        "proc/self/cgroup": own,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }
    for name, text in told.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_group_of_the_second_form(tmp_path: Path) -> None:
    files = {
        "jobs/memory.max": f"{2 * GB}\n",
        "jobs/memory.current": f"{GB}\n",
        "jobs/memory.stat": f"anon 5\ninactive_file {GB // 4}\n",
        "jobs/mine/memory.max": "max\n",
        "jobs/mine/memory.current": f"{GB}\n",
    }
    root = system(tmp_path, "0::/jobs/mine\n", files)
    assert list(groups(root)) == [ControlGroup(2 * GB, GB - GB // 4)]
    assert free_memory(root) == GB + GB // 4
    assert total_memory(root) == 2 * GB


def test_a_group_of_the_first_form_seen_from_within(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": f"{3 * GB}\n",
        "memory/memory.usage_in_bytes": f"{GB}\n",
        "memory/memory.stat": "total_inactive_file 500\n",
    }
    root = system(tmp_path, "5:cpu:/\n4:hugetlb,memory:/docker/0123\n0::/\n", files)
    assert list(groups(root)) == [ControlGroup(3 * GB, GB - 500)]
    assert free_memory(root) == 2 * GB + 500


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "nonsense"])
def test_without_a_limit_the_machine_counts(tmp_path: Path, limit: str) -> None:
    files = {"memory.max": limit, "memory.current": "7"}
    root = system(tmp_path, "0::/\n", files, available=2**30)
    assert free_memory(root) == 2**30
    assert total_memory(root) == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_a_group_that_is_over_its_limit_has_nothing_free(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/\n", {"memory.max": "100", "memory.current": "130"})
    assert free_memory(root) == 0


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    assert list(groups(tmp_path)) == []
    assert free_memory(tmp_path) == total_memory(tmp_path)


def test_swap_space_and_kept_memory_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "kept_by_malloc", lambda: 7)
    root = system(tmp_path, "0::/\n", {}, available=2**30)
    with (root / "proc/meminfo").open("a") as file:
        file.write(f"SwapFree: {2**20} kB\n")
    assert usable_memory(root) == 2**30 + 2**30 + 7


def test_a_group_with_a_limit_counts_no_swap_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "kept_by_malloc", lambda: 0)
    root = system(tmp_path, "0::/\n", {"memory.max": f"{GB}", "memory.current": "0"})
    with (root / "proc/meminfo").open("a") as file:
        file.write("SwapFree: 1024 kB\n")
    assert usable_memory(root) == GB


def test_what_is_larger_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_memory", lambda: 2 * GB)
    memory.make_room("it", 2 * GB, where="here", given="so much", fix=str)
    with pytest.raises(ConfigurationError, match="here: it would take 2 GB, and 2 GB of memory"):
        memory.make_room("it", 2 * GB + 1, where="here", given="so much", fix=str)


@pytest.mark.skipif(memory.kept_by_malloc() == 0, reason="the C library is not glibc's own")
def test_freed_memory_that_the_c_library_keeps_is_known() -> None:
    code = (
        "from clearprop import cpu, memory; import numpy as np; cpu.keep_memory();"
        "before = memory.kept_by_malloc(); x = np.ones(10**8); y = np.ones(1000); del x;"
        "print(memory.kept_by_malloc() - before > 7 * 10**8)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "True\n"
