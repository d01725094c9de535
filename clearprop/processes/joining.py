"""How a process joins the others and leaves them: schedulers, the coordinator, its service."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from typing import Any, NamedTuple

import jax
from jax._src import distributed, xla_bridge
from jax._src.clusters import ClusterEnv

from clearprop.errors import ConfigurationError, RunError
from clearprop.processes.watch import SLICE, STALE, Watch, count, index, watch, watches

REACHED = 30
"""Within so many seconds the coordinator has to answer, or an error says that it does not."""

GATHERED = 300
"""So many seconds each process waits for the others at the beginning: hosts start one by one."""

UNWATCHED = 3600
"""The runtime's own limit of silence, in seconds: it would end a process without a sentence."""

LINGERS = 50
"""So many seconds the service outlives process 0, for the others to learn of its end."""

OF_KUBEFLOW = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
"""What a job of Kubeflow Trainer with JAX is told by its environment."""

OF_OPEN_MPI = ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK")
"""What a process of Open MPI is told; since its fifth version not where process 0 runs."""

PER_HOST = ("SLURM_STEP_TASKS_PER_NODE", "OMPI_COMM_WORLD_LOCAL_SIZE")
"""How many processes each host has, such as ``2(x3),1`` for two on three hosts, and one more."""

SERVICE = """
import sys, time
from jaxlib import _jax
address, count = sys.argv[1], int(sys.argv[2])
try:
    service = _jax.get_distributed_runtime_service(
        address, count, heartbeat_timeout=3600, shutdown_timeout=60, recoverable=True
    )
except Exception as error:
    print(str(error).splitlines()[0], flush=True)
    raise SystemExit(1)
print("ready", flush=True)
if not sys.stdin.readline():  # process 0 has ended without a word: the others have to learn it
    time.sleep(int(sys.argv[3]))
"""

"""The coordination service: it ends when process 0 says so, or some time after its end."""

_services: list[subprocess.Popen[str]] = []


def initialize(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    initialization_timeout: int | None = None,
) -> None:
    """Join the processes that train together; call it before JAX computes anything.

    Without arguments the variables of Slurm, Open MPI or Kubernetes are read. Then `fit` trains
    over the devices of all processes.

    Args:
        coordinator_address: ``host:port`` of process 0, where its port is free.
        num_processes: how many there are.
        process_id: which of them this is, from 0.
        initialization_timeout: so many seconds the coordinator and the others are waited for; by
            default the others 300, and the coordinator 30 where it is given, else 300.

    Raises:
        ConfigurationError: the arguments do not go together, or no scheduler is known.
        RunError: the coordinator cannot be reached, or the others do not come.
    """
    if count() > 1 or distributed.global_state.client is not None:
        raise ConfigurationError(
            "the processes are joined already",
            where="initialize",
            given=f"process {index()} of {count()}",
            fix="call it once",
        )
    if xla_bridge.backends_are_initialized():
        raise ConfigurationError(
            "the processes join before JAX computes anything, and it has",
            where="initialize",
            fix="call processes.initialize() right after the imports of the program",
        )
    address, number, own, local = _found(coordinator_address, num_processes, process_id)
    host, port = _checked(address, number, own)
    wait = initialization_timeout or (GATHERED if coordinator_address is None else REACHED)
    assert number is not None
    assert own is not None
    if number == 1:
        return
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if local is not None:
        jax.config.update("jax_cuda_visible_devices", str(local))
    try:
        client = _gathered(host, port, number, own, wait, initialization_timeout or GATHERED)
    except BaseException:
        for service in _services:
            service.kill()
        raise
    state = distributed.global_state
    state.coordinator_address, state.process_id = f"{host}:{port}", own
    state.num_processes, state.client = number, client
    watches.append(Watch(client, own, number))
    atexit.register(leave)


