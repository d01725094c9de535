"""Questions whose cause is that the targets, the last layer and the loss do not fit together."""

from __future__ import annotations

import numpy as np

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error, wrong_side
from benchmarks.questions.sets import table, unit_digits
from clearprop import nn, ops
from clearprop.nn.containers import Layer


def sigmoid_for_each_class(corrected: bool) -> Program:
    """A CNN for ten classes that ends in a sigmoid, with the cross-entropy of scores."""
    layers: list[Layer] = [nn.Conv2d(1, 8, 3), ops.relu, nn.Flatten(), nn.Linear(288, 10)]
    if not corrected:
        layers.append(ops.sigmoid)
    settings = {"optimizer": "momentum", "learning_rate": 0.03}
    return Program(nn.Sequential(layers), *unit_digits().all(), epochs=20, options=settings)


def logits_as_probabilities(corrected: bool) -> Program:
    """Malignant or benign: a linear output under the loss that takes probabilities."""
    layers: list[Layer] = [nn.Linear(30, 16), ops.relu, nn.Linear(16, 1)]
    if corrected:
        layers.append(ops.sigmoid)
    return Program(
        nn.Sequential(layers),
        *table("breast_cancer").standardized().all(),
        loss="log_loss",
        epochs=20,
        options={"learning_rate": 0.005},
        score=wrong_side(0.5),
    )


def sigmoid_decoder(corrected: bool) -> Program:
    """An autoencoder of standardized wines whose last layer is a sigmoid."""
    parts = table("wine").standardized()
    parts = parts.with_targets(*(part[0] for part in parts.all()))
    layers: list[Layer] = [nn.Linear(13, 24), ops.relu, nn.Linear(24, 8), ops.relu]
    layers.append(nn.Linear(8, 13))
    if not corrected:
        layers.append(ops.sigmoid)
    return Program(
        nn.Sequential(layers),
        *parts.all(),
        loss="mean_squared_error",
        epochs=120,
        options={"learning_rate": 0.01},
        score=relative_error,
    )


def dummies(corrected: bool) -> Program:
    """Flowers whose labels are one-hot rows of whole numbers, as get_dummies makes them."""
    parts = table("iris").standardized()
    if not corrected:
        train, dev = (np.eye(3, dtype=np.int32)[y] for y in (parts.train[1], parts.dev[1]))
        parts = parts.with_targets(train, dev, parts.test[1])
    model = nn.Sequential([nn.Linear(4, 16), ops.relu, nn.Linear(16, 3)])
    return Program(model, *parts.all(), epochs=60, options={"learning_rate": 0.01})


QUESTIONS = (
    Question(
        "sigmoid for each class",
        asked="Ten outputs with a sigmoid each, then cross-entropy. The loss cannot be pushed "
        "below 2.0, and the probabilities of a picture do not sum to 1. The rate is the one "
        "of the tutorial.",
        cause="The loss applies softmax to scores of any size; those of a sigmoid are between 0 "
        "and 1, so that no class gets a large probability.",
        program=sigmoid_for_each_class,
        faulty=0.3,
        corrected=0.15,
        right={"last_layer"},
        follows=NOT_LEARNED | {"rate_too_low", "too_few_epochs", "unsuitable_optimizer"},
        words=("sigmoid", "softmax|scores|logits|0 to 1|between 0 and 1"),
        remains={"too_few_epochs"},
    ),
    Question(
        "logits as probabilities",
        asked="BCELoss and a last layer Linear(16, 1). It complains or gives nan, depending on the "
        "version. Is something wrong with my labels? They are 0 and 1.",
        cause="The loss takes probabilities. The outputs of a linear layer can be any number; a "
        "sigmoid is missing.",
        program=logits_as_probabilities,
        faulty=0.9,
        corrected=0.1,
        right={"last_layer", "unsuitable_loss"},
        follows=NOT_LEARNED | {"non_finite"},
        words=("probabilit|sigmoid|logit|0 to 1|between 0 and 1",),
    ),
    Question(
        "sigmoid decoder",
        asked="An autoencoder for my table, after StandardScaler. The decoder ends in a sigmoid as "
        "in the example with MNIST. The reconstruction error stays near 0.8, even with as many "
        "units in the middle as columns.",
        cause="Standardized values go from -3 to 4 and half of them are negative; a sigmoid "
        "gives only values between 0 and 1.",
        program=sigmoid_decoder,
        faulty=0.7,
        corrected=0.5,
        right={"last_layer"},
        follows=NOT_LEARNED | {"saturated_units", "development_noise"},
        words=("sigmoid", "0 to 1|between 0 and 1|negative|range|reach"),
        remains={"development_noise", "below_linear_model"},
    ),
    Question(
        "dummies",
        asked="y = pd.get_dummies(df.species). With the sparse cross-entropy I get an error about "
        "shapes, or a loss that makes no sense. Three classes, three outputs, what is wrong?",
        cause="The loss takes the number of the class for each example; the labels are one-hot "
        "rows.",
        program=dummies,
        faulty=0.3,
        corrected=0.15,
        right={"invalid_targets", "unsuitable_loss"},
        words=("one-hot|class number|label", "argmax|number|float"),
        remains={"development_noise", "too_few_epochs"},
    ),
)
