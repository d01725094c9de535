"""What a compiled step sends: its collectives, read from the text of the program.

In a ring of n devices each sends (n - 1) / n of an array to gather or scatter it, and twice that
to sum it.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from benchmarks.configurations import CONFIGURATIONS, Configuration
from benchmarks.material import examples_of
from benchmarks.sides.ours import model_of
from clearprop.backend import DATA, MODEL
from clearprop.training import execution_plan
from clearprop.training.fit_config import FitConfig
from clearprop.training.run_setup import RunSetup

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


class Collective(NamedTuple):
    """A transfer of a step in which devices take part in groups.

    Attributes:
        kind: by its name in XLA.
        axis: of the mesh, "data", "model" or both.
        devices: how many take part in each group.
        arrays: bytes of each array, whole.
    """

    kind: str
    axis: str
    devices: int
    arrays: tuple[int, ...]


def ring_share(kind: str, devices: int) -> float:
    """Return the part of an array that each device of a ring sends.

    >>> ring_share("all-reduce", 4), ring_share("all-gather", 4)
    (1.5, 0.75)
    """
    share = (devices - 1) / devices
    return {"all-reduce": 2 * share, "collective-permute": 1.0}.get(kind, share)


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
    for kind, axis, n, arrays in collectives(program, mesh):
        yield Sent(kind, axis, sum(arrays) * ring_share(kind, n))


def collectives(program: str, mesh: Mesh) -> Iterator[Collective]:
    """Yield the transfers of a compiled program, outside of its loops, with their arrays.

    >>> line = "  %a = (f32[8]{0}, bf16[2]{0}) all-gather(%b, %c), replica_groups=[1,4]<=[4]"
    >>> over = Mesh(np.array([jax.devices()[0]] * 4).reshape(4, 1), ("data", "model"))
    >>> list(collectives(line, over))
    [Collective(kind='all-gather', axis='data', devices=4, arrays=(32, 4))]
    """
    for line in program.splitlines():
        found = COLLECTIVE.search(line)
        if found is None:
            continue
        kind, groups = found["kind"], _groups(line, mesh)
        n = max(map(len, groups))
        parts = n if kind == "reduce-scatter" else 1  # its result is a part of what is sent
        arrays = tuple(
            parts * math.prod(map(int, filter(None, sizes.split(",")))) * WORD.get(name, 1)
            for name, sizes in ARRAY.findall(found["result"])
        )
        yield Collective(kind, _axis(groups, mesh), n, arrays)


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
        collectives: of one device.
        held: bytes of the state on one device.
        operations: of the whole batch, as `execution_plan.workload` counts them.
    """

    collectives: tuple[Collective, ...]
    held: int
    operations: int

    @property
    def sent(self) -> Mapping[str, float]:
        """Bytes that one device sends, by axis of the mesh."""
        found = defaultdict[str, float](float)
        for kind, axis, n, arrays in self.collectives:
            found[axis] += sum(arrays) * ring_share(kind, n)
        return found

    @property
    def kinds(self) -> Mapping[str, int]:
        """Number of transfers by kind."""
        return Counter(one.kind for one in self.collectives)


def step_of(name: str, options: Mapping[str, Any]) -> Step:
    """Compile a step of a configuration of the benchmarks on a mesh, and read it."""
    configuration = CONFIGURATIONS[name].shortened(100)
    examples = examples_of(configuration)
    given = {"loss": loss_of(configuration), "batch_size": configuration.batch_size, **options}
    return step_in(FitConfig(model_of(configuration), examples, **given))


def loss_of(configuration: Configuration) -> str:
    """Return the name of the loss of a configuration."""
    return "sequence_cross_entropy" if configuration.network == "gpt" else "cross_entropy"


def step_in(config: FitConfig) -> Step:
    """Compile a step of a run on its mesh, and read it."""
    setup = RunSetup.of(config)
    placement = setup.placement(setup.plan())
    step = functools.partial(setup.algorithm.step, key=jax.random.key(0))

    def shaped(tree: Any, places: Any) -> Any:
        return jax.tree.map(
            lambda x, at: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=at), tree, places
        )

    state = setup.state_shapes
    batch = setup.data.train.first(setup.batch_size)
    program = jax.jit(
        placement.tracing(lambda before, *rest: step(placement.gathered(before), *rest)[:2]),
        out_shardings=(placement.of(state), placement.whole),
    ).lower(
        shaped(state, placement.of(state)),
        shaped(setup.frozen, placement.of(setup.frozen)),
        shaped(batch, jax.tree.map(lambda _: placement.examples, batch)),
    )
    text = program.compile().as_text()
    assert text is not None
    work = execution_plan.workload(step, state, setup.frozen, batch)
    read = tuple(collectives(text, placement.mesh))
    return Step(read, placement.size_on_device(state), work.operations)
