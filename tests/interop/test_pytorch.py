"""Files of `torch.save` are read without unpickling: tensors, and nothing else."""

from __future__ import annotations

import os
import pickle
import random
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.errors import CheckpointError
from clearprop.interop.pytorch import read
from tests.interop.torch_files import (
    STORAGES,
    VALUES,
    WEIGHTS,
    numbers,
    pickle_of,
    storage,
    tensor,
    text,
    whole,
    write,
)


def test_tensors_are_views_of_their_storages(tmp_path: Path) -> None:
    found: Any = read(write(tmp_path / "a.pt", WEIGHTS, STORAGES))
    grid = VALUES.reshape(4, 6)
    np.testing.assert_array_equal(found["weight"], grid)
    np.testing.assert_array_equal(found["columns"], grid.T)
    np.testing.assert_array_equal(found["part"], grid[1:3, ::2][:, :3])
    assert found["number"].shape == ()
    assert found["number"] == 7
    assert np.shares_memory(found["weight"], found["columns"])
    assert not found["weight"].flags.writeable


def test_a_part_of_a_checkpoint(tmp_path: Path) -> None:
    inner = b"}(" + text("weight") + tensor(storage("0", 24), (24,), (1,)) + b"u"
    content = pickle_of(epoch=whole(3), rates=b"](" + whole(1) + b"e", state_dict=inner)
    file = write(tmp_path / "a.pt", content, {"0": VALUES})
    with pytest.raises(CheckpointError, match="no tensor") as refused:
        read(file)
    assert refused.value.given == "epoch is 3"
    assert refused.value.fix == "read(path, part='state_dict')"
    found: Any = read(file, part="state_dict")
    np.testing.assert_array_equal(found["weight"], VALUES)
    with pytest.raises(CheckpointError, match="no part 'state_dcit'") as missing:
        read(file, part="state_dcit")
    assert missing.value.fix == "did you mean 'state_dict'?"


BEFORE_ARCHIVES = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
"""The number and the version with which an old file begins."""


