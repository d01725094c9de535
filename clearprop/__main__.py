"""``python -m clearprop``: the command line, if the script ``clearprop`` is not installed."""

from __future__ import annotations

import sys

from clearprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
