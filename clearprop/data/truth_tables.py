"""Truth tables: the smallest data sets, for one neuron and for XOR."""

from __future__ import annotations

import numpy as np

from clearprop.data.dataset import Dataset

GATES = {
    "and": (0, 0, 0, 1),
    "or": (0, 1, 1, 1),
    "xor": (0, 1, 1, 0),
    "not": (1, 0),
}


def truth_table(gate: str) -> Dataset:
    """Return the rows of a gate: inputs 0/1 (4, 2), or (2, 1) for "not", and targets 0/1.

    A split keeps the inputs 0 and 1. No row can be held out: ``split(dev=0, test=0)``.

    >>> table = truth_table("xor")
    >>> [(*map(int, x), int(t)) for x, t in zip(table.inputs, table.targets)]
    [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    """
    targets = np.array(GATES[gate], np.int32)
    width = len(targets).bit_length() - 1
    rows = [[row >> bit & 1 for bit in reversed(range(width))] for row in range(len(targets))]
    return Dataset(
        name=gate,
        inputs=np.array(rows, np.float32),
        targets=targets,
        task="classification",
        class_names=("0", "1"),
        feature_names=tuple(f"x{index + 1}" for index in range(width)),
        source="the definition of the gate",
        licence="public domain",
        scaling="none",
    )
