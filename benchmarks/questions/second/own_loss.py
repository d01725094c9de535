"""Questions whose cause is a loss that the asker wrote."""

from __future__ import annotations

from jax import Array

from benchmarks.questions.question import NOT_LEARNED, Program, Question, relative_error
from benchmarks.questions.second.sets import topic_words
from benchmarks.questions.sets import Parts, flat_digits
from clearprop import nn, ops


class BagOfWords(nn.Module):
    """The mean of the vectors of all words, and a small network on top of it."""

    words: nn.Embedding
    hidden: nn.Linear
    head: nn.Linear

    def __init__(self, size: int = 400) -> None:
        self.words = nn.Embedding(size, 24)
        self.hidden = nn.Linear(24, 24)
        self.head = nn.Linear(24, 4)

    def __call__(self, x: Array) -> Array:
        """Return logits (N, 4) of texts, numbers of words (N, T)."""
        return self.head(ops.relu(self.hidden(ops.mean(self.words(x), axis=1))))


def likelihood(outputs: Array, labels: Array) -> Array:
    """Return log softmax(z)[t]."""
    chosen = ops.one_hot(labels, outputs.shape[-1])
    return ops.sum(chosen * ops.log_softmax(outputs), axis=-1)


def surprise(outputs: Array, labels: Array) -> Array:
    """Return -log softmax(z)[t]."""
    return -likelihood(outputs, labels)


def forgotten_minus(corrected: bool) -> Program:
    """A classifier of texts with the log-likelihood as the loss that is minimized."""
    return Program(
        BagOfWords(),
        *topic_words().all(),
        loss=surprise if corrected else likelihood,
        epochs=12,
        options={"learning_rate": 0.005},
    )


def pictures_as_targets() -> Parts:
    """Return the digits with themselves as targets."""
    parts = flat_digits()
    return parts.with_targets(*(part[0] for part in parts.all()))


def of_all_pixels(outputs: Array, targets: Array) -> Array:
    """Return the sum of (y - t)^2 over the pixels and over the batch."""
    return ops.sum(ops.square(outputs - targets))


def of_a_pixel(outputs: Array, targets: Array) -> Array:
    """Return the mean of (y - t)^2 over the pixels and over the batch."""
    return ops.mean(ops.square(outputs - targets))


def summed_over_the_batch(corrected: bool) -> Program:
    """An autoencoder by gradient descent with momentum, whose loss sums over 32 x 64 values."""
    return Program(
        nn.Sequential([nn.Linear(64, 24), ops.tanh, nn.Linear(24, 64)]),
        *pictures_as_targets().all(),
        loss=of_a_pixel if corrected else of_all_pixels,
        epochs=15,
        options={"optimizer": "momentum", "learning_rate": 0.5},
        score=relative_error,
    )


QUESTIONS = (
    Question(
        "forgotten minus",
        asked="I maximize the log-likelihood of the right class by hand. The loss falls without "
        "end, below minus a thousand, and the accuracy is 0 %, which is worse than guessing.",
        cause="The optimizer minimizes, and the loss lacks the minus: the right class becomes "
        "impossible.",
        program=forgotten_minus,
        faulty=0.7,
        corrected=0.35,
        right={"unsuitable_loss"},  # the nearest: no kind is about the sign of a loss
        follows=NOT_LEARNED | {"labels_shuffled", "exploding_by_depth", "non_finite"},
    ),
    Question(
        "summed over the batch",
        asked="I wrote the squared error of my autoencoder as a sum. With the rate of the "
        "tutorial the loss explodes, although the tutorial has the same layers and the same data.",
        cause="The sum over batch and pixels makes the gradients two thousand times as large as "
        "those of the mean: the rate is too high for it.",
        program=summed_over_the_batch,
        faulty=0.95,
        corrected=0.75,
        right={"rate_too_high"},
        follows=NOT_LEARNED
        | {"non_finite", "exploding_by_depth", "saturated_units", "never_moved"},
    ),
)
