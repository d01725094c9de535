"""The named sets of texts, series and other sequences: what each is, and how it is loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from clearprop.data import (
    captions,
    docstrings,
    pronunciations,
    python_names,
    series,
    texts,
)
from clearprop.data.dataset import Dataset
from clearprop.data.preprocessor import Task


class SequenceSet(NamedTuple):
    """What is known of a set before it is loaded.

    Attributes:
        task: of its targets.
        size: how much there is, in words.
        source: where it comes from.
        licence: under which terms.
        options: that ``load`` takes.
        load: loads it.
    """

    task: Task
    size: str
    source: str
    licence: str
    options: tuple[str, ...]
    load: Callable[..., Dataset]


SEQUENCE_SETS: dict[str, SequenceSet] = {
    **{
        name: SequenceSet(
            "regression",
            about.size,
            about.source,
            about.licence,
            ("window", "horizon"),
            functools.partial(series.load_series, name),
        )
        for name, about in series.SERIES.items()
    },
    "python-topics": SequenceSet(
        "text",
        "some 465,000 characters",
        texts.TOPICS_SOURCE,
        texts.TOPICS_LICENCE,
        ("sequence_length", "stride"),
        texts.load_topics,
    ),
    "docstrings": SequenceSet(
        "classification",
        f"{docstrings.LIBRARY_TEXTS} texts of each of {len(docstrings.LIBRARIES)} libraries",
        docstrings.SOURCE,
        docstrings.LICENCE,
        ("sequence_length",),
        docstrings.load_docstrings,
    ),
    "python-names": SequenceSet(
        "text",
        f"{python_names.FUNCTIONS} functions",
        python_names.SOURCE,
        python_names.LICENCE,
        ("sequence_length",),
        python_names.load_python_names,
    ),
    "cmudict": SequenceSet(
        "text",
        "some 117,000 words",
        pronunciations.SOURCE,
        pronunciations.LICENCE,
        ("limit", "stress", "pronunciations"),
        pronunciations.load_pronunciations,
    ),
    "digit-captions": SequenceSet(
        "text",
        f"{captions.PICTURES} x {captions.HEIGHT}x{captions.WIDTH}x1",
        captions.SOURCE,
        captions.LICENCE,
        ("limit",),
        captions.load_captions,
    ),
}
