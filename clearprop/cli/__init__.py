"""The command line: ``clearprop train lenet5`` and its companions.

A command is imported only after its arguments are checked. Exit codes: 0 for success, 2 for wrong
input or data, 130 for an interruption.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from clearprop.cli.arguments import overview, parse
from clearprop.cli.output import complain, warning_line
from clearprop.errors import ClearpropError
from clearprop.host_callback import host_errors

WELL, FAULT, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the words after ``clearprop``, by default those of this process.

    >>> main(["data", "list", "extra"])
    2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given:
            complain(overview())
            return FAULT
        call = parse(given)
        if call is None:
            return WELL
        if arguments is None and "jax" not in sys.modules:  # the process is the command's own
            prepare_process()
        with host_errors():
            return call()
    except ClearpropError as error:
        complain(error.for_shell())
        return FAULT
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output has closed it. Without this Python would complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL


def prepare_process() -> None:
    """Let JAX, which is not imported yet, use all cores and keep its compiled programs.

    Warnings are shown as a line of the command.
    """
    from clearprop.cli.compile_cache import keep_compiled
    from clearprop.cpu import configure_cpu
    from clearprop.data.download import cache_folder

    warnings.formatwarning = warning_line
    configure_cpu()
    keep_compiled(cache_folder())


__all__ = ["FAULT", "INTERRUPTED", "WELL", "main"]
