"""What every test stands on: one platform, drawn examples that repeat, no network."""

from __future__ import annotations

import copy
import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from numpy.random import Generator

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

# JAX compiles on the first example of a shape, so a deadline would fail on speed, not on truth.
_common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Almost every example compiles: `make test` draws a few, `make test-all` many.
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
    raise AssertionError(f"a test tried to reach {host}: tests do without a network")


sys.addaudithook(_only_this_machine)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their length: a gzip header tells the time, and every process collects."""
    return f"{len(val)}bytes" if isinstance(val, bytes) else None


_first_states: dict[int, tuple[Generator, Any]] = {}
"""The random generators of test modules, each with its state after the import."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Remember the state of every random generator that stands in a test module."""
    for module in {id(m): m for item in items if (m := getattr(item, "module", None))}.values():
        for value in vars(module).values():
            if isinstance(value, Generator):
                _first_states[id(value)] = value, copy.deepcopy(value.bit_generator.state)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give every test the same random numbers, in whatever order the tests run."""
    module = getattr(item, "module", None)
    for value in vars(module).values() if module is not None else ():
        if id(value) in _first_states:
            generator, state = _first_states[id(value)]
            generator.bit_generator.state = copy.deepcopy(state)


MOST_MEMORY = 2 * 2**30
"""Of one process: several run at once, on machines of 8 GiB too."""


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go() -> Iterator[None]:
    """Forget the compiled programs of a file's tests once they take too much memory."""
    yield
    statm = Path("/proc/self/statm")
    if (
        statm.is_file()
        and int(statm.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") > MOST_MEMORY
    ):
        import jax

        jax.clear_caches()


@pytest.fixture(autouse=True)
def _own_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the data folder of the person who runs the tests out of them."""
    monkeypatch.delenv("CLEARPROP_DATA", raising=False)
