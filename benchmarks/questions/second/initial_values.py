"""Questions whose cause is in the values with which the training begins."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import digit_rows, flat_digits, unit_digits
from clearprop import nn, ops
from clearprop.nn import initializers
from clearprop.nn.containers import Layer
from clearprop.nn.fields import Initializer


class OwnRecurrence(nn.Module):
    """A recurrence h = tanh(x V + h W) written by hand, whose last state is classified."""

    read: nn.Linear
    keep: nn.Linear
    head: nn.Linear

    def __init__(
        self, features: int, hidden: int, start: Initializer = initializers.glorot_uniform
    ) -> None:
        self.read = nn.Linear(features, hidden, weight_init=start)
        self.keep = nn.Linear(hidden, hidden, bias=False, weight_init=start)
        self.head = nn.Linear(hidden, 10, weight_init=start)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 10) of sequences (N, T, D)."""
        state = ops.tanh(self.read(x[:, 0]))
        for t in range(1, x.shape[1]):
            state = ops.tanh(self.read(x[:, t]) + self.keep(state))
        return self.head(state)


def all_a_tenth(corrected: bool) -> Program:
    """A recurrence by hand whose weights all begin at 0.1."""
    start = initializers.glorot_uniform if corrected else initializers.constant(0.1)
    settings = {"learning_rate": 0.005}
    return Program(OwnRecurrence(8, 24, start), *digit_rows().all(), epochs=15, options=settings)


def small_random_numbers(corrected: bool) -> Program:
    """Six rectified layers, each with weights of deviation 0.01, as for a single layer."""
    start = initializers.he_normal if corrected else initializers.normal(0.01)
    layers: list[Layer] = []
    for width in (64, 48, 48, 48, 48):
        layers += [nn.Linear(width, 48, weight_init=start), ops.relu]
    model = nn.Sequential([*layers, nn.Linear(48, 10, weight_init=start)])
    settings = {"optimizer": "momentum", "learning_rate": 0.02}
    return Program(model, *flat_digits().all(), epochs=12, options=settings)


def sparse_from_the_start(corrected: bool) -> Program:
    """A CNN whose first biases are -4 in all layers, so that few units are active."""
    bias = initializers.constant(0.0 if corrected else -4.0)
    model = nn.Sequential(
        [
            nn.Conv2d(1, 8, 3, bias_init=bias),
            ops.relu,
            nn.Conv2d(8, 16, 3, bias_init=bias),
            ops.relu,
            nn.Flatten(),
            nn.Linear(256, 10),
        ]
    )
    return Program(model, *unit_digits().all(), epochs=8, options={"learning_rate": 0.003})


QUESTIONS = (
    Question(
        "all a tenth",
        asked="I write my own RNN and set its weights to 0.1, because zeros are forbidden. The "
        "loss falls a little at first. In the end all 24 columns of each matrix are identical.",
        cause="All units of the state begin with equal weights and get equal gradients: they stay "
        "one unit.",
        program=all_a_tenth,
        faulty=0.5,
        corrected=0.12,
        right={"symmetric_weights"},
        follows=NOT_LEARNED | {"saturated_units", "lost_information", "initial_scale"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
    Question(
        "small random numbers",
        asked="As in the course, W = randn * 0.01. My network with one hidden layer learned. With "
        "six layers the loss is 2.303 after twelve epochs, and the network gives one class to "
        "every digit.",
        cause="Each layer makes signal and error signal about twenty times smaller: after six "
        "layers nothing is left. The deviation must suit the width.",
        program=small_random_numbers,
        faulty=0.6,
        corrected=0.1,
        right={"initial_scale", "vanishing_by_depth"},
        follows=NOT_LEARNED | {"never_moved", "lost_information"},
    ),
    Question(
        "sparse from the start",
        asked="I want sparse features, so I let all biases of my CNN begin at -4. Features are "
        "sparse indeed, but the accuracy is 10 % and nothing changes during training.",
        cause="With these biases every rectified unit is off for every picture, and no error "
        "signal passes.",
        program=sparse_from_the_start,
        faulty=0.6,
        corrected=0.08,
        right={"dead_units", "initial_scale"},
        follows=NOT_LEARNED | {"never_moved", "vanishing_by_depth", "lost_information"},
    ),
)
