"""Weights of PyTorch: its files without unpickling, and its `state_dict` in a model.

`read` returns the tensors of a file as arrays, `load_state_dict` a model with them. The map of
names stands in `clearprop.interop.pytorch.layers`. PyTorch is not needed.
"""

from clearprop.interop.pytorch.archive import read
from clearprop.interop.pytorch.state_dict import load_state_dict

__all__ = ["load_state_dict", "read"]
