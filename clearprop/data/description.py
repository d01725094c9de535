"""A summary of a data set: sizes, classes and features.

Shape letters: N examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.data.columns import taken_lines, taken_notes
from clearprop.data.dataset import Dataset
from clearprop.data.preprocessor import TARGETS


@dataclass(frozen=True)
class Description:
    """A summary of a data set; ``str`` gives it as lines.

    Attributes:
        dataset: the data set.
        classes: the name of each class, and how many labels it has.
        target_range: the least and the greatest target of a regression.
        features: the name of each feature or input of tokens, and a summary of it.
    """

    dataset: Dataset
    classes: tuple[tuple[str, int], ...]
    target_range: tuple[float, float] | None
    features: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the summary as lines; a note that names an option is a `Fix`."""
        data = self.dataset
        test = f" + {len(data.test)} official test" if data.test is not None else ""
        where = "read batch by batch" if data.streamed else "held in memory"
        lines = [
            f"{data.name}: {data.task}",
            f"  examples:  {len(data)}{test}",
            f"  input:     {shape_words(data.input_shape)} of {_dtypes(data.inputs)}, "
            f"{_size(data.size_in_bytes)}, {where}",
        ]
        if data.task == "text" and max(len(name) for name, _ in self.classes) == 1:
            lines.append(f"  alphabet:  {len(self.classes)} characters")
        elif self.classes:
            shown = [
                f"{name} {count}" for name, count in self.classes if count or len(self.classes) < 9
            ]
            lines.append(f"  classes:   {', '.join(shown)}")
        if self.target_range is not None:
            lines.append(f"  target:    from {self.target_range[0]:g} to {self.target_range[1]:g}")
        if data.taken:
            lines += ["  columns:", *(f"    {line}" for line in taken_lines(data.taken))]
        else:
            lines += [f"  {name}: {summary}" for name, summary in self.features]
        lines += ["  note: " + note for note in (*taken_notes(data.taken), *data.notes)]
        return [*lines, f"  source:    {data.source}", f"  licence:   {data.licence}"]


def describe(dataset: Dataset) -> Description:
    """Return a summary: sizes, classes with their counts, features with their range.

    >>> from clearprop.data import load
    >>> print(describe(load("xor")))
    xor: classification
      examples:  4
      input:     2 of float32, 32 bytes, held in memory
      classes:   0 2, 1 2
      x1: 0 to 1, mean 0.5
      x2: 0 to 1, mean 0.5
      source:    the definition of the gate
      licence:   public domain
    """
    targets = dataset.targets
    if dataset.class_names is None:
        limits = float(targets.min()), float(targets.max())
        return Description(dataset, (), limits, _features(dataset))
    counts = np.bincount(targets[targets >= 0], minlength=len(dataset.class_names)).tolist()
    classes = tuple(zip(dataset.class_names, counts, strict=True))
    return Description(dataset, classes, None, _features(dataset))


def _size(n: int) -> str:
    """Return a number of bytes as text.

    >>> _size(32), _size(12_320), _size(47_040_000)
    ('32 bytes', '12.3 kB', '47.0 MB')
    """
    for unit, name in ((1e6, "MB"), (1e3, "kB")):
        if n >= unit:
            return f"{n / unit:.1f} {name}"
    return f"{n} bytes"


def _features(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    inputs = dataset.inputs
    if dataset.feature_names is None or not isinstance(inputs, np.ndarray) or inputs.ndim != 2:
        return tuple(
            (name, f"{len(vocabulary)} different {vocabulary.level}s")
            for name, vocabulary in sorted(dataset.vocabularies.items())
            if name != TARGETS
        )
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


def _dtypes(inputs: Any) -> str:
    if isinstance(inputs, Mapping):
        return ", ".join(str(inputs[name].dtype) for name in sorted(inputs))
    return str(inputs.dtype)


def shape_words(shape: Sequence[int] | Mapping[str, Sequence[int]]) -> str:
    """Return the shape of an example in words.

    >>> shape_words((28, 28, 1)), shape_words({"image": (12, 48, 1), "words": (6,)})
    ('28x28x1', 'image 12x48x1, words 6')
    """
    if isinstance(shape, Mapping):
        return ", ".join(f"{name} {shape_words(sizes)}" for name, sizes in sorted(shape.items()))
    return "x".join(str(size) for size in shape)
