"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.algorithms.adversarial import Adversarial
from clearprop.algorithms.samples import ModeCoverage
from clearprop.training.learning import Learning

__all__ = ["Adversarial", "Learning", "ModeCoverage"]
