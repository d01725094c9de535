"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.algorithms.contrastive_divergence import ContrastiveDivergence
from clearprop.algorithms.deep_q import DeepQLearning
from clearprop.algorithms.self_organizing import SelfOrganizing
from clearprop.algorithms.variational_bayes import VariationalBayes
from clearprop.training.learning import Learning

__all__ = [
    "ContrastiveDivergence",
    "DeepQLearning",
    "Learning",
    "SelfOrganizing",
    "VariationalBayes",
]
