"""Models of ONNX: read, run, trained and explained like every other model.

>>> from clearprop.interop import onnx
"""

from clearprop.interop.onnx.imported import OnnxLayer, OnnxModel, OnnxScope
from clearprop.interop.onnx.loading import load

__all__ = ["OnnxLayer", "OnnxModel", "OnnxScope", "load"]
