"""scikit-learn: ``MLPClassifier.partial_fit``, each call of which is a shuffled pass."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.material import Material
from benchmarks.turns import Passed


def train(material: Material, passed: Passed) -> None:
    """Train without end."""
    configuration = material.configuration
    model = MLPClassifier(
        hidden_layer_sizes=configuration.sizes[1:-1],
        activation=configuration.activation,
        solver=configuration.optimizer,
        alpha=0.0,
        batch_size=configuration.batch_size,
        learning_rate_init=configuration.learning_rate,
        momentum=0.0,
        nesterovs_momentum=False,
        random_state=0,
    )
    classes = np.arange(configuration.sizes[-1])
    while True:
        model.partial_fit(material.inputs, material.targets, classes=classes)
        passed(float(model.loss_))
