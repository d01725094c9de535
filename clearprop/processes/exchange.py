"""What processes say to each other: where they meet, what the first has made, what all agree on."""

from __future__ import annotations

import functools
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np

from clearprop.errors import ConfigurationError, RunError
from clearprop.processes.watch import SLICE, count, index, is_first, watch

SAME = "start all with the same command, the same files and the same version"

_numbers: dict[tuple[int, str], Iterator[int]] = {}


def meet(name: str = "meet", seconds: float | None = None) -> None:
    """Wait until every process has come here: what takes them unequal time is done before.

    A sum over the devices gives up after half a minute; this waits as long as all processes live.

    Args:
        name: of the place.
        seconds: how long to wait; None for as long as they live.

    Raises:
        ProcessError: another process has ended.
    """
    if watch() is None:
        return
    place, before = _next(name)
    _set(f"{place}/{index()}", "here")
    if is_first():
        for other in range(1, count()):
            _get(f"{place}/{other}", seconds)
        _forget(before)  # all have passed it
        _set(f"{place}/go", "go")
    _get(f"{place}/go", seconds)


def from_first(make: Callable[[], str], name: str = "said") -> str:
    """Return a text that process 0 makes, in every process."""
    if watch() is None:
        return make()
    place, _ = _next(name)
    if is_first():
        _set(place, make())
    return _get(place)


def check_same(parts: Mapping[str, str], fix: str = SAME) -> None:
    """Raise unless every process has the same texts.

    Args:
        parts: by the name of what they describe.
        fix: what to do where they differ.

    Raises:
        ConfigurationError: some differ from those of process 0; which is said.
    """
    if watch() is None:
        return
    place, _ = _next("same")
    _set(f"{place}/{index()}", json.dumps(dict(parts)))
    every = [json.loads(_get(f"{place}/{i}")) for i in range(count())]
    names = list(dict.fromkeys(name for one in every for name in one))
    differing = {
        name: [i for i, one in enumerate(every) if one.get(name) != every[0].get(name)]
        for name in names
    }
    for name, others in differing.items():
        if others:
            raise ConfigurationError(
                f"the processes differ in {name}, and they train one model",
                given=f"process {others[0]} has {every[others[0]].get(name)}"[:200],
                expected=f"as process 0 has it: {every[0].get(name)}"[:200],
                fix=fix,
            )


def _next(name: str) -> tuple[str, str]:
    """Return a name that no earlier meeting had, and that of the one before.

    Every process counts alike, in each block of `together` anew: one that failed has met the others
    less often in it.
    """
    own = watch()
    assert own is not None
    number = next(_numbers.setdefault((own.in_block, name), itertools.count()))
    place = f"clearprop/at/{own.in_block}/{name}"
    return f"{place}/{number}", f"{place}/{number - 1}"


def _forget(place: str) -> None:
    own = watch()
    assert own is not None
    own.client.key_value_delete(f"{place}/")


def _set(key: str, value: str) -> None:
    own = watch()
    assert own is not None
    own.client.key_value_set(key, value, True)


def _get(key: str, seconds: float | None = None) -> str:
    own = watch()
    assert own is not None
    end = time.monotonic() + seconds if seconds is not None else None
    while True:
        try:
            return str(own.client.blocking_key_value_get(key, SLICE))
        except RuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise
        if (ended := own.ended(waits=True)) is not None:
            raise ended
        if end is not None and time.monotonic() > end:
            raise RunError(
                "the processes did not come together",
                given=f"{key} is missing after {seconds:.0f} seconds",
                fix=f"start all {count()} processes",
            )


def agreed(flags: tuple[bool, ...]) -> tuple[bool, ...]:
    """Return of each flag whether it is set in any process; a sum over their devices says it."""
    if count() == 1:
        return flags
    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("process",))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("process"))
    given = jax.make_array_from_callback(
        (mesh.size, len(flags)), place, lambda at: np.asarray([flags], bool)
    )
    return tuple(np.asarray(_any(mesh)(given)).tolist())


@functools.cache
def _any(mesh: jax.sharding.Mesh) -> Callable[[jax.Array], jax.Array]:
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return jax.jit(lambda flags: flags.any(axis=0), out_shardings=whole)
