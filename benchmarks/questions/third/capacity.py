"""Questions about rare classes, too little or too much capacity, penalties and dropout."""

from __future__ import annotations

from benchmarks.questions.question import (
    NOT_LEARNED,
    Program,
    Question,
    Values,
    relative_error,
    wrong_side,
)
from benchmarks.questions.second.sets import sunspots
from benchmarks.questions.sets import flat_digits, unit_digits
from benchmarks.questions.third.sets import payments, rings, weighted_more
from clearprop import nn, ops, optim
from clearprop.nn.containers import Layer


def missed_frauds(outputs: Values, labels: Values) -> float:
    """Return the fraction of frauds whose output is below 0."""
    return float((outputs.ravel()[labels > 0.5] < 0).mean())


def one_fraud_in_a_hundred(corrected: bool) -> Program:
    """Payments, of which one in a hundred is a fraud, as they are or with the frauds repeated."""
    parts = payments()
    train = weighted_more(*parts.train, times=60) if corrected else parts.train
    return Program(
        nn.Sequential([nn.Linear(8, 8), ops.relu, nn.Linear(8, 1)]),
        train,
        parts.dev,
        parts.test,
        loss="binary_cross_entropy",
        epochs=6 if corrected else 10,
        options={"learning_rate": 0.001},
        score=missed_frauds,
    )


def line_between_rings(corrected: bool) -> Program:
    """Two rings around each other, and logistic regression."""
    layers: list[Layer] = [nn.Linear(2, 1)]
    if corrected:
        layers = [nn.Linear(2, 16), ops.tanh, nn.Linear(16, 1)]
    return Program(
        nn.Sequential(layers),
        *rings().all(),
        loss="binary_cross_entropy",
        epochs=60,
        options={"learning_rate": 0.02},
        score=wrong_side(0.0),
    )


def one_unit_between(corrected: bool) -> Program:
    """A digit classifier whose second hidden layer has a single unit."""
    units = 24 if corrected else 1
    model = nn.Sequential(
        [nn.Linear(64, 48), ops.tanh, nn.Linear(48, units), ops.tanh, nn.Linear(units, 10)]
    )
    return Program(model, *flat_digits().all(), epochs=20, options={"learning_rate": 0.005})


def thirty_pictures(corrected: bool) -> Program:
    """A CNN with 34,000 weights, and thirty digits to train with for eighty epochs."""
    parts = unit_digits()
    if not corrected:
        parts = parts.with_fewer(30)
    model = nn.Sequential(
        [
            nn.Conv2d(1, 32, 3, padding=1),
            ops.relu,
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(512, 64),
            ops.relu,
            nn.Linear(64, 10),
        ]
    )
    epochs = 10 if corrected else 80
    return Program(model, *parts.all(), epochs=epochs, options={"learning_rate": 0.002})


def decay_in_adam(corrected: bool) -> Program:
    """A forecast of sunspots with Adam, whose gradients get a weight decay of 1."""
    decay = optim.add_decayed_weights(1e-4 if corrected else 1.0)
    optimizer = optim.chain(decay, optim.adam(0.005))
    return Program(
        nn.Sequential([nn.Flatten(), nn.Linear(24, 16), ops.tanh, nn.Linear(16, 1)]),
        *sunspots().with_standardized_targets().all(),
        loss="mean_squared_error",
        epochs=40,
        options={"optimizer": optimizer},
        score=relative_error,
    )


def dropout_everywhere(corrected: bool) -> Program:
    """A narrow network for digits with a dropout of 0.6 before each of its layers."""
    layers: list[Layer] = []
    for width, units in ((64, 12), (12, 12), (12, 12), (12, 10)):
        layers += [] if corrected else [nn.Dropout(0.6)]
        layers += [nn.Linear(width, units), ops.relu]
    settings = {"learning_rate": 0.005}
    return Program(nn.Sequential(layers[:-1]), *flat_digits().all(), epochs=20, options=settings)


QUESTIONS = (
    Question(
        "one fraud in a hundred",
        asked="99 % accuracy after the first epoch, on real-world payments. Then I looked at the "
        "confusion matrix: the column of frauds is empty. More epochs do not change it.",
        cause="One payment in a hundred is a fraud: saying no is right for 99 %.",
        program=one_fraud_in_a_hundred,
        faulty=0.7,
        corrected=0.4,
        right={"class_imbalance", "class_never_predicted"},
        follows={"underfitting", "below_linear_model", "too_few_epochs", "rate_too_low"},
    ),
    Question(
        "line between rings",
        asked="Logistic regression with two inputs on make_circles: about 50 %, whatever rate and "
        "optimizer I take. On make_blobs it is perfect.",
        cause="One linear layer draws a straight line, and no line parts two rings.",
        program=line_between_rings,
        faulty=0.35,
        corrected=0.1,
        right={"underfitting"},
        follows={"class_never_predicted", "unsuitable_optimizer"},
    ),
    Question(
        "one unit between",
        asked="I reduce the number of units step by step, 48, then 1, then the 10 classes. "
        "Even on training pictures it finds less than a quarter of the digits. A wider "
        "first layer does not help.",
        cause="Everything about a picture must pass through one number between -1 and 1.",
        program=one_unit_between,
        faulty=0.3,
        corrected=0.08,
        right={"lost_information", "underfitting"},
        follows={"below_linear_model", "class_never_predicted", "too_few_epochs"},
    ),
    Question(
        "thirty pictures",
        asked="100 % on my training set and a loss of 0.006, 74 % on the validation set. My "
        "classmates have 98 % with a smaller CNN. I labelled thirty digits myself and trained as "
        "long as possible.",
        cause="Thirty pictures are learned by heart; three of each digit do not show what "
        "all of them have in common.",
        program=thirty_pictures,
        faulty=0.17,
        corrected=0.08,
        right={"overfitting"},
        follows={"below_linear_model"},
    ),
    Question(
        "decay in Adam",
        asked="Adam(weight_decay=1) since a ridge regression with alpha=1 was best. Every year "
        "gets nearly the same prediction, the mean, and the training loss stays near 1.",
        cause="A decay of 1 is added to every gradient: the weights are pulled to 0.",
        program=decay_in_adam,
        faulty=0.7,
        corrected=0.5,
        right={"penalty_too_strong"},
        follows=NOT_LEARNED | {"vanishing_by_depth", "lost_information", "development_differs"},
        remains={"development_noise", "development_differs"},
    ),
    Question(
        "dropout everywhere",
        asked="Dropout is good, so I put Dropout(0.6) before every layer of my small network, "
        "the first one too. The training accuracy is 20 %. With more epochs it hardly changes.",
        cause="With twelve units, four times 0.6 leaves hardly anything of a picture.",
        program=dropout_everywhere,
        faulty=0.3,
        corrected=0.1,
        right={"dropout_too_strong"},
        follows=NOT_LEARNED | {"too_few_epochs"},
        remains={"below_linear_model"},
    ),
)
