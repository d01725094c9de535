"""Runs PyTorch's samples of an operator in both libraries, and compares values and gradients."""

from __future__ import annotations

import functools
import random
import sys
import types
import unittest
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.autodiff import vjp
from clearprop.autodiff.tape import observe
from tests.ops.opinfo.table import Mapping, NotExpressible

MOST = 16
"""Mapped samples of one operator that are compared: PyTorch has more than a thousand of some."""

# A sample's function runs once, so optimizing it takes longer than it saves.
COMPILED = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})

CLOSE = {"rtol": 1e-9, "atol": 1e-10}


@dataclass
class Outcome:
    """What became of the samples of one operator.

    Attributes:
        samples: how many PyTorch has.
        left_out: how many were not looked at, after `MOST` mapped ones.
        mapped: how many clearprop's operations express.
        agreed: how many of these have the same value and the same gradients.
        differ: by stated convention: how many of these differ because of it.
        reasons: by reason: how many clearprop's operations do not express.
        faults: a description of each mapped sample that neither agreed nor follows a convention.
        called: the names of the operations of clearprop that were computed.
    """

    samples: int = 0
    left_out: int = 0
    mapped: int = 0
    agreed: int = 0
    differ: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    called: set[str] = field(default_factory=set)

    def counts(self) -> dict[str, Any]:
        """Return the numbers alone, for the table at the end of the run."""
        return {
            "samples": self.samples,
            "left_out": self.left_out,
            "mapped": self.mapped,
            "agreed": self.agreed,
            "differ": dict(self.differ),
            "reasons": dict(self.reasons),
        }


def operators() -> dict[str, list[Any]]:
    """Return PyTorch's operators with their samples, by name: one for each variant."""
    if "expecttest" not in sys.modules:
        # PyTorch's module of samples imports it for the base class of PyTorch's own tests.
        stand_in = types.ModuleType("expecttest")
        stand_in.TestCase = unittest.TestCase  # type: ignore[attr-defined]  # a made-up module
        sys.modules["expecttest"] = stand_in
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    by_name: dict[str, list[Any]] = {}
    for info in op_db:
        by_name.setdefault(info.name, []).append(info)
    return by_name


def compare(infos: list[Any], mapping: Mapping) -> Outcome:
    """Compare every sample of an operator's variants."""
    import torch

    outcome = Outcome()
    dtype = getattr(torch, mapping.dtype)
    samples = []
    for info in infos:
        if not info.supports_dtype(dtype, "cpu"):
            continue
        torch.manual_seed(0)
        random.seed(0)
        with_gradient = info.supports_autograd and dtype.is_floating_point
        drawn = info.sample_inputs("cpu", dtype, requires_grad=with_gradient)
        samples += [
            (info, sample, f"{info.full_name}, sample {i}") for i, sample in enumerate(drawn)
        ]
    outcome.samples = len(samples)
    # In a drawn order: neighboring samples are alike.
    for i in np.random.default_rng(0).permutation(len(samples)):
        if outcome.mapped == MOST:
            break
        _compare(*samples[i], mapping, outcome)
    outcome.left_out = outcome.samples - outcome.mapped - outcome.reasons.total()
    return outcome


def _compare(info: Any, sample: Any, label: str, mapping: Mapping, outcome: Outcome) -> None:
    leaves, structure = jax.tree.flatten((sample.input, sample.args, sample.kwargs), _is_leaf)
    given = [_as_ours(leaf) for leaf in leaves]
    x, args, kwargs = jax.tree.unflatten(structure, given)
    floats = [i for i, leaf in enumerate(leaves) if _is_tensor(leaf) and leaf.is_floating_point()]
    expected, tensors = _theirs(info, leaves, structure, floats)
    errors = _error_signals(expected)

    def ours(chosen: dict[int, Any]) -> Any:
        now = [chosen.get(i, leaf) for i, leaf in enumerate(given)]
        x, args, kwargs = jax.tree.unflatten(structure, now)
        y = mapping.compute(x, *args, **kwargs)
        return list(y) if isinstance(y, tuple | list) else [y]

    @COMPILED
    def both(chosen: dict[int, Any], errors: list[Any]) -> Any:
        y, pull_back = vjp(ours, chosen)
        fits = [z.shape for z in y] == [z.shape for z in expected]
        wanted = fits and tensors and any(e is not None for e in errors)
        return y, pull_back(errors)[0] if wanted else {}

    try:
        with observe(lambda row, *_: outcome.called.add(row.name)):
            results, gradients = both({i: given[i] for i in floats}, errors)
    except NotExpressible as reason:
        outcome.reasons[str(reason)] += 1
        return
    except Exception as error:  # every error is a fault of this sample
        fault = f"{type(error).__name__}: {error}"
    else:
        fault = _fault(results, gradients, expected, tensors, errors)
    outcome.mapped += 1
    applying = [reason for reason, to in mapping.differs.items() if to(x, *args, **kwargs)]
    if fault and applying:
        outcome.differ[applying[0]] += 1
    elif fault or applying:
        fault = fault or f"agrees in spite of: {applying[0]}"
        outcome.faults.append(f"{label}: {_described(x, args, kwargs)}: {fault}")
    else:
        outcome.agreed += 1


