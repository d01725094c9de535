"""The recipe ``char-lstm``: a text character by character, by an LSTM."""

from __future__ import annotations

from typing import ClassVar

from clearprop.recipes.char_rnn import CharRNNRecipe
from clearprop.recipes.configuration import Rate


class CharLSTMRecipe(CharRNNRecipe):
    """An LSTM reads a text and predicts its next character.

    >>> CharLSTMRecipe(layers=2).cell
    'lstm'
    """

    cell: ClassVar[str] = "lstm"

    learning_rate: Rate = 0.006
