"""A Slurm cluster of two nodes, which are both this machine, for the tests of the Slurm script."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

NEEDED = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")

# The names of the nodes are addresses of the loopback interface, so JAX, which calls the first node
# by its name, finds it.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=1
MpiDefault=none
ReturnToService=2
GresTypes=gpu
NodeName=127.0.0.[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] \
Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 Gres=gpu:2 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""
GPUS = "NodeName=127.0.0.[1-2] Name=gpu File=/dev/null,/dev/zero\n"


def missing() -> list[str]:
    """Return the programs of Slurm and MUNGE that are not installed."""
    return [name for name in NEEDED if shutil.which(name, path=search_path()) is None]


def search_path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


@contextlib.contextmanager
def local_slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Run a cluster inside a ``with`` block; yield the environment for its commands."""
    folder.mkdir(mode=0o755)
    (folder / "state").mkdir()
    host, user = socket.gethostname().split(".")[0], _user()
    text = CONFIGURATION.format(folder=folder, host=host, user=user, ports=_free_ports(3))
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    (folder / "gres.conf").write_text(GPUS, encoding="utf-8")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    inherited = {
        name: text for name, text in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))
    }
    environment = inherited | {
        "PATH": search_path(),
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    munge = [f"--{name}={folder}/munge.{name}" for name in ("socket", "pid-file", "seed-file")]
    munge += [f"--key-file={key}", f"--log-file={folder}/munge.log", "--foreground", "--force"]
    nodes = [["slurmd", "-D", "-N", f"127.0.0.{number}"] for number in (1, 2)]
    with contextlib.ExitStack() as stack:
        for command in (["munged", *munge], ["slurmctld", "-D"], *nodes):
            stack.enter_context(_running(command, environment, folder))
            time.sleep(0.5)
        _wait_until_idle(environment, folder)
        yield environment


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / f"{command[0]}-{command[-1].replace('/', '')}.out").open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    command = ["sinfo", "--noheader", "--format=%T %D"]
    for _ in range(60):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.stdout.split() == ["idle", "2"]:
            return
        time.sleep(0.5)
    logs = {path.name: path.read_text(errors="replace")[-800:] for path in folder.glob("*.out")}
    raise RuntimeError(f"Slurm did not start: {done.stdout}{done.stderr} {logs}")


def _free_ports(number: int) -> list[int]:
    """Return ports that follow each other, outside the range that JAX takes for Slurm."""
    for first in range(17_000 + os.getpid() % 500 * 4, 40_000, number):
        ports = list(range(first, first + number))
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return ports
    raise RuntimeError("no free ports")


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