def _error_signals(expected: list[Any]) -> list[Any]:
    """Draw an error signal for each of PyTorch's results; None where it carries no gradient."""
    drawn = np.random.default_rng(0)
    signals = [drawn.standard_normal(tuple(z.shape)) for z in expected]
    return [
        jnp.asarray(e, _as_ours(z.dtype)) if z.requires_grad else None
        for e, z in zip(signals, expected, strict=True)
    ]


def _theirs(
    info: Any, leaves: list[Any], structure: Any, floats: list[int]
) -> tuple[list[Any], dict[int, Any]]:
    """Return PyTorch's results, and its inputs that it differentiates."""
    import torch

    flagged = [i for i in floats if leaves[i].requires_grad]
    # Some operators refuse to differentiate an input: those that PyTorch's sample names are left.
    for chosen in (floats, flagged) if info.supports_autograd else ([],):
        copies = {
            i: leaf.detach().clone().requires_grad_(i in chosen)
            for i, leaf in enumerate(leaves)
            if _is_tensor(leaf)
        }
        now = [copies.get(i, leaf) for i, leaf in enumerate(leaves)]
        x, args, kwargs = jax.tree.unflatten(structure, now)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                y = info.op(x, *args, **kwargs)
                results = [y] if _is_tensor(y) else list(y)
                differentiable = [z for z in results if z.requires_grad]
                if differentiable:  # some operators refuse only in the pass backward
                    torch.autograd.grad(
                        [z.sum() for z in differentiable],
                        [copies[i] for i in chosen],
                        allow_unused=True,
                        retain_graph=True,
                    )
        except (RuntimeError, NotImplementedError):
            if chosen is not flagged and chosen:
                continue
            raise
        return results, {i: copies[i] for i in chosen}
    raise AssertionError("unreachable")


def _fault(
    results: list[Any],
    gradients: dict[int, Any],
    expected: list[Any],
    tensors: dict[int, Any],
    errors: list[Any],
) -> str:
    """Describe where values or gradients differ from PyTorch's; empty where they agree."""
    import torch

    if len(results) != len(expected):
        return f"{len(results)} results, PyTorch has {len(expected)}"
    for y, z in zip(results, expected, strict=True):
        fault = _difference(y, _as_ours(z))
        if fault:
            return f"value: {fault}"
        if jnp.issubdtype(y.dtype, jnp.floating) != z.is_floating_point():
            return f"value: {y.dtype}, PyTorch has {z.dtype}"
    chosen = [(z, e) for z, e in zip(expected, errors, strict=True) if e is not None]
    if not chosen or not tensors:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.autograd.grad(
            [z for z, _ in chosen],
            list(tensors.values()),
            [torch.tensor(np.asarray(e, np.float64)).to(z.dtype) for z, e in chosen],
            allow_unused=True,
        )
    for (i, tensor), slope in zip(tensors.items(), theirs, strict=True):
        dense = torch.zeros_like(tensor) if slope is None else slope.to_dense()
        fault = _difference(gradients[i], _as_ours(dense))
        if fault:
            return f"gradient of array {i}: {fault}"
    return ""


def _difference(ours: Any, theirs: Any) -> str:
    """Describe where two arrays differ; empty where they agree."""
    if tuple(ours.shape) != tuple(theirs.shape):
        return f"shape {tuple(ours.shape)}, PyTorch has {tuple(theirs.shape)}"
    a, b = (np.asarray(x).astype(np.float64) for x in (ours, theirs))
    if np.allclose(a, b, equal_nan=True, **CLOSE):
        return ""
    apart = ~np.isclose(a, b, equal_nan=True, **CLOSE)
    return f"{apart.sum()} of {a.size} entries differ: {a[apart][:3]}, PyTorch has {b[apart][:3]}"


def _is_tensor(leaf: Any) -> bool:
    import torch

    return isinstance(leaf, torch.Tensor)


def _is_leaf(value: Any) -> bool:
    import torch

    return value is None or isinstance(value, torch.Size)


def _as_ours(leaf: Any) -> Any:
    """Return an argument of PyTorch as an array, a tuple or a number type of ours."""
    import torch

    if isinstance(leaf, torch.Tensor):
        leaf = leaf.detach()
        if leaf.dtype == torch.bfloat16:
            return jnp.asarray(leaf.float().numpy(), jnp.bfloat16)
        return jnp.asarray(leaf.resolve_conj().resolve_neg().numpy())
    if isinstance(leaf, torch.Size):
        return tuple(leaf)
    if isinstance(leaf, torch.dtype):
        return np.dtype(str(leaf).removeprefix("torch."))
    return leaf


def _described(*arguments: Any) -> str:
    """Write arguments with shapes in place of arrays."""
    written = jax.tree.map(
        lambda leaf: f"{leaf.dtype}{list(leaf.shape)}" if isinstance(leaf, jax.Array) else leaf,
        arguments,
        is_leaf=lambda leaf: leaf is None,
    )
    return str(written).replace("'", "")
