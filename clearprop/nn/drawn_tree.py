"""A model as text: its layers as a tree, with the shapes of their arrays and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clearprop.nn.fields import roles, values


def drawn_tree(layers: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return the layers of a model as lines of text.

    Args:
        layers: by path, outer before inner; the model itself has ``""``.
        parameters: of the model, by path.

    >>> from clearprop import nn
    >>> print(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)))
    Sequential          33 parameters
      layers.0  Linear  24  weight 2x8, bias 8
      layers.1  Tanh
      layers.2  Linear   9  weight 8x1, bias 1
    """
    rows: list[tuple[str, str, str, str]] = []
    model = layers[""]
    for path, layer in layers.items():
        if not path:
            continue
        outer = max((p for p in layers if p and path.startswith(f"{p}.")), key=len, default="")
        depth = sum(path.startswith(f"{p}.") for p in layers if p)
        name = path.removeprefix(f"{outer}.") if outer else path
        own = _own(path, layers, parameters)
        count = sum(w.size for p, w in parameters.items() if p.startswith(f"{path}."))
        rows.append(("  " * (depth + 1) + name, _kind(layer), f"{count:,}" if count else "", own))
    total = f"{sum(w.size for w in parameters.values()):,}"
    names = max((len(row[0]) for row in rows), default=0)
    kinds = max((len(row[1]) for row in rows), default=0)
    head = type(model).__name__
    left = max(names + 2 + kinds if rows else len(head), len(head))
    width = max(len(total), *(len(row[2]) for row in rows)) if rows else len(total)
    lines = [f"{head.ljust(left)}  {total.rjust(width)} parameters"]
    own = _own("", layers, parameters)
    if own:
        lines[0] += f": {own}"
    for name, kind, count, arrays in rows:
        line = f"{name.ljust(names)}  {kind.ljust(kinds)}".ljust(left)
        lines.append(f"{line}  {count.rjust(width)}  {arrays}".rstrip())
    return "\n".join(lines)


def _own(path: str, layers: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return the arrays of a layer that are in no inner layer, with their shapes."""
    prefix = f"{path}." if path else ""
    inner = [f"{p}." for p in layers if p and p != path and p.startswith(prefix)]
    found = [
        f"{p.removeprefix(prefix)} {_size(w)}"
        for p, w in parameters.items()
        if p.startswith(prefix) and not p.startswith(tuple(inner))
    ]
    layer = layers[path]
    for name, role in roles(layer).items():
        content = values(layer)[name]
        if role in ("constant", "statistic") and hasattr(content, "shape"):
            found.append(f"{name} {_size(content)} ({role})")
    return ", ".join(found)


def _size(array: Any) -> str:
    return "x".join(map(str, array.shape)) or "scalar"


def _kind(layer: object) -> str:
    kind, function = type(layer).__name__, getattr(layer, "function", None)
    name = getattr(function, "name", None)
    return f"Activation({name})" if kind == "Activation" and name else kind
