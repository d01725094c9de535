"""Files: what reading and writing them can raise, as errors that name the file.

A file is written whole or not at all: a crash or a full disk leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from clearprop.errors import ClearpropError, DataError, RunError

TEMPORARY = ".tmp"
"""The suffix of a file that is being written; its name begins with a dot."""

CHECKSUM = "checksum"
"""The name of the checksum in an object that `write_record` writes."""

LONGEST_SAID = 160
"""So many characters of a message of another library are repeated."""

_WRITE = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
_OWN_NAME = getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a write into an error that names the fix.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
        raise RunError(
            "the disk is full" if full else "the file cannot be written",
            where=str(path),
            given=error.strerror or str(error),
            fix="free some space and resume; what had been written before is whole"
            if full
            else "check that the folder exists and that you may write to it",
        ) from error


@contextlib.contextmanager
def read_errors(path: Path | str, kind: type[ClearpropError] = DataError) -> Iterator[None]:
    """Turn what the operating system says about a read into an error of a kind.

    Raises:
        ClearpropError: the file is missing, or cannot be read; its kind is ``kind``.
    """
    try:
        yield
    except OSError as error:
        raise _unreadable(path, error, kind) from error


def check_file(path: Path, kind: type[ClearpropError] = DataError) -> os.stat_result:
    """Check that a path is a file, which has an end, and return what the system says of it.

    Raises:
        ClearpropError: it is missing, or it is a folder, a device or a pipe, or it cannot be looked
            at; its kind is ``kind``.

    >>> check_file(Path("missing.csv"))
    Traceback (most recent call last):
    clearprop.errors.DataError: missing.csv: there is no such file
    """
    found = look_at(path, kind)
    if stat.S_ISREG(found.st_mode):
        return found
    is_folder = stat.S_ISDIR(found.st_mode)
    raise kind(
        "this is not a file",
        where=str(path),
        given="a folder" if is_folder else "a device, a pipe or a socket, which may have no end",
        expected="a file",
        fix=None if is_folder else "write what it gives into a file first, and name that file",
    )


def look_at(path: Path, kind: type[ClearpropError] = DataError) -> os.stat_result:
    """Return what the system says of a file or folder.

    Raises:
        ClearpropError: it is missing, or cannot be looked at; its kind is ``kind``.
    """
    if "\0" in str(path):
        raise kind("no file can have this name", where=repr(str(path)), given="a zero byte in it")
    with read_errors(path, kind):
        return path.stat()


def _unreadable(path: Path | str, error: OSError, kind: type[ClearpropError]) -> ClearpropError:
    missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
    return kind(
        "there is no such file" if missing else "the file cannot be read",
        where=str(path),
        given=None if missing else error.strerror or str(error),
        fix=None if missing else "check that it is a file, and that you may read it",
    )


@contextlib.contextmanager
def content_errors(
    where: Path | str,
    kind: type[ClearpropError] = DataError,
    problem: str = "the file is damaged",
    fix: str | None = None,
) -> Iterator[None]:
    """Turn what the content of a file raises in its reader into an error of a kind.

    Only the reading of the content belongs into the block: whatever Python raises there is taken
    for damage of the file.

    Args:
        where: the file, for the message.
        kind: of the error.
        problem: what the error says.
        fix: the most likely solution.

    Raises:
        ClearpropError: the content cannot be read; its kind is ``kind``.

    >>> with content_errors("settings.json"):
    ...     int("three")
    Traceback (most recent call last):
    clearprop.errors.DataError: settings.json: the file is damaged
      given:    invalid literal for int() with base 10: 'three'
    """
    try:
        yield
    except ClearpropError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise _unreadable(where, error, kind) from error
        # A reader said it of the content, not the operating system.
        raise kind(problem, where=str(where), given=said(error), fix=fix) from error
    except MemoryError as error:
        raise kind(
            "the content of the file does not fit into the memory", where=str(where)
        ) from error
    except RecursionError as error:
        raise kind(problem, where=str(where), given="values that are nested too deep") from error
    except Exception as error:
        raise kind(problem, where=str(where), given=said(error), fix=fix) from error


def said(error: BaseException) -> str:
    """Return the message of an error of another library, in one line.

    >>> said(KeyError("shape")), said(ValueError())
    ("KeyError: 'shape'", 'ValueError')
    """
    text = " ".join(str(error).split())[:LONGEST_SAID]
    if isinstance(error, ValueError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def write_record(path: Path, values: Mapping[str, object], indent: int | None = 2) -> None:
    """Write an object as JSON in one stroke, with a checksum of its values.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    # As ASCII: a name of a file may hold bytes that are no UTF-8.
    write_atomically(path, json.dumps(with_checksum(values), indent=indent) + "\n")


