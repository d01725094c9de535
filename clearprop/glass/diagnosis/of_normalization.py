"""Rules about normalization: running statistics that do not fit the examples.

Shape letters: N examples, F features.
"""

from __future__ import annotations

import numpy as np

from clearprop import nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts, named
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule, strength
from clearprop.glass.diagnosis.signals import Signals
from clearprop.glass.wording import number
from clearprop.training import History

FAR = 0.7
"""The mean distance of a normalized feature's mean from 0, in deviations. In runs that end with
fitting statistics it is below 0.3."""

WIDE = 2.5
"""The middle deviation of the normalized features, or one over it; it should be 1."""

STILL = 1e-3
"""A normalized feature with a smaller deviation is constant; nothing can be told of it."""

DIFFERS = 0.05
"""How much the error in evaluation is above that in training, as a fraction of the error of the
best constant prediction; it must also be half as much again."""


@rule
def running_statistics(facts: Facts, history: History, signals: Signals) -> Finding | None:
    """Running means and variances of batch normalization that are not those of the examples."""
    found: list[tuple[float, str, float, float]] = []
    for signal in signals.layers:
        layer = signal.module
        if not isinstance(layer, nn.BatchNorm):
            continue
        scale, shift = np.asarray(layer.scale, np.float64), np.asarray(layer.shift, np.float64)
        counted = np.abs(scale) > STILL
        values = np.asarray(signal.value, np.float64).reshape(-1, layer.features)[:, counted]
        values = (values - shift[counted]) / scale[counted]
        deviations = values.std(axis=0)
        moving = deviations > STILL
        if not moving.any():
            continue
        away = float(np.abs(values[:, moving].mean(axis=0)).mean())
        spread = float(np.median(deviations[moving]))
        far = max(away / FAR, spread / WIDE, 1 / (spread * WIDE))
        if far >= 1:
            found.append((far, signal.path, away, spread))
    in_evaluation, in_training = facts.training_error, float(history.training_error[-1])
    if not found or in_evaluation is None or not np.isfinite(in_training):
        return None
    scale_of_errors = facts.baseline or float(history.objective[0])
    harm = in_evaluation - in_training > DIFFERS * abs(scale_of_errors)
    if not harm or in_evaluation < 1.5 * in_training:
        return None
    far, path, away, spread = max(found)
    paths = list(dict.fromkeys(where for _, where, *_ in found))
    layers = {where: nn.layer_at(facts.model, where) for where in paths} if facts.model else {}
    code = [
        f'model = cp.nn.replace_layer(model, "{where}", cp.nn.BatchNorm({layer.features}))'
        for where, layer in layers.items()
        if isinstance(layer, nn.BatchNorm)
    ]
    return Finding(
        named(paths),
        {"mean": away, "deviation": spread, "error in evaluation": in_evaluation,
         "error in training": in_training},
        f"With the running statistics of {path}, its features have a mean of {number(away)} in "
        f"size and a deviation of {number(spread)}, where 0 and 1 are meant. In training, with "
        f"the statistics of each batch, the error was {facts.error_text(in_training)}; of the same "
        f"examples in evaluation it is {facts.error_text(in_evaluation)}.",
        "\n".join([*code, fix.fit_line(facts, **fix.restart(facts))]),
        strength(far, 1, 10),
    )  # fmt: skip
