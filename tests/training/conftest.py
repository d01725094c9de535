from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from clearprop import data, nn, ops


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compilations")


@pytest.fixture(scope="module", autouse=True)
def compilations(compiled: Path) -> Iterator[Path]:
    """Store compiled programs: most runs use the same ones, and each takes a second to compile.

    Tests of other folders store none: XLA cannot write programs in which oneDNN convolves.
    """
    settings = {
        "jax_compilation_cache_dir": str(compiled),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield compiled
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def digits() -> data.Splits:
    return data.load("digits").split(seed=0)


@pytest.fixture
def perceptron() -> nn.Module:
    return nn.Sequential([nn.Flatten(), nn.Linear(64, 32), ops.relu, nn.Linear(32, 10)])


@pytest.fixture
def xor() -> tuple[Any, Any]:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return x, np.array([0, 1, 1, 0])