def read_record(path: Path, kind: type[ClearpropError], problem: str) -> dict[str, Any]:
    """Return the object that `write_record` wrote, also one that has no checksum any more.

    Args:
        path: of the file.
        kind: of the error for a file that cannot be read.
        problem: what the error says of a file that is no such object.

    Raises:
        ClearpropError: there is no such file, it is damaged, or it was changed; its kind is
            ``kind``.
    """
    found = read_json(path, kind, problem)
    if not isinstance(found, dict):
        raise kind(problem, where=str(path), expected="an object")
    if not agrees(found):
        raise kind(
            problem,
            where=str(path),
            given="values that do not agree with the checksum in the file",
            fix="put the whole file back; if you changed it on purpose, delete the line of its "
            f'"{CHECKSUM}"',
        )
    found.pop(CHECKSUM, None)
    return found


def with_checksum(values: Mapping[str, object]) -> dict[str, Any]:
    """Return values as JSON reads them back, with the checksum of all of them."""
    plain = json.loads(json.dumps(dict(values)))
    return {CHECKSUM: _checksum(plain), **plain}  # first, so that its line can be deleted


def agrees(values: Mapping[str, Any]) -> bool:
    """Return whether values agree with their checksum, or have none.

    >>> agrees({**with_checksum({"step": 12}), "step": 72}), agrees({"step": 72})
    (False, True)
    """
    if CHECKSUM in values:
        return bool(values[CHECKSUM] == _checksum(values))
    # The name of the checksum may be what is damaged.
    first = next(iter(values), CHECKSUM)
    return values.get(first) != _checksum(values, first)


def _checksum(values: Mapping[str, Any], besides: str = CHECKSUM) -> str:
    others = {name: value for name, value in values.items() if name != besides}
    return f"{zlib.crc32(json.dumps(others, sort_keys=True).encode()):08x}"


def read_json(path: Path, kind: type[ClearpropError], problem: str) -> Any:
    """Return the value of a JSON file.

    Args:
        path: of the file.
        kind: of the error for a file that cannot be read.
        problem: what the error says of a file that is no JSON.

    Raises:
        ClearpropError: there is no such file, or it is damaged; its kind is ``kind``.
    """
    with content_errors(path, kind, problem):
        return json.loads(path.read_text(encoding="utf-8"))


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace a file of a folder of ours by new content in one stroke.

    The content goes to a neighboring temporary file, is forced to the disk, and is then renamed
    over the old file; until then the old one stands untouched. A link of that name is replaced: the
    file that it points to stays as it is.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    with write_errors(path):
        _replace(path, _encoded(content), None)


