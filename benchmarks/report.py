"""The table, the goals, and the file of results."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.interpreters import Interpreters
from benchmarks.measurement import ALIKE, Measurement
from benchmarks.sides import GOAL, OURS, SIDES

ON_JAX = ("clearprop", "flax", "keras")


def show(measurement: Measurement, console: Console) -> None:
    """Print the times of one configuration."""
    table = Table(title=measurement.configuration.title, title_justify="left")
    for name in (
        "side",
        "a step",
        "lowest-highest",
        "processor",
        "over ours",
        "spread",
        "start",
        "loss",
    ):
        table.add_column(name, justify="left" if name == "side" else "right")
    for each in measurement.timings:
        ratio = spread = ""
        if each.side != OURS:
            low, high = measurement.spread(each.side)
            ratio, spread = f"{measurement.ratio(each.side):.2f} x", f"{low:.2f}-{high:.2f}"
        table.add_row(
            each.side,
            _microseconds(each.median),
            f"{_microseconds(min(each.steps))}-{_microseconds(max(each.steps))}",
            _microseconds(statistics.median(each.processor)) if each.processor else "",
            ratio,
            spread,
            f"{each.start_seconds:.1f} s",
            f"{each.loss:.4f}" + ("" if measurement.is_alike(each.side) else " differs"),
        )
    console.print(table)
    for name, why in measurement.absent.items():
        console.print(f"without {name}: {why}", markup=False, highlight=False)
    if measurement.others is not None and not measurement.was_quiet:
        console.print(
            f"[bold]Other programs used {measurement.others:.0%} of the cores: these times are not "
            "reliable.[/bold]"
        )
    console.print()


def show_goals(measurements: Sequence[Measurement], console: Console) -> None:
    """Print the goals, and whether they are met."""
    table = Table(title=f"Time per training step of {GOAL} over clearprop's", title_justify="left")
    for name in ("configuration", "goal", "measured", "spread", ""):
        table.add_column(name, justify="left" if name == "configuration" else "right")
    for each in measurements:
        met = each.goal_is_met
        row = [each.configuration.title, f"{each.configuration.goal:g} x"]
        if met is None:
            table.add_row(*row, "", "", "not measured")
            continue
        low, high = each.spread(GOAL)
        measured = f"{each.ratio(GOAL):.2f} x"
        verdict = ("met" if met else "missed") if each.was_quiet else "disturbed: no verdict"
        table.add_row(*row, measured, f"{low:.2f}-{high:.2f}", verdict)
    console.print(table)


def show_legend(console: Console) -> None:
    """Print the meaning of the columns."""
    console.print(
        "a step: median of the rounds, with everything that the side does during training.\n"
        "processor: the same in processor time, all threads together.\n"
        "over ours: its median divided by that of clearprop; spread: lowest and highest ratio.\n"
        "start: from the call to the end of the first epoch, with compilation; not in the rest.\n"
        f"loss: mean of the last epoch before the rounds; 'differs': by more than {ALIKE:.0%}.",
        markup=False,
        highlight=False,
    )


def show_versions(libraries: Sequence[str], interpreters: Interpreters, console: Console) -> None:
    """Print the version of every library and of the Python that ran it."""
    for library in libraries:
        known = interpreters.versions(library)
        on_jax = f" on JAX {known['jax']}" if library in ON_JAX else ""
        console.print(
            f"{library} {known[library]}{on_jax}, Python {known['python']}", highlight=False
        )


def write(
    measurements: Sequence[Measurement], cores: int, interpreters: Interpreters, path: Path
) -> None:
    """Write all measurements as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "cores_used": cores,
        },
        "versions": {name: interpreters.versions(name) for name in libraries(measurements)},
        "measurements": {each.configuration.name: each.as_dict() for each in measurements},
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")


def libraries(measurements: Sequence[Measurement]) -> list[str]:
    """Return the libraries whose sides were measured."""
    names = {timing.side for each in measurements for timing in each.timings}
    return list(dict.fromkeys(side.library for side in SIDES if side.name in names))


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.1f} µs" if seconds < 1e-4 else f"{1e6 * seconds:,.0f} µs"
