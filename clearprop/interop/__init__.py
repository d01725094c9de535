"""Models in the forms of other libraries.

`clearprop.interop.onnx` has models of ONNX, `clearprop.interop.sklearn` networks as estimators of
scikit-learn, `clearprop.interop.pytorch` weights of PyTorch, `clearprop.interop.huggingface` models
in the layouts of Hugging Face, and `clearprop.interop.tensorboard` runs as event files of
TensorBoard.
"""

import importlib
import pkgutil

from clearprop.elsewhere import unknown_attribute

__all__ = [module.name for module in pkgutil.iter_modules(__path__)]


def __getattr__(name: str) -> object:
    """Return a part, imported with its first use: each belongs to another library."""
    if name in __all__:
        return importlib.import_module(f"clearprop.interop.{name}")
    raise unknown_attribute("clearprop.interop", name, __all__, {}, "cp.interop.")
