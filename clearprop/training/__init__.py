"""Training: the compiled step, the loop that yields events, run folders, checkpoints and curves."""

from clearprop.training import augmentation
from clearprop.training.evaluation import Evaluation
from clearprop.training.events import (
    Checkpointed,
    EpochDone,
    Event,
    NonFinite,
    RunStarted,
    StepsDone,
    Stopped,
    scalars_of,
)
from clearprop.training.fit import fit
from clearprop.training.fit_config import FitConfig
from clearprop.training.interruption import StopTraining
from clearprop.training.learning import Learning
from clearprop.training.live_run import LiveRun
from clearprop.training.predictor import Predictor, evaluate, load, predict
from clearprop.training.range_test import RangeTest, find_learning_rate
from clearprop.training.recording.recorder import Record
from clearprop.training.recording.recordings import Recorded, RecordedArray, Recordings
from clearprop.training.run import History, Run, RunRecord, read_run
from clearprop.training.storage.model_file import load_model, load_preprocessor, save
from clearprop.training.time_machine import TimeMachine
from clearprop.training.train import DivergedError, open_run, train

__all__ = [
    "Checkpointed",
    "DivergedError",
    "EpochDone",
    "Evaluation",
    "Event",
    "FitConfig",
    "History",
    "Learning",
    "LiveRun",
    "NonFinite",
    "Predictor",
    "RangeTest",
    "Record",
    "Recorded",
    "RecordedArray",
    "Recordings",
    "Run",
    "RunRecord",
    "RunStarted",
    "StepsDone",
    "StopTraining",
    "Stopped",
    "TimeMachine",
    "augmentation",
    "evaluate",
    "find_learning_rate",
    "fit",
    "load",
    "load_model",
    "load_preprocessor",
    "open_run",
    "predict",
    "read_run",
    "save",
    "scalars_of",
    "train",
]
