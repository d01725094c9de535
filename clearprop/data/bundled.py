"""The real data sets that scikit-learn contains: nothing is downloaded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clearprop.data.columns import Column
from clearprop.data.dataset import Dataset
from clearprop.data.preprocessor import Task


class BundledSet(NamedTuple):
    """What is known about one of scikit-learn's sets before it is loaded."""

    task: Task
    size: str
    source: str
    licence: str


UCI = "CC BY 4.0"
UNSTATED = "not stated; distributed with scikit-learn (BSD-3-Clause)"

BUNDLED = {
    "digits": BundledSet(
        "classification",
        "1797 x 8x8x1",
        "UCI: Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), test part",
        UCI,
    ),
    "iris": BundledSet("classification", "150 x 4", "UCI: Iris (Fisher, 1936)", UCI),
    "wine": BundledSet("classification", "178 x 13", "UCI: Wine (Aeberhard and Forina, 1992)", UCI),
    "breast-cancer": BundledSet(
        "classification",
        "569 x 30",
        "UCI: Breast Cancer Wisconsin, Diagnostic (Wolberg, Mangasarian, Street and Street, 1995)",
        UCI,
    ),
    "diabetes": BundledSet(
        "regression",
        "442 x 10",
        "Efron, Hastie, Johnstone and Tibshirani: Least Angle Regression (2004)",
        UNSTATED,
    ),
    "linnerud": BundledSet("regression", "20 x 3", "Tenenhaus: La régression PLS (1998)", UNSTATED),
}


def load_bundled(name: str) -> Dataset:
    """Return one of scikit-learn's sets; digits are pictures, bytes (1797, 8, 8, 1) from 0 to 16.

    >>> digits = load_bundled("digits")
    >>> digits.inputs.shape, digits.inputs.dtype, digits.targets[:4].tolist()
    ((1797, 8, 8, 1), dtype('uint8'), [0, 1, 2, 3])
    """
    from sklearn import datasets

    about = BUNDLED[name]
    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    are_pictures = name == "digits"
    features = None if are_pictures else tuple(map(str, bunch.feature_names))
    return Dataset(
        name=name,
        inputs=bunch.images[..., None].astype(np.uint8) if are_pictures else bunch.data,
        targets=bunch.target,
        task=about.task,
        class_names=tuple(map(str, bunch.target_names)) if about.task == "classification" else None,
        feature_names=features,
        source=about.source,
        licence=about.licence,
        columns=None if features is None else tuple(map(Column, features)),
    )
