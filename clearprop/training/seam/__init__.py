"""The seam between outputs, loss and targets: whether the three fit, before anything is trained."""

from clearprop.training.seam.find import WRONG_MEASURES, find_mismatches
from clearprop.training.seam.mismatch import Mismatch

__all__ = ["WRONG_MEASURES", "Mismatch", "find_mismatches"]
