"""The command line: ``clearprop train lenet5`` and its companions.

A command is imported only after its arguments are checked. Exit codes: 0 for success, 1 for a bug
in clearprop, 2 for wrong input or data and for what the system refuses, 130 for an interruption,
141 where the reader of the output has closed it, as ``| head`` does.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

from clearprop.cli.arguments import overview, parse
from clearprop.cli.interrupts import INTERRUPTED, Interrupts, threads_may_run
from clearprop.cli.output import complain, give_up_output, open_closed_streams, warning_line
from clearprop.errors import ClearpropError, RunError
from clearprop.host_callback import host_errors

WELL, BROKEN, FAULT, CUT_OFF = 0, 1, 2, 141

FULL = "the memory is full\n  fix:      try it with less data, or with smaller batches"

BUG = (
    "this is a bug in clearprop: the lines above say where\n"
    "  fix:      please report these lines, the command and `clearprop --version` to its developers"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: the words after ``clearprop``, by default those of this process.

    >>> main(["data", "list", "extra"])
    2
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_own = arguments is None and "jax" not in sys.modules  # the process is the command's own
    try:
        if not is_own:
            return _run(given, is_own)
        with Interrupts() as interrupts:
            code = _run(given, is_own)
        # What swallowed the exception let the command come to its end all the same.
        return INTERRUPTED if interrupts.asked else code
    except ClearpropError as error:
        complain(error.for_shell())
        return FAULT
    except KeyboardInterrupt:
        complain("interrupted")
        if is_own and threads_may_run.is_set():
            give_up_output()
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has closed it
        return CUT_OFF
    except OSError as error:
        complain(str(_refused_by_system(error)))
        return FAULT
    except MemoryError:
        complain(FULL)
        return FAULT
    except Exception as error:
        if "RESOURCE_EXHAUSTED" in str(error):  # as JAX calls it
            complain(FULL)
            return FAULT
        complain(f"{traceback.format_exc()}\n{BUG}")
        return BROKEN
    finally:
        if is_own:
            give_up_output()


def _run(given: Sequence[str], is_own: bool) -> int:
    if is_own:
        open_closed_streams()
    if not given:
        complain(overview())
        return FAULT
    call = parse(given)
    if call is None:
        return WELL
    if is_own:
        prepare_process()
    with host_errors():
        return call()


def _refused_by_system(error: OSError) -> ClearpropError:
    """Return the error for what the system refused where no better place is known."""
    return RunError(
        "the system refused what the command needs",
        where=None if error.filename is None else str(error.filename),
        given=error.strerror or str(error),
    )


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


__all__ = ["BROKEN", "CUT_OFF", "FAULT", "INTERRUPTED", "WELL", "main"]
