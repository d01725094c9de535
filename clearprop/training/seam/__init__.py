"""The seam between outputs, loss and targets: whether the three fit, before anything is trained."""

from clearprop.training.seam.find import find_mismatches
from clearprop.training.seam.mismatch import Mismatch

__all__ = ["Mismatch", "find_mismatches"]
