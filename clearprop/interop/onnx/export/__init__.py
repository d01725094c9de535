"""Models written as ONNX files: what a model computes is traced, and written node by node."""
