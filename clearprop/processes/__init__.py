"""Several processes, one on each host, that train one model together: JAX's distributed runtime.

Each process runs the same program. JAX's coordination service knows them all: a process of its own
beside process 0, so that it outlives process 0 and the others learn which of them has ended. Each
process says every second that it lives. Where one has ended, the others end too, with a sentence
that names it: no sum over all devices can be computed without it.

Without `initialize` there is one process, and every function here answers at once.

>>> count(), index(), is_first()
(1, 0, True)
"""

from clearprop.processes.exchange import agreed, check_same, from_first, meet
from clearprop.processes.joining import initialize, leave
from clearprop.processes.watch import ProcessError, alone, count, index, is_first, together

__all__ = [
    "ProcessError",
    "agreed",
    "alone",
    "check_same",
    "count",
    "from_first",
    "index",
    "initialize",
    "is_first",
    "leave",
    "meet",
    "together",
]
