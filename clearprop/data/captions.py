"""Pictures of handwritten digits in a row, with their names as captions.

Shape letters: N pictures, H height, W width, T words of the longest caption plus 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clearprop.data.bundled import BUNDLED, load_bundled
from clearprop.data.checks import check_at_least_one
from clearprop.data.dataset import Dataset
from clearprop.data.randomness import permutation
from clearprop.data.vocabulary import WRITING, Vocabulary

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = Vocabulary((*WRITING, *NAMES), "word")

PICTURES = 6000
MOST_DIGITS = 5
GROUPS = 30
HEIGHT, WIDTH = 12, 48

SOURCE = f"rendered when loaded from {BUNDLED['digits'].source}"
LICENCE = BUNDLED["digits"].licence


def load_captions(*, limit: int = PICTURES) -> Dataset:
    """Return pictures of one to five real digits side by side, and the names of the digits.

    ``inputs["image"]`` is uint8 (N, 12, 48, 1), from 0 to 16. ``inputs["words"]`` is "<bos>" and
    the words, (N, 6). Targets are the words and "<eos>", (N, 6), and -1 behind the end of a
    caption. Each digit is shifted by one or two pixels, at random with a fixed seed. The original
    digits are dealt into 30 groups, and a picture takes all its digits from one group: no original
    of the evaluation data is in the training data.

    Args:
        limit: how many pictures to render.

    Raises:
        ConfigurationError: fewer than one picture.

    >>> made = load_captions(limit=3)
    >>> [WORDS.decode(words) for words in made.targets]
    ['eight four', 'four eight eight five eight', 'three seven two']
    """
    check_at_least_one("digit-captions", limit=limit)
    digits = load_bundled("digits")
    pictures, labels = np.asarray(digits.inputs)[..., 0], digits.targets
    dealt = np.array_split(permutation(len(labels), 0), GROUPS)
    # NumPy's compatibility policy fixes the raw bits, but not the draws of a Generator.
    draws = np.random.Philox(np.random.SeedSequence([0, 1])).random_raw(limit * 32)
    images = np.zeros((limit, HEIGHT, WIDTH, 1), np.uint8)
    captions: list[list[str]] = []
    for index, draw in enumerate(draws.reshape(limit, 32) >> np.uint64(11)):
        group = dealt[index % GROUPS]
        count = 1 + int(draw[0] % MOST_DIGITS)
        chosen = [int(group[int(number) % len(group)]) for number in draw[1 : 1 + count]]
        _render(images[index, ..., 0], pictures[chosen], draw[1 + MOST_DIGITS :])
        captions.append([NAMES[labels[row]] for row in chosen])
    return Dataset(
        "digit-captions",
        {"image": images, "words": WORDS.encode_all(captions, MOST_DIGITS + 1, begin=True)},
        WORDS.encode_all(captions, MOST_DIGITS + 1, end=True, filling=-1),
        "text",
        class_names=WORDS.tokens,
        source=SOURCE,
        licence=LICENCE,
        vocabularies={"words": WORDS, "targets": WORDS},
        groups=np.arange(limit) % GROUPS,
    )


def _render(
    canvas: NDArray[np.uint8], digits: NDArray[np.uint8], draws: NDArray[np.uint64]
) -> None:
    """Put digits (count, 8, 8) onto a canvas (H, W) from left to right, each shifted a little."""
    size = digits.shape[1]
    room = WIDTH - size * len(digits)
    left = int(draws[0] % (room + 1)) // 2
    for place, digit in enumerate(digits):
        if place:
            spare = WIDTH - left - size * (len(digits) - place)
            left += int(draws[2 * place] % (min(2, spare) + 1))
        top = int(draws[2 * place + 1] % (HEIGHT - size + 1))
        canvas[top : top + size, left : left + size] = digit
        left += size