def _gathered(host: str, port: str, number: int, own: int, wait: int, longest: int) -> Any:
    """Return the client of the coordination service at which all processes have come together.

    Args:
        host: of the coordinator.
        port: there.
        number: of processes.
        own: the index of this one.
        wait: so many seconds the coordinator is waited for.
        longest: so many seconds the others are.

    Raises:
        RunError: some did not come, or others are there.
    """
    if own == 0:
        _serve(port, number)
        sys.stderr.write(f"waiting for {number} processes at {host}:{port}\n")
        sys.stderr.flush()
    began = time.monotonic()
    while True:
        if own != 0:
            _reach(host, port, wait)
        client = _connected(f"{host}:{port}", number, own, longest)
        if _are_together(client, number, own, began + longest):
            return client
        client.shutdown()
        if time.monotonic() > began + max(wait, LINGERS + 10):
            raise RunError(
                "other processes than those of this run are at the coordinator, or a second one "
                f"with the number {own}",
                where=f"{host}:{port}",
                fix="give each process a number of its own, and each run a port of its own",
            )
        time.sleep(2)


class Found(NamedTuple):
    """What is known of the processes.

    Attributes:
        address: of the coordinator.
        number: of processes.
        own: the index of this one.
        local: its index on its host, where several share the GPUs of one; None where one has all.
    """

    address: str | None
    number: int | None
    own: int | None
    local: int | None = None


def _found(address: str | None, number: int | None, own: int | None) -> Found:
    """Return what is given, and what the environment says of the rest.

    Raises:
        ConfigurationError: nothing is given, and no scheduler is known.
    """
    if None not in (address, number, own):
        return Found(address, number, own)
    known = [os.environ.get(name) for name in OF_KUBEFLOW]
    if all(known) and (address, number, own) == (None, None, None):
        return Found(known[0], _whole(OF_KUBEFLOW[1]), _whole(OF_KUBEFLOW[2]))
    if address is not None and (number, own) == (None, None) and OF_OPEN_MPI[0] in os.environ:
        number, own = _whole(OF_OPEN_MPI[0]), _whole(OF_OPEN_MPI[1])
        return Found(address, number, own, _local(_whole(OF_OPEN_MPI[2])))
    detected = ClusterEnv.auto_detect_unset_distributed_params(
        address, number, own, None, None, REACHED
    )
    found = Found(*detected[:3], _local(detected[3][0]) if detected[3] else None)
    if found[:3] == (None, None, None):
        raise ConfigurationError(
            "no scheduler is known that started this process",
            where="the environment",
            given="no variables of Slurm, Open MPI, Kubernetes or Kubeflow Trainer",
            expected="a process that srun, mpirun or a TrainJob has started",
            fix="say it: --coordinator HOST:PORT --processes N --process I",
        )
    return found


def _whole(name: str) -> int:
    """Return the whole number of an environment variable.

    Raises:
        ConfigurationError: it has none.
    """
    try:
        return int(os.environ.get(name, ""))
    except ValueError as error:
        raise ConfigurationError(
            "the environment does not say which process this is",
            where=name,
            given=os.environ.get(name) or "nothing",
            expected="a whole number",
        ) from error


def _local(own: int) -> int | None:
    """Return the index of this process on its host; None where it is alone there."""
    per_host = "".join(os.environ.get(name, "") for name in PER_HOST)
    return own if any(int(size) > 1 for size in re.findall(r"\d+(?!\))", per_host)) else None


def _checked(address: str | None, number: int | None, own: int | None) -> tuple[str, str]:
    host, _, port = (address or "").rpartition(":")
    wrong = None
    if None in (address, number, own):
        wrong = "a coordinator, the number of processes and the index of this one go together"
    elif not host or not port.isdecimal() or not 0 < int(port) < 65536:
        wrong = "the coordinator has a host and a port"
    elif not isinstance(number, int) or number < 1:
        wrong = "there is at least one process"
    elif not isinstance(own, int) or not 0 <= own < number:
        wrong = "the processes are numbered from 0"
    if wrong is not None:
        last = number - 1 if isinstance(number, int) and number > 1 else 1
        raise ConfigurationError(
            wrong,
            given=f"coordinator={address}, processes={number}, process={own}",
            expected=f"such as --coordinator host0:1234 --processes {last + 1}, with --process 0 "
            f"on host0, up to --process {last}",
        )
    return host, port


