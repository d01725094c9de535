"""Requests that arrive together, right after the start, all get their modules whole."""

from __future__ import annotations

import subprocess
import sys

TOGETHER = """
import threading
from clearprop.studio import app
from clearprop.studio.backward import routes

failed = []

def tried(work):
    try:
        work()
    except BaseException as error:
        failed.append(repr(error))

works = [
    lambda: routes._module("sources"),
    lambda: routes._module("answers"),
    app._preload,
    app._catalog,
]
threads = [threading.Thread(target=tried, args=(work,)) for work in works]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failed, failed
"""


def test_modules_are_whole_however_many_threads_ask_for_them() -> None:
    subprocess.run([sys.executable, "-c", TOGETHER], check=True, timeout=120)
