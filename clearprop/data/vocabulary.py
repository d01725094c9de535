"""Vocabularies: which token is which number, learned from texts and kept beside the model.

Shape letters: N texts, T places of the longest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.errors import ConfigurationError, DataError, unknown_name

Level: TypeAlias = Literal["character", "word", "symbol"]

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
READING = (PAD, UNKNOWN)
"""The special tokens of what a model reads: filling up, and what it has not met."""
WRITING = (PAD, UNKNOWN, BEGIN, END)
"""The special tokens of what a model writes: a beginning and an end besides."""

LEAST_COUNT = 2
"""How often a word must occur in training to get a number of its own."""
MOST_WORDS = 20_000
SHOWN = 6

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|_+|([^\w\s])\1*")


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers: the number of a token is its place.

    A text is taken apart in one of three ways. "character": every character. "word": runs of
    letters and digits in lower case, apostrophes within them included (``don't``), and runs of one
    other visible sign (``...``). "symbol": what white space parts, as it stands.

    Args:
        tokens: all of them, the special ones first.
        level: how a text is taken apart.

    Raises:
        DataError: no tokens, or one of them twice.

    >>> words = Vocabulary.from_texts(["to be, or not to be"], "word")
    >>> words.tokens
    ('<pad>', '<unk>', 'be', 'to', ',', 'not', 'or')
    >>> words.encode("To be or to do?").tolist(), words.decode([3, 2, 1, 0])
    ([3, 2, 6, 3, 1, 1], 'to be <unk>')
    """

    tokens: tuple[str, ...]
    level: Level = "word"

    def __post_init__(self) -> None:
        if self.level not in get_args(Level):
            raise unknown_name("level", self.level, get_args(Level))
        if not self.tokens:
            raise DataError("a vocabulary needs at least one token")
        if len(self.numbers) != len(self.tokens):
            twice = Counter(self.tokens).most_common(1)[0][0]
            raise DataError("a token is in the vocabulary twice", given=repr(twice))

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str | Sequence[str]],
        level: Level = "word",
        *,
        minimum: int = 1,
        limit: int | None = None,
        specials: tuple[str, ...] = READING,
    ) -> Vocabulary:
        """Return the vocabulary of texts, the most frequent tokens first, equals by the alphabet.

        Args:
            texts: texts, or sequences of tokens.
            level: how a text is taken apart.
            minimum: how often a token must occur.
            limit: how many tokens to keep, special ones not counted; None keeps all.
            specials: the special tokens to begin with.

        Raises:
            ConfigurationError: a minimum or limit below 1.
            DataError: no token is left.
        """
        for name, value in (("minimum", minimum), ("limit", limit)):
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} is at least 1", given=f"{name}={value}")
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split(text, level) if isinstance(text, str) else text)
        kept = [
            token
            for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if count >= minimum and token not in specials
        ][:limit]
        if not kept:
            raise DataError(
                "no token is left for a vocabulary",
                given=f"{len(counts)} different tokens, each fewer than {minimum} times"
                if counts
                else "texts without a token",
            )
        return cls((*specials, *kept), level)

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        first = ", ".join(map(repr, self.tokens[:SHOWN]))
        more = ", ..." if len(self) > SHOWN else ""
        return f"Vocabulary({len(self):,} tokens of level {self.level!r}: {first}{more})"

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    @property
    def is_open(self) -> bool:
        """Whether it is for reading only and knows "<unk>", so that it may leave words out."""
        return UNKNOWN in self.numbers and BEGIN not in self.numbers

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text, in its order."""
        return split(text, self.level)

    def unknown(self, text: str | Sequence[str]) -> list[str]:
        """Return the tokens of a text that are not in the vocabulary, in their order.

        >>> Vocabulary(("<pad>", "<unk>", "sun"), "word").unknown("Sun and rain")
        ['and', 'rain']
        """
        return [token for token in self._tokens_of(text) if token not in self.numbers]

    def encode(
        self,
        text: str | Sequence[str],
        *,
        begin: bool = False,
        end: bool = False,
        where: str | None = None,
    ) -> NDArray[np.int32]:
        """Return the number of each token, int32 (T,).

        Args:
            text: a text, or its tokens.
            begin: put "<bos>" before it.
            end: put "<eos>" after it.
            where: what an error should name.

        Raises:
            DataError: a token is not in the vocabulary, and there is no "<unk>" to stand for it.
        """
        tokens = self._tokens_of(text)
        default = self.numbers.get(UNKNOWN, -1)
        found = [self.numbers.get(token, default) for token in tokens]
        if default < 0 and -1 in found:
            place = found.index(-1)
            what = "character" if self.level == "character" else "token"
            raise DataError(
                f"the {what} {tokens[place]!r} is not in the vocabulary",
                where=where,
                given=f"at position {place}",
                expected=f"one of the {len(self)} {what}s that the model was trained on",
            )
        before = [self._special(BEGIN)] if begin else []
        after = [self._special(END)] if end else []
        return np.array([*before, *found, *after], np.int32)

    def encode_all(
        self,
        texts: Iterable[str | Sequence[str]],
        length: int | None = None,
        *,
        begin: bool = False,
        end: bool = False,
    ) -> NDArray[np.int32]:
        """Return the numbers of several texts, int32 (N, T), filled up with "<pad>" at their ends.

        Args:
            texts: texts, or sequences of tokens.
            length: T; longer texts are cut. None takes the longest.
            begin: put "<bos>" before each.
            end: put "<eos>" after each.

        >>> Vocabulary(("<pad>", "a", "b"), "character").encode_all(["ab", "b"]).tolist()
        [[1, 2], [2, 0]]
        """
        return padded(
            [self.encode(text, begin=begin, end=end) for text in texts], length, self._special(PAD)
        )

    def decode(self, numbers: Sequence[int] | NDArray[np.integer]) -> str:
        """Return the text of numbers up to "<eos>", without "<pad>", "<bos>" and negative labels.

        Characters are joined as they are, words and symbols with one space between them.
        """
        found: list[str] = []
        for number in np.asarray(numbers).ravel().tolist():
            if number < 0:
                continue
            token = self.tokens[number]
            if token == END:
                break
            if token not in (PAD, BEGIN):
                found.append(token)
        return ("" if self.level == "character" else " ").join(found)

    def learned(self, numbers: NDArray[np.integer]) -> Vocabulary:
        """Return the tokens of an open vocabulary that occur in training rows; others are unknown.

        A word must occur `LEAST_COUNT` times in them, a character once; of the words the
        `MOST_WORDS` most frequent are kept.

        Args:
            numbers: the training rows in the numbers of this vocabulary.
        """
        if not self.is_open:
            return self
        counts = np.bincount(numbers.ravel(), minlength=len(self))
        least = 1 if self.level == "character" else LEAST_COUNT
        special = [token in READING for token in self.tokens]
        order = np.argsort(-counts, kind="stable")
        kept = [int(i) for i in order if counts[i] >= least and not special[i]][:MOST_WORDS]
        names = (*READING, *(self.tokens[i] for i in sorted(kept)))
        return Vocabulary(names, self.level)

    def numbers_in(self, other: Vocabulary) -> NDArray[np.int32]:
        """Return, for each token of this vocabulary, its number in another; -1 where it has none.

        >>> letters = Vocabulary(("a", "b"), "character")
        >>> letters.numbers_in(Vocabulary(("b",), "character")).tolist()
        [-1, 0]
        """
        default = other.numbers.get(UNKNOWN, -1)
        return np.array([other.numbers.get(token, default) for token in self.tokens], np.int32)

    def as_record(self) -> dict[str, object]:
        """Return it in plain types, as JSON takes it."""
        return {"tokens": list(self.tokens), "level": self.level}

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Vocabulary:
        """Return the vocabulary that `as_record` gave."""
        return cls(tuple(str(token) for token in record["tokens"]), record["level"])

    def _tokens_of(self, text: str | Sequence[str]) -> Sequence[str]:
        return self.split(text) if isinstance(text, str) else text

    def _special(self, token: str) -> int:
        if token not in self.numbers:
            raise DataError(
                f"this vocabulary has no {token}",
                expected="one made with the special tokens that the task needs",
                fix="Vocabulary.from_texts(..., specials=WRITING)",
            )
        return self.numbers[token]


def split(text: str, level: Level) -> list[str]:
    """Return the tokens of a text, as a vocabulary of that level takes it apart.

    >>> split("Don't panic!", "word")
    ["don't", 'panic', '!']
    >>> split("HH AH0  L OW1", "symbol")
    ['HH', 'AH0', 'L', 'OW1']
    """
    if level == "character":
        return list(text)
    if level == "symbol":
        return text.split()
    return [found[0] for found in _WORD.finditer(text.lower())]


def padded(
    rows: Sequence[NDArray[np.int32]], length: int | None = None, filling: int = 0
) -> NDArray[np.int32]:
    """Return rows of unequal length as one array (N, T), filled up at their ends.

    Args:
        rows: the rows.
        length: T; longer rows are cut. None takes the longest.
        filling: 0 for inputs; -1 for targets, where it is not counted.
    """
    length = max((len(row) for row in rows), default=0) if length is None else length
    filled = np.full((len(rows), length), filling, np.int32)
    for place, row in zip(filled, rows, strict=True):
        place[: len(row)] = row[:length]
    return filled
