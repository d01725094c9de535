"""The list of data sets that have a name, with the function that loads each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from clearprop.data import (
    captions,
    docstrings,
    mixtures,
    pronunciations,
    python_names,
    series,
    texts,
    truth_tables,
)
from clearprop.data.bundled import BUNDLED, load_bundled
from clearprop.data.dataset import Dataset
from clearprop.data.environment_names import COMPILED
from clearprop.data.mnist import IDX_SETS, load_idx_set


class Row(NamedTuple):
    """One line of the list of named data sets.

    Attributes:
        name: what ``load`` takes.
        kind: the task of its targets.
        size: the number of examples, and the shape of one.
        source: where the set comes from.
        licence: under which terms it may be used.
        options: the options that ``load`` takes.
        load: the function that loads the set.
    """

    name: str
    kind: str
    size: str
    source: str
    licence: str
    options: tuple[str, ...]
    load: Callable[..., Dataset]


def random_play(name: str, **options: int) -> Dataset:
    """Return the random play in an environment."""
    # Environments are compiled, and the list of the data sets is to be seen without JAX.
    from clearprop.data.environments.random_play import load_random_play

    return load_random_play(name, **options)


_ROWS = (
    *(
        Row(name, *about, options=(), load=partial(load_bundled, name))
        for name, about in BUNDLED.items()
    ),
    *(
        Row(
            name,
            "classification",
            "60000 + 10000 x 28x28x1",
            about.source,
            about.licence,
            ("folder",),
            partial(load_idx_set, name),
        )
        for name, about in IDX_SETS.items()
    ),
    *(
        Row(
            name,
            "classification",
            f"{len(values)} x {len(values) // 2}",
            "truth table",
            "public domain",
            (),
            partial(truth_tables.truth_table, name),
        )
        for name, values in truth_tables.GATES.items()
    ),
    *(
        Row(
            name,
            "classification",
            f"{mixtures.DRAWN} x 2",
            mixtures.SOURCE,
            mixtures.LICENCE,
            (),
            partial(mixtures.load_mixture, name),
        )
        for name in mixtures.MIXTURES
    ),
    *(
        Row(
            name,
            "regression",
            about.size,
            about.source,
            about.licence,
            ("window", "horizon"),
            partial(series.load_series, name),
        )
        for name, about in series.SERIES.items()
    ),
    Row(
        "python-topics",
        "text",
        "some 465,000 characters",
        texts.TOPICS_SOURCE,
        texts.TOPICS_LICENCE,
        ("sequence_length", "stride"),
        texts.load_topics,
    ),
    Row(
        "docstrings",
        "classification",
        f"{docstrings.LIBRARY_TEXTS} texts of each of {len(docstrings.LIBRARIES)} libraries",
        docstrings.SOURCE,
        docstrings.LICENCE,
        ("sequence_length",),
        docstrings.load_docstrings,
    ),
    Row(
        "python-names",
        "text",
        f"{python_names.FUNCTIONS} functions",
        python_names.SOURCE,
        python_names.LICENCE,
        ("sequence_length",),
        python_names.load_python_names,
    ),
    Row(
        "cmudict",
        "text",
        "some 117,000 words",
        pronunciations.SOURCE,
        pronunciations.LICENCE,
        ("limit", "stress", "pronunciations"),
        pronunciations.load_pronunciations,
    ),
    Row(
        "digit-captions",
        "text",
        f"{captions.PICTURES} x {captions.HEIGHT}x{captions.WIDTH}x1",
        captions.SOURCE,
        captions.LICENCE,
        ("limit",),
        captions.load_captions,
    ),
    *(
        Row(
            name.lower(),
            "classification",
            f"10000 x {numbers}",
            f"random actions in gymnasium's {name}",
            "MIT",
            ("limit",),
            partial(random_play, name),
        )
        for name, numbers in COMPILED.items()
    ),
)
NAMED = {row.name: row for row in _ROWS}
