"""Rules about weights: not finite, equal, of the wrong size, unchanged, or lost in rounding."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import EVERY, rule, rule_of, strength
from clearprop.glass.explain import Why, explain
from clearprop.glass.wording import count, number, percent

BROKEN = 0.95
"""Such a finding is certain. Still, a cause that is certain too is shown before it."""

HALF_SPACING = 2.0**-9
"""A number of 8 significant bits and the next one differ by at least twice this fraction of it. A
smaller step than half the distance is rounded away."""

MOSTLY_LOST = 0.5

EXPLAINED = 16
"""Number of examples of the pass in which `why` is asked."""


@rule_of(EVERY)
def non_finite(facts: Facts) -> Finding | None:
    """A loss, a gradient or a weight that is infinite or not a number."""
    failure = facts.run.non_finite if facts.run is not None else None
    if failure is not None:
        where = failure.place
        evidence: dict[str, float] = {"step": failure.step, "epoch": failure.epoch}
        said = f"In step {failure.step:,} of epoch {failure.epoch}, at {where}: {failure.cause}."
        if failure.blames_operation:
            said += f" The mend: {failure.mend}."
            return Finding(where, evidence, said, _mended(facts, failure.mend), BROKEN)
    elif facts.model is not None and facts.broken:
        where = named(facts.broken)
        arrays = nn.parameters(facts.model)
        bad = sum(int((~jnp.isfinite(arrays[path])).sum()) for path in facts.broken)
        evidence = {"entries": bad, "parameters": len(facts.broken)}
        said = (f"{count(bad, 'weight')} of {where} {'is' if bad == 1 else 'are'} infinite or not "
                "a number.")  # fmt: skip
    else:
        return None
    changed = {"learning_rate": fix.lower_rate(facts)} if fix.rate_of(facts) else {}
    line = fix.fit_line(facts, **changed) if facts.run is not None else (
        "model = model.init(0)  # of the model as it was built, without values"
    )  # fmt: skip
    return Finding(where, evidence, said, line, BROKEN)


def _mended(facts: Facts, mend: str) -> str:
    return f"# {mend}\n{fix.fit_line(facts)}"


@rule
def never_moved(facts: Facts, model: nn.Module) -> Finding | None:
    """Parameters that training has not changed, or that get no gradient."""
    steps = facts.run.stopped.step if facts.run is not None and facts.run.stopped else 1
    if facts.run is not None and facts.changes and steps:
        known = set(facts.changes)
        stuck = [p for p, change in facts.changes.items() if change.same and p not in facts.frozen]
        why = f"not changed at all in {count(steps, 'step')}"
    else:
        gradients = facts.signals.gradients if facts.signals is not None else {}
        known = set(gradients)
        stuck = [path for path, g in gradients.items() if g.size and not g.any()]
        why = "a gradient of exactly zero for every example"
    asked = sorted(facts.frozen)
    if not (stuck or asked) or (len(stuck) == len(known) and not facts.without_gradient):
        return None  # if nothing moves despite a gradient, the learning rate is the reason
    if facts.run is None and stuck and _has_zero_weights(model):
        return None  # weights that start at zero stop the error signal for the first step only
    layers = named(dict.fromkeys(path.rpartition(".")[0] or path for path in stuck or asked))
    if not stuck:
        untrained = _as_initialized(facts, model, asked)
        more = (" They look as an initializer makes them: their biases are all "
                f"{untrained}, so they were never trained.") if untrained else ""  # fmt: skip
        return Finding(
            layers,
            {"parameters": len(asked)},
            f"{named(asked)} kept {'its' if len(asked) == 1 else 'their'} initial values, because "
            f"the run was asked to freeze them.{more}",
            fix.fit_line(facts, freeze=None),
            0.7 if untrained else 0.5,
            facts.grade if untrained and facts.train is not None else "note",
        )
    of_weights = any(nn.parameters(model)[path].ndim >= 2 for path in stuck)
    died = _where_it_died(facts, stuck)
    return Finding(
        layers,
        {"parameters": len(stuck), "steps": steps},
        f"{named(stuck)} {'has' if len(stuck) == 1 else 'have'} {why}."
        + (f" The error signal stops on its way: {died.reason}" if died is not None else ""),
        _reconnected(facts, died, stuck[-1]),
        0.8 if of_weights else 0.6,
        facts.grade if of_weights else "note",
    )


def _as_initialized(facts: Facts, model: nn.Module, frozen: list[str]) -> str:
    """Return the value of all biases of frozen layers, where it is that of an initializer.

    Trained biases are not all equal. Returns "" where some differ, where there are none, and for a
    fork, which began with trained weights.
    """
    arrays = nn.parameters(model)
    biases = [np.asarray(arrays[p]) for p in frozen if arrays[p].ndim == 1 and arrays[p].size > 1]
    weights = [p for p in frozen if arrays[p].ndim >= 2]
    values = {float(b.flat[0]) for b in biases}
    if facts.is_fork or not biases or not weights or any((b != b[0]).any() for b in biases):
        return ""
    return " or ".join(f"{value:g}" for value in sorted(values)) if values <= {0.0, 1.0} else ""


def _has_zero_weights(model: nn.Module) -> bool:
    return any(w.ndim >= 2 and not np.asarray(w).any() for w in nn.parameters(model).values())


def _where_it_died(facts: Facts, stuck: list[str]) -> Why | None:
    """Ask `why` where the error signal of a parameter without a gradient stopped."""
    if facts.part is None or facts.loss is None or facts.model is None or facts.signals is None:
        return None
    without = [path for path in stuck if not facts.signals.gradients[path].any()]
    if not without:
        return None
    glass = explain(facts.model, *facts.batch(facts.part, EXPLAINED), facts.loss)
    return glass.why(without[-1])


def _reconnected(facts: Facts, died: Why | None, path: str) -> str:
    """Return code that lets the error signal pass where it stopped, or that shows the place."""
    assert facts.model is not None
    layers = nn.modules(facts.model)
    at = (died.culprit or "").partition("/")[0] if died is not None else ""
    layer = layers.get(at) if at else None
    look = f'print(cp.explain(model, inputs[:16], targets[:16], loss).why("{path}"))'
    if layer is None or nn.parameters(layer):
        return f'loss = "{facts.loss_name}"\n{look}' if not facts.own_loss else look
    instead = "leaky_relu" if isinstance(layer, nn.Activation) else "identity"
    return (f"# {at} passes no error signal back\n{fix.other_activation([at], instead)}\n"
            f"{fix.fit_line(facts)}")  # fmt: skip


@rule
def bfloat16_underflow(facts: Facts, model: nn.Module) -> Finding | None:
    """Weights in bfloat16 whose steps are rounded away."""
    narrow = {p: w for p, w in nn.parameters(model).items() if w.dtype == jnp.bfloat16}
    if not narrow:
        return None
    lost, how = _lost(facts, narrow)
    return Finding(
        named(narrow),
        {"fraction": lost, "parameters": len(narrow)},
        f"The weights are stored in bfloat16, and {percent(lost)} of {how}.",
        "import jax, jax.numpy as jnp\nmodel = jax.tree.map(\n"
        "    lambda w: w.astype(jnp.float32) if w.dtype == jnp.bfloat16 else w, model)\n"
        f"{fix.fit_line(facts, precision='bfloat16', **fix.restart(facts))}",
        strength(max(lost, 1e-3), MOSTLY_LOST, 0.95),
        "fault" if lost >= MOSTLY_LOST else "note",
    )


def _lost(facts: Facts, narrow: dict[str, jax.Array]) -> tuple[float, str]:
    """Return the fraction of weights whose steps are rounded away, and what is known of them."""
    changes = [facts.changes[p] for p in narrow if p in facts.changes]
    if changes:
        sizes = np.array([change.size for change in changes], float)
        still = np.array([change.still for change in changes])
        return float((sizes * still).sum() / sizes.sum()), "them still have their initial values"
    rate = fix.rate_of(facts) or 0.001
    flat = np.concatenate([np.abs(np.asarray(w, np.float64)).ravel() for w in narrow.values()])
    fraction = float((rate < flat * HALF_SPACING).mean())
    return fraction, f"them are so large that a step of {number(rate)} is rounded away"
