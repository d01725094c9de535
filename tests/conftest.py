"""Settings for all tests: one platform, random examples that repeat, no network."""

from __future__ import annotations

import copy
import ipaddress
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from numpy.random import Generator

from clearprop import configure_cpu

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ["JAX_COMPILATION_CACHE_DIR"] = ""  # commands keep no compiled programs

# Two devices also on a machine with one core, so that every test of sharding runs.
configure_cpu(devices=2)

# What a shell starts in the background ignores Ctrl-C, and so would the processes of tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# JAX compiles at the first example of a shape, so a deadline would only measure the compiler.
_common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Almost every example compiles, so `make test` draws a few, and `make test-all` draws many.
settings.register_profile("local", _common, max_examples=12)
settings.register_profile("ci", _common, max_examples=12, derandomize=True, print_blob=True)
settings.register_profile("thorough", _common, max_examples=200)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local")
)


def _only_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect":
        return
    address = arguments[1]
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = address[0]
    if host == "localhost" or ipaddress.ip_address(host).is_loopback:
        return
    raise AssertionError(f"a test tried to reach {host}: tests must not use a network")


sys.addaudithook(_only_this_machine)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: the time in a gzip header differs between the processes."""
    return f"{len(val)}bytes" if isinstance(val, bytes) else None


_first_states: dict[int, tuple[Generator, Any]] = {}
"""The random generators of the test modules, each with its state after the import."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Store the state of every random generator that a test module defines."""
    for module in {id(m): m for item in items if (m := getattr(item, "module", None))}.values():
        for value in vars(module).values():
            if isinstance(value, Generator):
                _first_states[id(value)] = value, copy.deepcopy(value.bit_generator.state)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test the same random numbers in any order of the tests."""
    module = getattr(item, "module", None)
    for value in vars(module).values() if module is not None else ():
        if id(value) in _first_states:
            generator, state = _first_states[id(value)]
            generator.bit_generator.state = copy.deepcopy(state)


MOST_MEMORY = 2 * 2**30
"""Bytes for one process: several processes run at once, also on machines with 8 GiB."""


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go() -> Iterator[None]:
    """Delete the compiled programs after a test file if they take too much memory."""
    yield
    statm = Path("/proc/self/statm")
    if (
        statm.is_file()
        and int(statm.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") > MOST_MEMORY
    ):
        from clearprop.programs import forget_programs

        forget_programs()


@pytest.fixture(autouse=True)
def _own_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the data folder of the person who runs the tests."""
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what became of PyTorch's samples of its operators, where they were compared."""
    from tests.ops.opinfo.summary import lines

    table = lines(report for reports in terminalreporter.stats.values() for report in reports)
    if table:
        terminalreporter.section("PyTorch's samples of its operators")
        terminalreporter.write("\n".join([*table, ""]))
