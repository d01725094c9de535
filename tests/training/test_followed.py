"""A growing file that is followed: what was appended, and what makes it be read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from clearprop.training.storage.followed import FollowedFile
from clearprop.training.storage.summed import SummedFile, sums_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "losses.f32"


@pytest.fixture
def written(path: Path) -> Iterator[SummedFile]:
    file = SummedFile(path)
    yield file
    file.close()


def test_only_what_was_appended_is_read(path: Path, written: SummedFile) -> None:
    followed = FollowedFile(path)
    written.append(b"first ")
    begun = followed.read()
    assert begun is not None
    assert (begun.first, begun.content) == (0, b"first ")
    assert followed.read() is None
    written.append(b"second ")
    written.append(b"third")
    more = followed.read()
    assert more is not None
    assert (more.first, more.content, more.agreement.damaged) == (6, b"second third", ())


def test_a_file_that_appears_later(path: Path) -> None:
    followed = FollowedFile(path)
    nothing = followed.read()
    assert nothing is not None
    assert nothing.content == b""
    assert followed.read() is None
    with closing(SummedFile(path)) as written:
        written.append(b"now")
    found = followed.read()
    assert found is not None
    assert (found.first, found.content) == (0, b"now")


def test_a_part_that_is_being_written_does_not_count_yet(path: Path, written: SummedFile) -> None:
    followed = FollowedFile(path)
    written.append(b"whole ")
    followed.read()
    written.append(b"another part")
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    part = followed.read()
    assert part is not None
    assert part.content == b""
    path.write_bytes(whole)
    rest = followed.read()
    assert rest is not None
    assert (rest.first, rest.content) == (6, b"another part")


def test_a_file_that_was_cut_back_and_goes_on_is_read_again(
    path: Path, written: SummedFile
) -> None:
    followed = FollowedFile(path)
    written.append(b"aaaa")
    written.append(b"bbbb")
    followed.read()
    written.rewind(4)
    written.append(b"cccccccc")
    found = followed.read()
    assert found is not None
    assert (found.first, found.content) == (0, b"aaaacccccccc")


def test_a_flipped_bit_is_found_though_the_size_is_the_same(
    path: Path, written: SummedFile
) -> None:
    followed = FollowedFile(path)
    for part in (b"aaaa", b"bbbb", b"cccc"):
        written.append(part)
    followed.read()
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    found = followed.read()
    assert found is not None
    assert found.agreement.damaged == ((4, 8),)
    assert found.agreement.without(found.content) == b"aaaacccc"


def test_without_checksums_the_whole_file_is_read_each_time(path: Path) -> None:
    followed = FollowedFile(path)
    path.write_bytes(b"old")
    followed.read()
    path.write_bytes(b"old and new")
    found = followed.read()
    assert found is not None
    assert (found.first, found.content, found.agreement.unknown) == (0, b"old and new", True)


def test_a_random_history_is_always_what_the_file_says(path: Path, written: SummedFile) -> None:
    random = np.random.default_rng(0)
    followed, seen = FollowedFile(path), b""
    ends = [0]
    for _ in range(60):
        if random.random() < 0.8:
            written.append(random.bytes(int(random.integers(1, 40))))
            ends.append(written.size)
        else:
            ends = ends[: int(random.integers(1, len(ends) + 1))]
            written.rewind(ends[-1])
        if random.random() < 0.5:
            part = followed.read()
            seen = seen[: part.first] + part.content if part is not None else seen
            assert seen == path.read_bytes()
    assert sums_path(path).is_file()
