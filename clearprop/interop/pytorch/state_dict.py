"""A model with the weights of PyTorch's `state_dict` in it.

`layers` says which array is which. Here it is applied to a whole model, and everything that does
not fit is said at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from clearprop import nn, tree
from clearprop.errors import CheckpointError, ConfigurationError, unknown_name
from clearprop.interop.pytorch.archive import read
from clearprop.interop.pytorch.flattening import Order, check_orders, reordered
from clearprop.interop.pytorch.layers import (
    ATTENTION,
    CHILDREN,
    IGNORED,
    LEAVES,
    Numbers,
    packed_attention,
)
from clearprop.nn.fields import Parameter, is_array, roles
from clearprop.nn.module import Module
from clearprop.nn.recurrent import from_pytorch
from clearprop.nn.recurrent.layer import Recurrent

Model = TypeVar("Model", bound=Module)

SHOWN = 8
"""So many names of each kind stand in a message."""


def load_state_dict(
    model: Model,
    source: Path | str | Mapping[str, object],
    *,
    part: str | None = None,
    names: Mapping[str, str] | None = None,
    flattened: Mapping[str, Order] | None = None,
    unflattened: Mapping[str, Order] | None = None,
) -> Model:
    """Return a model with the weights of PyTorch's `state_dict`.

    The layers of the model have the order and, apart from `clearprop.interop.pytorch.layers`, the
    names of PyTorch's: ``model.0.weight`` of a `torch.nn.Sequential` is ``layers.0.weight`` here.
    Numbers are turned and converted to the type of the model's.

    Pictures have their channels last here and first in PyTorch, so a layer that reads a flattened
    picture has its weights in another order. Say of which shape in PyTorch the picture is:
    ``flattened={"layers.4": (16, 5, 5)}``. A model with convolutions in which this seems to be
    missing is refused, as far as the sizes of its layers tell, in the order of its fields; None in
    place of a shape says that nothing was flattened. In a model without convolutions whose first
    layer reads colored pictures as vectors, nothing tells.

    Args:
        model: with or without values; it is not changed.
        source: a file of `torch.save`, read without unpickling (see `read`); or arrays by name.
        part: of the file, such as "state_dict"; see `read`.
        names: what PyTorch calls some layers, by our paths: ``{"hidden": "fc1"}``. "" is the model
            itself: ``{"": "module"}``. Everything below a layer follows it.
        flattened: layers that read a flattened picture, by our paths, with its shape in PyTorch.
        unflattened: layers whose output becomes a picture, likewise.

    Raises:
        CheckpointError: the file cannot be read, or arrays are missing, left over or of other
            shapes; all of them are listed.
        ConfigurationError: a path is not of a layer, or the order after a flattening is not known.

    >>> from clearprop.nn import Linear, Sequential
    >>> state = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3)}  # of torch.nn.Sequential
    >>> load_state_dict(Sequential([Linear(2, 3)]), state)[0].weight.shape
    (2, 3)
    """
    arrays: Any = read(source, part) if isinstance(source, Path | str) else source
    where = str(source) if isinstance(source, Path | str) else "state_dict"
    layers = nn.modules(model)
    known = tree.flatten_with_paths(model)
    for path in [*(names or {}), *(flattened or {}), *(unflattened or {})]:
        if path not in layers and not (path in known and path in (names or {})):
            raise unknown_name("layer", path, [p for p in layers if p], where="load_state_dict")
    given = dict(_flat(arrays, where))
    reading = _Reading(given, dict(names or {}))
    reading.module(model, "", "")
    reading.check(model, where)
    check_orders(layers, flattened or {}, unflattened or {})
    found = reordered(layers, reading.found, flattened or {}, unflattened or {})
    return tree.replace(
        model, {path: jnp.asarray(x, known[path].dtype) for path, x in found.items()}
    )


def _flat(arrays: Mapping[str, Any], where: str, prefix: str = "") -> Iterator[tuple[str, Numbers]]:
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            yield from _flat(value, where, f"{prefix}{name}.")
        elif hasattr(value, "detach"):  # a tensor of PyTorch
            plain = value.detach().cpu()
            # NumPy has no bfloat16; every number of it is one of float32.
            is_narrow = str(plain.dtype) == "torch.bfloat16"
            yield prefix + name, (plain.float() if is_narrow else plain).numpy()
        else:
            yield prefix + name, np.asarray(value)


class _Reading:
    """The arrays of a state dictionary, as a model takes them one by one.

    Args:
        given: arrays by PyTorch's names.
        names: PyTorch's names of some of our paths.

    Attributes:
        found: arrays by our paths, with their axes in our order.
        missing: PyTorch's names that are not there.
        unused: those that no layer has taken.
    """

    def __init__(self, given: Mapping[str, Numbers], names: Mapping[str, str]) -> None:
        self.given = given
        self.names = names
        self.found: dict[str, Numbers] = {}
        self.missing: list[str] = []
        self.unused = dict.fromkeys(given)
        self._theirs: dict[str, str] = {}

    def module(self, layer: Module, ours: str, theirs: str) -> None:
        theirs = self.names.get(ours, theirs)
        kind = type(layer)
        for name in IGNORED.get(kind, ()):
            self.unused.pop(_joined(theirs, name), None)
        if isinstance(layer, Recurrent):
            return self._recurrent(layer, ours, theirs)
        packed = isinstance(layer, nn.MultiHeadAttention) and self._attention(layer, ours, theirs)
        for field, role in roles(layer).items():
            content: Any = getattr(layer, field)
            if role == "static" or (packed and field in ATTENTION):
                continue
            path = _joined(ours, field)
            if isinstance(content, Parameter) or is_array(content):
                self._leaf(layer, field, content, path, theirs, optional=role == "constant")
            else:
                name = CHILDREN.get(kind, {}).get(field, field)
                self._inside(content, path, _joined(theirs, name), role)
        return None

    def _inside(self, content: Any, ours: str, theirs: str, role: str) -> None:
        if isinstance(content, Module):
            self.module(content, ours, theirs)
        elif isinstance(content, Parameter) or is_array(content):
            self._take(content, ours, theirs, lambda x: x, optional=role == "constant")
        elif isinstance(content, tuple | list | dict):
            pairs = content.items() if isinstance(content, dict) else enumerate(content)
            for key, child in pairs:
                self._inside(child, _joined(ours, str(key)), _joined(theirs, str(key)), role)

    def _leaf(
        self, layer: Module, field: str, content: Any, ours: str, theirs: str, optional: bool
    ) -> None:
        known, home = LEAVES.get(type(layer)), type(layer).__module__
        is_matrix = len(content.shape) > 1
        if known is None and home.startswith("clearprop." if is_matrix else "clearprop.nn."):
            raise ConfigurationError(
                f"{type(layer).__name__} is no layer of PyTorch, so the order of its weights there "
                "is not known",
                where=ours,
                fix="give this layer its weights by tree.replace, and load those of the others",
            )
        name, turn = (known or {}).get(field, (field, lambda _, x: x))
        self._take(content, ours, _joined(theirs, name), lambda x: turn(layer, x), optional)

    def _take(self, content: Any, ours: str, theirs: str, turn: Any, optional: bool) -> None:
        theirs = self.names.get(ours, theirs)
        array = self.find(theirs)
        if array is not None:
            self.found[ours], self._theirs[ours] = turn(array), theirs
        elif not optional:
            self.missing.append(theirs)

    def find(self, theirs: str) -> Numbers | None:
        """Return an array by PyTorch's name, and note that it is used."""
        self.unused.pop(theirs, None)
        return self.given.get(theirs)

    def _attention(self, layer: nn.MultiHeadAttention, ours: str, theirs: str) -> bool:
        """Take query, key and value; False where they are layers of their own in PyTorch too."""
        inner = [_joined(ours, name) for name in ATTENTION]
        if any(path in self.names for path in inner):
            return False
        if any(_joined(theirs, f"{name}.weight") in self.given for name in ATTENTION):
            return False
        found = packed_attention(layer, lambda name: self.find(_joined(theirs, name)))
        for path, array in found.items():
            self.found[_joined(ours, path)] = array
            self._theirs[_joined(ours, path)] = _joined(theirs, f"in_proj_{path.split('.')[1]}")
        for kind, is_wanted in (("weight", True), ("bias", layer.query.bias is not None)):
            if is_wanted and f"query.{kind}" not in found:
                self.missing.append(_joined(theirs, f"in_proj_{kind}"))
        return True

    def _recurrent(self, layer: Recurrent[Any, Any], ours: str, theirs: str) -> None:
        prefix = f"{theirs}." if theirs else ""
        numbers, ways = range(len(layer.cells)), ("", "_reverse")
        ends = [
            f"l{n}{way}" for n in numbers for way in ways[: 1 + (layer.backward_cells is not None)]
        ]
        wanted = [f"{prefix}weight_{kind}_{end}" for end in ends for kind in ("ih", "hh")]
        optional = [name.replace("weight_", "bias_") for name in wanted]
        if any(name in self.given for name in optional):
            wanted += optional
        absent = [name for name in wanted if name not in self.given]
        self.missing += absent
        if layer.starts is not None:
            self.missing.append(
                f"{prefix}a learned first state, which PyTorch's layers do not have"
            )
        for name in wanted:
            self.unused.pop(name, None)
        if absent or layer.starts is not None:
            return
        state = {name: np.asarray(self.given[name]) for name in wanted}
        for path, value in nn.parameters(from_pytorch(layer, state, prefix)).items():
            self.found[_joined(ours, path)] = np.asarray(value)

    def check(self, model: Module, where: str) -> None:
        """Raise where something is missing, left over, or of another shape or kind."""
        known = tree.flatten_with_paths(model)
        wrong = []
        for path, array in self.found.items():
            fits = tuple(known[path].shape) == array.shape
            # Whole numbers are no weights: they would be taken for a table of something else.
            is_learned = jnp.issubdtype(known[path].dtype, jnp.floating)
            if fits and (not is_learned or jnp.issubdtype(array.dtype, jnp.floating)):
                continue
            named = self._theirs.get(path, path)
            there = f"{array.shape} {array.dtype}"
            wrong.append(f"{named} is {there}, turned for {path} {tuple(known[path].shape)}")
        lines = [
            _listed("missing", self.missing),
            _listed("not of this model", list(self.unused)),
            _listed("of another shape or kind", wrong),
        ]
        if any(lines):
            raise CheckpointError(
                "the arrays are not those of this model",
                where=where,
                given="\n".join(line for line in lines if line),
                fix="names={'our.layer': 'their.layer'} for layers that are called otherwise"
                if self.missing and self.unused
                else None,
            )


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}: {', '.join(names[:SHOWN])}{more}"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
