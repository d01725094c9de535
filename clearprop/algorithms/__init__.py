"""Algorithms of training other than supervised learning, for ``fit(..., algorithm=...)``."""

from clearprop.algorithms.adversarial import Adversarial
from clearprop.algorithms.contrastive_divergence import ContrastiveDivergence
from clearprop.algorithms.deep_q import DeepQLearning
from clearprop.algorithms.samples import ModeCoverage
from clearprop.algorithms.self_organizing import SelfOrganizing
from clearprop.algorithms.variational_bayes import VariationalBayes
from clearprop.training.learning import Learning

__all__ = [
    "Adversarial",
    "ContrastiveDivergence",
    "DeepQLearning",
    "Learning",
    "ModeCoverage",
    "SelfOrganizing",
    "VariationalBayes",
]
