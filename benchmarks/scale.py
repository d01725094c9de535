"""What a step on a mesh of devices sends and holds: ``python -m benchmarks.scale``.

    python -m benchmarks.scale [--model gpt mlp512 lenet128 resnet20] [--devices 8]

Nothing is timed here, and the devices are those of this processor. What is sent is read from the
compiled step: the bytes that one device sends along each axis of the mesh, if a ring of n devices
sends (n - 1) / n of an array to gather or scatter it, and twice that to sum it. What is held is
the state of the run on one device: parameters, the optimizer's means of gradients, the best
weights. For GPT-2 with 1.5 billion parameters it is computed from shapes alone.
"""

from __future__ import annotations

import argparse
import functools
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console
from rich.table import Table

from benchmarks.configurations import CONFIGURATIONS
from benchmarks.material import examples_of
from benchmarks.sides.ours import model_of
from clearprop import backend, configure_cpu, nn, optim
from clearprop.backend import DATA, MODEL
from clearprop.models import GPT
from clearprop.training.fit_config import FitConfig
from clearprop.training.placement import Placement, splits_of
from clearprop.training.run_setup import RunSetup

GIB = 1 << 30

WORD = {"f64": 8, "s64": 8, "u64": 8, "f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2}
"""Bytes of a number by its name in a program; every other has one."""

COLLECTIVE = re.compile(
    r"= (?P<result>.*?) (?P<kind>all-reduce|all-gather|reduce-scatter|all-to-all|"
    r"collective-permute)(?:-start)?\("
)
ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")
MESHED = re.compile(r"replica_groups=mesh\[(?P<axes>[^\]]*)\] \{(?P<over>[^}]*)\}")
IOTA = re.compile(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?")
LISTED = re.compile(r"(?:replica_groups|source_target_pairs)=\{(\{[\d,{}]*\})\}")


class Sent(NamedTuple):
    """One transfer of a step.

    Attributes:
        kind: of the transfer, by its name in XLA.
        axis: of the mesh, "data", "model" or both.
        size: bytes that a device sends.
    """

    kind: str
    axis: str
    size: float


def transfers(program: str, mesh: Mesh) -> Iterator[Sent]:
    """Yield the transfers of a compiled program, outside of its loops.

    >>> line = "  %a = f32[8,2]{1,0} all-reduce(%b), replica_groups=[4,2]<=[8], to_apply=%c"
    >>> over = Mesh(np.array([jax.devices()[0]] * 8).reshape(4, 2), ("data", "model"))
    >>> list(transfers(line, over))
    [Sent(kind='all-reduce', axis='model', size=64.0)]
    """
    for line in program.splitlines():
        found = COLLECTIVE.search(line)
        if found is None:
            continue
        kind, groups = found["kind"], _groups(line, mesh)
        n = max(map(len, groups))
        held = sum(
            math.prod(map(int, filter(None, sizes.split(",")))) * WORD.get(name, 1)
            for name, sizes in ARRAY.findall(found["result"])
        )
        whole = held * n if kind == "reduce-scatter" else held
        parts = {"all-reduce": 2 * (n - 1) / n, "collective-permute": 1.0}.get(kind, (n - 1) / n)
        yield Sent(kind, _axis(groups, mesh), whole * parts)


def _groups(line: str, mesh: Mesh) -> list[list[int]]:
    """Return the numbers of the devices that send to each other."""
    if (meshed := MESHED.search(line)) is not None:
        sizes = {n: int(k) for n, k in re.findall(r"'(\w+)'=(\d+)", meshed["axes"])}
        over = re.findall(r"'(\w+)'", meshed["over"])
        names = [*(name for name in sizes if name not in over), *over]
        numbers = np.arange(math.prod(sizes.values())).reshape(tuple(sizes.values()))
        turned = numbers.transpose([list(sizes).index(name) for name in names])
        return [list(row) for row in turned.reshape(-1, math.prod(sizes[n] for n in over))]
    if (iota := IOTA.search(line)) is not None:
        groups, sizes_, order = (
            tuple(map(int, part.split(","))) if part else None for part in iota.groups()
        )
        assert groups is not None
        assert sizes_ is not None
        numbers = np.arange(math.prod(sizes_)).reshape(sizes_)
        turned = numbers if order is None else numbers.transpose(order)
        return [list(row) for row in turned.reshape(groups)]
    listed = LISTED.search(line)
    if listed is None or not listed[1].strip("{}"):
        return [list(range(mesh.size))]
    return [list(map(int, part.split(","))) for part in re.findall(r"\{([\d,]+)\}", listed[1])]


def _axis(groups: Iterable[Iterable[int]], mesh: Mesh) -> str:
    """Return along which axis of the mesh the devices of each group differ."""
    parts = mesh.shape[MODEL]
    along = set()
    for group in groups:
        places = [divmod(device, parts) for device in group]
        along |= {DATA} if len({row for row, _ in places}) > 1 else set()
        along |= {MODEL} if len({column for _, column in places}) > 1 else set()
    return " and ".join(sorted(along)) or "none"


class Step(NamedTuple):
    """What a step sends and holds.

    Attributes:
        sent: bytes by axis of the mesh.
        kinds: number of transfers by kind.
        held: bytes of the state on one device.
    """

    sent: Mapping[str, float]
    kinds: Mapping[str, int]
    held: int


def step_of(name: str, options: Mapping[str, Any]) -> Step:
    """Compile a step of a configuration of the benchmarks on a mesh, and read it."""
    configuration = CONFIGURATIONS[name].shortened(100)
    examples = examples_of(configuration)
    loss = "sequence_cross_entropy" if configuration.network == "gpt" else "cross_entropy"
    given = {"loss": loss, "batch_size": configuration.batch_size, **options}
    setup = RunSetup.of(FitConfig(model_of(configuration), examples, **given))
    placement = setup.placement(setup.plan())
    step = functools.partial(setup.algorithm.step, key=jax.random.key(0))

    def shaped(tree: Any, places: Any) -> Any:
        return jax.tree.map(
            lambda x, at: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=at), tree, places
        )

    state = setup.state_shapes
    batch = setup.data.train.first(configuration.batch_size)
    program = jax.jit(
        placement.tracing(lambda before, *rest: step(placement.gathered(before), *rest)[:2]),
        out_shardings=(placement.of(state), placement.whole),
    ).lower(
        shaped(state, placement.of(state)),
        shaped(setup.frozen, placement.of(setup.frozen)),
        shaped(batch, jax.tree.map(lambda _: placement.examples, batch)),
    )
    sent, kinds = defaultdict[str, float](float), defaultdict[str, int](int)
    for one in transfers(program.compile().as_text(), placement.mesh):
        sent[one.axis] += one.size
        kinds[one.kind] += 1
    return Step(sent, kinds, placement.size_on_device(state))


def held_by_gpt2(data: int, model: int, *, fully: bool) -> int:
    """Return the bytes of the state of GPT-2 1.5B under Adam on one device, from shapes alone."""
    network = jax.eval_shape(lambda: GPT(50_257, 1024, 1600, layers=48, heads=25).init(0))
    parameters = nn.parameters(network)
    axes = {DATA: data, MODEL: model}
    splits = splits_of(network, parameters, axes, fully=fully)
    state = jax.eval_shape(optim.adam(1e-4).init, parameters)
    mesh = backend.mesh(data, parts=model)
    return Placement(mesh, splits).size_on_device((parameters, state))


def main() -> None:
    """Print what steps send and hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--model", nargs="*", default=["mlp512", "lenet128", "gpt"])
    parser.add_argument("--devices", type=int, default=8, help="a multiple of 2 (8)")
    options = parser.parse_args()
    n = options.devices
    configure_cpu(devices=n)
    meshes: dict[str, dict[str, Any]] = {
        f"data={n}": {"mesh": {DATA: n}},
        f"data={n}, fully sharded": {"mesh": {DATA: n}, "fully_sharded": True},
        f"data={n // 2}, model=2": {"mesh": {DATA: n // 2, MODEL: 2}},
    }
    console = Console(width=118)
    table = Table(title="A training step of one device")
    for column in ("network", "mesh", "sent over data", "over model", "transfers", "state held"):
        table.add_column(column)
    for name in options.model:
        for mesh, given in meshes.items():
            step = step_of(name, given)
            kinds = ", ".join(f"{count} {kind}" for kind, count in step.kinds.items())
            both = step.sent.get("data and model", 0)
            sent = [step.sent.get(axis, 0) + both for axis in (DATA, MODEL)]
            columns = (*sent, step.held)
            over_data, over_model, held = (f"{x / 1e6:.2f} MB" for x in columns)
            table.add_row(name, mesh, over_data, over_model, kinds, held)
    console.print(table)
    table = Table(title="GPT-2 1.5B with Adam, float32: parameters and optimizer on one device")
    table.add_column("mesh")
    table.add_column("GiB")
    rows = {
        "data=8": (8, 1, False), "data=8, fully sharded": (8, 1, True),
        "data=4, model=2": (4, 2, False), "data=4, model=2, fully sharded": (4, 2, True),
    }  # fmt: skip
    for mesh, (data, model, fully) in rows.items():
        if data * model <= n:
            table.add_row(mesh, f"{held_by_gpt2(data, model, fully=fully) / GIB:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
