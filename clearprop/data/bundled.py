"""The real data sets that scikit-learn brings along: nothing to download, nothing shipped here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clearprop.data.columns import Column
from clearprop.data.dataset import Dataset
from clearprop.data.preprocessor import Task


class BundledSet(NamedTuple):
    """What is known of one of scikit-learn's sets before it is loaded."""

    task: Task
    examples: int
    shape: tuple[int, ...]
    source: str
    licence: str
    loader: str


UCI = "CC BY 4.0"
UNSTATED = "not stated; distributed with scikit-learn (BSD-3-Clause)"

BUNDLED = {
    "digits": BundledSet(
        "classification",
        1797,
        (8, 8, 1),
        "UCI: Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), test part",
        UCI,
        "load_digits",
    ),
    "iris": BundledSet("classification", 150, (4,), "UCI: Iris (Fisher, 1936)", UCI, "load_iris"),
    "wine": BundledSet(
        "classification", 178, (13,), "UCI: Wine (Aeberhard and Forina, 1992)", UCI, "load_wine"
    ),
    "breast-cancer": BundledSet(
        "classification",
        569,
        (30,),
        "UCI: Breast Cancer Wisconsin, Diagnostic (Wolberg, Mangasarian, Street and Street, 1995)",
        UCI,
        "load_breast_cancer",
    ),
    "diabetes": BundledSet(
        "regression",
        442,
        (10,),
        "Efron, Hastie, Johnstone and Tibshirani: Least Angle Regression (2004)",
        UNSTATED,
        "load_diabetes",
    ),
    "linnerud": BundledSet(
        "regression",
        20,
        (3,),
        "Tenenhaus: La régression PLS (1998)",
        UNSTATED,
        "load_linnerud",
    ),
}


def bundled(name: str) -> Dataset:
    """Return one of scikit-learn's sets; digits are pictures, bytes (1797, 8, 8, 1) from 0 to 16.

    >>> digits = bundled("digits")
    >>> digits.inputs.shape, digits.inputs.dtype, digits.targets[:4].tolist()
    ((1797, 8, 8, 1), dtype('uint8'), [0, 1, 2, 3])
    """
    from sklearn import datasets

    about = BUNDLED[name]
    bunch = getattr(datasets, about.loader)()
    inputs = bunch.data
    features: tuple[str, ...] | None = tuple(str(feature) for feature in bunch.feature_names)
    if len(about.shape) == 3:
        inputs, features = inputs.reshape(-1, *about.shape).astype(np.uint8), None
    classes = bunch.target_names if about.task == "classification" else None
    return Dataset(
        name=name,
        inputs=inputs,
        targets=bunch.target,
        task=about.task,
        class_names=None if classes is None else tuple(str(c) for c in classes),
        feature_names=features,
        source=about.source,
        licence=about.licence,
        columns=None if features is None else tuple(Column(feature) for feature in features),
    )
