"""What was trained, in the forms in which a diagnosis gets it: a run, its report, its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearprop import nn, training
from clearprop.data import Preprocessor
from clearprop.glass.subject import Subject
from clearprop.training.run_folder import MODEL


@dataclass(frozen=True, eq=False)
class TrainedInFolder:
    """The contents of a run folder.

    Attributes:
        model: as the run left it; None where the run was cut off before it saved one.
        config: the arguments of the run.
        history: the three curves.
        losses: mean loss of every step's batch, float32 (steps,).
        stopped: why the run ended; None while it goes on, or where it was cut off.
        non_finite: where a number stopped being finite, if one did.
        preprocessor: turns raw inputs into the model's; None where plain arrays were given.
    """

    model: nn.Module | None
    config: Mapping[str, Any]
    history: training.History
    losses: NDArray[np.float32]
    stopped: training.Stopped | None
    non_finite: training.NonFinite | None
    preprocessor: Preprocessor | None

    @classmethod
    def of(cls, folder: Path | str) -> TrainedInFolder:
        """Read a run folder.

        Raises:
            RunError: it contains no run.
            CheckpointError: its model is damaged.
        """
        record, path = training.read_run(folder), Path(folder)
        known = (path / MODEL).is_file()
        return cls(
            training.load_model(path) if known else None,
            record.config,
            record.history,
            record.losses,
            next((e for e in reversed(record.events) if isinstance(e, training.Stopped)), None),
            next((e for e in reversed(record.events) if isinstance(e, training.NonFinite)), None),
            training.load_preprocessor(path) if known else None,
        )


Trained = training.Run | Subject | TrainedInFolder
