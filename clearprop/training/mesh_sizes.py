"""How many devices lie along each axis of the mesh of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from clearprop import backend, processes
from clearprop.backend import AXES, DATA, MODEL
from clearprop.errors import ConfigurationError, run_option, unknown_name
from clearprop.training.execution_plan import ExecutionPlan, check_batch
from clearprop.training.fit_config import FitConfig


def sizes_of_axes(given: Mapping[str, int], available: int) -> dict[str, int]:
    """Return the number of devices along each axis of a mesh.

    Args:
        given: by the name of the axis; -1 takes the devices that are left.
        available: how many devices there are.

    Raises:
        ConfigurationError: an unknown axis, a size that is no whole number, or devices that do not
            divide evenly.

    >>> sizes_of_axes({"data": -1, "model": 2}, 8)
    {'data': 4, 'model': 2}
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            "a mesh is the number of devices by axis",
            where="mesh",
            given=repr(given)[:80],
            fix=run_option("mesh", {DATA: -1}),
        )
    for name, size in given.items():
        if name not in AXES:
            raise unknown_name("axis of the mesh", str(name), AXES, where="mesh")
        is_number = not isinstance(size, bool) and isinstance(size, int | np.integer)
        if not is_number or (size < 1 and size != -1):
            raise ConfigurationError(
                "the size of an axis is a number of devices, or -1 for those that are left",
                where="mesh",
                given=f"{name}={size!r}",
                fix=run_option("mesh", {DATA: -1}),
            )
    open_axes = [name for name, size in given.items() if size == -1]
    known = math.prod(size for size in given.values() if size != -1)
    fits = len(open_axes) <= 1 and (available % known == 0 if open_axes else known <= available)
    if not given or not fits:
        raise ConfigurationError(
            "the mesh does not fit the devices",
            where="mesh",
            given=f"{dict(given)} over {available} devices" if given else "no axis",
            expected="sizes whose product is at most the number of devices, with at most one -1 "
            "for the devices that are left, which has to come out even",
            fix=f"clearprop.configure_cpu(devices={known}) right after the imports"
            if known > available
            and backend.devices()[0].platform == "cpu"
            and processes.count() == 1
            else run_option("mesh", {DATA: -1}),
        )
    left = available // known
    sizes = {name: int(given.get(name, 1)) for name in AXES}
    return {name: left if size == -1 else size for name, size in sizes.items()}


def asked(config: FitConfig) -> Mapping[str, int] | None:
    """Return the number of devices along each axis; None where no mesh was asked for.

    Args:
        config: with the batch size resolved.

    Raises:
        ConfigurationError: the mesh does not fit the devices, or the batch.
    """
    if config.mesh is None:
        return None
    axes = sizes_of_axes(config.mesh, len(backend.devices()))
    assert config.batch_size is not None
    check_batch(config.batch_size, axes[DATA])
    return axes


def on_mesh(
    plan: ExecutionPlan, config: FitConfig, axes: Mapping[str, int] | None
) -> ExecutionPlan:
    """Return a plan with the mesh that was asked for.

    Several processes take all of their devices. Without a mesh, a run that goes on with fewer
    devices than it began with takes those that there are.

    Args:
        plan: made now, or that with which the run began.
        config: with the batch size resolved.
        axes: as `asked` returns them.

    Raises:
        ConfigurationError: the mesh leaves devices of processes out, or does not fit the batch.
    """
    if processes.count() > 1:
        plan = replace(plan, epochs_per_call=0)  # its examples are read batch by batch
        if axes is None:
            return _of_processes(plan, config)
        if math.prod(axes.values()) < len(backend.devices()):
            raise _left_out(str(dict(axes)))
    if axes is not None:
        fully = bool(config.fully_sharded)
        return replace(plan, devices=axes[DATA], parts=axes[MODEL], fully_sharded=fully)
    available = len(backend.devices())
    if plan.devices * plan.parts <= available or config.devices is not None:
        return plan
    parts = plan.parts if plan.parts <= available else 1
    assert config.batch_size is not None
    sizes = range(available // parts, 0, -1)
    devices = next(n for n in sizes if config.batch_size % n == 0)
    return replace(plan, devices=devices, parts=parts)


def _of_processes(plan: ExecutionPlan, config: FitConfig) -> ExecutionPlan:
    """Return a plan over all devices, with as many of them for a layer as before."""
    available = len(backend.devices())
    if config.devices not in (None, available):
        raise _left_out(str(config.devices))
    parts = plan.parts if available % plan.parts == 0 else 1
    assert config.batch_size is not None
    check_batch(config.batch_size, available // parts)
    return replace(plan, devices=available // parts, parts=parts)


def _left_out(given: str) -> ConfigurationError:
    return ConfigurationError(
        "the mesh of several processes takes all of their devices",
        where="mesh",
        given=f"{given} of {len(backend.devices())} devices",
        fix=run_option("mesh", {DATA: -1}),
    )
