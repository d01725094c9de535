"""How the arrays of a run lie over a mesh of devices.

A mesh has named axes. The examples of a batch are divided over ``data``, so that each device
computes the errors of a part of them. Parameters are divided over ``model`` as their layers say
(tensor parallelism), and over ``data`` too where a run is fully sharded: then each device keeps a
part of the parameters, gradients and states of the optimizer. The initial values are made whole on
the first device. XLA's partitioner adds the communication.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from clearprop import backend, nn, processes
from clearprop.backend import AXES, DATA, MODEL
from clearprop.device_memory import size_of
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.nn.fields import Shardings
from clearprop.nn.sharding import Axis, given_shardings, shardings
from clearprop.training.algorithm import TrainState

T = TypeVar("T")

Splits = Mapping[str, tuple[Axis, ...]]
"""What divides the axes of each parameter, by path."""


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
        """The first device of the mesh in this process."""
        device: jax.Device = self.mesh.local_devices[0]
        return device

    def columns(self, size: int) -> slice:
        """Return which examples of a batch this process reads, of so many.

        A batch that does not divide evenly is read whole.
        """
        if not self.apart or size % self.mesh.shape[DATA]:
            return slice(0, size)
        found = self.examples.addressable_devices_indices_map((size,)).values()
        starts, ends = zip(*(at[0].indices(size)[:2] for at in found if at), strict=True)
        return slice(min(starts), max(ends))

    def of_rows(self, shape: tuple[int, ...]) -> NamedSharding:
        """Return where examples lie: (B,) or (K, B) of them, whole where one process has all."""
        if not self.apart or shape[-1] % self.mesh.shape[DATA]:
            return self.whole
        return backend.sharded(self.mesh, len(shape) - 1)

    def joined(self, tree: T, shape: tuple[int, ...]) -> T:
        """Return the examples that this process has read as parts of arrays on all devices.

        Args:
            tree: of arrays whose first axes are the shape, with the `columns` of the last of them.
            shape: of all examples: (B,), or (K, B) for K batches.
        """
        axis, own, place = len(shape) - 1, self.columns(shape[-1]), self.of_rows(shape)

        def one(x: Any) -> jax.Array:
            whole = (*shape, *x.shape[len(shape) :])

            def part(at: Any) -> Any:
                start, end = at[axis].indices(shape[axis])[:2]
                return x[(slice(None),) * axis + (slice(start - own.start, end - own.start),)]

            return jax.make_array_from_callback(whole, place, part)

        made: T = jax.tree.map(one, tree)
        return made

    @property
    def apart(self) -> bool:
        """Whether several processes train, each of which reads a part of every batch."""
        return processes.count() > 1

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
