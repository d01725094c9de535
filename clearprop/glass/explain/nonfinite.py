"""The origin of the first number of a pass that is not finite: the operation, its inputs, why."""

from __future__ import annotations

import numpy as np

from clearprop.glass.nodes.array_summary import summary_of
from clearprop.glass.nodes.node import GlassNode, Nodes
from clearprop.training.nonfinite import Origin, first_backward, first_forward

BACKWARD = {
    "divide": "the derivatives of x / y are 1 / y and -x / y^2",
    "log": "the derivative of log x is 1 / x",
    "log_loss": "the derivative of log y is 1 / y",
    "power": "the derivative of x^p is p x^(p - 1), that by p is x^p log x",
    "reciprocal": "the derivative of 1 / x is -1 / x^2",
    "rsqrt": "the derivative of x^(-1/2) is -x^(-3/2) / 2",
    "sqrt": "the derivative of sqrt x is 1 / (2 sqrt x), without bound at 0",
    "std": "the derivative of a standard deviation divides by it, and it is 0",
    "kl_divergence": "the derivative of log q is 1 / q",
    "layer_norm": "it divides by the standard deviation of its input",
    "batch_norm": "it divides by the standard deviation of its input",
    "group_norm": "it divides by the standard deviation of its input",
    "arcsin": "the derivative of arcsin x is 1 / sqrt(1 - x^2), without bound at -1 and 1",
    "arccos": "the derivative of arccos x is -1 / sqrt(1 - x^2), without bound at -1 and 1",
    "arccosh": "the derivative of arccosh x is 1 / sqrt(x^2 - 1), without bound at 1",
    "arctanh": "the derivative of arctanh x is 1 / (1 - x^2), without bound at -1 and 1",
    "det": "the derivative of a determinant contains the inverse of the matrix",
    "eigh": "the derivatives of eigenvectors divide by the differences of the eigenvalues",
    "svd": "the derivatives of singular vectors divide by the differences of the singular values",
}
"""Why the rule of an operation can leave the finite numbers, by the operation."""


def origin(glass: Nodes, node: GlassNode | None = None) -> Origin | None:
    """Return where the numbers that are not finite come from; None where all numbers are finite.

    If E is not finite, the forward pass is searched: from E back through values that are not
    finite. So a mask of minus infinity that does not reach E is not the origin. If E is finite, the
    backward pass is searched in its order.

    Args:
        glass: the pass.
        node: the node whose error signal is not finite; None for any node.
    """
    last = glass.nodes[-1]
    if last.summary.nonfinite:
        first = first_forward(last, _broken_sources)
        return Origin(first.name, "forward", _forward_reason(first))
    wanted = None if node is None else _descendants(node)
    firsts = [n for n in reversed(glass.nodes) if not n.output]  # one node an operation
    found = first_backward(
        [n for n in firsts if wanted is None or n.index in wanted],
        lambda n: not any(s.error_summary and s.error_summary.nonfinite for s in n.siblings),
        lambda n: not any(n.passed_summary(i).nonfinite for i in range(len(n.sources))),
    )
    if found is None:
        return None
    cause = BACKWARD.get(found.operation, "what it passes back is too large")
    text = f"in the backward pass the result of {found.operation} is not finite: {cause}"
    return Origin(found.name, "backward", f"{text}; {_ranges(found)}")


def _broken_sources(node: GlassNode) -> list[GlassNode]:
    indices = sorted({i for i in node.sources if i is not None})
    return [node.glass.nodes[i] for i in indices if node.glass.nodes[i].summary.nonfinite]


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
        return f"{count} of its {size} numbers are not finite from the start"
    constants = [
        i for i, x in enumerate(node.input_values)
        if node.sources[i] is None and _strange(x) and node.operation != "where"
    ]  # fmt: skip
    if constants:
        return f"its input {constants[0]}, a constant such as a target, is not finite"
    return f"{_cause(node) or 'its result is too large'}; {_ranges(node)}"


def _cause(node: GlassNode) -> str:
    """Return why an operation has no finite result; "" if the reason is not one of these."""
    arrays = [np.asarray(x) for x in node.input_values if x is not None]
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
        return "log of 0: the predicted probability of the true class is 0"
    if kind == "power" and (x <= 0).any():
        return "a power of 0 or of a negative number"
    return ""


def _ranges(node: GlassNode) -> str:
    """Return the ranges of an operation's inputs in words."""
    parts = []
    for i, (x, value) in enumerate(zip(node.inputs, node.input_values, strict=True)):
        if value is not None:
            found = summary_of(value)
            name = x.name if isinstance(x, GlassNode) else f"input {i}"
            parts.append(f"{name} from {found.smallest:.4g} to {found.largest:.4g}")
    return "its inputs: " + ", ".join(parts)


def _strange(x: object) -> bool:
    array = np.asarray(x) if x is not None else np.zeros(())
    return array.dtype.kind not in "iub" and not np.isfinite(array.astype(np.float64)).all()
