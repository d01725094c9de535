"""Passes are compiled soon: of these tests almost every one compiles its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clearprop.glass.explain import program


@pytest.fixture(autouse=True, scope="package")
def _compiled_soon() -> Iterator[None]:
    program.OPTIONS["xla_backend_optimization_level"] = 0
    yield
    program.OPTIONS.clear()
