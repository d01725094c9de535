"""What a step on a mesh sends and holds, and how it scales: ``python -m benchmarks.scale``.

    python -m benchmarks.scale [--model gpt mlp512 lenet128 resnet20] [--devices 8]
    python -m benchmarks.scale --processes [--model ...] [--rounds 7] [--seconds 2]
    python -m benchmarks.scale --clusters

The first times nothing, and its devices are those of this processor. What is sent is read from the
compiled step: the bytes that one device sends along each axis of the mesh, if a ring of n devices
sends (n - 1) / n of an array to gather or scatter it, and twice that to sum it. What is held is
the state of the run on one device: parameters, the optimizer's means of gradients, the best
weights. For GPT-2 with 1.5 billion parameters it is computed from shapes alone.

The second measures one and two processes on this machine (`scale_processes`), and compares a model
with what it measured. The third prints what that model says of H100s (`scale_model`).
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import scale_model as modelled
from benchmarks import scale_processes as measured
from benchmarks.configurations import CONFIGURATIONS
from benchmarks.scale_model import Level, gpt2_shapes
from benchmarks.scale_steps import step_of
from clearprop import backend, configure_cpu, nn, optim
from clearprop.backend import DATA, MODEL
from clearprop.training.placement import Placement, splits_of

GIB = 1 << 30
GPUS = (8, 64, 256, 1024)
CONSOLE = Console(width=118)


def held_by_gpt2(data: int, model: int, *, fully: bool) -> int:
    """Return the bytes of the state of GPT-2 1.5B under Adam on one device, from shapes alone."""
    network = gpt2_shapes()
    parameters = nn.parameters(network)
    axes = {DATA: data, MODEL: model}
    splits = splits_of(network, parameters, axes, fully=fully)
    state = jax.eval_shape(optim.adam(1e-4).init, parameters)
    mesh = backend.mesh(data, parts=model)
    return Placement(mesh, splits).size_on_device((parameters, state))


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", nargs="*", default=list(measured.NAMES))
    parser.add_argument("--devices", type=int, default=8, help="a multiple of 2 (8)")
    parser.add_argument("--processes", action="store_true", help="measure one and two processes")
    parser.add_argument("--clusters", action="store_true", help="the model for H100s")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each side (7)")
    parser.add_argument("--seconds", type=float, default=2, help="of a turn (2)")
    options = parser.parse_args()
    if options.processes:
        configure_cpu(devices=2)
        print_processes(options.model, options.rounds, options.seconds)
    if options.clusters:
        configure_cpu(devices=2)
        print_clusters()
    if not (options.processes or options.clusters):
        configure_cpu(devices=options.devices)
        print_steps(options.model, options.devices)


def table_of(title: str, *columns: str) -> Table:
    """Return an empty table."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


def middle(values: Sequence[float], form: str = ".3g") -> str:
    """Return the median of values, with the lowest and the highest.

    >>> middle([1, 2, 4])
    '2 (1-4)'
    """
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:{form}} ({low:{form}}-{high:{form}})"


def ratio(over: Sequence[float], under: Sequence[float], times: int) -> str:
    """Return the ratio of medians by so many, with the lowest and the highest that can be.

    >>> ratio([2, 3, 3], [1, 1, 2], 2)
    '1.50 (0.50-1.50)'
    """
    mid = statistics.median(over) / statistics.median(under) / times
    low, high = min(over) / max(under) / times, max(over) / min(under) / times
    return f"{mid:.2f} ({low:.2f}-{high:.2f})"


