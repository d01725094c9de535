"""What the recipes with codes measure and draw: PCA of equal width, codes as features, pictures.

Shape letters: N examples, C size of the code, D numbers of an example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from clearprop.data import Dataset, Preprocessor, Splits
from clearprop.data.sources import evenly_spaced, rows_of
from clearprop.glass.drawings.codes import code_map
from clearprop.glass.pictures import is_picture
from clearprop.glass.style import Drawing

BATCH = 1000

MOST_LABELLED = 20_000
"""Training examples on whose codes logistic regression is trained."""

Numbers = NDArray[np.floating]
Function = Callable[[jax.Array], jax.Array]


def prepared(part: Dataset, preprocessor: Preprocessor, most: int | None = None) -> Numbers:
    """Return examples as the model sees them, (N, ...), at most so many, spread over the part."""
    kept = part.inputs if most is None else evenly_spaced(part.inputs, most)
    return np.asarray(preprocessor.scaled(rows_of(kept, np.arange(len(kept)))))


def in_batches(function: Function, x: Numbers) -> Numbers:
    """Return a function of examples (N, ...), computed batch by batch."""
    compiled = jax.jit(function)
    return np.concatenate(
        [np.asarray(compiled(jnp.asarray(x[k : k + BATCH]))) for k in range(0, len(x), BATCH)]
    )


def unit(preprocessor: Preprocessor) -> float:
    """Return the number by which errors of prepared inputs become those of the kept inputs."""
    spread = np.asarray(preprocessor.spread if preprocessor.kind == "bytes" else 1.0)
    return float(np.sqrt(np.square(spread).mean()))


def root_mean_square(errors: Numbers) -> float:
    """Return the root of the mean of all squares."""
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


@dataclass(frozen=True, eq=False)
class Principal:
    """Principal component analysis of the training part: the best linear code of its size.

    Attributes:
        code: examples (N, D) to codes (N, C).
        again: codes to examples.
    """

    code: Callable[[Numbers], Numbers]
    again: Callable[[Numbers], Numbers]


def principal(splits: Splits, code_size: int) -> Principal | None:
    """Return the analysis with as many numbers as a code has; None where there cannot be so many.

    Source: Pearson (1901); computed by scikit-learn.
    """
    from sklearn.decomposition import PCA

    x = prepared(splits.train, splits.preprocessor)
    x = x.reshape(len(x), -1)
    if code_size > min(x.shape):
        return None
    found = PCA(code_size, random_state=0).fit(x)
    return Principal(found.transform, found.inverse_transform)


def linear_accuracy(code: Callable[[Numbers], Numbers], splits: Splits) -> float | None:
    """Return the test accuracy of logistic regression on codes; None where there are no classes.

    Its features have mean 0 and deviation 1 over the training examples.

    Args:
        code: prepared examples (N, ...) to features (N, C).
        splits: whose examples are named by their classes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = splits.train, splits.test
    if test is None or train.row_names is None or test.row_names is None:
        return None
    chosen = evenly_spaced(np.arange(len(train)), MOST_LABELLED).astype(np.intp)
    names = np.array(train.row_names)[chosen]
    if len(np.unique(names)) < 2:
        return None
    x = np.asarray(splits.preprocessor.scaled(rows_of(train.inputs, chosen)))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    classifier.fit(code(x), names)
    features = code(prepared(test, splits.preprocessor))
    return float(classifier.score(features, np.array(test.row_names)))


def has_pictures(splits: Splits) -> bool:
    """Return whether examples can be drawn as pictures."""
    shape: Any = splits.input_shape
    return isinstance(shape, tuple) and is_picture(shape)


def as_pictures(x: Numbers, splits: Splits) -> Numbers:
    """Return prepared examples (N, H, W, C) as pictures; 0 and 1 are the extremes of training."""
    keeper = splits.preprocessor
    center, spread = np.asarray(keeper.center), np.asarray(keeper.spread)
    seen = prepared(splits.train, keeper, 256) * spread + center
    low, high = float(seen.min()), float(seen.max())
    return np.asarray((x * spread + center - low) / ((high - low) or 1.0))


def drawn_map(found: Numbers, x: Numbers, part: Dataset, splits: Splits, most: int) -> Drawing:
    """Return the map of codes (N, C), with pictures of their examples, the first of C > 2 in two.

    Args:
        found: codes.
        x: their examples as the model sees them.
        part: whose evenly spaced rows they are.
        splits: of which it is a part.
        most: rows that were taken of it at most.
    """
    from sklearn.decomposition import PCA

    axes_names, how = ("first number of the code", "second number of the code"), ""
    if found.shape[1] > 2:
        found = PCA(2, random_state=0).fit_transform(found)
        axes_names = ("first principal component", "second principal component")
        how = "Of the numbers of the codes their two principal components are drawn. "
    rows, names = evenly_spaced(np.arange(len(part)), most), part.row_names
    return code_map(
        found,
        as_pictures(x, splits),
        [names[row] for row in rows] if names is not None else None,
        axes_names=axes_names,
        caption=f"{how}The network was not told the classes: look for those that lie apart anyway."
        if names is not None
        else how,
    )
