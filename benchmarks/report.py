"""The table, the goals, and the file of results."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measurement import ALIKE, Measurement
from benchmarks.sides import GOAL, OURS

PACKAGES = ("clearprop", "jax", "torch", "flax", "optax", "keras", "scikit-learn", "numpy")


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


def write(measurements: Sequence[Measurement], cores: int, path: Path) -> None:
    """Write all measurements as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "machine": {**_machine(), "cores_used": cores},
        "measurements": {each.configuration.name: each.as_dict() for each in measurements},
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")


def _machine() -> dict[str, Any]:
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "packages": versions,
    }


def _microseconds(seconds: float) -> str:
    return f"{1e6 * seconds:,.1f} µs" if seconds < 1e-4 else f"{1e6 * seconds:,.0f} µs"
