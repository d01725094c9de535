"""Training: the compiled step, the loop that yields events, run folders, checkpoints and curves."""

from clearprop.training import augmentation
from clearprop.training.evaluation import Evaluation, evaluate, predict
from clearprop.training.events import (
    Checkpointed,
    EpochDone,
    Event,
    NonFinite,
    RunStarted,
    StepsDone,
    Stopped,
)
from clearprop.training.fit import fit
from clearprop.training.model_file import load, load_preparation, save
from clearprop.training.recording import Record
from clearprop.training.recordings import Recorded, Recordings, Series
from clearprop.training.run import Curves, Run, RunRecord, read_run
from clearprop.training.session import DivergedError

__all__ = [
    "Checkpointed",
    "Curves",
    "DivergedError",
    "EpochDone",
    "Evaluation",
    "Event",
    "NonFinite",
    "Record",
    "Recorded",
    "Recordings",
    "Run",
    "RunRecord",
    "RunStarted",
    "Series",
    "StepsDone",
    "Stopped",
    "augmentation",
    "evaluate",
    "fit",
    "load",
    "load_preparation",
    "predict",
    "read_run",
    "save",
]
