"""Rules about runs that act in an environment: values without bound, and rewards never found."""

from __future__ import annotations

import numpy as np

from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule_of, strength
from clearprop.glass.wording import count, number
from clearprop.training import History

OVER = 1.5
"""Mean Q divided by the highest mean return of the run. Where all rewards have one sign, a
discounted sum of them is never above the sum of all."""

FAR_OVER = 10.0

LEAST_EPOCHS = 3
"""Epochs without a different return, after which no reward was found."""


@rule_of("deep_q_learning")
def values_without_bound(facts: Facts, history: History) -> Finding | None:
    """Values that are higher than any return of the run."""
    expected = float(history.metrics["mean Q"][-1])
    seen = np.concatenate([history.metrics[name] for name in ("return", "evaluation return")])
    highest = max(float(seen.max()), 0.0)
    ratio = expected / highest if highest > 0 else (np.inf if expected > 1 else 0.0)
    if ratio < OVER:
        return None
    options = facts.config["algorithm"]
    fix = "fit(..., algorithm=DeepQLearning(delta=None, double=True))"
    if options.get("delta") is None and options.get("double"):
        fix = "fit(..., learning_rate=1e-4, algorithm=DeepQLearning(target_every=200))"
    return Finding(
        "",
        {"mean Q": expected, "highest return": highest},
        f"The network expects a return of {number(expected)} in states of random play; the highest "
        f"mean return of the run is {number(highest)}.",
        fix,
        strength(ratio, OVER, FAR_OVER),
    )


@rule_of("deep_q_learning")
def no_reward_found(facts: Facts, history: History) -> Finding | None:
    """Episodes that all have the same return, from the first epoch to the last."""
    begun = history.metrics["episodes"] > 0  # before the first end of an episode it has no return
    seen = np.concatenate([history.metrics["return"][begun], history.metrics["evaluation return"]])
    ended = float(history.metrics["episodes"][-1])
    if len(history) < LEAST_EPOCHS or not ended or np.ptp(seen) > 1e-6 * max(1.0, abs(seen[0])):
        return None
    repeat = int(facts.config["algorithm"].get("repeat") or 1)
    return Finding(
        "",
        {"episodes": ended, "return": float(seen[0])},
        f"All {count(int(ended), 'episode')} had the return {number(float(seen[0]))}, so no action "
        "was ever seen to be better than another.",
        f"fit(..., algorithm=DeepQLearning(repeat={max(20, 2 * repeat)}))",
        0.9,
    )
