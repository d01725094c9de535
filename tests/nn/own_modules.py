"""Files with modules of a user: written, imported and trained."""

from __future__ import annotations

import importlib.util
import itertools
import types
from pathlib import Path
from typing import Any

import numpy as np

import clearprop as cp
from clearprop import nn

HEAD = """
import random
import time
import jax
import jax.numpy as jnp
import numpy as np
import clearprop as cp
from clearprop import nn, ops

"""

X = np.random.default_rng(0).normal(size=(64, 12)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(np.int32)

_numbers = itertools.count()


def written(tmp_path: Path, source: str) -> types.ModuleType:
    """Write a file as a user does, and import it."""
    file = tmp_path / f"own_{next(_numbers)}.py"
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trained(module: Any) -> cp.training.Run:
    model = module.Net()
    loss = getattr(module, "loss", "cross_entropy")
    return cp.fit(
        model, X, Y, loss=loss, epochs=2, batch_size=32, learning_rate=0.01, progress=False
    )


def check_trained(module: Any) -> nn.Module:
    """Train the model of a file, and check that every parameter has moved."""
    first = module.Net().init(0)
    last = trained(module).model
    assert first.parameters().keys() == last.parameters().keys()
    assert last.parameters()
    for path, before in first.parameters().items():
        assert not np.array_equal(before, last.parameters()[path]), path
    return last
