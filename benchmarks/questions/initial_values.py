"""Questions whose cause is how the weights begin."""

from __future__ import annotations

from benchmarks.questions.question import NOT_LEARNED, Program, Question
from benchmarks.questions.sets import flat_digits
from clearprop import nn, ops
from clearprop.nn import initializers
from clearprop.nn.containers import Layer


def all_zeros(corrected: bool) -> Program:
    """An MLP all of whose weights begin at zero, as those of the asker's regression did."""
    begin = initializers.glorot_uniform if corrected else initializers.zeros
    layers: list[Layer] = [
        nn.Linear(64, 32, weight_init=begin),
        ops.tanh,
        nn.Linear(32, 32, weight_init=begin),
        ops.tanh,
        nn.Linear(32, 10, weight_init=begin),
    ]
    settings = {"learning_rate": 0.003}
    return Program(nn.Sequential(layers), *flat_digits().all(), epochs=12, options=settings)


def unit_normal(corrected: bool) -> Program:
    """A network from scratch: every weight from the standard normal distribution."""
    begin = initializers.glorot_normal if corrected else initializers.normal(1.0)
    layers: list[Layer] = [
        nn.Linear(64, 128, weight_init=begin),
        ops.tanh,
        nn.Linear(128, 128, weight_init=begin),
        ops.tanh,
        nn.Linear(128, 128, weight_init=begin),
        ops.tanh,
        nn.Linear(128, 10, weight_init=begin),
    ]
    settings = {"optimizer": "sgd", "learning_rate": 0.05}
    return Program(nn.Sequential(layers), *flat_digits().all(), epochs=20, options=settings)


QUESTIONS = (
    Question(
        "all zeros",
        asked="I start all weights at zero so that my results can be repeated. The loss is 2.303 "
        "at the beginning and 2.302 at the end, and the network gives every picture the same ten "
        "probabilities.",
        cause="All weights begin at zero, so that all units of a layer are and stay the same and "
        "no error signal gets through.",
        program=all_zeros,
        faulty=0.7,
        corrected=0.06,
        right={"symmetric_weights", "initial_scale"},
        follows=NOT_LEARNED | {"never_moved", "vanishing_by_depth"},
    ),
    Question(
        "unit normal",
        asked="I initialize my layers with randn. The first loss is above 7 instead of 2.3. In the "
        "end training accuracy is perfect, but on new digits the network is much worse than my "
        "friend's, who uses the default.",
        cause="Weights of deviation 1 are about ten times too large for layers of 128 units: the "
        "tanh units are saturated from the beginning.",
        program=unit_normal,
        faulty=0.08,
        corrected=0.05,
        right={"initial_scale"},
        follows={
            "saturated_units",
            "exploding_by_depth",
            "vanishing_by_depth",
            "overfitting",
            "below_linear_model",
        },
    ),
)
