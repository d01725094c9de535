"""`why`: what happens to the error signal on its path to a parameter or node, and the cause.

Shape letters: none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from clearprop.display import Shown
from clearprop.errors import ConfigurationError
from clearprop.glass.explain.nonfinite import origin
from clearprop.glass.explain.reasons import describe
from clearprop.glass.explain.trail import Hop, norm, trail
from clearprop.glass.nodes.graph import Entry, entry_of
from clearprop.glass.nodes.node import GlassNode
from clearprop.nn.definitions import HUGE, NEAR_ZERO, TINY, TOO_LARGE

Array = jax.Array


@dataclass(frozen=True)
class Step:
    """One operation on the path of an error signal.

    Attributes:
        name, operation: of the node.
        factor: the norm of what it passed on, divided by the norm of what arrived at it.
        norm: of what it passed on.
    """

    name: str
    operation: str
    factor: float
    norm: float


@dataclass(frozen=True)
class Why(Shown):
    """Why a gradient has its size.

    Attributes:
        name: of the parameter or node.
        index: the chosen entry; None for all.
        verdict: "zero", "tiny", "huge", "not a number", "healthy" or "not connected".
        norm: of its error signal.
        steps: the operations on the path, from E back to the node.
        culprit: name of the node that is the cause; None if no node stands out.
        reason: the cause in a sentence.
    """

    name: str
    index: tuple[int, ...] | None
    verdict: str
    norm: float
    steps: tuple[Step, ...]
    culprit: str | None
    reason: str

    def __str__(self) -> str:
        what = self.name if self.index is None else f"{self.name}{list(self.index)}"
        lines = [f"{what}: its error signal is {self.verdict} (norm {self.norm:.3g}).", self.reason]
        if self.steps:
            width = max(len(step.name) for step in self.steps)
            lines += ["", f"{'from E back':<{width}}  {'factor':>9}  {'norm':>9}"]
            lines += [f"{s.name:<{width}}  {s.factor:>9.3g}  {s.norm:>9.3g}" for s in self.steps]
        return "\n".join(lines)


def why(node: GlassNode, index: Entry | None = None) -> Why:
    """Return why the error signal of a node, or of one of its entries, has its size.

    The path is the one on which most of the error signal came, from E back to the node. Every
    operation on it changes the norm by a factor. The operation, or the kind of operation, that
    changes the norm most is the cause. If the error signal is 0, the path leads through the
    operation that passed nothing. If it is not a number, the first operation whose result is not
    finite is named.

    A norm is tiny below 1e-4 of the norm at the model's output, or below 1e-9. It is huge above
    1e4 of that norm, or above 1e3. See `clearprop.nn.definitions`.

    Args:
        node: of a pass.
        index: one entry; None for all.

    Raises:
        ConfigurationError: the node carries no error signal, or has no such entry.
    """
    error = node.error
    if error is None:
        raise ConfigurationError(
            "the node carries no error signal", where=node.name, given=f"dtype {node.dtype}"
        )
    place, start = None, None
    if index is not None:
        place = entry_of(node.shape, index, node.name)
        start = jnp.zeros(node.shape, node.dtype).at[place].set(1)
    size = norm(error, start)
    if not math.isfinite(size):
        return _not_finite(node, place, size)
    if not node.is_reached:
        text = "No operation that passes errors leads from it to E: " + _unread(node)
        return Why(node.name, place, "not connected", 0.0, (), None, text)
    hops = trail(node, start)
    steps = tuple(Step(h.node.name, h.node.operation, h.factor, h.passed) for h in hops)
    # One entry is compared as if all entries had its size.
    entries = 1.0 if start is None else float(np.prod(node.shape))
    verdict = _verdict(node, size, math.sqrt(entries))
    culprit, reason = _REASONS[verdict](node, hops, size)
    reason = " ".join([reason, *_besides(node, hops, culprit)])
    return Why(node.name, place, verdict, size, steps, culprit, reason)


def _verdict(node: GlassNode, size: float, factor: float) -> str:
    if size == 0:
        return "zero"
    size *= factor
    reference = _at_output(node)
    if size < max(TINY * reference, NEAR_ZERO):
        return "tiny"
    return "huge" if size > min(HUGE * reference, TOO_LARGE) else "healthy"


def _at_output(node: GlassNode) -> float:
    """Return the norm of the error signal at the model's output."""
    glass = node.glass
    output = glass["model"] if "model" in glass else glass.nodes[-1]
    summary = output.error_summary
    return summary.norm if summary is not None else 1.0


def _unread(node: GlassNode) -> str:
    if not node.users:
        return "nothing reads it, or only as a constant (step, argmax, stop_gradient)."
    return f"nothing on the way to E reads the result of {node.users[0].name}."


