"""A rule about autoencoders: a code that is no shorter than the examples.

Shape letters: B examples, C size of the code, D numbers of an example.
"""

from __future__ import annotations

import math

import jax

from clearprop import models, nn
from clearprop.glass.diagnosis import fix
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.finding import Finding
from clearprop.glass.diagnosis.rules import rule
from clearprop.training.training_data import Split

WEIGHT = 0.8
"""Before it is halved as that of a note: the code is as wide as it is, without doubt."""


@rule
def wide_code(facts: Facts, model: nn.Module, train: Split) -> Finding | None:
    """A code with as many numbers as an example, learned without noise."""
    if not isinstance(model, models.Autoencoder | models.TiedAutoencoder):
        return None
    if facts.config.get("augment"):
        return None
    x, _ = facts.batch(train, 1)
    numbers = math.prod(x.shape[1:])
    code = math.prod(jax.eval_shape(model.encode, x).shape[1:])
    if code < numbers:
        return None
    return Finding(
        "the code",
        {"numbers of the code": code, "numbers of an example": numbers},
        f"The code has {code:,} numbers and an example has {numbers:,}, so the encoder can copy "
        "it.",
        f"# a code of {max(1, numbers // 4)} or fewer numbers, or noise on the inputs\n"
        f"{fix.fit_line(facts, augment='masking')}",
        WEIGHT,
        "note",
    )
