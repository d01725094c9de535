from __future__ import annotations

import os
from pathlib import Path

import pytest

from clearprop.errors import RunError
from clearprop.training.storage.summed import SummedFile, compared_with_sums, sums_path

PARTS = [b"first", b"second part", b"x" * 100]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = SummedFile(tmp_path / "log")
    for part in PARTS:
        file.append(part)
    file.close()
    return tmp_path / "log"


def test_a_whole_file_agrees(path: Path) -> None:
    parts = compared_with_sums(path)
    assert parts.size == path.stat().st_size == sum(map(len, PARTS))
    assert (parts.damaged, parts.missing, parts.unknown) == ((), 0, False)
    assert parts.without(path.read_bytes()) == b"".join(PARTS)


def test_each_changed_byte_is_found_in_its_part(path: Path) -> None:
    content, ends = path.read_bytes(), [0, 5, 16, 116]
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        part = next(i for i, end in enumerate(ends[1:]) if place < end)
        parts = compared_with_sums(path)
        assert parts.damaged == ((ends[part], ends[part + 1]),)
        assert parts.is_damaged(place, place + 1)
        assert parts.without(path.read_bytes()) == b"".join(PARTS[:part] + PARTS[part + 1 :])


def test_each_changed_byte_of_the_checksums_is_found_or_changes_nothing(path: Path) -> None:
    content = sums_path(path).read_bytes()
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ 129]) + content[place + 1 :]
        sums_path(path).write_bytes(changed)
        parts = compared_with_sums(path)
        is_same = parts.size == path.stat().st_size
        assert parts.damaged or parts.missing or is_same, place


def test_a_part_that_a_kill_cut_off_is_left_out_and_deleted(path: Path) -> None:
    for size in (116, 115, 17, 16):  # the third part: whole, cut off, and missing
        os.truncate(path, size)
        parts = compared_with_sums(path)
        assert parts.size == (116 if size == 116 else 16)
        assert not parts.damaged
        assert not parts.missing
    file = SummedFile(path)
    file.append(b"again")
    file.close()
    assert path.read_bytes() == b"".join([*PARTS[:2], b"again"])
    assert not compared_with_sums(path).damaged


def test_a_file_that_was_cut_off_says_how_much_is_missing(path: Path) -> None:
    os.truncate(path, 7)
    parts = compared_with_sums(path)
    assert (parts.size, parts.missing) == (5, 116 - 7)


def test_data_behind_the_checksums_is_not_believed(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"from elsewhere")
    assert compared_with_sums(path).damaged == ((116, 130),)


def test_a_file_of_an_earlier_version_has_no_checksums_until_it_grows(path: Path) -> None:
    sums_path(path).unlink()
    assert compared_with_sums(path).unknown
    file = SummedFile(path)
    file.append(b"more")
    file.close()
    assert compared_with_sums(path) == compared_with_sums(path).__class__(120)


def test_a_file_is_rewound_within_a_part(path: Path) -> None:
    file = SummedFile(path)
    file.rewind(10)
    file.append(b"other")
    with pytest.raises(RunError, match="shorter"):
        file.rewind(100)
    file.close()
    assert path.read_bytes() == b"firstsecon" + b"other"
    assert not compared_with_sums(path).damaged


def test_a_damaged_part_stays_damaged_when_its_end_is_taken_back(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:6] + b"?" + content[7:])
    file = SummedFile(path)
    file.rewind(10)
    file.append(b"other")
    file.close()
    assert compared_with_sums(path).damaged == ((5, 10),)


def test_a_full_disk_leaves_the_parts_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clearprop import files

    def part_only(file: object, data: bytes) -> None:
        os.write(file.fileno(), data[:3])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    file, whole = SummedFile(path), files._write_all
    calls: list[int] = []

    def second_fails(file: object, data: bytes) -> None:
        calls.append(len(data))
        (part_only if len(calls) == 2 else whole)(file, data)  # type: ignore[operator]

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write_all", second_fails)
        with pytest.raises(RunError, match="the disk is full"):
            file.append(b"lost part")
    assert path.read_bytes() == b"".join(PARTS)
    file.append(b"kept")
    file.close()
    assert compared_with_sums(path).damaged == ()