def _not_finite(node: GlassNode, place: tuple[int, ...] | None, size: float) -> Why:
    found = origin(node.glass, node)
    if found is None:
        return Why(node.name, place, "not a number", size, (), node.name, "Its sum overflows.")
    text = f"The first of the {found.way} pass is {found.place}: {found.reason}."
    return Why(node.name, place, "not a number", size, (), found.place, text)


def _besides(node: GlassNode, hops: list[Hop], culprit: str | None) -> list[str]:
    """Return remarks on the path: its loops, and numbers that are not finite."""
    loops = [h for h in hops if h.node.steps and h.node.name != culprit and h.arrived]
    found = [f"In {hop.node.name} {describe(hop)}." for hop in loops]
    if node.glass.nodes[-1].summary.nonfinite and (first := origin(node.glass)) is not None:
        found.append(f"But E is not finite: {first.place}: {first.reason}.")
    elif worst := next((hop for hop in hops if math.isinf(hop.passed)), None):
        found.append(f"What {worst.node.name} passes on is not finite.")
    return found


def _zero(node: GlassNode, hops: list[Hop], size: float) -> tuple[str | None, str]:
    for hop in hops:
        if hop.blocks:
            return hop.node.name, f"It becomes 0 in {hop.node.name}: {describe(hop)}."
    if not hops or hops[0].arrived == 0:
        return None, "E passes nothing back: the error signal of its inputs is 0."
    return None, "What the operations that read it pass back cancels out."


def _tiny(node: GlassNode, hops: list[Hop], size: float) -> tuple[str | None, str]:
    at_output = max(_at_output(node), 1e-300)
    inside = [hop for hop in hops if hop.node.layer != "loss"]
    # The way from E to the output changes the norm by at_output, and the way from there to the node
    # by size / at_output: the smaller of these two factors is to blame.
    if inside and size / at_output < at_output:
        return _dominant(inside, "shrinks", lambda hop: -_log_of_factor(hop))
    loss = [hop for hop in hops if hop.node.layer == "loss"]
    if not loss:
        return None, "E passes almost nothing back."
    worst = min(loss, key=lambda hop: hop.factor)
    text = "The loss passes almost nothing back, because the outputs are nearly right"
    return worst.node.name, f"{text}: in {worst.node.name} {describe(worst)}."


def _huge(node: GlassNode, hops: list[Hop], size: float) -> tuple[str | None, str]:
    at_output = max(_at_output(node), 1e-300)
    inside = [hop for hop in hops if hop.node.layer != "loss"]
    if inside and size / at_output > at_output:
        return _dominant(inside, "grows", _log_of_factor)
    worst = max(hops, key=lambda hop: hop.factor)
    text = f"It is already huge where it leaves the loss, in {worst.node.name}"
    return worst.node.name, f"{text}: {describe(worst)}."


def _healthy(node: GlassNode, hops: list[Hop], size: float) -> tuple[str | None, str]:
    inside = [hop for hop in hops if hop.node.layer != "loss"]
    if not inside:
        return None, "It comes straight from the loss."
    weakest = min(inside, key=lambda hop: hop.factor)
    text = f"It arrives through {len(hops)} operations, and none stands out. The smallest factor of"
    text += f" the model, {weakest.factor:.2g}, is that of {weakest.node.name}"
    return None, text + (f": {describe(weakest)}." if weakest.factor < 0.1 else ".")


_REASONS = {"zero": _zero, "tiny": _tiny, "huge": _huge, "healthy": _healthy}


def _log_of_factor(hop: Hop) -> float:
    return math.log(min(max(hop.factor, 1e-300), 1e300))


def _dominant(hops: list[Hop], verb: str, weight: Callable[[Hop], float]) -> tuple[str | None, str]:
    """Name the operation, or the kind of operation, that causes most of a change."""
    kinds: dict[str, list[Hop]] = {}
    for hop in hops:
        kinds.setdefault(hop.node.operation, []).append(hop)
    group = max(kinds.values(), key=lambda some: sum(map(weight, some)))
    worst = max(group, key=weight)
    name, total = worst.node.name, sum(map(weight, group))
    if len(group) == 1 or weight(worst) > 0.5 * total:
        return name, f"{name} {verb} it by {worst.factor:.2g}: {describe(worst)}."
    each = math.exp(sum(map(_log_of_factor, group)) / len(group))
    together = math.prod(hop.factor for hop in group)
    places = f"each of {len(group)} places, by {together:.2g} together"
    text = f"{worst.node.operation} {verb} it by {each:.2g} on average at {places}"
    return name, f"{text[0].upper()}{text[1:]}; most in {name}: {describe(worst)}."
