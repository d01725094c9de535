"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.training.learning import Learning

__all__ = ["Learning"]
