"""The execution plan of a run: how many steps a compiled call takes, and on how many devices.

It depends on the work of a step, which is read off its trace. A resumed run keeps its plan, so that
it makes the same calls as the run that was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import jax

from clearprop import cpu
from clearprop.errors import ConfigurationError, RunError, run_option

CALL_SECONDS = 0.2
"""What a call should take: short enough for a lively bar and a prompt answer to Ctrl-C, long
enough that what the host does between calls does not count."""

SHORT_EPOCH_SECONDS = 0.02
MOST_ORDER_ENTRIES = 2_000_000
UNROLLED_STEPS = 4

# Measured on two cores of a 2023 server. A rough guess is enough: it chooses the size of calls.
OPERATIONS_PER_SECOND = 100e9
SECONDS_PER_INSTRUCTION = 0.05e-6

# Below this work of a step, sharding a batch over devices costs more than it gains.
SHARDED = 2e9


class Workload(NamedTuple):
    """The work of one call of a function.

    Attributes:
        operations: multiplications and additions of its products and convolutions, or the entries
            of what it computes, where they are more.
        instructions: how many array operations it takes.
        convolutions: how many of XLA's own convolutions are among them.
        loops: how many loops over time are among them.
        convolved: the operations of those convolutions.
    """

    operations: int
    instructions: int
    convolutions: int
    loops: int
    convolved: int = 0


@dataclass(frozen=True)
class ExecutionPlan:
    """How a run is divided into compiled calls.

    Attributes:
        devices: over how many devices a batch is sharded.
        steps_per_call: steps of one call within an epoch.
        epochs_per_call: epochs of one call; 0 where an epoch takes several calls.
        unrolled: whether each step is a program of its own instead of a round of a loop. On CPUs
            XLA's convolution is many times slower inside a loop.
        parts: over how many devices the parameters of a layer are divided.
        fully_sharded: whether parameters, gradients and the state of the optimizer are divided over
            the devices of a batch too.
    """

    devices: int
    steps_per_call: int
    epochs_per_call: int
    unrolled: bool
    parts: int = 1
    fully_sharded: bool = False

    def as_dict(self) -> Mapping[str, object]:
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
) -> ExecutionPlan:
    """Return the plan for a step of this much work.

    Args:
        work: of one training step.
        batch_size: examples of a step.
        steps_per_epoch: steps of an epoch.
        examples: training examples.
        platform: "cpu", "gpu" or "tpu".
        available: how many devices there are.
        streamed: whether batches come from the host.
        steps_per_call: what the user asked for.
        devices: what the user asked for.

    Raises:
        ConfigurationError: what the user asked for is not possible.
    """
    if devices is None:
        devices = _devices(work, batch_size, platform, available)
        wanted = _devices(work, batch_size, platform, cpu.usable_cores())
        if platform == "cpu" and available == 1 < wanted:
            cpu.tell_once("this recurrent network trains faster on several cores")
    else:
        check_batch(batch_size, devices)
    seconds = (
        work.operations / (OPERATIONS_PER_SECOND * (devices if platform != "cpu" else 1))
        + work.instructions * SECONDS_PER_INSTRUCTION
    )
    unrolled = platform == "cpu" and work.convolutions > 0
    if steps_per_call is not None:
        return ExecutionPlan(devices, min(steps_per_call, steps_per_epoch), 0, unrolled)
    fitting = max(1, min(int(CALL_SECONDS / seconds), steps_per_epoch))
    if unrolled:
        return ExecutionPlan(devices, min(fitting, UNROLLED_STEPS, steps_per_epoch), 0, True)
    epoch = seconds * steps_per_epoch
    if epoch < SHORT_EPOCH_SECONDS and not streamed:
        passes = min(int(CALL_SECONDS / epoch), MOST_ORDER_ENTRIES // examples)
        return ExecutionPlan(devices, steps_per_epoch, max(1, passes), False)
    return ExecutionPlan(devices, fitting, 0, False)


def check_batch(batch_size: int, devices: int) -> None:
    """Raise unless each device gets equally many examples of a batch.

    Raises:
        ConfigurationError: the batch does not divide evenly.
    """
    if batch_size % devices:
        fewer = next(n for n in range(min(devices, batch_size), 0, -1) if batch_size % n == 0)
        raise ConfigurationError(
            "a batch cannot be sharded evenly",
            given=f"batch_size={batch_size}, devices={devices}",
            fix=run_option("batch_size", devices * max(1, batch_size // devices))
            + (f", or divide it over {fewer}" if fewer > 1 else ""),
        )


def of_config(config: Mapping[str, object], where: str) -> ExecutionPlan:
    """Return the plan that a run's configuration holds.

    Raises:
        RunError: it holds none, or a damaged one.
    """
    noted = config.get("plan")
    kinds = {f.name: bool if f.type == "bool" else int for f in fields(ExecutionPlan)}
    if isinstance(noted, dict):  # earlier versions did not divide layers
        noted = {"parts": 1, "fully_sharded": False, **noted}
    if not isinstance(noted, dict) or {k: type(v) for k, v in noted.items()} != kinds:
        raise RunError(
            "the configuration of the run is damaged: it has no whole plan",
            where=where,
            given=f"plan {noted!r}"[:160],
            fix="begin a new run in another folder",
        )
    return ExecutionPlan(**noted)


def _gains_from_devices(work: Workload, platform: str) -> bool:
    """Whether a step is faster on several devices.

    The devices of a CPU are its cores. XLA's products and convolutions use all of them from one
    device too, but a round of a loop over time is too small for that.
    """
    return work.operations >= SHARDED and (platform != "cpu" or work.loops > 0)


def _devices(work: Workload, batch_size: int, platform: str, available: int) -> int:
    if not _gains_from_devices(work, platform):
        return 1
    return next(n for n in range(min(available, batch_size), 0, -1) if batch_size % n == 0)


def workload(function: Callable[..., object], *inputs: object) -> Workload:
    """Return the work of a function on inputs of these shapes; nothing is computed.

    >>> import jax.numpy as jnp
    >>> workload(lambda a, b: a @ b, jnp.ones((4, 5)), jnp.ones((5, 6)))
    Workload(operations=240, instructions=1, convolutions=0, loops=0, convolved=0)
    """
    products = entries = instructions = convolutions = loops = convolved = 0
    for equation, times in _equations(jax.make_jaxpr(function)(*inputs).jaxpr, 1):
        instructions += times
        entries += times * sum(_size(out) for out in equation.outvars)
        name = equation.primitive.name
        if name == "dot_general":
            products += times * _product(equation)
        elif name == "conv_general_dilated":
            convolutions += times
            convolved += times * _convolution(equation)
        elif name == "scan":
            loops += times
    operations = max(products + convolved, entries)
    return Workload(operations, instructions, convolutions, loops, convolved)


def _equations(jaxpr: Any, times: int) -> Iterator[tuple[Any, int]]:
    for equation in jaxpr.eqns:
        inner = [x for value in equation.params.values() for x in _jaxprs(value)]
        if not inner or equation.primitive.name == "scan":
            yield equation, times
        repeated = times * equation.params.get("length", 1) if inner else times
        for each in inner:
            yield from _equations(each, repeated)


def _jaxprs(value: Any) -> Iterator[Any]:
    for each in value if isinstance(value, tuple | list) else (value,):
        closed = getattr(each, "jaxpr", each)
        if hasattr(closed, "eqns"):
            yield closed


def _size(variable: Any) -> int:
    return math.prod(getattr(variable.aval, "shape", ()))


def _product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    shape = equation.invars[0].aval.shape
    return 2 * _size(equation.outvars[0]) * math.prod(int(shape[axis]) for axis in contracted)


def _convolution(equation: Any) -> int:
    numbers = equation.params["dimension_numbers"]
    kernel = equation.invars[1].aval.shape
    per_output: int = math.prod(kernel) // kernel[numbers.rhs_spec[0]]
    return 2 * _size(equation.outvars[0]) * per_output
