"""A fix that is applied: its code is run, and the call of `fit` in it is returned, not made."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.data import Dataset, Splits
from clearprop.training import fit


@dataclass(frozen=True, eq=False)
class Applied:
    """What a fix has changed.

    Attributes:
        model: after the fix.
        data: after the fix, as for `fit`.
        arguments: of the call of `fit` in the fix, without model and data: ``loss``, ``optimizer``
            and so on; empty where the fix has no call, so that the call of the run stays as it was.
    """

    model: nn.Module
    data: Any
    arguments: Mapping[str, Any]


class _Package:
    """The package ``cp`` as a fix sees it, except that `fit` only notes its arguments."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("clearprop"), name)

    def fit(self, *given: Any, **options: Any) -> None:
        """Note the arguments of a call, which must fit `fit`."""
        self.calls.append(dict(inspect.signature(fit).bind(*given, **options).arguments))


def _data(call: dict[str, Any], default: Any) -> Any:
    """Take the data out of the arguments of a call, as one."""
    x, y = call.pop("x", default), call.pop("y", None)
    return x if y is None else (x, y)


def applied(
    code: str, model: nn.Module, data: Any, *, dev: Any = None, loss: Any = None
) -> Applied:
    """Run the code of a fix as if it was pasted, and return what it has changed.

    The code sees ``cp``, ``np``, ``model``, ``data``, ``dev`` and ``loss``; also ``inputs`` and
    ``targets``, and ``dataset`` where the data is one.

    Args:
        code: of `Finding.fix`.
        model: as it was before the run.
        data: as it was given to `fit`.
        dev: the development set that was given to `fit`.
        loss: the loss that was given to `fit`, where it was a function of your own.

    Raises:
        Exception: whatever the code raises.

    >>> from clearprop.nn import Linear
    >>> code = "run = cp.fit(model, data, loss='cross_entropy', optimizer='adam')"
    >>> after = applied(code, Linear(2, 2), (np.ones((4, 2)), np.zeros(4, int)))
    >>> after.arguments
    {'loss': 'cross_entropy', 'optimizer': 'adam'}
    """
    package = _Package()
    part = data.train if isinstance(data, Splits) else data
    pair = (part.inputs, part.targets) if isinstance(part, Dataset) else part
    space: dict[str, Any] = {
        "cp": package, "np": np, "model": model, "data": data, "dev": dev, "loss": loss,
        "inputs": pair[0], "targets": pair[1], "dataset": data,
    }  # fmt: skip
    exec(compile(code, "fix", "exec"), space)  # noqa: S102 - the code is made here, by the rules
    call = package.calls[0] if package.calls else {}
    return Applied(
        call.pop("model", space["model"]), _data(call, space["data"]), call
    )  # fmt: skip
