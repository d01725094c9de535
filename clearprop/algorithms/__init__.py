"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.algorithms.deep_q import DeepQLearning
from clearprop.training.learning import Learning

__all__ = ["DeepQLearning", "Learning"]
