"""Questions whose cause is how the network is built."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question, wrong_side
from benchmarks.questions.sets import flat_digits, unit_digits
from clearprop import data, nn, ops, stop_gradient
from clearprop.nn import initializers
from clearprop.nn.containers import Layer


def linear_xor(corrected: bool) -> Program:
    """Exclusive or with a hidden layer, but no activation between the two layers."""
    gate = data.load("xor")
    pairs = (gate.inputs.astype("float32"), gate.targets)
    layers: list[Layer] = [nn.Linear(2, 8), nn.Linear(8, 1)]
    if corrected:
        layers.insert(1, ops.tanh)
    return Program(
        nn.Sequential(layers),
        pairs,
        None,
        pairs,
        loss="binary_cross_entropy",
        epochs=1500,
        options={"learning_rate": 0.01, "batch_size": 4},
        score=wrong_side(0.0),
    )


def deep_sigmoids(corrected: bool) -> Program:
    """Eight layers of logistic units, because two were not enough."""
    unit, begin = ops.sigmoid, initializers.glorot_uniform
    if corrected:
        unit, begin = ops.relu, initializers.he_normal
    layers: list[Layer] = [nn.Linear(64, 32, weight_init=begin), unit]
    for _ in range(7):
        layers += [nn.Linear(32, 32, weight_init=begin), unit]
    layers.append(nn.Linear(32, 10))
    return Program(nn.Sequential(layers), *flat_digits().all(), epochs=12)


class TwoParts(nn.Module):
    """A trunk of convolutions and a head that classifies what the trunk sees."""

    trunk: nn.Sequential
    head: nn.Linear
    detach: bool = nn.static()

    def __init__(self, detach: bool) -> None:
        self.trunk = nn.Sequential(
            [nn.Conv2d(1, 8, 3), ops.relu, nn.Conv2d(8, 16, 3), ops.relu, nn.GlobalAvgPool()]
        )
        self.head = nn.Linear(16, 10)
        self.detach = detach

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of pictures (N, 8, 8, 1)."""
        seen = self.trunk(x)
        return self.head(stop_gradient(seen) if self.detach else seen)


def detached_trunk(corrected: bool) -> Program:
    """Fine-tuning, with a head that takes the trunk's features as plain numbers."""
    settings = {"learning_rate": 0.02}
    return Program(TwoParts(not corrected), *unit_digits().all(), epochs=15, options=settings)


QUESTIONS = (
    Question(
        "linear xor",
        asked="Everybody says that a hidden layer solves XOR. Mine has one with eight units, and "
        "after 1500 epochs the loss is 0.693 and all four answers are 0.5.",
        cause="There is no activation between the two layers, so that they are one linear layer.",
        program=linear_xor,
        faulty=0.25,
        corrected=0.0,
        right={"missing_nonlinearity"},
        follows={"underfitting", "class_never_predicted"},
    ),
    Question(
        "deep sigmoids",
        asked="Two sigmoid layers gave 94 %, so I used eight for more accuracy. Now the loss stays "
        "at 2.30 for many epochs. Adding neurons does not help either.",
        cause="Each logistic layer multiplies the error signal by at most a quarter: the first "
        "layers get almost none.",
        program=deep_sigmoids,
        faulty=0.4,
        corrected=0.08,
        right={"vanishing_by_depth"},
        follows=NOT_LEARNED | {"saturated_units", "initial_scale", "never_moved", "too_few_epochs"},
        remains={"below_linear_model"},
    ),
    Question(
        "detached trunk",
        asked="I want to fine-tune a convolutional trunk together with a new head. Only the head "
        "seems to learn: the kernels after training are the same as before, and the accuracy is "
        "below 60 %.",
        cause="The head takes the trunk's output through stop_gradient, left over from an example "
        "of feature extraction.",
        program=detached_trunk,
        faulty=0.25,
        corrected=0.18,
        right={"never_moved"},
        follows=NOT_LEARNED | {"vanishing_by_depth", "too_few_epochs"},
        remains={"underfitting", "below_linear_model", "too_few_epochs"},
    ),
)
