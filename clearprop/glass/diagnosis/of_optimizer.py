"""Rules about the optimizer: a penalty that is too strong, and trials with other settings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.signals import Signals
from clearprop.glass.diagnosis.trials import STEPS, trials_of
from clearprop.glass.wording import number, percent
from clearprop.training import History

STRONG = 1.0
"""The penalty's gradient at the first values divided by the data's gradient. Of penalties that help
it is below a tenth."""

SHRUNK = 0.6
"""Root mean square of the weights divided by that of their first values. The weights of networks
that learn stay as large or grow."""

MUCH_DROPOUT, USUAL_DROPOUT = 0.75, 0.3
"""Rates of dropout. Hinton's nets for speech and pictures had 0.5 in hidden layers."""

MANY_DROPOUTS, KEPT = 3, 0.05
"""Number of layers of dropout, and the fraction of the paths through all of them that is kept."""

BETTER = 0.7
"""The loss after the same number of steps, divided by that with the run's own settings."""

MUCH_BETTER = 0.25
"""The same ratio, below which the settings hinder even a run that has learned in the end."""


@rule
def penalty_too_strong(facts: Facts, signals: Signals, beginning: Any) -> Finding | None:
    """A penalty on the weights that is stronger than the data, so that they shrink to nothing."""
    decays = list(fix.penalties(facts.config.get("optimizer") or {}))
    error, simple = facts.training_error, facts.simple_error
    learned = facts.learned and (error is None or error <= simple)
    if not decays or learned or facts.model is None or not beginning:
        return None
    arrays = {p: np.asarray(w, np.float64) for p, w in nn.parameters(facts.model).items()
              if w.ndim >= 2 and p in beginning and p not in facts.frozen}  # fmt: skip
    if not arrays:
        return None
    size = sum(w.size for w in arrays.values())
    first = math.sqrt(sum(w.size * beginning[p].deviation ** 2 for p, w in arrays.items()) / size)
    now = math.sqrt(sum(float(np.square(w).sum()) for w in arrays.values()) / size)
    gradient = math.sqrt(
        sum(float(np.square(signals.gradients[p], dtype=np.float64).sum()) for p in arrays) / size
    )
    name, amount = max(decays, key=lambda one: one[1])
    # An adaptive step has about the size of the rate, so a separate decay stands against 1.
    adaptive = fix.is_adaptive(facts.config["optimizer"])
    against = 1.0 if name == "separate" and adaptive else gradient
    penalty = amount if name == "l1" else amount * first
    ratio = penalty / against if against > 0 else math.inf
    if not first or now > SHRUNK * first or ratio < STRONG:
        return None
    return Finding(
        "",
        {"penalty over data": ratio, "weights now over first": now / first, "strength": amount},
        f"At the first values the gradient of the penalty ({number(amount)}) is "
        f"{number(ratio, 2)} times that of the data. The weights have shrunk to "
        f"{percent(now / first)} of their first size.",
        fix.fit_line(facts, optimizer=fix.without_penalty(facts), learning_rate=None),
        strength(ratio, STRONG, 100) * 0.8 + 0.1,
    )


@rule
def dropout_too_strong(facts: Facts, model: nn.Module, history: History) -> Finding | None:
    """Dropout that leaves so few units that the network cannot learn."""
    rates = {p: m.rate for p, m in nn.modules(model).items() if isinstance(m, nn.Dropout)}
    path = max(rates, key=lambda p: rates[p], default="")
    if not path or facts.learned or facts.training_error is None:
        return None
    kept = math.prod(1 - rate for rate in rates.values())
    many = len(rates) >= MANY_DROPOUTS and kept < KEPT
    if rates[path] < MUCH_DROPOUT and not many:
        return None
    more = f", and the {len(rates)} layers of dropout keep {percent(kept)} of all paths"
    more = more if many else ""
    changes = [
        f'model = cp.nn.replace_layer(model, "{p}", cp.nn.Dropout({USUAL_DROPOUT}))'
        for p, r in rates.items() if r >= MUCH_DROPOUT or (many and r > USUAL_DROPOUT)
    ]  # fmt: skip
    return Finding(
        path,
        {"rate": rates[path], "training error": facts.training_error},
        f"In every step, {path} sets {percent(rates[path])} of the units to 0{more}. "
        "The training error "
        f"is {facts.error_text(facts.training_error)} at the end, measured without dropout.",
        "\n".join([*changes, fix.fit_line(facts)]),
        strength(max(rates[path], 1 - kept if many else 0), MUCH_DROPOUT, 0.95),
    )


@rule
def unsuitable_optimizer(facts: Facts, trials: bool) -> Finding | None:
    """Another optimizer or batch size that gets much further in the same number of steps."""
    rate = fix.rate_of(facts)
    named = str((facts.config.get("optimizer") or {}).get("name") or "its optimizer")
    made = trials_of(facts, f"{named}, a learning rate of {number(rate)}" if rate else named)
    if not made:
        return None
    own, best = made[0], min(made[1:], key=lambda trial: trial.loss)
    if not math.isfinite(best.loss) or own.loss <= 0 or best.loss > BETTER * own.loss:
        return None
    gain = best.loss / own.loss if math.isfinite(own.loss) else 0.0
    return Finding(
        "",
        {"loss with own settings": own.loss, "loss with others": best.loss, "steps": STEPS},
        f"From the same first values, {STEPS} steps with {best.said} bring the loss from "
        f"{number(own.first)} to {number(best.loss)}; with the settings of the run "
        f"({own.said}) it is {number(own.loss)}.",
        fix.fit_line(facts, optimizer=fix.Code(f'"{best.optimizer}"'), learning_rate=best.rate,
                     batch_size=best.batch_size),
        0.5 + 0.6 * (strength(1 / max(gain, 1e-3), 1 / BETTER, 20) - 0.5),
        "fault" if gain < MUCH_BETTER else facts.grade,
    )  # fmt: skip
