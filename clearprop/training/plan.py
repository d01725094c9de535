"""The plan of a run: how many steps a compiled call makes, and over how many devices.

It depends on the work of a step and on nothing that changes from run to run, so that a resumed run
makes the same calls as the one that was interrupted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from clearprop.errors import ConfigurationError, RunError
from clearprop.training.workload import Workload

CALL_SECONDS = 0.2
"""What a call should take: short enough for a lively bar and a prompt answer to Ctrl-C, long
enough that what the host does between calls does not count."""

SHORT_EPOCH_SECONDS = 0.02
MOST_ORDER_ENTRIES = 2_000_000
UNROLLED_STEPS = 4

# Measured on two cores of a 2023 server. A rough guess will do: it chooses the size of calls.
OPERATIONS_PER_SECOND = 100e9
SECONDS_PER_INSTRUCTION = 0.05e-6

# Below this work of a step, sharing a batch out over cores costs more than it gives. XLA convolves
# on one thread, so that a convolution gains early; its products use all threads anyway. An
# accelerator makes such a step faster than several of them agree on its gradients.
SHARED_CONVOLUTIONS = 100e6
SHARED_PRODUCTS = 2e9


@dataclass(frozen=True)
class Plan:
    """How a run is cut into compiled calls.

    Attributes:
        devices: how many devices share a batch.
        steps_per_call: steps of one call within a pass.
        epochs_per_call: passes of one call; 0 where a pass takes several calls.
        unrolled: whether each step is a program of its own instead of a round of a loop: inside a
            loop XLA's convolution falls to a quarter of its speed on processors.
    """

    devices: int
    steps_per_call: int
    epochs_per_call: int
    unrolled: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)


def choose(
    work: Workload,
    *,
    batch_size: int,
    steps_per_epoch: int,
    examples: int,
    platform: str,
    available: int,
    streamed: bool = False,
    steps_per_call: int | None = None,
    devices: int | None = None,
) -> Plan:
    """Return the plan for a step of this much work.

    Args:
        work: of one training step.
        batch_size: examples of a step.
        steps_per_epoch: steps of a pass over the training examples.
        examples: training examples.
        platform: "cpu", "gpu" or "tpu".
        available: how many devices there are.
        streamed: whether batches come from the host.
        steps_per_call: the user's own choice.
        devices: the user's own choice.

    Raises:
        ConfigurationError: the user's own choice cannot be.
    """
    if devices is None:
        devices = _devices(work, batch_size, platform, available)
    elif batch_size % devices:
        raise ConfigurationError(
            "a batch cannot be shared out evenly",
            given=f"batch_size={batch_size}, devices={devices}",
            fix=f"batch_size={devices * max(1, batch_size // devices)}",
        )
    seconds = (
        work.operations / (OPERATIONS_PER_SECOND * (devices if platform != "cpu" else 1))
        + work.instructions * SECONDS_PER_INSTRUCTION
    )
    unrolled = platform == "cpu" and work.convolutions > 0
    if steps_per_call is not None:
        return Plan(devices, min(steps_per_call, steps_per_epoch), 0, unrolled)
    fitting = max(1, min(int(CALL_SECONDS / seconds), steps_per_epoch))
    if unrolled:
        return Plan(devices, min(fitting, UNROLLED_STEPS, steps_per_epoch), 0, True)
    epoch = seconds * steps_per_epoch
    if epoch < SHORT_EPOCH_SECONDS and not streamed:
        passes = min(int(CALL_SECONDS / epoch), MOST_ORDER_ENTRIES // examples)
        return Plan(devices, steps_per_epoch, max(1, passes), False)
    return Plan(devices, fitting, 0, False)


def of_config(config: dict[str, Any], where: str) -> Plan:
    """Return the plan that a run's configuration holds.

    Raises:
        RunError: it holds none, or a damaged one.
    """
    noted = config.get("plan")
    kinds = {f.name: bool if f.name == "unrolled" else int for f in fields(Plan)}
    if not isinstance(noted, dict) or {k: type(v) for k, v in noted.items()} != kinds:
        raise RunError(
            "the configuration of the run is damaged: it has no whole plan",
            where=where,
            given=f"plan {noted!r}"[:160],
            fix="begin a new run in another folder",
        )
    return Plan(**noted)


def _devices(work: Workload, batch_size: int, platform: str, available: int) -> int:
    enough = SHARED_CONVOLUTIONS if work.convolutions and platform == "cpu" else SHARED_PRODUCTS
    if work.operations < enough:
        return 1
    return next(n for n in range(min(available, batch_size), 0, -1) if batch_size % n == 0)
