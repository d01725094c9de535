"""Models of ONNX: read, run, trained and explained like every other model; and written.

`load` reads a file, `InferenceSession` compiles it for inference, `save` writes a model, and
`save_training_step` one step of its training.
"""

from clearprop.interop.onnx.export.saving import save
from clearprop.interop.onnx.export.training_step import TrainingStep, save_training_step
from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, OnnxScope
from clearprop.interop.onnx.loading import load
from clearprop.interop.onnx.session import InferenceSession

__all__ = [
    "InferenceSession",
    "OnnxLayer",
    "OnnxModel",
    "OnnxScope",
    "TrainingStep",
    "load",
    "save",
    "save_training_step",
]
