"""One thread that does the work of a view, one task after another, so that the page answers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from clearprop.studio.problems import RequestError

T = TypeVar("T")

MOST_WAITING = 64
BUSY = 503


class Worker:
    """A thread that takes tasks in their order; it begins with the first task.

    It is a daemon: a task that is being compiled does not keep the program from ending.

    Args:
        name: of the thread.

    >>> worker = Worker("sums")
    >>> worker.submit(lambda: 1 + 1).result()
    2
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: queue.Queue[tuple[Future[Any], Callable[[], object]]] = queue.Queue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, task: Callable[[], T]) -> Future[T]:
        """Return what will hold the result of a task; while it waits, it can be cancelled.

        Raises:
            RequestError: too many tasks are waiting.
        """
        if self._tasks.qsize() >= MOST_WAITING:
            raise RequestError(
                BUSY, "the studio has too much to compute at once", fix="try it again in a moment"
            )
        future: Future[T] = Future()
        self._tasks.put((future, task))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return future

    def _run(self) -> None:
        while True:
            future, task = self._tasks.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(task())
            except BaseException as error:
                future.set_exception(error)
