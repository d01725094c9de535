"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.algorithms.variational_bayes import VariationalBayes
from clearprop.training.learning import Learning

__all__ = ["Learning", "VariationalBayes"]
