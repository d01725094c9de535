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
from clearprop.training.fit import DivergedError, fit
from clearprop.training.model_file import load, load_preparation, save
from clearprop.training.run import Curves, Record, Run, read_run

__all__ = [
    "Checkpointed",
    "Curves",
    "DivergedError",
    "EpochDone",
    "Evaluation",
    "Event",
    "NonFinite",
    "Record",
    "Run",
    "RunStarted",
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
