"""Record the run that the studio's page shows while its engine starts.

``python -m tools.studio_recording`` trains the playground's default network with the real engine
and writes ``studio-ui/src/playground/recorded.bin``: the message "configured", then some of its
frames, one after the other, each with its length in front, compressed by gzip. To be short, the
maps are coarser than those of a live run, and from the second frame on they are differences from
the frame before.
"""

from __future__ import annotations

import gzip
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from clearprop.studio.frames import pack, unpack
from clearprop.studio.playground.messages import (
    Configure,
    PageConfigured,
    Problem,
    Settings,
    StepOnce,
)
from clearprop.studio.playground.session import Session

TARGET = Path(__file__).parents[1] / "studio-ui" / "src" / "playground" / "recorded.bin"
EPOCHS = (*range(0, 30, 2), *range(30, 120, 3))
"""After which epochs a frame is kept: first the quick changes, then the slow ones."""

HIDDEN, OUTPUT = 20, 50
"""Side of the maps of hidden units and of the output."""

SECONDS = 120.0

Arrays = dict[str, NDArray[Any]]


class Recorder:
    """Takes the messages of a session, and waits for the next frame."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.configured = b""
        self._came = threading.Condition()

    def take(self, message: msgspec.Struct | bytes) -> None:
        """Take a message; called in the thread of the session."""
        if isinstance(message, Problem):
            sys.exit(f"the engine says: {message}")
        if isinstance(message, bytes):
            with self._came:
                self.frames.append(message)
                self._came.notify_all()
        elif isinstance(message, PageConfigured):
            self.configured = msgspec.json.encode(message)

    def frame_of(self, epoch: int) -> tuple[dict[str, Any], Arrays]:
        """Wait for the frame after an epoch, and return its header and arrays."""
        with self._came:
            found = self._came.wait_for(lambda: self._newest(epoch), SECONDS)
        if not found:
            sys.exit(f"no frame of epoch {epoch} within {SECONDS:g} s")
        return unpack(found)

    def _newest(self, epoch: int) -> bytes | None:
        last = self.frames[-1] if self.frames else None
        return last if last is not None and unpack(last)[0]["epoch"] >= epoch else None


def coarse(name: str, array: NDArray[Any], layers: int) -> NDArray[Any]:
    """Return an array as it is recorded: maps with fewer points, numbers with fewer digits."""
    if array.dtype == np.uint8:
        side = OUTPUT if name == f"heat.{layers - 1}" else HIDDEN
        at = ((np.arange(side) + 0.5) / side * array.shape[-1]).astype(np.intp)
        return np.ascontiguousarray(array[:, at][:, :, at])
    if array.dtype == np.float32:
        return array.astype(np.float16).astype(np.float32)
    return array


def recorded(configured: bytes, frames: list[tuple[dict[str, Any], Arrays]]) -> bytes:
    """Return the content of the file."""
    parts = [len(configured).to_bytes(4, "little"), configured]
    before: Arrays = {}
    for header, arrays in frames:
        layers = sum(name.startswith("weight.") for name in arrays)
        now = {name: coarse(name, array, layers) for name, array in arrays.items()}
        kept = {
            name: array - before[name] if name.startswith("heat.") and name in before else array
            for name, array in now.items()
        }
        before = now
        frame = pack(header.pop("kind"), header, kept)
        parts += [len(frame).to_bytes(4, "little"), frame]
    return gzip.compress(b"".join(parts), 9, mtime=0)


def main() -> None:
    """Record, and write the file."""
    recorder = Recorder()
    session = Session(recorder.take, {})
    try:
        session.ask(Configure(Settings()))
        frames = []
        for epoch in range(EPOCHS[-1] + 1):
            if epoch:
                session.ask(StepOnce("epoch"))
            found = recorder.frame_of(epoch)
            if epoch in EPOCHS:
                frames.append(found)
    finally:
        session.close()
    content = recorded(recorder.configured, frames)
    TARGET.write_bytes(content)
    print(f"{TARGET.name}: {len(frames)} frames, {len(content):,} bytes")


if __name__ == "__main__":
    main()
