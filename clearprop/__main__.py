"""The command ``clearprop``, also as ``python -m clearprop``."""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Run the command of this process, and return its exit code."""
    # Until the command answers to Ctrl-C itself, the signal ends the process without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from clearprop import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
