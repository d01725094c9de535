"""Vocabularies: the number of each token, learned from texts and saved with the model.

Shape letters: N texts, T places of the longest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_at_least_one
from clearprop.errors import DataError, unknown_name

Level: TypeAlias = Literal["character", "word", "symbol"]

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
READING = (PAD, UNKNOWN)
"""The special tokens of texts that a model reads: one for filling up, one for unknown tokens."""
WRITING = (PAD, UNKNOWN, BEGIN, END)
"""The special tokens of texts that a model writes: also a beginning and an end."""

LEAST_COUNT = 2
"""A word must occur this often in the training part to get its own number."""
MOST_WORDS = 20_000
SHOWN = 6

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|_+|([^\w\s])\1*")


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their numbers: the number of a token is its place in ``tokens``.

    A text is split into tokens in one of three ways. "character": every character is a token.
    "word": a token is a run of letters and digits in lower case, with apostrophes inside it
    (``don't``), or a run of one other visible sign (``...``). "symbol": white space separates the
    tokens, which stay as they are.

    Args:
        tokens: all tokens, the special ones first.
        level: how a text is split.

    Raises:
        DataError: there are no tokens, or a token occurs twice.

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
        """Return the vocabulary of texts, the most frequent tokens first.

        Tokens that are equally frequent stand in the order of the alphabet.

        Args:
            texts: texts, or sequences of tokens.
            level: how a text is split.
            minimum: how often a token must occur.
            limit: how many tokens to keep, special ones not counted; None keeps all.
            specials: the special tokens, which come first.

        Raises:
            ConfigurationError: a minimum or limit below 1.
            DataError: no token is left.
        """
        check_at_least_one(minimum=minimum, limit=limit)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split(text, level))
        kept = [
            token
            for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if count >= minimum and token not in specials
        ][:limit]
        if not kept:
            raise DataError(
                "no token is left for the vocabulary",
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
        """Whether it may leave words out: it is for reading only and has "<unk>"."""
        return UNKNOWN in self.numbers and BEGIN not in self.numbers

    def split(self, text: str | Sequence[str]) -> list[str]:
        """Return the tokens of a text in their order; a sequence of tokens stays as it is."""
        return split(text, self.level)

    def unknown(self, text: str | Sequence[str]) -> list[str]:
        """Return the tokens of a text that are not in the vocabulary, in their order.

        >>> Vocabulary(("<pad>", "<unk>", "sun"), "word").unknown("Sun and rain")
        ['and', 'rain']
        """
        return [token for token in self.split(text) if token not in self.numbers]

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
            where: the place that an error names.

        Raises:
            DataError: a token is not in the vocabulary, and the vocabulary has no "<unk>".
        """
        tokens = self.split(text)
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
        filling: int | None = None,
    ) -> NDArray[np.int32]:
        """Return the numbers of several texts, int32 (N, T); shorter texts are filled up.

        Args:
            texts: texts, or sequences of tokens.
            length: T; longer texts are cut. None takes the length of the longest text.
            begin: put "<bos>" before each text.
            end: put "<eos>" after each text.
            filling: the number behind the end of a text, such as -1 for targets, where it is not
                counted; None takes the number of "<pad>".

        >>> Vocabulary(("<pad>", "a", "b"), "character").encode_all(["ab", "b"]).tolist()
        [[1, 2], [2, 0]]
        """
        rows = [self.encode(text, begin=begin, end=end) for text in texts]
        length = max(map(len, rows), default=0) if length is None else length
        filling = self._special(PAD) if filling is None else filling
        filled = np.full((len(rows), length), filling, np.int32)
        for place, row in zip(filled, rows, strict=True):
            place[: len(row)] = row[:length]
        return filled

    def decode(self, numbers: Sequence[int] | NDArray[np.integer]) -> str:
        """Return the text of numbers up to "<eos>", without "<pad>", "<bos>" and negative labels.

        Words and symbols are joined with one space between them, characters without one.
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
        """Return an open vocabulary without the tokens that the training rows do not contain.

        A word must occur `LEAST_COUNT` times in these rows, a character once. At most the
        `MOST_WORDS` most frequent tokens are kept. A vocabulary that is not open stays as it is.

        Args:
            numbers: the training rows, in the numbers of this vocabulary.
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
        """Return the number of each token of this vocabulary in another one.

        A token that the other one lacks gets the number of its "<unk>", or -1 without "<unk>".

        >>> letters = Vocabulary(("a", "b"), "character")
        >>> letters.numbers_in(Vocabulary(("b",), "character")).tolist()
        [-1, 0]
        """
        default = other.numbers.get(UNKNOWN, -1)
        return np.array([other.numbers.get(token, default) for token in self.tokens], np.int32)

    def _special(self, token: str) -> int:
        if token not in self.numbers:
            raise DataError(
                f"this vocabulary has no {token}",
                expected="a vocabulary with the special tokens that the task needs",
                fix="Vocabulary.from_texts(..., specials=WRITING)",
            )
        return self.numbers[token]


def split(text: str | Sequence[str], level: Level) -> list[str]:
    """Return the tokens of a text, as a vocabulary of that level splits it.

    A sequence of tokens stays as it is.

    >>> split("Don't panic!", "word")
    ["don't", 'panic', '!']
    >>> split("HH AH0  L OW1", "symbol")
    ['HH', 'AH0', 'L', 'OW1']
    """
    if not isinstance(text, str) or level == "character":
        return list(text)
    if level == "symbol":
        return text.split()
    return [found[0] for found in _WORD.finditer(text.lower())]