def print_processes(names: Sequence[str], rounds: int, seconds: float) -> None:
    """Measure one and two processes, and compare the model with them."""
    CONSOLE.print(
        f"JAX {jax.__version__}, {len(measured.cores())} cores, one for each process; load at the "
        f"beginning {os.getloadavg()[0]:.2f}"
    )
    speed = table_of(
        f"Weak scaling over loopback: examples a second, medians of quiet turns of {rounds}",
        "network", "one process", "two apart", "two", "two, Gloo yields", "others",
    )  # fmt: skip
    part = table_of(
        "Efficiency: examples per second of two, by those of two times one",
        "network", "two apart", "two", "two, Gloo yields", "two by apart", "yields by apart",
    )  # fmt: skip
    steps: dict[str, dict[str, list[float]]] = {}
    for name in names:
        rates = measured.measure(name, rounds, seconds, CONSOLE.print)
        quiet = {side: measured.quietest(turns) for side, turns in rates.items()}
        ones, aparts, twos, yields = ([x.examples for x in turns] for turns in quiet.values())
        others = max(one.others for turns in quiet.values() for one in turns)
        form = ".1f" if name == "gpt" else ",.0f"
        shown = (middle(values, form) for values in (ones, aparts, twos, yields))
        speed.add_row(name, *shown, f"{others:.0%}")
        pairs = (
            (aparts, ones, 2), (twos, ones, 2), (yields, ones, 2),
            (twos, aparts, 1), (yields, aparts, 1),
        )  # fmt: skip
        part.add_row(name, *(ratio(*pair) for pair in pairs))
        steps[name] = {side: [one.step for one in turns] for side, turns in quiet.items()}
    CONSOLE.print(speed)
    CONSOLE.print(part)
    for yielding in (False, True):
        print_sums(steps, yields=yielding)
    print_losses(names)


def print_sums(steps: dict[str, dict[str, list[float]]], *, yields: bool) -> None:
    """Measure the sums of the steps in a program of their own, and check the model with them.

    Args:
        steps: seconds of a step, by network and side.
        yields: whether Gloo's thread yields.
    """
    link = measured.loopback(5, yields=yields)
    title = (
        f"Time in collectives{', Gloo yields' if yields else ''}; a model of the step of two: that "
        f"of one + bytes / {link.bandwidth / 1e9:.2f} GB/s + 2 x {link.latency * 1e3:.3f} ms for "
        "each array, no overlap"
    )
    table = table_of(
        title, "network", "sent", "arrays", "sums alone", "model: sums", "step of one",
        "step of two", "model: step", "error", "from apart", "from sums alone",
    )  # fmt: skip
    level = [Level(2, link)]
    read = {name: _sent_by_two(name) for name in steps}
    arrays = {name: [int(one.size) for one in sent] for name, sent in read.items()}
    alone = measured.sums(arrays, 5, yields=yields)
    for name, sent in read.items():
        one, apart, two = (
            statistics.median(steps[name][side])
            for side in ("one", "apart", "yielding" if yields else "two")
        )
        says, beside = (modelled.predicted(compute, sent, level) for compute in (one, apart))
        table.add_row(
            name, f"{modelled.bytes_of(sent, 2) / 1e6:.2f} MB", str(len(sent)),
            f"{middle([1e3 * x for x in alone[name]])} ms",
            f"{1e3 * says.sent:.3g} ms", f"{1e3 * one:.3g} ms", f"{1e3 * two:.3g} ms",
            f"{1e3 * says.alone:.3g} ms", f"{says.alone / two - 1:+.0%}",
            f"{beside.alone / two - 1:+.0%}",
            f"{(one + statistics.median(alone[name])) / two - 1:+.0%}",
        )  # fmt: skip
    CONSOLE.print(table)


def _sent_by_two(name: str) -> list[modelled.Transfer]:
    """Return what a step of two processes sends, read from the compiled step."""
    size = 2 * CONFIGURATIONS[name].batch_size
    return modelled.separate(step_of(name, {"mesh": {DATA: 2}, "batch_size": size}).collectives)


def print_losses(names: Sequence[str]) -> None:
    """Compare the losses of one, two and four processes with the same batches."""
    table = table_of(
        "Losses of ten steps: largest relative difference from one process",
        "network",
        "two",
        "four",
    )
    for name in names:
        one, two, four = (np.array(measured.losses(name, number)) for number in (1, 2, 4))
        table.add_row(name, *(f"{np.abs(other / one - 1).max():.1e}" for other in (two, four)))
    CONSOLE.print(table)


