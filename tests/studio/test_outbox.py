"""What waits for a slow page: every answer, the newest frames, and the first frame of a run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clearprop.studio import outbox as outboxes
from clearprop.studio.frames import pack, unpack
from clearprop.studio.outbox import MOST_FRAMES, Outbox
from clearprop.studio.playground.messages import Playing, Script


def alone(work: Coroutine[Any, Any, Any]) -> Any:
    """Run in a thread of its own: a browser of another test has a loop in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def frame(step: int, first: bool = False, size: int = 1, source: str | None = None) -> bytes:
    fields = {"step": step, "first": first, "source": source}
    return pack("picture", fields, {"bias": np.zeros(size, np.float32)})


def step(content: str | bytes | None) -> int:
    assert isinstance(content, bytes)
    found: int = unpack(content)[0]["step"]
    return found


async def taken(box: Outbox, count: int) -> list[str | bytes | None]:
    return [await asyncio.wait_for(box.next(), 5) for _ in range(count)]


def test_answers_and_frames_keep_their_order() -> None:
    async def run() -> None:
        box = Outbox(asyncio.get_running_loop())
        box.put(Playing(True))
        box.put(frame(1))
        box.put(Script("x"))
        found = await taken(box, 3)
        assert found[0] == (
            '{"type":"playing","playing":true,"compiling":false,"ended":null,"about":null}'
        )
        assert step(found[1]) == 1
        assert found[2] == '{"type":"script","source":"x"}'

    alone(run())


@given(st.lists(st.sampled_from(["answer", "frame", "first", "offered"]), max_size=40))
def test_a_slow_page_gets_all_answers_and_the_newest_frames(kinds: Sequence[str]) -> None:
    async def run() -> None:
        box = Outbox(asyncio.get_running_loop())
        for number, kind in enumerate(kinds):
            if kind == "answer":
                box.put(Script(str(number)))
            else:
                source = "object:1" if kind in ("offered", "first") else None
                box.put(frame(number, first=kind == "first", source=source))
        late = set[int]()
        for of in ("frame", "offered"):
            frames = [number for number, kind in enumerate(kinds) if kind == of]
            late |= set(frames[:-MOST_FRAMES])
        kept = [number for number in range(len(kinds)) if number not in late]
        found = [
            step(one) if isinstance(one, bytes) else int(str(one).split('"')[-2])
            for one in await taken(box, len(kept))
        ]
        assert found == kept
        assert box.dropped == len(late)

    alone(run())


def test_another_thread_wakes_who_waits() -> None:
    async def run() -> None:
        box = Outbox(asyncio.get_running_loop())
        sender = threading.Timer(0.05, lambda: [box.put(frame(n, True)) for n in range(3)])
        sender.start()
        assert [step(one) for one in await taken(box, 3)] == [0, 1, 2]
        threading.Timer(0.05, box.close).start()
        assert await taken(box, 1) == [None]
        sender.join()

    alone(run())


def test_a_closed_box_keeps_nothing() -> None:
    async def run() -> Outbox:
        box = Outbox(asyncio.get_running_loop())
        box.put(Script("x"))
        box.close()
        box.put(Script("y"))
        assert await box.next() is None
        return box

    box = alone(run())
    box.put(Script("z"))  # its loop has ended


def test_the_session_outlives_the_loop_of_the_server() -> None:
    async def run() -> Outbox:
        return Outbox(asyncio.get_running_loop())

    box = alone(run())
    box.put(Script("z"))
    box.put(frame(1))


def test_who_does_not_read_is_noticed() -> None:
    async def run() -> None:
        box = Outbox(asyncio.get_running_loop())
        box.put(frame(0, size=3_000))
        for _ in range(100):
            box.put(frame(1, size=3_000))  # older ones go
        await asyncio.sleep(0)
        assert not box.overfull.is_set()
        number = 0
        while not box.overfull.is_set() and number < 10:
            box.put(Script("x" * (outboxes.MOST_BYTES // 4)))
            await asyncio.sleep(0.01)
            number += 1
        assert number == 4

    alone(run())
