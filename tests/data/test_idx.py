import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.data import read_idx
from clearprop.errors import DataError


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("compress", [False, True])
def test_every_type_is_read_in_native_order(tmp_path, as_idx, dtype, compress):
    array = (np.arange(24).reshape(2, 3, 4) - 5).astype(dtype)
    content = as_idx(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if compress else content)
    back = read_idx(path)
    assert back.dtype == np.dtype(dtype)
    assert back.dtype.isnative
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n", "not an idx file"),
        (b"\0\0\x07\x01\0\0\0\0", "not an idx file"),
        (b"\0\0\x08\x00", "not an idx file"),
        (b"\0\0\x08\x03\0\0\0\x01", "ends inside its header"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "only 3 bytes"),
        (b"\0\0\x08\x01\0\0\0\x02abc", "too long"),
        (b"\0\0\x08\x03" + b"\xff" * 12 + b"abc", "only 3 bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02ab", mtime=0)[:-9], "cut off"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02ab", mtime=0)[:-8] + b"\0" * 8, "damaged"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 30, "damaged"),
        (gzip.compress(b"hello", mtime=0), "not an idx file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert caught.value.where == str(path)
    assert caught.value.fix


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(DataError, match="this is not a file"):
        read_idx(tmp_path)


@given(st.binary(max_size=64), st.booleans(), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, as_idx_start, compress):
    if as_idx_start:
        content = b"\0\0\x08\x02" + struct.pack(">2I", 2, 3) + content
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(gzip.compress(content) if compress else content)
    try:
        array = read_idx(path)
    except DataError:
        return
    assert content[:2] == b"\0\0"
    assert array.nbytes < len(content)


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, max_side=5)))
def test_what_is_written_is_read(tmp_path_factory, as_idx, array):
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(as_idx(array))
    np.testing.assert_array_equal(read_idx(path), array)