def write_output(path: Path, content: bytes | str) -> None:
    """Write to a place that the user chose: a file, or a device or a pipe.

    A file is replaced in one stroke, as by `write_atomically`, and keeps its mode; of a link, the
    file that it points to is. Everything else, such as ``/dev/stdout``, is written through.

    Raises:
        RunError: the disk is full, or the place cannot be written.
    """
    data = _encoded(content)
    with write_errors(path):
        try:
            old = path.stat()
        except FileNotFoundError:
            _replace(Path(os.path.realpath(path)), data, None)
            return
        if stat.S_ISREG(old.st_mode) and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is read-only", str(path))
        if not stat.S_ISREG(old.st_mode) or _OPEN_FILE.match(str(path.absolute())):
            with path.open("r+b" if stat.S_ISBLK(old.st_mode) else "ab", buffering=0) as file:
                _write_all(file, data)
            return
        _replace(Path(os.path.realpath(path)), data, old)


_OPEN_FILE = re.compile(r"/dev/(stdin|stdout|stderr|fd/\d+)|/proc/(self|\d+)/fd/\d+")
"""Names of files that are open already: what is written goes behind what was written before."""


def _encoded(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _replace(path: Path, data: bytes, old: os.stat_result | None) -> None:
    temporary = path.with_name(f".{secrets.token_hex(12)}{TEMPORARY}")
    # No other process can have made a file or a link of this name before.
    mode = 0o666 if old is None else 0o600
    descriptor = os.open(temporary, _WRITE | os.O_EXCL | _OWN_NAME, mode)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            if old is not None:
                _keep_owner_and_mode(temporary, old)
            _write_all(file, data)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _keep_owner_and_mode(path: Path, old: os.stat_result) -> None:
    new = path.stat()
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with contextlib.suppress(OSError, AttributeError):  # only an administrator may
            os.chown(path, old.st_uid, old.st_gid)
    path.chmod(stat.S_IMODE(old.st_mode))


def open_to_append(path: Path) -> IO[bytes]:
    """Open a file of a run folder for appending, without a buffer.

    Raises:
        RunError: it is a link, or it cannot be written.
    """
    with write_errors(path):
        descriptor = open_own(path, os.O_WRONLY | os.O_APPEND)
        return open(descriptor, "ab", buffering=0)


def open_own(path: Path, flags: int) -> int:
    """Open a file of a run folder that is changed in place, and return its descriptor.

    Raises:
        OSError: it cannot be opened.
        RunError: it is no plain file, or it has a second name elsewhere: writing would change what
            is outside the folder.
    """
    check_own(path)
    return os.open(path, flags | os.O_CREAT | _OWN_NAME | getattr(os, "O_BINARY", 0), 0o666)


def check_own(path: Path) -> None:
    """Check that a path, if it exists, is a plain file with one name, or a folder.

    Raises:
        RunError: it is a link, a device or a pipe, or a file with a second name.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    given = None
    if stat.S_ISLNK(found.st_mode):
        with contextlib.suppress(OSError):
            given = f"a link to {os.readlink(path)}"
        given = given or "a link"
    elif stat.S_ISREG(found.st_mode):
        given = "a file with a second name elsewhere (a hard link)" if found.st_nlink > 1 else None
    elif not stat.S_ISDIR(found.st_mode):
        given = "a device, a pipe or a socket"
    if given is not None:
        raise RunError(
            "a run folder may hold plain files only: writing would change what is outside of it",
            where=str(path),
            given=given,
            fix="copy the run folder with the contents of the files, and use the copy: cp -RL",
        )


def sweep(folder: Path) -> None:
    """Delete the files that a killed process had not finished, in all subfolders too.

    Raises:
        RunError: one cannot be deleted.
    """
    with write_errors(folder):
        for place, _, files in os.walk(folder):
            for name in files:
                if name.startswith(".") and name.endswith(TEMPORARY):
                    Path(place, name).unlink(missing_ok=True)


def append(file: IO[bytes], data: bytes, path: Path) -> None:
    """Append to an unbuffered file, whole.

    Raises:
        RunError: the disk is full.
    """
    with write_errors(path):
        _write_all(file, data)


def _write_all(file: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:  # on a filling disk a part may be taken before the error comes
        view = view[file.write(view) :]


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
