"""clearprop: a neural-network library in which every value and error signal can be looked at.

>>> import clearprop as cp
>>> print(cp.grad(lambda x: x**2 + 3)(5.0))
10.0

Importing clearprop is fast: JAX is imported with the first name that needs it. The import changes
nothing for other code of the process; `configure_cpu` does, where a program asks for it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clearprop import algorithms as algorithms
    from clearprop import data as data
    from clearprop import glass as glass
    from clearprop import models as models
    from clearprop import nn as nn
    from clearprop import ops as ops
    from clearprop import optim as optim
    from clearprop import recipes as recipes
    from clearprop import training as training
    from clearprop import tree as tree
    from clearprop.autodiff import check_gradients as check_gradients
    from clearprop.autodiff import checkpoint as checkpoint
    from clearprop.autodiff import grad as grad
    from clearprop.autodiff import hvp as hvp
    from clearprop.autodiff import jacobian as jacobian
    from clearprop.autodiff import lift as lift
    from clearprop.autodiff import stop_gradient as stop_gradient
    from clearprop.autodiff import value_and_grad as value_and_grad
    from clearprop.autodiff import vjp as vjp
    from clearprop.cpu import configure_cpu as configure_cpu
    from clearprop.errors import ClearpropError as ClearpropError
    from clearprop.glass.diagnosis.diagnose import diagnose as diagnose
    from clearprop.glass.equations import worked_solution as worked_solution
    from clearprop.glass.explain import explain as explain
    from clearprop.studio.start import studio as studio
    from clearprop.training import evaluate as evaluate
    from clearprop.training import load as load
    from clearprop.training import predict as predict
    from clearprop.training import save as save
    from clearprop.training.fit import fit as fit

__version__ = "0.1.0"

_HOME = {
    **dict.fromkeys(
        (
            "check_gradients",
            "checkpoint",
            "grad",
            "hvp",
            "jacobian",
            "lift",
            "stop_gradient",
            "value_and_grad",
            "vjp",
        ),
        "clearprop.autodiff",
    ),
    **dict.fromkeys(("evaluate", "fit", "load", "predict", "save"), "clearprop.training"),
    "ClearpropError": "clearprop.errors",
    "configure_cpu": "clearprop.cpu",
    "diagnose": "clearprop.glass.diagnosis",
    "explain": "clearprop.glass.explain",
    "worked_solution": "clearprop.glass.equations",
}
_MODULES = (
    "algorithms",
    "data",
    "glass",
    "interop",
    "models",
    "nn",
    "ops",
    "optim",
    "recipes",
    "studio",
    "training",
    "tree",
)

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"clearprop.{name}")
    if name in _HOME:
        if _HOME[name] == "clearprop.autodiff":
            importlib.import_module("clearprop.ops")  # gives traced values the methods of arrays
        return getattr(importlib.import_module(_HOME[name]), name)
    elsewhere = importlib.import_module("clearprop.elsewhere")
    words = dict(elsewhere.FUNCTIONS)
    for part in _MODULES:  # importing them here could end in a circle
        if name in getattr(sys.modules.get(f"clearprop.{part}"), "__all__", ()):
            words[name] = f"{part}.{name}"
    raise elsewhere.unknown_attribute("clearprop", name, __all__, words, "cp.")


def __dir__() -> list[str]:
    return sorted(__all__)
