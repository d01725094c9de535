"""A model of the time of a step on many devices; it is a model, and no measurement.

    seconds = operations / speed + for every collective: bytes sent / bandwidth + messages x latency

Nothing overlaps, or everything that could: two bounds. What is sent is what compiled steps on small
meshes send (`scale_steps`), by the formulae of a ring. Over several levels of a cluster an array is
scattered within a host, summed between hosts by parts, and gathered within the host.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.scale_steps import Collective, ring_share, step_in
from clearprop import nn, ops, optim, value_and_grad
from clearprop.backend import DATA, MODEL
from clearprop.models import GPT
from clearprop.models.resnet import resnet50
from clearprop.training.execution_plan import workload
from clearprop.training.fit_config import FitConfig
from clearprop.training.placement import Placement, Splits, splits_of

PEAK, SHARE = 989e12, 0.40
"""Operations per second of an H100 in bfloat16 without sparsity, and the part of them assumed."""

COMBINED = 30 << 20
"""Bytes up to which collectives of a kind are assumed to be sent as one, as XLA does by default on
GPUs."""

FLOAT32 = 4
"""Bytes of a number that is sent: compiled steps send float32 with ``precision="bfloat16"`` too."""

SEQUENCES, TOKENS, VOCABULARY, PICTURES = 4, 1024, 50_257, 256
"""Of GPT-2, and pictures of ResNet-50, for each GPU."""


class Link(NamedTuple):
    """What connects devices.

    Attributes:
        name: of its kind.
        bandwidth: bytes per second that each device sends.
        latency: seconds of a message, before its first byte.
    """

    name: str
    bandwidth: float
    latency: float


class Level(NamedTuple):
    """A level of a cluster: so many devices, or hosts, in a ring."""

    devices: int
    link: Link


NVLINK = Link("NVLink 4", 450e9, 2e-6)
INFINIBAND = Link("InfiniBand NDR", 50e9, 5e-6)
GPUS = 8
"""Of a host."""


def cluster(devices: int) -> list[Level]:
    """Return the levels of so many H100s, eight to a host."""
    return [Level(min(devices, GPUS), NVLINK), Level(-(-devices // GPUS), INFINIBAND)]


def ring_seconds(kind: str, size: float, level: Level) -> float:
    """Return the time of a collective over one level, by a ring.

    >>> ring_seconds("all-reduce", 8e9, Level(4, Link("", 1e9, 0.5)))
    15.0
    """
    n, link = level
    if n == 1:
        return 0.0
    messages = {"all-reduce": 2 * (n - 1), "collective-permute": 1}.get(kind, n - 1)
    return size * ring_share(kind, n) / link.bandwidth + messages * link.latency


def seconds_of(kind: str, size: float, levels: Sequence[Level]) -> float:
    """Return the time of a collective of an array of so many bytes over the levels of a cluster.

    Args:
        kind: by its name in XLA.
        size: of the whole array.
        levels: from the innermost on.
    """
    inner, *outer = levels
    if not any(level.devices > 1 for level in outer):
        within = ring_seconds(kind, size, inner)
        return (
            within
            if inner.devices == 1 or kind != "all-reduce"
            else min(within, _tree(size, inner))
        )
    if kind == "collective-permute":
        return ring_seconds(kind, size, outer[-1])
    part = seconds_of(kind, size / inner.devices, outer)
    if kind == "all-reduce":
        first = ring_seconds("reduce-scatter", size, inner)
        return first + part + ring_seconds("all-gather", size, inner)
    return part + ring_seconds(kind, size, inner)


def _tree(size: float, level: Level) -> float:
    """Return the time of a sum over a tree: fewer messages than a ring, for small arrays."""
    n, link = level
    return 2 * size / link.bandwidth + 2 * math.ceil(math.log2(n)) * link.latency


class Transfer(NamedTuple):
    """A collective of the model.

    Attributes:
        kind: by its name in XLA.
        size: bytes of its arrays, whole.
        waits: whether what follows needs it, so that it overlaps with nothing: the statistics of a
            normalization over the whole batch.
    """

    kind: str
    size: float
    waits: bool = False


class Prediction(NamedTuple):
    """What the model says of a step.

    Attributes:
        compute: seconds.
        sent: seconds of all collectives.
        waiting: seconds of those that overlap with nothing.
    """

    compute: float
    sent: float
    waiting: float

    @property
    def alone(self) -> float:
        """Seconds of a step if nothing overlaps."""
        return self.compute + self.sent

    @property
    def overlapped(self) -> float:
        """Seconds of a step if everything overlaps that can."""
        return self.waiting + max(self.compute, self.sent - self.waiting)

    @property
    def efficiencies(self) -> tuple[float, float]:
        """The part of ideal examples per second: if nothing overlaps, and if all does."""
        return self.compute / self.alone, self.compute / self.overlapped


def predicted(compute: float, transfers: Iterable[Transfer], levels: Sequence[Level]) -> Prediction:
    """Return what the model says of a step."""
    times = [(seconds_of(one.kind, one.size, levels), one.waits) for one in transfers]
    return Prediction(compute, sum(t for t, _ in times), sum(t for t, waits in times if waits))


def separate(read: Iterable[Collective]) -> list[Transfer]:
    """Return the collectives of a compiled step, each of its arrays for itself, as Gloo sends."""
    return [Transfer(one.kind, size) for one in read for size in one.arrays]


# --- what is sent --------------------------------------------------------------------------------


def combined(kind: str, sizes: Iterable[int]) -> list[Transfer]:
    """Return arrays put together up to `COMBINED` bytes, in their order.

    >>> [one.size >> 20 for one in combined("all-gather", [20 << 20, 8 << 20, 40 << 20, 1 << 20])]
    [28, 40, 1]
    """
    found: list[int] = []
    for size in sizes:
        if found and found[-1] + size <= COMBINED:
            found[-1] += size
        else:
            found.append(size)
    return [Transfer(kind, size) for size in found]


def sent_by(sizes: Mapping[str, int], splits: Splits, *, scatters: bool = False) -> list[Transfer]:
    """Return what a step sends over ``data``, before anything is combined.

    The gradient of each parameter is summed. One that is divided over ``data`` is gathered before
    the pass too.

    Args:
        sizes: bytes of each parameter, by path.
        splits: what divides its axes.
        scatters: whether a gradient that is divided is summed by parts (reduce-scatter), as XLA
            does on GPUs, or whole (all-reduce), as it does on CPUs.
    """
    divided = {path for path in sizes if DATA in splits.get(path, ())}
    kind = "reduce-scatter" if scatters else "all-reduce"
    return [
        *(Transfer("all-gather", sizes[path]) for path in sizes if path in divided),
        *(Transfer(kind, sizes[path]) for path in sizes if path in divided),
        *(Transfer("all-reduce", sizes[path]) for path in sizes if path not in divided),
    ]


def bytes_of(transfers: Iterable[Transfer], devices: int) -> float:
    """Return the bytes that one device of a ring sends."""
    return sum(one.size * ring_share(one.kind, devices) for one in transfers)


# --- the networks --------------------------------------------------------------------------------


def operations(network: nn.Module, x: Any, y: Any) -> int:
    """Return the operations of a pass and its gradients, from shapes alone."""

    def loss(network: nn.Module, x: Any, y: Any) -> Any:
        outputs, _ = nn.apply(network, x, training=True, key=jax.random.key(0))
        return ops.mean(nn.losses.find_loss("cross_entropy").per_example(outputs, y))

    return workload(value_and_grad(loss), network, x, y).operations


class GPT2(NamedTuple):
    """GPT-2 with 1.5 billion parameters as shapes.

    Attributes:
        network: with shapes in the place of its arrays.
        sizes: bytes of its parameters by path.
        operations: for one sequence.
    """

    network: GPT
    sizes: Mapping[str, int]
    operations: int


def gpt2_shapes() -> GPT:
    """Return GPT-2 1.5B with shapes in the place of its arrays."""
    network: GPT = jax.eval_shape(
        lambda: GPT(VOCABULARY, TOKENS, 1600, layers=48, heads=25).init(0)
    )
    return network


def gpt2() -> GPT2:
    """Return GPT-2 1.5B; nothing is computed."""
    network = gpt2_shapes()
    sizes = {path: FLOAT32 * x.size for path, x in nn.parameters(network).items()}
    tokens = jax.ShapeDtypeStruct((1, TOKENS), jnp.int32)
    return GPT2(network, sizes, operations(network, tokens, tokens))


class Row(NamedTuple):
    """A row of what the model says.

    Attributes:
        gpus: how many.
        divided: part of the parameters that is divided over them; None if none should be.
        held: bytes of parameters and optimizer on each.
        sent: bytes that each sends.
        transfers: how many.
        says: the times.
        batch: of each GPU, from which on the efficiency without overlap is 90 %.
    """

    gpus: int
    divided: float | None
    held: int
    sent: float
    transfers: int
    says: Prediction
    batch: int


def gpt2_rows(numbers: Iterable[int], *, scatters: bool) -> list[Row]:
    """Return what the model says of GPT-2 1.5B, fully sharded over all GPUs."""
    found, (network, sizes, work) = [], gpt2()
    parameters = nn.parameters(network)
    state = jax.eval_shape(optim.adam(1e-4).init, parameters)
    for n in numbers:
        splits = splits_of(network, parameters, {DATA: n, MODEL: 1}, fully=True)
        each = sent_by(sizes, splits, scatters=scatters)
        kinds = dict.fromkeys(one.kind for one in each)
        sent = [
            x for kind in kinds
            for x in combined(kind, (int(one.size) for one in each if one.kind == kind))
        ]  # fmt: skip
        compute = SEQUENCES * work / (PEAK * SHARE)
        says = predicted(compute, sent, cluster(n))
        divided = sum(sizes[path] for path in sizes if DATA in splits[path]) / sum(sizes.values())
        mesh = jax.sharding.AbstractMesh((n, 1), (DATA, MODEL))
        placement = Placement(mesh, splits)  # type: ignore[arg-type]  # there are no such devices
        held = placement.size_on_device((parameters, state))
        batch = math.ceil(9 * says.sent / (compute / SEQUENCES))
        found.append(Row(n, divided, held, bytes_of(sent, n), len(sent), says, batch))
    return found


def resnet_transfers() -> list[Transfer]:
    """Return what a step of ResNet-50 sends, read from one that is compiled for two devices.

    Small pictures, as the gradients and the statistics of normalizations do not depend on it.
    """
    pictures = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)
    config = FitConfig(
        resnet50(), (pictures, np.arange(4)), batch_size=4, dev=0, mesh={DATA: 2},
        loss="cross_entropy",
    )  # fmt: skip
    read = [(one.kind, sum(one.arrays)) for one in step_in(config).collectives]
    largest = max(size for _, size in read)
    return [Transfer(kind, size, size < largest) for kind, size in read]


def resnet_rows(numbers: Iterable[int], *, apart: bool) -> list[Row]:
    """Return what the model says of ResNet-50 with one batch over all GPUs.

    Args:
        numbers: of GPUs.
        apart: whether each took the statistics of normalizations of its own pictures, which
            clearprop does not do.
    """
    network = jax.eval_shape(lambda: resnet50().init(0))
    picture = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    work = operations(network, picture, jax.ShapeDtypeStruct((1,), jnp.int32))
    compute = PICTURES * work / (PEAK * SHARE)
    sent = [one for one in resnet_transfers() if not (apart and one.waits)]
    size = sum(x.size for x in nn.parameters(network).values()) * FLOAT32
    found = []
    for n in numbers:
        says = predicted(compute, sent, cluster(n))
        batch = math.ceil(9 * says.sent / (compute / PICTURES))
        found.append(Row(n, None, 3 * size, bytes_of(sent, n), len(sent), says, batch))
    return found
