"""Questions whose cause is how long, in what batches or in what numbers the training goes on."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from benchmarks.questions.question import NOT_LEARNED, Program, Question, Values
from benchmarks.questions.sets import CHARACTERS, flat_digits, help_texts
from clearprop import nn, ops
from clearprop.models import RecurrentLanguageModel
from clearprop.nn.containers import Layer


def pairs_in_batch_norm(corrected: bool) -> Program:
    """A normalization over batches of two, for want of memory."""
    parts = flat_digits().with_fewer(1256)  # fit refuses a last batch of one example
    layers: list[Layer] = [nn.Linear(64, 32), nn.BatchNorm(32), ops.relu, nn.Linear(32, 10)]
    settings = {"batch_size": 32 if corrected else 2, "learning_rate": 0.003}
    return Program(nn.Sequential(layers), *parts.all(), epochs=8, options=settings)


def place_errors(outputs: Values, labels: Values) -> float:
    """Return the fraction of characters that were not the most probable one."""
    return float((outputs.argmax(-1) != labels).mean())


def one_epoch(corrected: bool) -> Program:
    """A language model of characters that saw its text once."""
    model = RecurrentLanguageModel(
        len(CHARACTERS), cell="gru", embedding_features=16, hidden_size=64
    )
    return Program(
        model,
        *help_texts().all(),
        loss="sequence_cross_entropy",
        epochs=12 if corrected else 1,
        options={"learning_rate": 0.01},
        score=place_errors,
    )


def half_precision(corrected: bool) -> Program:
    """A network whose weights were converted to bfloat16 to save memory."""
    layers: list[Layer] = [
        nn.Linear(64, 64),
        ops.relu,
        nn.Linear(64, 64),
        ops.relu,
        nn.Linear(64, 10),
    ]
    model = nn.Sequential(layers).init(0)
    if not corrected:
        model = jax.tree.map(lambda weight: weight.astype(jnp.bfloat16), model)
    settings = {"learning_rate": 0.0002}
    return Program(model, *flat_digits().all(), epochs=30, options=settings)


QUESTIONS = (
    Question(
        "pairs in batch norm",
        asked="Memory is short, so I use batches of two. Since I added batch normalization the "
        "training loss does not fall below 1.3 and the training accuracy is bad, which others do "
        "not see with the same model.",
        cause="The mean and variance of two examples are noise: each normalized value is -1 or 1.",
        program=pairs_in_batch_norm,
        faulty=0.07,
        corrected=0.06,
        right={"unsuitable_optimizer"},
        follows={"underfitting", "below_linear_model"},
        words=("batch", "norm"),
    ),
    Question(
        "one epoch",
        asked="I trained a GRU on the text of a manual, one pass over all of it, like the large "
        "models. It predicts a space after every character. What is wrong with my GRU?",
        cause="One pass over so small a text is some twenty updates: the training had only begun.",
        program=one_epoch,
        faulty=0.6,
        corrected=0.55,
        right={"too_few_epochs"},
        follows=NOT_LEARNED,
        remains={"too_few_epochs"},
    ),
    Question(
        "half precision",
        asked="I cast the whole model to bfloat16 to save memory. It learns at the beginning and "
        "then freezes: many weights do not change by a single bit any more. In float32 it goes on.",
        cause="bfloat16 has eight significant bits: a step below about 1/512 of a weight is "
        "rounded away.",
        program=half_precision,
        faulty=0.12,
        corrected=0.09,
        right={"bfloat16_underflow"},
        follows=NOT_LEARNED | {"rate_too_low", "never_moved", "too_few_epochs"},
        remains={"below_linear_model", "too_few_epochs"},
    ),
)
