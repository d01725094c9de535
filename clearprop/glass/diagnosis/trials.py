"""Short trainings with other settings, from the same first values: only where they are asked for.

Shape letters: N examples.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import nn, tree
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.outputs import outputs_of
from clearprop.training import fit

STEPS = 50
"""Number of steps of a trial. In so many steps, settings that suit a task halve the loss."""

MOST_ROWS = 2000
"""Examples that a trial draws from."""

MEASURED = 256
"""Examples whose loss is measured before and after a trial."""

LARGE_BATCH, SMALL_BATCH, USUAL_BATCH = 128, 4, 32
"""Batch sizes from which, and up to which, the usual one is tried too."""

OTHERS: tuple[tuple[str, float], ...] = (("adam", 0.001), ("adam", 0.01), ("momentum", 0.01))
"""Optimizers and rates that suit most tasks, with standardized inputs."""


@dataclass(frozen=True)
class OptimizerTrial:
    """A short training.

    Attributes:
        optimizer, rate, batch_size: its settings; the optimizer is "" for that of the run.
        said: the settings in words.
        first, loss: the mean loss before and after it; infinite where it diverged.
    """

    optimizer: str
    rate: float | None
    batch_size: int
    said: str
    first: float
    loss: float


def trials_of(facts: Facts, own: str) -> list[OptimizerTrial] | None:
    """Return the trials of a run: with its own settings first; None where they cannot be made.

    Each makes 50 steps from the same first values, which are drawn anew in their sizes unless the
    run kept its state at step 0. Another batch size sees as many examples.

    Args:
        facts: of a run with its examples.
        own: the optimizer and the rate of the run in words.
    """
    begun, part, loss = first_values(facts), facts.train, facts.loss
    if begun is None or part is None or loss is None:
        return None
    config = facts.config.get("optimizer") or {}
    batch = int(facts.settings.get("batch_size") or USUAL_BATCH)
    settings: list[tuple[str, Any, float | None, int, int, str]] = [
        ("", config, None, batch, STEPS, f"{own}, batches of {batch}")
    ]
    for other, its_rate in OTHERS:
        said = f"{other}, a learning rate of {its_rate:g}, batches of {batch}"
        settings.append((other, other, its_rate, batch, STEPS, said))
    if batch >= LARGE_BATCH or batch <= SMALL_BATCH:
        steps = STEPS * max(1, batch // USUAL_BATCH)
        said = f"adam, a learning rate of 0.001, batches of {USUAL_BATCH}"
        settings.append(("adam", "adam", 0.001, USUAL_BATCH, steps, said))
    x, y = facts.batch(part, MOST_ROWS)
    measured = facts.batch(part, MEASURED)
    before = _loss(begun, measured, loss)
    made = []
    for name, optimizer, rate, size, steps, said in settings:
        rows = np.resize(np.random.default_rng(0).permutation(len(y)), steps * size)
        pair = jax.tree.map(lambda a, rows=rows: np.asarray(a)[rows], (x, y))
        after = math.inf
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the run itself has already warned
                run = fit(
                    begun,
                    pair,
                    loss=loss,
                    optimizer=optimizer,
                    epochs=1,
                    batch_size=size,
                    learning_rate=rate,
                    devices=1,
                    progress=False,
                )
            after = _loss(run.model, measured, loss)
        except ClearpropError:
            pass  # it diverged
        made.append(OptimizerTrial(name, rate, size, said, before, after))
    return made


def first_values(facts: Facts) -> nn.Module | None:
    """Return the model as the run began, or one with first values of the same sizes.

    None where they are not known, and for a fork, which began with trained weights.
    """
    machine = getattr(facts.run, "machine", None)
    noted: Mapping[str, Any] = facts.config.get("initial_values") or {}
    if facts.run is None or facts.model is None or facts.is_fork:
        return None
    if machine is not None and 0 in machine.steps:
        begun: nn.Module = machine.at(0)
        return begun
    arrays = nn.parameters(facts.model)
    if not noted or not arrays.keys() <= noted.keys():
        return None
    drawn = {}
    for i, (path, w) in enumerate(arrays.items()):
        entries = np.array([float(text) for text in str(noted[path]["entries"]).split()])
        deviation = float(noted[path]["deviation"])
        center = float(entries.mean()) if len(entries) else 0.0
        center = 0.0 if abs(center) < deviation else center
        random = jax.random.normal(jax.random.fold_in(jax.random.key(0), i), w.shape, jnp.float32)
        drawn[path] = (center + deviation * random).astype(w.dtype)
    return tree.replace(facts.model, drawn)


def _loss(model: nn.Module, batch: tuple[Any, Any], loss: nn.Loss) -> float:
    seen = outputs_of(model, batch, loss, lambda values: values)
    mean = seen.objective if seen is not None else math.inf
    return mean if math.isfinite(mean) else math.inf