def _serve(port: str, number: int) -> None:
    """Start the coordination service beside this process.

    That of an earlier run, whose process 0 was killed, may hold the port for a while yet.

    Raises:
        RunError: its port is taken.
    """
    pipe, end = subprocess.PIPE, time.monotonic() + LINGERS + 10
    while (problem := _problem_of(int(port))) is not None:
        if time.monotonic() > end:
            raise RunError(
                "the coordinator cannot listen",
                where=f"port {port}",
                given=problem,
                fix="choose another port, the same for all processes",
            )
        time.sleep(1)
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, f"[::]:{port}", str(number), str(LINGERS)],
        stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    assert service.stdout is not None
    said = service.stdout.readline().strip()
    if said != "ready":
        raise RunError(
            "the coordinator cannot listen", where=f"port {port}", given=said or "it has ended"
        )
    _services.append(service)


def _problem_of(port: int) -> str | None:
    """Return why nobody can listen at a port; None where somebody can.

    The service itself would share the port with another one, and the processes would be torn apart.
    """
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _reach(host: str, port: str, wait: float) -> None:
    """Wait until the coordinator answers.

    Raises:
        RunError: it does not.
    """
    end, problem = time.monotonic() + wait - 2, ""
    while time.monotonic() < end:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            problem = error.strerror or str(error)
            time.sleep(0.5)
    raise RunError(
        "the coordinator cannot be reached",
        where=f"{host}:{port}",
        given=f"{problem}, for {wait} seconds",
        fix="see that process 0 runs there, that all name its host and port, and that no firewall "
        "lies between; --wait 300 waits longer for a host that starts late",
    )


def _connected(address: str, number: int, own: int, wait: int) -> Any:
    """Return the client that `jax.distributed.initialize` makes, of a service beside process 0.

    Raises:
        RunError: the others do not come.
    """
    client = distributed._jax.get_distributed_runtime_client(  # type: ignore[attr-defined]  # of JAX's own
        address,
        own,
        init_timeout=UNWATCHED,  # it would end the process without a sentence
        use_compression=True,
        heartbeat_timeout=UNWATCHED,
        shutdown_on_destruction=False,
    )
    problems: list[str] = []

    def connect() -> None:
        try:
            client.connect()
        except RuntimeError as error:
            problems.append(str(error).splitlines()[0])

    connecting = threading.Thread(target=connect, daemon=True)
    connecting.start()
    connecting.join(wait)
    if connecting.is_alive() or problems:
        raise _apart(number, (problems or [f"some have not come within {wait} seconds"])[0])
    return client


def _are_together(client: Any, number: int, own: int, end: float) -> bool:
    """Return whether the processes at the service have begun with this one.

    A service of an earlier run outlives its process 0 for a while, and one that was started again
    alone finds a run that has lost it. Process 0 has a new service, and says who has come to it.

    Raises:
        RunError: the others do not come.
    """
    token = secrets.token_hex(8)
    client.key_value_set(f"clearprop/hello/{own}", token, True)
    if own == 0:
        others = [_awaited(client, f"clearprop/hello/{i}", end, number) for i in range(1, number)]
        client.key_value_set("clearprop/all", " ".join(others))
        return True
    return token in _awaited(client, "clearprop/all", end, number).split()


def _awaited(client: Any, key: str, end: float, number: int) -> str:
    while time.monotonic() < end:
        with contextlib.suppress(RuntimeError):
            return str(client.blocking_key_value_get(key, SLICE))
    who = "process 0 has not seen all" if key.endswith("all") else f"process {key[16:]} is missing"
    raise _apart(number, who)


def _apart(number: int, given: str) -> RunError:
    return RunError(
        "the processes did not come together",
        given=given,
        fix=f"start all {number}, each with a number of its own from 0 to {number - 1}",
    )


def leave() -> None:
    """Say that this process ends; without a call this is done when Python ends."""
    own = watch()
    if own is None or not own.leave():
        return
    with contextlib.suppress(OSError, RuntimeError):
        if _services:
            _wait_for_others(own)
        own.client.shutdown()  # without it the runtime ends a process whose service has ended
        for service in _services:
            assert service.stdin is not None
            service.stdin.write("end\n")
            service.stdin.flush()


def _wait_for_others(own: Watch) -> None:
    """Wait until the others have left too: they ask the service for each other."""
    while len({*own.left, *own.silent(STALE), own.own}) < own.number:
        time.sleep(0.1)
        own.look()
    time.sleep(0.5)  # they have said it, and shut down their clients
