"""Models of ONNX: read, run, trained and explained like every other model.

`load` reads a file, and `InferenceSession` compiles it for inference.
"""

from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, OnnxScope
from clearprop.interop.onnx.loading import load
from clearprop.interop.onnx.session import InferenceSession

__all__ = ["InferenceSession", "OnnxLayer", "OnnxModel", "OnnxScope", "load"]
