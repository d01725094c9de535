"""The command line: ``clearprop train lenet5`` and its companions.

Nothing heavy is imported before a command is known to be well asked for. Exit codes: 0 all is well,
2 the input or the data is at fault, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from clearprop.cli.arguments import overview, parse
from clearprop.cli.output import complain, for_the_shell, say
from clearprop.errors import ClearpropError

WELL, FAULT, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: what follows ``clearprop`` on the command line; those of this process by default.

    >>> main(["data", "list", "extra"])
    2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given:
            complain(overview())
            return FAULT
        call = parse(given)
        return WELL if call is None else call()
    except ClearpropError as error:
        complain(for_the_shell(str(error)))
        return FAULT
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain at its exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL


__all__ = ["FAULT", "INTERRUPTED", "WELL", "main", "say"]
