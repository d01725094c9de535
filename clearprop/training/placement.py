"""How the arrays of a run lie over a mesh of devices.

A mesh has named axes. The examples of a batch are divided over ``data``, so that each device
computes the errors of a part of them. Parameters are divided over ``model`` as their layers say
(tensor parallelism), and over ``data`` too where a run is fully sharded: then each device keeps a
part of the parameters, gradients and states of the optimizer. The initial values are made whole on
the first device. XLA's partitioner adds the communication.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clearprop import backend, nn
from clearprop.backend import DATA, MODEL
from clearprop.device_memory import size_of
from clearprop.errors import ConfigurationError, run_option, unknown_name
from clearprop.nn.fields import Shardings
from clearprop.nn.sharding import Axis, given_shardings, shardings
from clearprop.training.algorithm import TrainState

T = TypeVar("T")

AXES = (DATA, MODEL)
"""The axes that a mesh can have, from the outermost inwards."""

Splits = Mapping[str, tuple[Axis, ...]]
"""What divides the axes of each parameter, by path."""


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
            if known > available and backend.devices()[0].platform == "cpu"
            else run_option("mesh", {DATA: -1}),
        )
    left = available // known
    sizes = {name: int(given.get(name, 1)) for name in AXES}
    return {name: left if size == -1 else size for name, size in sizes.items()}


def splits_of(
    model: nn.Module,
    trained: Iterable[str],
    axes: Mapping[str, int],
    own: Shardings | None = None,
    *,
    fully: bool = False,
) -> dict[str, tuple[Axis, ...]]:
    """Return what divides the axes of each parameter of a run.

    What a layer says holds where the size of the array is a multiple of that of the mesh; what the
    user says has to fit.

    Args:
        model: its layers say what divides their parameters.
        trained: paths of the parameters that are trained.
        axes: number of devices along each axis of the mesh.
        own: what the user says, pattern -> axes.
        fully: whether each trained parameter is divided over ``data`` as well, along the largest
            axis that is free and comes out even.

    Raises:
        ConfigurationError: what the user says matches nothing or does not fit.
    """
    shapes = {path: tuple(x.shape) for path, x in nn.parameters(model).items()}
    learning = set(trained)
    given = given_shardings(own or {}, shapes)
    found = {}
    for path, entries in {**shardings(model), **given}.items():
        if path in given:
            _check(path, entries, shapes[path], axes)
        fitting = tuple(
            name if name is not None and axes.get(name, 1) > 1 and size % axes[name] == 0 else None
            for name, size in zip(entries, shapes[path], strict=True)
        )
        divided = fully and path in learning and DATA not in fitting
        found[path] = _fully(fitting, shapes[path], axes[DATA]) if divided else fitting
    return found


def _check(
    path: str, entries: Sequence[Axis], shape: Sequence[int], axes: Mapping[str, int]
) -> None:
    for name, size in zip(entries, shape, strict=True):
        if name is not None and name not in axes:
            raise unknown_name("axis of the mesh", name, AXES, where=f"sharding of {path}")
        if name is not None and size % axes[name]:
            raise ConfigurationError(
                "an array does not divide evenly over an axis of the mesh",
                where=f"sharding of {path}",
                given=f"shape {tuple(shape)}, {name}={axes[name]}",
                expected=f"an axis with a multiple of {axes[name]} entries",
                fix="put None there, or choose another mesh",
            )
    used = [name for name in entries if name is not None]
    if len(set(used)) < len(used):
        raise ConfigurationError(
            "an axis of the mesh divides one axis of an array",
            where=f"sharding of {path}",
            given=str(tuple(entries)),
            fix="name each axis of the mesh once",
        )


def _fully(entries: Sequence[Axis], shape: Sequence[int], count: int) -> tuple[Axis, ...]:
    free = [
        axis
        for axis, (name, size) in enumerate(zip(entries, shape, strict=True))
        if name is None and size % count == 0 and size > 0
    ]
    if count == 1 or not free:
        return tuple(entries)
    largest = max(free, key=lambda axis: shape[axis])
    return tuple(DATA if axis == largest else name for axis, name in enumerate(entries))


@dataclass(frozen=True)
class Placement:
    """Where the arrays of a run lie.

    Attributes:
        mesh: the devices.
        splits: what divides the axes of each parameter; those that are not named lie whole on
            every device.
    """

    mesh: Mesh
    splits: Splits

    @property
    def whole(self) -> NamedSharding:
        """The whole array on every device."""
        return backend.replicated(self.mesh)

    @property
    def first_device(self) -> jax.Device:
        """The first device of the mesh."""
        device: jax.Device = self.mesh.devices.ravel()[0]
        return device

    @property
    def examples(self) -> NamedSharding:
        """The examples of a batch, divided over ``data``."""
        return backend.sharded(self.mesh)

    @property
    def divides(self) -> bool:
        """Whether any parameter is divided."""
        return any(any(entries) for entries in self.splits.values())

    def tracing(self, function: Callable[..., T]) -> Callable[..., T]:
        """Return a function to compile that computes on arrays that lie so."""
        return backend.dividing_layers(function) if self.mesh.shape[MODEL] > 1 else function

    def of(self, tree: object) -> Any:
        """Return where each array of a tree lies.

        An array that stands under the path of a parameter and has its shape, such as a mean of its
        gradients in the state of an optimizer, lies as the parameter does.

        Args:
            tree: arrays or their shapes.
        """
        if not self.divides:
            return jax.tree.map(lambda _: self.whole, tree)
        return jax.tree_util.tree_map_with_path(self._of_leaf, tree)

    def gathered(self, state: TrainState) -> TrainState:
        """Return the state of a step in a program, whose parameters are not divided over ``data``.

        Every device needs them whole for its examples. Left to itself, the partitioner divides what
        they compute as well, and sends more than that.
        """
        if not any(DATA in entries for entries in self.splits.values()):
            return state
        whole = {
            path: NamedSharding(self.mesh, PartitionSpec(*_without_data(self.splits[path])))
            for path in state.parameters
        }
        return state._replace(parameters=jax.lax.with_sharding_constraint(state.parameters, whole))

    def size_on_device(self, tree: object) -> int:
        """Return the bytes that one device holds of a tree of arrays or of their shapes."""
        places = self.of(tree)
        parts = jax.tree.map(lambda x, at: _part(at, x), tree, places)
        return size_of(parts)

    def _of_leaf(self, keys: Sequence[Any], leaf: Any) -> NamedSharding:
        for key in keys:
            entries = self.splits.get(getattr(key, "key", None) or "")
            if entries is not None and len(entries) == len(leaf.shape):
                pairs = zip(entries, leaf.shape, strict=True)
                if all(name is None or n % self.mesh.shape[name] == 0 for name, n in pairs):
                    return NamedSharding(self.mesh, PartitionSpec(*entries))
        return self.whole


def _part(place: NamedSharding, x: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(place.shard_shape(tuple(x.shape)), x.dtype)


def _without_data(entries: tuple[Axis, ...]) -> tuple[Axis, ...]:
    return tuple(None if name == DATA else name for name in entries)
