from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.training import Event, StepsDone, fit
from clearprop.training.events import EpochDone, Stopped
from clearprop.training.train import KeptEvents


def test_a_run_does_not_hold_on_to_its_events(xor: Any) -> None:
    seen: list[weakref.ref[Event]] = []
    total: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, StepsDone):
            seen.append(weakref.ref(event))
            total.extend(event.losses.tolist())
            if len(seen) == 50:
                gc.collect()
                assert sum(ref() is not None for ref in seen) < 5

    run = fit(nn.Linear(2, 2), xor, epochs=60, batch_size=4, progress=False, on_event=note)
    assert len(seen) == 60
    assert run.losses.dtype == np.float32
    assert run.losses.tolist() == total
    assert len(run.history) == 60


@pytest.mark.parametrize("keep", [True, False])
def test_what_a_folder_has_is_not_kept_twice(keep: bool) -> None:
    kept = KeptEvents(keep)
    kept.add(StepsDone(2, 1, 0.5, 0.1, np.array([0.6, 0.4], np.float32)))
    kept.add(EpochDone(1, 2, 0.5, 0.1, None, None, 0.1, 1.0, 2.0))
    kept.add(Stopped("finished", 2, 1, None))
    assert (len(kept.losses), len(kept.epochs)) == ((2, 1) if keep else (0, 0))
    assert kept.stopped == Stopped("finished", 2, 1, None)
