"""Whether a mend repairs a run: the fix of the first finding is applied, and the run repeated.

Shape letters: N examples.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diagnosis.applied import Applied, applied
from benchmarks.diagnosis.examples import Pair
from benchmarks.diagnosis.setting import SENSIBLE, Outcome, Setting, wrong_answers
from clearprop import nn
from clearprop.data import Splits
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis import Finding
from clearprop.training import Run, fit

EPOCHS = {"iris": 80, "wine": 40, "breast-cancer": 25, "diabetes": 20, "sunspots": 40, "words": 10,
          "topics": 15, "fashion": 8, "even": 20, "attributes": 20}  # fmt: skip
"""Epochs of an unbroken run; 12 for other data."""

SLACK = 1.25
"""The error of a support vector machine times this is reasonable, on data that were cut down."""

NO_CODE: dict[str, tuple[int, ...] | None] = {
    "labels_shuffled": None,
    "constant_inputs": None,
    "development_noise": None,
    "single_class": (0, 2, 3),
    "development_differs": (0,),
}
"""Kinds, or variants of a kind, that took something away which no code brings back: the order of
the labels, the inputs, the scale. Their repair is other data."""


CHANGED = (
    "development_differs",
    "inputs_not_scaled",
    "targets_not_scaled",
    "leaking_targets",
)
"""Kinds whose mend changes the inputs or the scale of the targets, of both parts."""


def can_be_repaired(kind: str, number: int) -> bool:
    """Return whether code can repair a broken run at all.

    >>> can_be_repaired("rate_too_low", 0), can_be_repaired("labels_shuffled", 0)
    (True, False)
    """
    if kind not in NO_CODE:
        return True
    variants = NO_CODE[kind]
    return variants is not None and number // 2 % 4 not in variants


def followed(setting: Setting, outcome: Outcome, finding: Finding | None) -> tuple[Run, Applied]:
    """Make a run again as its first finding, or the error of its refusal, says.

    Raises:
        Exception: whatever the code of the fix raises, or `fit` as it is called there.
    """
    train, dev = outcome.train, outcome.dev
    before = setting.model(train, dev)
    own = setting.objective if callable(setting.objective) else None
    if outcome.refusal is not None:
        after = _after_refusal(outcome.refusal, before, train, dev, setting.objective)
    else:
        assert finding is not None
        after = applied(finding.fix, before, train, dev=dev, loss=own)
    call: dict[str, Any] = setting.call(train) | {"dev": dev}
    if outcome.refusal is not None or not after.arguments:
        call |= after.arguments
    else:  # a call that was printed is complete
        call = {"dev": dev, "seed": setting.seed} | dict(after.arguments)
    if isinstance(after.data, Splits):
        call.pop("dev")  # it brings its own
    call |= {"progress": False, "devices": 1, "folder": None}
    return fit(after.model, after.data, **call), Applied(after.model, after.data, call)


def _after_refusal(
    error: ClearpropError, model: nn.Module, train: Pair, dev: Pair, loss: Any
) -> Applied:
    """Return what the fix of an error changes: model, loss, or the targets ``y`` of both parts."""
    code = (f"from clearprop import nn, ops\ny = targets\n{error.fix}\n"
            "cp.fit(model, inputs, y, loss=loss, dev=dev)")  # fmt: skip
    held_out = applied(code, model, dev, loss=loss).data
    return applied(code, model, train, dev=held_out, loss=loss)


def is_repaired(kind: str, setting: Setting, broken: float, run: Run, after: Applied) -> bool:
    """Return whether a mended run is as good as one can expect.

    It reaches a reasonable error that is lower than before, and at least half of what the fault has
    cost is won back. Where examples were in both parts, what counts is that they are no more.

    Args:
        kind: of the fault.
        setting: of the broken run.
        broken: its error; not a number where it diverged.
        run: the mended one.
        after: what the mend has changed.
    """
    if kind == "leaking_duplicates":
        return not _has_copies(after)
    mended = mended_error(kind, setting, run, after)
    reference, reasonable = unbroken(setting)
    if kind == "leaking_targets":  # the broken run has read the targets: it had no error
        return mended <= reasonable
    half = (reference + broken) / 2 if np.isfinite(broken) else reasonable
    better = not np.isfinite(broken) or mended < broken
    return better and mended <= min(reasonable, max(half, reference))


def mended_error(kind: str, setting: Setting, run: Run, after: Applied) -> float:
    """Return the error of a mended run on development examples, on new ones if it has new ones."""
    loss = after.arguments.get("loss")
    dev = after.arguments.get("dev")
    if kind in CHANGED and isinstance(dev, tuple):
        return setting.error(run.model, dev, loss)
    if kind != "development_differs":
        return setting.error(run.model, setting.truth(), loss, run.preprocessor)
    # `fit` has drawn them from all examples, so the old ones may be among those it has learned.
    error = float(run.history.development_error[-1])
    targets = after.data.train.targets if isinstance(after.data, Splits) else after.data[1]
    return error / float(np.std(targets)) if setting.task == "numbers" else error


def unbroken(setting: Setting) -> tuple[float, float]:
    """Return the error of a run without the fault, and what is reasonable here.

    Where examples were taken away, or classes count alike, a support vector machine on the same
    examples shows what is possible.
    """
    if setting.examples is None and not setting.balanced:
        return _plain_error(setting.data, setting.form, setting.seed), SENSIBLE[setting.data]
    error = _machine_error(setting)
    return error, SLACK * error


def plain(setting: Setting) -> Setting:
    """Return a setting with the same data and no fault."""
    text = setting.data in ("words", "topics")
    return Setting(data=setting.data, form=setting.form if text else "flat", seed=setting.seed,
                   epochs=EPOCHS.get(setting.data, 12))  # fmt: skip


@functools.cache
def _plain_error(data: str, form: str, seed: int) -> float:
    setting = plain(Setting(data=data, form=form, seed=seed))
    train, dev = setting.parts()
    run = fit(setting.model(train, dev), train, dev=dev, progress=False, devices=1,
              **setting.call(train))  # fmt: skip
    return setting.error(run.model, dev)


def _machine_error(setting: Setting) -> float:
    """Return the error of a support vector machine on the examples of a broken run."""
    from sklearn.svm import SVC, SVR

    train, _ = setting.parts()
    x, y = setting.truth()
    flat = train[0].reshape(len(train[0]), -1)
    x = x.reshape(len(x), -1)
    if setting.task == "numbers":
        off = SVR().fit(flat, train[1].reshape(-1)).predict(x) - y.reshape(-1)
        return float(np.sqrt(np.mean(off**2)) / y.std())
    weights = "balanced" if setting.balanced else None
    labels = train[1].reshape(-1).astype(np.int64)
    given = SVC(C=1.0, class_weight=weights).fit(flat, labels).predict(x)
    return wrong_answers(given, y, setting.balanced)


def _has_copies(after: Applied) -> bool:
    """Return whether development examples of a mended run are also training examples."""
    dev = after.arguments.get("dev")
    if isinstance(after.data, Splits):
        assert after.data.dev is not None
        parts = after.data.train.inputs, after.data.dev.inputs
    elif isinstance(dev, tuple):
        parts = after.data[0], dev[0]
    else:
        return False  # a fraction is held out of examples without copies
    return bool(set(_rows(np.asarray(parts[0]))) & set(_rows(np.asarray(parts[1]))))


def _rows(inputs: NDArray[Any]) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(inputs)]
