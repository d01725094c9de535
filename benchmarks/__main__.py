"""Time a training step of clearprop and of other libraries: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.status import Status

from benchmarks import kept, report
from benchmarks.configurations import CONFIGURATIONS
from benchmarks.interpreters import Interpreters
from benchmarks.measurement import measure
from benchmarks.sides import OURS, SIDES

RESULTS = Path(__file__).parent / "results" / "training_step.json"

QUICK_PARTS = 8


def main() -> int:
    """Measure the chosen configurations and print them.

    Returns:
        1 if clearprop itself failed, or if a kept ratio fell or could not be measured; else 0.
    """
    options = _options()
    earlier = kept.read(options.check) if options.check is not None else None
    interpreters = Interpreters(dict(options.python or ()))
    # The exit also ends the processes of sides that sleep.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    console, progress = Console(width=118), Console(stderr=True)
    chosen = [CONFIGURATIONS[name] for name in options.only or CONFIGURATIONS]
    sides = [s for s in SIDES if s.name == OURS or not options.sides or s.name in options.sides]
    measurements = []
    for configuration in chosen:
        if options.quick:
            configuration = configuration.shortened(QUICK_PARTS)
        name = configuration.name
        with progress.status(name) as status:

            def say(text: str, name: str = name, status: Status = status) -> None:
                status.update(f"{name}: {text}")

            measured = measure(
                configuration,
                sides,
                rounds=options.rounds or (3 if options.quick else 7),
                seconds=options.seconds or (0.3 if options.quick else 1.0),
                core_count=options.cores,
                interpreters=interpreters,
                patience=options.patience,
                say=say,
            )
        if measured.timing(OURS) is None:
            print(f"{configuration.name}: clearprop {measured.absent[OURS]}", file=sys.stderr)
            return 1
        report.show(measured, console)
        measurements.append(measured)
    report.show_goals(measurements, console)
    report.show_legend(console)
    report.show_versions(report.libraries(measurements), interpreters, console)
    if options.json is not None:
        report.write(measurements, options.cores, interpreters, options.json)
        print(f"written to {options.json}")
    return kept.show(earlier, measurements, console) if earlier is not None else 0


def library_at(text: str) -> tuple[str, str]:
    """Return library and interpreter of LIBRARY=PATH, an argument of the command line."""
    library, sign, path = text.partition("=")
    known = sorted({side.library for side in SIDES})
    if not sign or library not in known or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not LIBRARY=PATH, of {', '.join(known)}")
    return library, path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=CONFIGURATIONS, help="a configuration; may be repeated"
    )
    parser.add_argument(
        "--sides",
        action="append",
        choices=[side.name for side in SIDES],
        help="a side besides clearprop; may be repeated",
    )
    parser.add_argument(
        "--quick", action="store_true", help="3 short rounds over an eighth of the examples"
    )
    parser.add_argument("--rounds", type=int, help="turns of every side (7)")
    parser.add_argument("--seconds", type=float, help="the shortest duration of a turn (1)")
    parser.add_argument(
        "--patience",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long each turn waits until no other program is busy (10)",
    )
    parser.add_argument("--cores", type=int, default=2, help="processor cores of every side (2)")
    parser.add_argument(
        "--python",
        action="append",
        type=library_at,
        metavar="LIBRARY=PATH",
        help="the interpreter of the sides of a library, such as torch=.venv-peers/bin/python",
    )
    parser.add_argument(
        "--check",
        type=Path,
        metavar="FILE",
        help="compare the ratios with those that --json wrote, and name what became slower",
    )
    parser.add_argument(
        "--json",
        nargs="?",
        type=Path,
        const=RESULTS,
        metavar="FILE",
        help=f"write the figures to a file, by default {RESULTS.relative_to(Path.cwd())}"
        if RESULTS.is_relative_to(Path.cwd())
        else "write the figures to a file",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