class Attack:
    """What unpickling would call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


ATTACKS: dict[str, tuple[bytes, str]] = {
    "os.system": (
        pickle.dumps({"w": Attack(os.system, "touch attacked")}, 2),
        "posix.system|nt.system",
    ),
    "stacked name": (pickle.dumps({"w": Attack(os.system, "touch attacked")}, 4), "system"),
    "eval": (pickle.dumps({"w": Attack(eval, "1 + 1")}, 2), "builtin|eval"),
    "getattr": (pickle.dumps({"w": Attack(getattr, "", "join")}, 2), "getattr"),
    "a class": (pickle.dumps({"w": Path("x")}, 2), "pathlib"),
    "an old instance": (b"(S'touch attacked'\nios\nsystem\n.", "STRING|INST"),
    "numbers of numpy": (pickle.dumps({"w": np.ones(3)}, 2), "numpy"),
    "an extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "an object made by its class": (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "NEWOBJ"),
    "a call of a number type": (b"\x80\x02ctorch\nFloatStorage\n(K\x08tR.", "torch.FloatStorage"),
    "a state for a name": (
        b"\x80\x02ctorch\nFloatStorage\n}X\x01\x00\x00\x00aK\x01sb.",
        "BUILD|state",
    ),
    "a state for a dict": (b"\x80\x02}}X\x01\x00\x00\x00aK\x01sb.", "state"),
    "another function of torch": (b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00at\x85R.", "torch.load"),
    "a dict with entries at once": (b"\x80\x02ccollections\nOrderedDict\n]\x85R.", "OrderedDict"),
    "a key that is a tuple": (b"\x80\x02}))s.", "keys are no names"),
    "bytes": (b"\x80\x03C\x01a.", "SHORT_BINBYTES"),
    "a very long number": (b"\x80\x02\x8a\xff" + b"\x7f" * 255 + b".", "a very large number"),
    "a storage elsewhere": (b"\x80\x02X\x01\x00\x00\x00/Q.", "outside of it"),
    "hooks": (
        pickle_of(w=tensor(storage("0", 1), (1,), (1,), hooks=b"}" + text("a") + text("b") + b"s")),
        "hooks",
    ),
    "numbers stored negated": (
        pickle_of(w=tensor(storage("0", 1), (1,), (1,), more=b"}" + text("neg") + b"\x88s")),
        "neg",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_no_tensor_is_refused_and_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    attack, named = ATTACKS[name]
    for file in (write(tmp_path / "a.pt", attack, {"0": VALUES}), tmp_path / "b.pt"):
        if file.name == "b.pt":
            file.write_bytes(
                b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + attack
            )
        with pytest.raises(CheckpointError) as refused:
            read(file)
        said = str(refused.value)
        assert any(part in said for part in named.split("|")), said
        assert not (tmp_path / "attacked").exists()


DAMAGES: dict[str, tuple[bytes, dict[str, Any], dict[str, bytes]]] = {
    "a storage that is too small": (WEIGHTS, {**STORAGES, "0": VALUES[:-1]}, {}),
    "a storage that is missing": (WEIGHTS, {"0": VALUES}, {}),
    "a tensor beyond its storage": (
        pickle_of(w=tensor(storage("0", 24), (4, 6), (6, 2))),
        STORAGES,
        {},
    ),
    "an offset beyond its storage": (
        pickle_of(w=tensor(storage("0", 24), (1,), (1,), 24)),
        STORAGES,
        {},
    ),
    "a negative size": (pickle_of(w=tensor(storage("0", 24), (-1,), (1,))), STORAGES, {}),
    "a negative stride": (pickle_of(w=tensor(storage("0", 24), (2,), (-1,), 1)), STORAGES, {}),
    "sizes without strides": (pickle_of(w=tensor(storage("0", 24), (2, 3), (1,))), STORAGES, {}),
    "a tensor of a billion numbers": (
        pickle_of(w=tensor(storage("0", 2**30), (2**30,), (1,))),
        STORAGES,
        {},
    ),
    "an empty tensor of impossible size": (
        pickle_of(w=tensor(storage("0", 24), (0, *(2**30,) * 4), (1,) * 5)),
        STORAGES,
        {},
    ),
    "truth values of 7": (
        pickle_of(w=tensor(storage("0", 1, "BoolStorage"), (1,), (1,))),
        {"0": np.uint8([7])},
        {},
    ),
    "a dict in itself": (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", {}, {}),
    "a name that was never kept": (b"\x80\x02h\x07.", {}, {}),
    "two values": (b"\x80\x02}}.", {}, {}),
    "no value": (b"\x80\x02.", {}, {}),
    "no end": (b"\x80\x02}", {}, {}),
    "an open mark": (b"\x80\x02}(.", {}, {}),
    "a big-endian machine": (WEIGHTS, STORAGES, {"byteorder": b"big"}),
    "dicts in dicts, a hundred thousand times": (
        b"\x80\x02" + b"}X\x01\x00\x00\x00a" * 100_000 + b"}" + b"s" * 100_000 + b".",
        {},
        {},
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_said(name: str, tmp_path: Path) -> None:
    content, storages, entries = DAMAGES[name]
    with pytest.raises(CheckpointError):
        read(write(tmp_path / "a.pt", content, storages, **entries))


def test_a_compressed_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", WEIGHTS)
        archive.writestr("model/data/0", bytes(10**7))
    with pytest.raises(CheckpointError, match="compressed"):
        read(path)


@pytest.mark.parametrize(
    ("empty", "before", "after", "said"),
    [(b"]", b"", b"a", "w is a list"), (b"}", text("a"), b"s", "the same dict at two places")],
)
def test_a_doubling_of_containers_costs_nothing(
    empty: bytes, before: bytes, after: bytes, said: str, tmp_path: Path
) -> None:
    # Each container holds the one inside it twice: written out there would be 2^64.
    again = before.replace(b"a", b"b")
    nested = empty
    for i in range(64):
        nested = (
            empty + before + nested + b"q" + bytes([i]) + after + again + bytes([0x68, i]) + after
        )
    with pytest.raises(CheckpointError, match=said):
        read(write(tmp_path / "a.pt", pickle_of(w=nested), {}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80", b"hello", b"\x80\x02K\x01."])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError):
        read(tmp_path / "a.pt")


def test_a_file_that_is_cut_off_or_whose_bytes_changed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pt", WEIGHTS, STORAGES)
    whole_file = path.read_bytes()
    expected = read(path)
    outcomes: Counter[str] = Counter()
    draws = random.Random(0)
    for _ in range(600):
        changed = bytearray(whole_file)
        if draws.random() < 0.3:
            del changed[draws.randrange(len(changed)) :]
        else:
            changed[draws.randrange(len(changed))] ^= 1 << draws.randrange(8)
        path.write_bytes(changed)
        try:
            found = read(path)
        except CheckpointError:
            outcomes["refused"] += 1
            continue
        # A bit may change what nothing reads, such as the date of an entry, or a name.
        outcomes["read"] += 1
        for array, other in zip(found.values(), expected.values(), strict=True):
            np.testing.assert_array_equal(array, other)  # type: ignore[arg-type]
    assert outcomes["refused"] > 300


def test_three_thousand_changed_pickles_are_read_or_refused(tmp_path: Path) -> None:
    """The checksums of the archive are right, so that the changes reach the reader."""
    draws, outcomes = random.Random(1), Counter[str]()
    instructions = bytes(range(0x80, 0x96)) + b"()]}.0RbQtuseahqrjJKMXcGNIVSFiod2P"
    path = tmp_path / "a.pt"
    for _ in range(3000):
        changed = bytearray(WEIGHTS)
        for _ in range(draws.choice((1, 1, 2, 5))):
            place = draws.randrange(len(changed))
            match draws.randrange(4):
                case 0:
                    changed[place] = draws.randrange(256)
                case 1:
                    changed[place] = draws.choice(instructions)
                case 2:
                    del changed[place : place + draws.randrange(1, 9)]
                case 3:
                    other = draws.randrange(len(WEIGHTS))
                    changed[place:place] = WEIGHTS[other : other + draws.randrange(1, 40)]
        write(path, bytes(changed), STORAGES)
        try:
            read(path)
            outcomes["read"] += 1
        except CheckpointError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 1500
    assert outcomes["read"] > 20


def test_the_form_before_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    machine = b"\x80\x02}(" + text("little_endian") + b"\x88u."
    place = storage("77", 24)[:-2] + b"NtQ"
    content = pickle_of(w=tensor(place, (4, 6), (6, 1)))
    keys = b"\x80\x02](" + text("77") + b"e."
    numbers_of = struct.pack("<q", 24) + VALUES.tobytes()
    path.write_bytes(BEFORE_ARCHIVES + machine + content + keys + numbers_of)
    found: Any = read(path)
    np.testing.assert_array_equal(found["w"], VALUES.reshape(4, 6))
    for wrong in (
        BEFORE_ARCHIVES + machine + content + keys + numbers_of[:-1],
        BEFORE_ARCHIVES + machine + content + keys + numbers_of + b"x",
        BEFORE_ARCHIVES + machine + content + b"\x80\x02]." + numbers_of,
        BEFORE_ARCHIVES + machine + content + keys + struct.pack("<q", 25) + VALUES.tobytes(),
        BEFORE_ARCHIVES + machine.replace(b"\x88", b"\x89") + content + keys + numbers_of,
        BEFORE_ARCHIVES + b"\x80\x02" + numbers((1,)) + b".",
    ):
        path.write_bytes(wrong)
        with pytest.raises(CheckpointError):
            read(path)
