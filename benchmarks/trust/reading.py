"""A process that reads damaged files of one format, one after the other, and reports on each.

It is forked from a process that has imported the libraries and has started no thread, so that a
new one takes a moment when a file has ended the old one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.trust.formats import Format
from benchmarks.trust.mutations import damaged
from clearprop.errors import ClearpropError

MEMORY = 2 << 30
SECONDS = 20.0
SLOW = 5.0
KINDS = ("sound", "refused", "traceback", "ended", "hangs", "memory")


class Reading(NamedTuple):
    """How a file was read.

    Attributes:
        seed: of its damage.
        kind: "sound", "refused" (an error of clearprop), "traceback" (another error), "ended" (the
            process was ended), "hangs" (it took longer than `SECONDS`) or "memory".
        seconds: that it took.
        about: the error and its place.
    """

    seed: int
    kind: str
    seconds: float
    about: str = ""


def warm_up() -> None:
    """Import what the reading needs; no library may start a thread."""
    import numpy  # noqa: F401 - for the forked processes
    import PIL.Image
    import polars  # noqa: F401 - likewise

    import clearprop.data  # noqa: F401 - likewise

    PIL.Image.init()


def mutant(files: dict[str, bytes], name: str, seed: int) -> dict[str, bytes]:
    """Return the files of a format, one of them damaged; the same for the same seed.

    Args:
        files: sound ones, by their paths.
        name: of the format.
        seed: chooses the damage.
    """
    draws = random.Random(f"{name}/{seed}")
    chosen = draws.choice(sorted(files))
    return files | {chosen: damaged(files[chosen], draws)}


def sound_files(one: Format) -> dict[str, bytes]:
    """Return the sound files of a format, by their paths in its folder."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        one.make(folder)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def readings(one: Format, seeds: Sequence[int]) -> Iterator[Reading]:
    """Read a damaged file for each seed, and yield how it went."""
    left = list(seeds)
    while left:
        for reading in _of_one_process(one, tuple(left)):
            left.remove(reading.seed)
            yield reading


def _of_one_process(one: Format, seeds: Sequence[int]) -> Iterator[Reading]:
    """Yield readings until the process has ended, or has to be."""
    receiving, sending = os.pipe()
    process = os.fork()
    if not process:
        os.close(receiving)
        _serve(one, seeds, sending)
    os.close(sending)
    status = None
    try:
        with open(receiving, "rb") as stream:
            lines = _lines(stream.fileno())
            for place in range(len(seeds)):
                begun = time.monotonic()
                line = next(lines)
                if not line:
                    seed, seconds = seeds[place], time.monotonic() - begun
                    break
                yield Reading(*json.loads(line))
            else:
                return
        if line is None:
            os.kill(process, signal.SIGKILL)
            yield Reading(seed, "hangs", seconds)
            return
        _, status = os.waitpid(process, 0)
        code = os.waitstatus_to_exitcode(status)
        about = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        yield Reading(seed, "ended", seconds, about)
    finally:
        if status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _lines(descriptor: int) -> Iterator[bytes | None]:
    """Yield lines; b"" at the end, None where one does not come in time."""
    kept = b""
    while True:
        limit = time.monotonic() + SECONDS
        while b"\n" not in kept:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                yield None
                return
            part = os.read(descriptor, 1 << 16)
            if not part:
                yield b""
                return
            kept += part
        line, _, kept = kept.partition(b"\n")
        yield line


def _serve(one: Format, seeds: Sequence[int], sending: int) -> None:
    """Read the files of all seeds in this process, and end it."""
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    code = 1
    try:
        files = sound_files(one)
        limit = address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for seed in seeds:
            reading = _read(one, files, seed)
            if reading.seconds > SLOW:  # was it the file, or another process?
                reading = min(reading, _read(one, files, seed), key=lambda one: one.seconds)
            line = json.dumps(reading) + "\n"
            os.write(sending, line.encode())
        code = 0
    finally:
        os._exit(code)


def address_space() -> int:
    """Return how many bytes of address space this process has."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    return int(pages) * resource.getpagesize()


def _read(one: Format, files: dict[str, bytes], seed: int) -> Reading:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(mutant(files, one.name, seed), folder)
        begun = time.monotonic()
        kind, about = "sound", ""
        try:
            one.read(folder)
        except ClearpropError as error:
            kind = "refused"
            if error.where is None:
                kind, about = "traceback", f"no place: {error}"[:300]
        except MemoryError as error:
            kind, about = "memory", _place(error)
        except BaseException as error:  # a panic of polars is no Exception
            kind, about = "traceback", _place(error)
        return Reading(seed, kind, round(time.monotonic() - begun, 3), about)


def _place(error: BaseException) -> str:
    frames: list[Any] = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "clearprop/" in frame.filename.replace("\\", "/")]
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in (*ours[-1:], *frames[-1:])]
    text = " ".join(str(error).split())[:200]
    return f"{' > '.join(places)}: {type(error).__name__}: {text}"