def print_clusters() -> None:
    """Print what the model says of H100s."""
    inner, outer = modelled.NVLINK, modelled.INFINIBAND
    CONSOLE.print(
        "What follows is a model, and no measurement. Assumed: an H100 computes at "
        f"{modelled.SHARE:.0%} of 989 TFLOP/s (bfloat16) and sends float32; {modelled.GPUS} GPUs "
        f"of a host are connected with {inner.bandwidth / 1e9:.0f} GB/s and "
        f"{inner.latency * 1e6:.0f} us a message, hosts with {outer.bandwidth / 1e9:.0f} GB/s for "
        f"each GPU and {outer.latency * 1e6:.0f} us; collectives are put together up to 30 MiB; "
        "rings, or trees for short sums; two bounds: nothing overlaps, and all does that can."
    )
    tokens = f"{modelled.SEQUENCES} x {modelled.TOKENS} tokens for each GPU"
    rows = {
        f"GPT-2 1.5B, fully sharded, {tokens}, gradients summed whole, as compiled on CPUs": (
            modelled.gpt2_rows(GPUS, scatters=False)
        ),
        "The same, gradients summed by parts (reduce-scatter), as XLA does on GPUs": (
            modelled.gpt2_rows(GPUS, scatters=True)
        ),
        f"ResNet-50, data parallel, {modelled.PICTURES} pictures of 224 x 224 for each GPU, "
        "statistics over the whole batch": modelled.resnet_rows(GPUS, apart=False),
        "The same, if each GPU took the statistics of its own pictures": (
            modelled.resnet_rows(GPUS, apart=True)
        ),
    }
    for title, found in rows.items():
        table = table_of(
            title, "GPUs", "divided", "held", "sent", "collectives", "compute", "communication",
            "no overlap", "all overlaps", "batch for 90 %",
        )  # fmt: skip
        for row in found:
            none, all_ = row.says.efficiencies
            table.add_row(
                str(row.gpus), "" if row.divided is None else f"{row.divided:.0%}",
                f"{row.held / GIB:.1f} GiB", f"{row.sent / 1e9:.2f} GB", str(row.transfers),
                f"{1e3 * row.says.compute:.1f} ms", f"{1e3 * row.says.sent:.1f} ms", f"{none:.0%}",
                f"{all_:.0%}", str(row.batch),
            )  # fmt: skip
        CONSOLE.print(table)


def print_steps(names: Sequence[str], n: int) -> None:
    """Print what steps on n devices send and hold."""
    meshes: dict[str, dict[str, Any]] = {
        f"data={n}": {"mesh": {DATA: n}},
        f"data={n}, fully sharded": {"mesh": {DATA: n}, "fully_sharded": True},
        f"data={n // 2}, model=2": {"mesh": {DATA: n // 2, MODEL: 2}},
    }
    table = table_of(
        "A training step of one device",
        "network", "mesh", "sent over data", "over model", "transfers", "state held",
    )  # fmt: skip
    for name in names:
        for mesh, given in meshes.items():
            step = step_of(name, given)
            kinds = ", ".join(f"{count} {kind}" for kind, count in step.kinds.items())
            both = step.sent.get("data and model", 0)
            sent = [step.sent.get(axis, 0) + both for axis in (DATA, MODEL)]
            columns = (*sent, step.held)
            over_data, over_model, held = (f"{x / 1e6:.2f} MB" for x in columns)
            table.add_row(name, mesh, over_data, over_model, kinds, held)
    CONSOLE.print(table)
    table = table_of(
        "GPT-2 1.5B with Adam, float32: parameters and optimizer on one device", "mesh", "GiB"
    )
    rows = {
        "data=8": (8, 1, False), "data=8, fully sharded": (8, 1, True),
        "data=4, model=2": (4, 2, False), "data=4, model=2, fully sharded": (4, 2, True),
    }  # fmt: skip
    for mesh, (data, model, fully) in rows.items():
        if data * model <= n:
            table.add_row(mesh, f"{held_by_gpt2(data, model, fully=fully) / GIB:.2f}")
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
