"""Files that cannot be read: each is an error that names it, for every way to read data."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from clearprop import data
from clearprop.data import Preprocessor, texts
from clearprop.data.mnist import IDX_SETS
from clearprop.errors import ClearpropError, DataError
from clearprop.files import check_file

SUFFIXES = (".csv", ".parquet", ".npz", ".txt", ".conll", ".png")


@cache
def preprocessors() -> dict[str, Preprocessor]:
    """Return one of a table, of words, of pictures and of characters."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as place:
        table, words, text = (Path(place) / name for name in ("t.csv", "w.csv", "t.txt"))
        table.write_text("a,b,y\n" + "".join(f"{i},{i * i},{i / 2}\n" for i in range(12)))
        words.write_text("text,label\n" + "a good film,yes\na bad one,no\n" * 6)
        text.write_text("abc " * 30)
        loaded = {
            "table": data.load(table, target="y"),
            "words": data.load(words, text="text", target="label"),
            "pictures": data.load("digits"),
            "characters": data.load(text, sequence_length=4),
        }
        return {name: one.split().preprocessor for name, one in loaded.items()}


def ways() -> dict[str, Callable[[Path], object]]:
    """Return every function that reads data from a path."""
    found: dict[str, Callable[[Path], object]] = {
        "load": partial(data.load, target="y"),
        "load without options": data.load,
        "load texts": partial(data.load, text="text", target="y"),
        "load series": partial(data.load, target="y", window=2),
        "load tags": partial(data.load, tags=True),
        "columns": data.columns_of,
        "rows": lambda path: data.new_rows(path, preprocessors()["table"]),
        "texts": lambda path: data.new_texts(path, preprocessors()["words"]),
    }
    for name, one in preprocessors().items():
        found[f"inputs of {name}"] = partial(data.load_inputs, preprocessor=one)
    return found


def unreadable(folder: Path, suffix: str) -> Iterator[Path]:
    """Make what cannot be read, under names with this ending."""
    yield folder / f"missing{suffix}"
    yield folder / f"{'n' * 300}{suffix}"
    yield Path(f"{folder}/zero\0byte{suffix}")
    yield Path(f"~no-such-user/t{suffix}")
    (folder / "file").touch()
    yield folder / "file" / f"t{suffix}"
    (folder / f"folder{suffix}").mkdir()
    yield folder / f"folder{suffix}"
    loop = folder / f"loop{suffix}"
    loop.symlink_to(loop)
    yield loop
    for device in ("zero", "urandom", "null", "full"):
        link = folder / f"{device}{suffix}"
        link.symlink_to(f"/dev/{device}")
        yield link
    pipe = folder / f"pipe{suffix}"
    os.mkfifo(pipe)
    yield pipe
    (folder / f"empty{suffix}").touch()
    yield folder / f"empty{suffix}"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_read_is_named(tmp_path: Path, suffix: str) -> None:
    for path in unreadable(tmp_path, suffix):
        for name, read in ways().items():
            with pytest.raises(ClearpropError) as caught:
                read(path)
            assert caught.value.where or "option" in caught.value.problem, (path, name)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_may_not_be_read(
    tmp_path: Path, suffix: str, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"a,y\n1,2\n2,3\n")
    every = ways()

    def refuse(*_: object, **__: object) -> object:
        raise error

    # An administrator may read everything, so the system is asked in no other way.
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("io.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    for read in every.values():
        with pytest.raises(ClearpropError) as caught:
            read(path)
        assert "cannot be written" not in str(caught.value)


def test_folders_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "1.png").touch()
    real = Path.iterdir

    def refuse(folder: Path) -> Iterator[Path]:
        if folder.name == "b":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"b: the file cannot be read"):
        data.load(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_devices_in_folders_of_pictures_and_texts(tmp_path: Path) -> None:
    for suffix in (".png", ".txt"):
        root = tmp_path / suffix
        for label in ("a", "b"):
            (root / label).mkdir(parents=True)
            (root / label / f"1{suffix}").symlink_to("/dev/zero")
        with pytest.raises(
            DataError, match=rf"1\{suffix}: (this is not a file|the text has no end)"
        ):
            data.load(root)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_text_from_a_pipe_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def read(content: str) -> str:
        writer = threading.Thread(target=pipe.write_text, args=(content,))
        writer.start()
        try:
            return texts.read_text(pipe)
        finally:
            writer.join()

    assert read("a\r\nb\rc\n") == "a\nb\nc\n"
    monkeypatch.setattr(texts, "LONGEST_STREAM", 4)
    assert read("abcd") == "abcd"
    with pytest.raises(DataError, match="the text has no end"):
        read("abcde")


def test_the_nearest_name_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "houses.csv").touch()
    with pytest.raises(DataError, match=r"did you mean '.*houses\.csv'"):
        data.load(tmp_path / "house.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"did you mean '.*houses\.csv'"):
        data.columns_of("~/huoses.csv")


def test_a_file_and_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"abc")
    assert check_file(tmp_path / "t").st_size == 3
    with pytest.raises(DataError, match="this is not a file"):
        check_file(tmp_path)


def test_every_download_is_encrypted_on_its_way() -> None:
    mirrors = [mirror for known in IDX_SETS.values() for mirror in known.mirrors]
    assert len(mirrors) == 4
    assert all(mirror.startswith("https://") for mirror in mirrors)
