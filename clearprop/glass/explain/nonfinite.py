"""Where a pass first left the finite numbers: the operation, what went into it, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.glass.explain.summary import summary_of

if TYPE_CHECKING:
    from clearprop.glass.explain.glass import Glass
    from clearprop.glass.explain.node import GlassNode

BACKWARD = {
    "divide": "the derivatives of x / y are 1 / y and -x / y^2",
    "log": "the derivative of log x is 1 / x",
    "log_loss": "the derivative of log y is 1 / y",
    "power": "the derivative of x^p is p x^(p - 1), that by p is x^p log x",
    "reciprocal": "the derivative of 1 / x is -1 / x^2",
    "rsqrt": "the derivative of x^(-1/2) is -x^(-3/2) / 2",
    "sqrt": "the derivative of sqrt x is 1 / (2 sqrt x), without bound at 0",
    "std": "the derivative of a deviation divides by it, and it is 0",
    "kl_divergence": "the derivative of log q is 1 / q",
    "layer_norm": "it divides by the deviation of its input",
    "batch_norm": "it divides by the deviation of its input",
}
"""What a rule divides by, of operations whose rules divide."""


@dataclass(frozen=True)
class Origin:
    """The first operation of either pass that gave what is no finite number.

    Attributes:
        node: its output, or the parameter or input that was not finite to begin with.
        way: "forward" or "backward".
        reason: what happened there.
    """

    node: GlassNode
    way: str
    reason: str


def origin(glass: Glass, node: GlassNode | None = None) -> Origin | None:
    """Return where numbers that are not finite come from; None where all of them are finite.

    The forward pass is asked first, from E back through values that are not finite to the first of
    them: a mask of minus infinity that did no harm is not blamed. Where E is finite, the backward
    pass is asked, in its order.

    Args:
        glass: the pass.
        node: whose error signal is in question; None for any.
    """
    last = glass.nodes[-1]
    start = last if last.summary.nonfinite else None
    if start is None:
        return _first_backward(glass, node)
    first = _first_forward(start)
    return Origin(first, "forward", _forward_reason(first))


def _first_forward(node: GlassNode) -> GlassNode:
    while True:
        sources = [node.glass.nodes[i] for i in node.sources if i is not None]
        strange = [source for source in sources if source.summary.nonfinite]
        if not strange:
            return node
        # Of several the oldest: what else is not finite may follow from it.
        node = min(strange, key=lambda source: source.index)


def _first_backward(glass: Glass, node: GlassNode | None) -> Origin | None:
    wanted = None if node is None else _descendants(node)
    for at in reversed(glass.nodes):
        if at.output or (wanted is not None and at.index not in wanted):
            continue
        arrived = [s.error_summary for s in at.siblings]
        if any(e is not None and e.nonfinite for e in arrived):
            continue
        for i in range(len(at.sources)):
            if at.passed_summary(i).nonfinite:
                why = BACKWARD.get(at.operation, "what it passes back is too large")
                text = f"in the backward pass {at.operation} leaves the finite numbers: {why}; "
                return Origin(at, "backward", text + _ranges(at))
    return None


def _descendants(node: GlassNode) -> set[int]:
    found, waiting = set[int](), [node]
    while waiting:
        for user in waiting.pop().users:
            first = user.siblings[0]
            if first.index not in found:
                found.add(first.index)
                waiting.extend(user.siblings)
    return found


def _forward_reason(node: GlassNode) -> str:
    if node.operation in ("parameter", "input"):
        count, size = node.summary.nonfinite, int(np.prod(node.shape))
        return f"{count} of its {size} numbers are not finite to begin with"
    constants = [
        i for i, x in enumerate(node.inputs)
        if node.sources[i] is None and _strange(x) and node.operation != "where"
    ]  # fmt: skip
    if constants:
        return f"its input {constants[0]}, a constant such as a target, is not finite"
    cause = _cause(node)
    return f"{cause}; {_ranges(node)}" if cause else f"its result is too large; {_ranges(node)}"


def _cause(node: GlassNode) -> str:
    """Return what an operation was asked that has no finite answer."""
    arrays = [np.asarray(getattr(x, "value", x)) for x in node.inputs if x is not None]
    kind, x = node.operation, arrays[0]
    if kind in ("log", "sqrt", "rsqrt", "log1p"):
        shifted = x + 1 if kind == "log1p" else x
        if (shifted < 0).any():
            return f"{kind} of a negative number"
        return f"{kind} of 0" if (shifted == 0).any() else ""
    if kind in ("divide", "reciprocal"):
        divisor = arrays[-1]
        if not (divisor == 0).any():
            return ""
        zero_over_zero = kind == "divide" and ((divisor == 0) & (x == 0)).any()
        return "0 divided by 0" if zero_over_zero else "division by 0"
    if kind in ("exp", "expm1"):
        return f"e^x of {float(x.max()):.4g} is more than a {node.dtype} can hold"
    if kind == "softmax_cross_entropy" and np.issubdtype(arrays[1].dtype, np.integer):
        classes, labels = x.shape[-1], arrays[1]
        if ((labels < 0) | (labels >= classes)).any():
            return f"a label lies outside its classes 0 to {classes - 1}"
    if kind in ("log_loss", "kl_divergence"):
        return "log of 0: a probability that is surely wrong"
    if kind == "power" and (x <= 0).any():
        return "a power of 0 or of a negative number"
    return ""


def _ranges(node: GlassNode) -> str:
    """Return what the inputs of an operation are like, in words."""
    parts = []
    for i, x in enumerate(node.inputs):
        if x is None:
            continue
        found = summary_of(getattr(x, "value", x))
        name = getattr(x, "name", f"input {i}")
        parts.append(f"{name} from {found.smallest:.4g} to {found.largest:.4g}")
    return "its inputs: " + ", ".join(parts)


def _strange(x: Any) -> bool:
    array = np.asarray(getattr(x, "value", x)) if x is not None else np.zeros(())
    return array.dtype.kind not in "iub" and not np.isfinite(array.astype(np.float64)).all()
