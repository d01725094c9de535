from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clearprop import data, nn, ops


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
