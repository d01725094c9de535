"""What a file announces is compared with the file and with the free memory."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from clearprop import data
from clearprop.data import paths
from clearprop.data.idx import read_idx
from clearprop.data.npz import NpzFile
from clearprop.errors import DataError

Y = np.array([0, 1] * 5)


def npy(shape: tuple[int, ...], dtype: str = "<f8", numbers: bytes = b"") -> bytes:
    """Return an array as NumPy writes it, with any shape in its header."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode() + b"\n" + numbers


def archive(path: Path, x: bytes, method: int = zipfile.ZIP_STORED) -> Path:
    target = io.BytesIO()
    np.save(target, Y)
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("x.npy", x)
        file.writestr("y.npy", target.getvalue())
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((10**11,), "does not fit into the memory"),
        ((2**40, 2**40), "does not fit into the memory"),
        ((10, 100), "x'.*the file is cut off, damaged"),
        ((10,), "x'.*the file is cut off, damaged"),
        ((-1, 3), "x'.*the file is cut off, damaged"),
        ((0, 2**70), "x'.*the file is cut off, damaged"),
    ],
)
def test_an_array_of_another_size(
    tmp_path: Path, shape: tuple[int, ...], problem: str, method: int
) -> None:
    path = archive(tmp_path / "t.npz", npy(shape, numbers=bytes(8 * 10 * 3)), method)
    with pytest.raises(DataError, match=rf"(?s)t\.npz.*{problem}"):
        data.load(path)


def test_an_array_that_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.npz"
    np.savez_compressed(path, x=np.zeros((1000, 20_000)), y=np.arange(1000) % 2)
    assert path.stat().st_size < 2**18
    assert data.load(path).inputs.shape == (1000, 20_000)
    monkeypatch.setattr(paths, "room", lambda: 2**24)
    with pytest.raises(DataError, match="array 'x': the array does not fit into the memory"):
        data.load(path)


def test_an_archive_that_announces_more_than_it_can_hold(tmp_path: Path) -> None:
    path = archive(tmp_path / "t.npz", npy((10, 3), numbers=bytes(240)), zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))
    content[place + 24 : place + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"4294967294 bytes announced"):
        NpzFile(path).read("x")


@pytest.mark.parametrize(("place", "value"), [(8, 1), (10, 99), (10, zipfile.ZIP_LZMA)])
def test_an_encrypted_archive_and_another_compression(
    tmp_path: Path, place: int, value: int
) -> None:
    path = archive(tmp_path / "t.npz", npy((10, 3), numbers=bytes(240)))
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x01\x02", 0), (b"PK\x03\x04", -2)):
        content[content.index(mark) + place + shift] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"t\.npz, array 'x': the archive is (encr|compr)"):
        data.load(path)


@pytest.mark.parametrize(
    ("dtype", "problem"),
    [
        ("<U4", "inputs must be numbers"),
        ("|V3", "of a kind that no model takes"),
        ("<c16", "of a kind that no model takes"),
        ("<f16", "of a kind that no model takes"),
        ("<M8[D]", "of a kind that no model takes"),
        ("|O", "pickled objects"),
        ("<f9", "the file is cut off, damaged"),
    ],
)
def test_arrays_of_other_kinds(tmp_path: Path, dtype: str, problem: str) -> None:
    size = int("".join(filter(str.isdigit, dtype.partition("[")[0])) or 8)
    size *= 4 if "U" in dtype else 1
    path = archive(tmp_path / "t.npz", npy((10, 3), dtype, bytes(30 * size)))
    with pytest.raises(DataError, match=problem) as caught:
        data.load(path)
    assert "t.npz" in str(caught.value.where)


def test_structured_arrays_and_others_that_no_one_asks_for(tmp_path: Path) -> None:
    path, pairs = tmp_path / "t.npz", np.zeros(10, [("a", "f8"), ("b", "i4")])
    np.savez(path, x=pairs, y=Y)
    with pytest.raises(DataError, match="of a kind that no model takes"):
        data.load(path)
    np.savez(path, x=np.eye(10), y=Y, more=pairs, strange=np.array([object()]))
    assert len(data.load(path)) == 10


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.float64(3), "y": Y},
        {"x": np.eye(10), "y": np.int64(3)},
        {"x": np.zeros((10, 0)), "y": Y},
        {"x": np.zeros((0, 3)), "y": np.zeros(0)},
        {"x": np.zeros((10, 0, 3)), "y": Y},
        {"x": np.eye(10), "y": np.zeros((10, 0))},
        {"x": np.eye(10), "y": np.zeros((10, 0)), "class_names": np.zeros(0)},
        {"x": np.eye(10), "y": Y, "class_names": np.str_("a")},
        {"x": np.eye(10), "y": Y, "feature_names": np.zeros((0, 3))},
        {"x": np.eye(10, dtype=bool), "y": Y.astype(bool)},
        {"x": np.eye(10, dtype=">f4"), "y": Y.astype(">i2")},
        {"x": np.eye(10, dtype=np.float16), "y": Y.astype(np.uint64) + 2**63},
        {"x": np.eye(10), "y": Y.astype("S3")},
        {"x": np.eye(10), "y": Y.astype("U")},
        {"x": np.eye(10), "y": Y, "x_test": np.zeros((0, 10)), "y_test": np.zeros(0)},
        {"x": np.eye(10), "y": Y, "x_test": np.float64(0), "y_test": Y},
    ],
)
def test_unusual_arrays_are_read_or_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    for task in (None, "classification", "regression"):
        refused = None
        try:
            data.load(path, task=task).split(dev=0.2, test=0)
        except DataError as error:
            refused = error
        assert refused is None or "t.npz" in str(refused.where)


def idx(sizes: tuple[int, ...], numbers: bytes = b"", kind: int = 8) -> bytes:
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + numbers


@pytest.mark.parametrize(
    "content",
    [
        idx((2**32 - 1,)),
        idx((2**32 - 1, 28, 28), bytes(784)),
        idx((1,) * 65, b"\0"),
        idx((2**32 - 1,) * 255),
        idx((0, 2**32 - 1, 2**32 - 1, 2**32 - 1)),
        idx((10**5, 10**5)),
        idx((2**31,), kind=14),
        b"",
        b"\0\0",
        b"\0\0\x08",
        b"\0\0\x08\xff",
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_files_that_announce_too_much(tmp_path: Path, content: bytes, pack: object) -> None:
    path = tmp_path / "t"
    path.write_bytes(pack(content))  # type: ignore[operator]  # a function of bytes
    with pytest.raises(DataError, match=f"^{path}: "):
        read_idx(path)


def test_an_idx_file_that_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(idx((100_000, 1000), bytes(100_000_000)), 1))
    monkeypatch.setattr(paths, "room", lambda: 2**26)
    with pytest.raises(DataError, match="does not fit into the memory"):
        read_idx(path)


def test_texts_and_tables_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "room", lambda: 2**27)
    for name in ("t.txt", "t.csv"):
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(2**28)  # without taking place on the disk
        with pytest.raises(DataError, match="does not fit into the memory"):
            data.load(path)


def test_a_picture_of_very_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        Image.new("1", (9000, 9000), label == "a").save(tmp_path / label / "1.png")
    assert (tmp_path / "a" / "1.png").stat().st_size < 2**18
    monkeypatch.setattr(paths, "room", lambda: 2**28)
    with pytest.raises(DataError, match=r"1\.png: the picture does not fit into the memory"):
        data.load(tmp_path)
