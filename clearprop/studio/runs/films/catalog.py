"""What a run can show over its steps; no data is loaded to know it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from clearprop.errors import ClearpropError
from clearprop.recipes.experiment import is_of_recipe
from clearprop.studio.problems import plain
from clearprop.studio.runs.films.kept import KeptStates
from clearprop.studio.runs.films.models import RunFacts, algorithm_name
from clearprop.studio.runs.films.recorded import recorded_rows
from clearprop.studio.runs.films.weights import parameter_shapes
from clearprop.studio.runs.messages import FilmEntry, FilmKind

FEW = 3
"""With fewer pictures the page says how to get more."""

HINT = "To keep more steps: clearprop train NAME --set snapshots=log"

OF_ALGORITHM: Mapping[str, tuple[FilmKind, str, str]] = {
    "self_organizing": (
        "map",
        "The map",
        "How the units of the map spread over the data: their points, the distances of neighbors, "
        "how many examples each unit is nearest to, and of which class these are.",
    ),
    "adversarial": (
        "samples",
        "Samples",
        "What the generator makes of the same random numbers, step by step.",
    ),
    "contrastive_divergence": (
        "machine",
        "Filters and samples",
        "The weights of the hidden units, what the machine makes of some examples, and what its "
        "Markov chains become that begin at these examples.",
    ),
    "deep_q_learning": (
        "episode",
        "An episode",
        "What the network does after so many steps of training, and the return that it expects of "
        "each action. All episodes begin in the same state.",
    ),
}
"""The film that only the runs of an algorithm have: its kind, its title, and what it shows."""


def films_of(states: KeptStates, facts: RunFacts) -> list[FilmEntry]:
    """Return what a run can show; what cannot be read is left out."""
    found: list[FilmEntry] = []
    with contextlib.suppress(ClearpropError):
        found += _of_models(states, facts)
    with contextlib.suppress(ClearpropError):
        found += _of_weights(states, facts)
    with contextlib.suppress(ClearpropError):
        found += _of_recordings(facts)
    return found


def model_steps(states: KeptStates, facts: RunFacts) -> list[int]:
    """Return the steps whose model can be shown: those of snapshots, and the last."""
    steps = set(states.snapshots(facts.place))
    return sorted(steps | ({facts.last} if facts.last is not None else set()))


def _of_models(states: KeptStates, facts: RunFacts) -> list[FilmEntry]:
    steps, algorithm = model_steps(states, facts), algorithm_name(facts.config)
    hint = HINT if len(steps) < FEW else ""
    if not steps:
        return []
    if algorithm in OF_ALGORITHM:
        return [_entry(*OF_ALGORITHM[algorithm], steps, hint=hint)]
    has_several = bool((facts.config.get("preprocessor") or {}).get("parts"))
    if algorithm or has_several or not is_of_recipe(facts.config):
        return []
    about = (
        "What every layer makes of one example, and the error signal that comes back to it: the "
        "same example in the networks of all steps that were kept."
    )
    return [_entry("pass", "One example", about, steps, hint=hint)]


def _of_weights(states: KeptStates, facts: RunFacts) -> list[FilmEntry]:
    steps = states.steps(facts.place, facts.last_trained)
    shapes = parameter_shapes(facts.config)
    # The points of a map are no weights of inputs; its own film shows them.
    if not steps or not shapes or algorithm_name(facts.config) == "self_organizing":
        return []
    about = "The numbers of a weight matrix, a kernel or a bias at every step that was kept."
    hint = HINT if len(steps) < FEW else ""
    return [_entry("weights", "Weights", about, steps, shapes, hint)]


def _of_recordings(facts: RunFacts) -> list[FilmEntry]:
    rows = recorded_rows(facts.place)
    if rows is None or not len(rows.numbers.steps):
        return []
    steps = rows.numbers.steps.tolist()
    shapes = {plain(one.name) or "": one.shape for one in rows.layout.recordables}
    about = (
        "Mean, spread and extremes of what each layer puts out and of its error signal, and how "
        "large the updates of the weights are, at the steps that were recorded."
    )
    found = [_entry("statistics", "Layers over time", about, steps, shapes)]
    if rows.layout.arrays:
        about = "The values and the error signals themselves, at the steps that were recorded."
        found.append(_entry("arrays", "Recorded values", about, steps, shapes))
    return found


def _entry(
    kind: FilmKind,
    title: str,
    about: str,
    steps: Sequence[int],
    shapes: Mapping[str, Sequence[int]] | None = None,
    hint: str = "",
) -> FilmEntry:
    named: Mapping[str, Any] = shapes or {}
    return FilmEntry(
        kind, title, about, list(steps), list(named), [list(one) for one in named.values()], hint
    )
