"""What there is to know of a data set at a glance.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.data.dataset import Dataset


@dataclass(frozen=True)
class Description:
    """What there is to know of a data set at a glance; ``str`` gives it as lines."""

    name: str
    task: str
    examples: int
    test_examples: int
    input_shape: Sequence[int] | Mapping[str, Sequence[int]]
    dtype: str
    megabytes: float
    streamed: bool
    classes: tuple[tuple[str, int], ...]
    target_range: tuple[float, float] | None
    features: tuple[tuple[str, str], ...]
    source: str
    licence: str

    def __str__(self) -> str:
        test = f" + {self.test_examples} official test" if self.test_examples else ""
        where = "read batch by batch" if self.streamed else "held in memory"
        lines = [
            f"{self.name}: {self.task}",
            f"  examples:  {self.examples}{test}",
            f"  input:     {shape_words(self.input_shape)} of {self.dtype}, "
            f"{self.megabytes:.1f} MB, {where}",
        ]
        if self.task == "text" and max(len(name) for name, _ in self.classes) == 1:
            lines.append(f"  alphabet:  {len(self.classes)} characters")
        elif self.classes:
            shown = [
                (name, count) for name, count in self.classes if count or len(self.classes) < 9
            ]
            lines.append(f"  classes:   {', '.join(f'{name} {count}' for name, count in shown)}")
        if self.target_range is not None:
            lines.append(f"  target:    from {self.target_range[0]:g} to {self.target_range[1]:g}")
        lines += [f"  {name}: {summary}" for name, summary in self.features]
        return "\n".join([*lines, f"  source:    {self.source}", f"  licence:   {self.licence}"])


def describe(dataset: Dataset) -> Description:
    """Return a summary: sizes, classes with their counts, features with their range.

    >>> from clearprop.data import load
    >>> print(describe(load("xor")))
    xor: classification
      examples:  4
      input:     2 of float32, 0.0 MB, held in memory
      classes:   0 2, 1 2
      x1: 0 to 1, mean 0.5
      x2: 0 to 1, mean 0.5
      source:    the definition of the gate
      licence:   public domain
    """
    names = dataset.class_names or ()
    labels = dataset.targets.ravel()
    counts = np.bincount(labels[labels >= 0], minlength=len(names)) if names else ()
    is_number = dataset.task == "regression"
    return Description(
        name=dataset.name,
        task=dataset.task,
        examples=len(dataset),
        test_examples=len(dataset.test) if dataset.test is not None else 0,
        input_shape=dataset.input_shape,
        dtype=_dtypes(dataset.inputs),
        megabytes=dataset.size_in_bytes / 1e6,
        streamed=dataset.streamed,
        classes=tuple((name, int(count)) for name, count in zip(names, counts, strict=True)),
        target_range=(float(dataset.targets.min()), float(dataset.targets.max()))
        if is_number
        else None,
        features=(*_features(dataset), *_known_words(dataset)),
        source=dataset.source,
        licence=dataset.licence,
    )


def _features(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    inputs = dataset.inputs
    if dataset.feature_names is None or not isinstance(inputs, np.ndarray) or inputs.ndim != 2:
        return ()
    columns = dataset.columns or (None,) * inputs.shape[1]
    summaries: list[tuple[str, str]] = []
    for name, column, values in zip(dataset.feature_names, columns, inputs.T, strict=True):
        present = values[~np.isnan(values)]
        missing = len(values) - len(present)
        if column is not None and column.categories is not None:
            text = f"{len(column.categories)} categories: {', '.join(column.categories[:5])}"
            text += ", ..." if len(column.categories) > 5 else ""
        elif len(present):
            text = f"{present.min():g} to {present.max():g}, mean {present.mean():g}"
        else:
            text = "no value"
        summaries.append((name, f"{text}, {missing} missing" if missing else text))
    return tuple(summaries)


def _known_words(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, f"{len(vocabulary)} different {vocabulary.level}s")
        for name, vocabulary in sorted(dataset.vocabularies.items())
        if name != "targets"
    )


def _dtypes(inputs: Any) -> str:
    if isinstance(inputs, Mapping):
        return ", ".join(str(inputs[name].dtype) for name in sorted(inputs))
    return str(inputs.dtype)


def shape_words(shape: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """Return the shape of an example as people write it.

    >>> shape_words((28, 28, 1)), shape_words({"image": (12, 48, 1), "words": (6,)})
    ('28x28x1', 'image 12x48x1, words 6')
    """
    if isinstance(shape, Mapping):
        return ", ".join(f"{name} {shape_words(sizes)}" for name, sizes in sorted(shape.items()))
    return "x".join(str(size) for size in shape)
