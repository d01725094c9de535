"""The files in docs/scale: each service takes its own, and it means what it should."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from clearprop.cli.arguments import COMMANDS, parse
from clearprop.cli.training import chosen_values
from clearprop.recipes import find_recipe
from tests.local_slurm import local_slurm, missing

ROOT = Path(__file__).parents[1]
SCALE = ROOT / "docs" / "scale"
SLURM, KUBEFLOW, SKYPILOT = SCALE / "slurm.sbatch", SCALE / "trainjob.yaml", SCALE / "sky.yaml"
WITH_SERVICES = ROOT / ".venv-recipes" / "bin" / "python"
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="the files for clusters need bash")

# --- what the commands in a file mean ------------------------------------------------------------

OF_PROCESSES = {"--distributed": 0, "--coordinator": 1, "--processes": 1, "--process": 1}
"""The options for several hosts, and how many words follow each."""


def without_unknown(words: list[str]) -> list[str]:
    """Leave out options for several hosts that the command does not have yet."""
    known = {argument.name for argument in COMMANDS[words[0]].arguments}
    kept, position = [], 0
    while position < len(words):
        word = words[position]
        if word in OF_PROCESSES and word not in known:
            position += OF_PROCESSES[word]
        else:
            kept.append(word)
        position += 1
    return kept


def taken(words: list[str]) -> dict[str, Any]:
    """Parse a command as clearprop does; return its arguments, and values of its recipe."""
    call = parse(without_unknown(words))
    assert isinstance(call, functools.partial)
    arguments = call.args[1]
    values = {}
    if words[0] == "train":
        recipe = find_recipe(arguments.RECIPE).of(chosen_values(arguments))
        values = {"batch_size": recipe.batch_size, "mesh": recipe.mesh}
    return vars(arguments) | values


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


class Called(NamedTuple):
    """What a script called, and how it ended."""

    code: int
    commands: list[list[str]]

    def of(self, name: str) -> list[str]:
        [found] = [command for command in self.commands if name in command]
        return found[found.index(name) + 1 :]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Called]:
    """Run a script with programs that only write down how they were called."""
    programs, calls = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    for name in ("clearprop", "srun", "scontrol"):
        program = programs / name
        program.write_text(
            "#!/bin/sh\n"
            'for word in "${0##*/}" "$@"; do printf "%s\\037" "$word"; done >> "$CALLS"\n'
            'echo >> "$CALLS"\n'
            '[ "${0##*/}" = scontrol ] || exit "${CODE:-0}"\n'
        )
        program.chmod(0o755)

    def run_script(text: str, **environment: str) -> Called:
        calls.write_text("")
        variables = {"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(calls)}
        command = [str(BASH), "-c", text]
        code = subprocess.run(command, env=variables | environment, check=False).returncode
        lines = calls.read_text().splitlines()
        return Called(code, [line.removesuffix("\x1f").split("\x1f") for line in lines])

    return run_script


def begun(folder: Path) -> Path:
    """Return the folder of a run that has begun."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def check_commands(train: list[str], resume: list[str], run: str, devices: int) -> None:
    """Check the command for a new run, and that for one that has begun."""
    new = taken(train)
    assert new["folder"] == run
    assert dict(new["mesh"]) == {"data": -1}
    assert new["batch_size"] % devices == 0, "a batch has to divide evenly over all devices"
    assert resume[0] == "resume"
    assert taken(resume)["RUN"] == run


def ask(program: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a program with the packages of the services; return what it prints."""
    if not WITH_SERVICES.exists():
        pytest.skip("SkyPilot and simple-slurm are not installed: `make recipes`")
    command = [str(WITH_SERVICES), "-c", program, *arguments]
    variables = os.environ | environment
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


# --- Slurm ---------------------------------------------------------------------------------------


def directives() -> dict[str, str]:
    lines = SLURM.read_text(encoding="utf-8").splitlines()
    given = [line.split("#")[1].split() for line in lines if line.startswith("#SBATCH ")]
    assert all(len(words) == 2 for words in given)
    return {name: text for _, word in given for name, _, text in [word.lstrip("-").partition("=")]}


ASK_SIMPLE_SLURM = """
import json, sys
from simple_slurm import Slurm

options = json.loads(sys.argv[1])
given = {name.replace("-", "_"): text or True for name, text in options.items()}
print(json.dumps(vars(Slurm(**given).namespace)))
"""


def test_slurm_knows_the_options_of_the_script() -> None:
    options = directives()
    known = ask(ASK_SIMPLE_SLURM, json.dumps(options))
    for name, text in options.items():
        assert known[name.replace("-", "_")] == (text or "")


def test_the_slurm_script_asks_for_one_process_on_each_host() -> None:
    options = directives()
    assert int(options["nodes"]) > 1
    assert options["ntasks-per-node"] == "1"
    assert {"gpus-per-node", "cpus-per-task", "requeue"} <= set(options)
    assert options["open-mode"] == "append", "after a restart the log goes on"
    signal, _, seconds = options["signal"].partition("@")
    assert signal == "INT", "clearprop writes a checkpoint at this signal; B: would stop the script"
    assert int(seconds) >= 120


def slurm(folder: Path, **more: str) -> dict[str, str]:
    return {"SLURM_SUBMIT_DIR": str(folder), "SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "4"} | more


def test_the_slurm_script_trains_and_goes_on(tmp_path: Path, run: Callable[..., Called]) -> None:
    script, folder = SLURM.read_text(encoding="utf-8"), tmp_path / "runs" / "char-gpt-1"
    first = run(script, **slurm(tmp_path))
    begun(folder)
    second = run(script, **slurm(tmp_path))
    assert (first.code, second.code) == (0, 0)
    options = directives()
    devices = int(options["nodes"]) * int(options["gpus-per-node"])
    train, resume = first.of("clearprop"), second.of("clearprop")
    check_commands(train, resume, str(folder), devices)
    for done, command in ((first, train), (second, resume)):
        assert "--distributed" in command
        assert done.commands[0][0] == "srun", "on every host"
        assert "--cpus-per-task=4" in done.commands[0], "srun does not take it from sbatch"
        assert "--kill-on-bad-exit=0" in done.commands[0]


def test_the_slurm_script_is_put_back_when_a_process_dies(
    tmp_path: Path, run: Callable[..., Called]
) -> None:
    script = SLURM.read_text(encoding="utf-8")
    unbegun = run(script, **slurm(tmp_path, CODE="2"))
    assert unbegun.code == 2
    assert len(unbegun.commands) == 1, "what never began is not tried again"
    begun(tmp_path / "runs" / "char-gpt-1")
    died = run(script, **slurm(tmp_path, CODE="130"))
    assert died.code == 130
    assert died.of("scontrol") == ["requeue", "7"]
    too_often = run(script, **slurm(tmp_path, CODE="130", SLURM_RESTART_COUNT="10"))
    assert too_often.code == 130
    assert len(too_often.commands) == 1


CLEARPROP_IN_SLURM = """#!/usr/bin/env bash
echo "$1 process $SLURM_PROCID of $SLURM_NTASKS, $SLURM_STEP_NODELIST, GPUs $CUDA_VISIBLE_DEVICES"
[[ $1 == resume ]] && exit 0
mkdir -p runs/char-gpt-1
sleep 1
echo '{}' > runs/char-gpt-1/config.json
exit $((SLURM_PROCID == 1 ? 3 : 0))
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
def test_slurm_runs_the_script_and_starts_it_again(tmp_path: Path) -> None:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f"PATH={programs}:$PATH\n")
    (programs / "clearprop").write_text(CLEARPROP_IN_SLURM)
    (programs / "clearprop").chmod(0o755)
    small = ["--gpus-per-node=2", "--cpus-per-task=2", "--mem=500", str(SLURM)]
    with local_slurm(tmp_path / "slurm") as environment:

        def said(*command: str) -> str:
            done = subprocess.run(
                command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
            )
            return done.stdout

        def wait_for(part: str) -> None:
            for _ in range(60):
                shown = said("scontrol", "show", "job", job)
                if part in shown:
                    return
                time.sleep(0.5)
            pytest.fail(f"{shown}\n{log.read_text()}")

        job = said("sbatch", "--parsable", *small).strip()
        log = tmp_path / f"clearprop-{job}.log"
        wait_for("JobState=PENDING Reason=BeginTime")
        said("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm waits for two minutes
        wait_for("JobState=COMPLETED")
    lines = log.read_text().splitlines()
    for verb in ("train", "resume"):
        for process in (0, 1):
            line = f"{process}: {verb} process {process} of 2, 127.0.0.[1-2], GPUs 0,1"
            assert line in lines
    assert any(line.startswith("clearprop ended with exit code 3") for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")
def test_processes_find_each_other_by_the_variables_of_slurm(tmp_path: Path) -> None:
    train = ["train", "mlp", "--data", "digits", "--no-report", "--set", "epochs=1"]
    given = ["--distributed", "--set", "batch_size=64", "--folder", str(tmp_path / "run")]
    with local_slurm(tmp_path / "slurm") as environment:
        done = subprocess.run(
            ["srun", "--nodes=2", "--ntasks-per-node=1", "--label", "--mem=500", sys.executable,
             "-m", "clearprop", *train, *given],
            env=environment, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0: training 50,826 parameters on 1,437 examples" in done.stderr
    assert "over 2 devices" in done.stderr
    assert re.search(r"^0: test accuracy ", done.stdout, re.MULTILINE)
    assert not re.search(r"^1: test accuracy ", done.stdout, re.MULTILINE)


# --- Kubernetes ----------------------------------------------------------------------------------


def pod() -> dict[str, Any]:
    """Return what the file changes in the pod of the runtime."""
    [patch] = read(KUBEFLOW)["spec"]["runtimePatches"]
    [job] = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert job["name"] == "node"
    found: dict[str, Any] = job["template"]["spec"]["template"]["spec"]
    return found


def test_kubeflow_knows_every_field_of_the_train_job() -> None:
    models = pytest.importorskip(
        "kubeflow_trainer_api.models", reason="kubeflow-trainer-api is not installed"
    )
    given = read(KUBEFLOW)
    # An unknown field is left out without a word, so what comes back is compared.
    assert models.TrainerV1alpha1TrainJob.from_dict(given).to_dict() == given


def test_the_train_job_runs_one_process_in_each_pod() -> None:
    job = read(KUBEFLOW)
    assert (job["apiVersion"], job["kind"]) == ("trainer.kubeflow.org/v1alpha1", "TrainJob")
    spec, trainer = job["spec"], job["spec"]["trainer"]
    assert spec["runtimeRef"]["name"] == "jax-distributed"
    assert spec["runtimeRef"]["kind"] == "ClusterTrainingRuntime"
    assert trainer["numNodes"] > 1
    assert "numProcPerNode" not in trainer
    limits, requests = (
        trainer["resourcesPerNode"]["limits"],
        trainer["resourcesPerNode"]["requests"],
    )
    assert limits["nvidia.com/gpu"] == requests["nvidia.com/gpu"]
    # The runtime sets these, and its port; what a user sets would be overwritten.
    assert not [entry for entry in trainer["env"] if entry["name"].startswith("JAX_")]
    # The host of process 0 is NAME-node-0-0.NAME, and each part may have 63 letters.
    assert len(f"{job['metadata']['name']}-node-0-0") <= 63


def test_pods_share_the_folder_and_have_memory_for_their_gpus() -> None:
    [container] = pod()["containers"]
    assert container["name"] == "node"
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    at = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert at["/dev/shm"]["emptyDir"]["medium"] == "Memory"
    [run] = [entry["value"] for entry in read(KUBEFLOW)["spec"]["trainer"]["env"]]
    assert "persistentVolumeClaim" in at[f"/{run.split('/')[1]}"]


def test_the_train_job_trains_and_goes_on(tmp_path: Path, run: Callable[..., Called]) -> None:
    trainer = read(KUBEFLOW)["spec"]["trainer"]
    assert trainer["command"] == ["bash", "-c"]
    [script] = trainer["args"]
    assert "$(" not in script, "Kubernetes would put a variable there"
    folder = str(tmp_path / "a run")
    first = run(script, RUN=folder).of("clearprop")
    begun(Path(folder))
    second = run(script, RUN=folder).of("clearprop")
    devices = trainer["numNodes"] * int(trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"])
    check_commands(first, second, folder, devices)
    assert "--distributed" in first
    assert "--distributed" in second
    assert run(script, RUN=folder, CODE="3").code == 3, "so that Kubernetes starts it again"


# --- SkyPilot ------------------------------------------------------------------------------------

ASK_SKYPILOT = """
import json, sys
import sky
from sky.utils import common_utils, schemas
import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    common_utils.validate_schema(yaml.safe_load(file), schemas.get_task_schema(), "")
task = sky.Task.from_yaml(sys.argv[1])
[resources] = task.resources
print(json.dumps({
    "nodes": task.num_nodes, "gpus": resources.accelerators, "ports": resources.ports,
    "recovery": resources.job_recovery, "volumes": task.volumes, "variables": task.envs,
}))
"""


def test_skypilot_takes_its_file(tmp_path: Path) -> None:
    quiet = {"HOME": str(tmp_path), "SKYPILOT_DISABLE_USAGE_COLLECTION": "1"}
    asked = ask(ASK_SKYPILOT, str(SKYPILOT), **quiet)
    task = read(SKYPILOT)
    assert asked["nodes"] == task["num_nodes"]
    assert asked["gpus"] == {"H100": 8}
    assert asked["ports"] is None, "the port of process 0 is not open to the world"
    assert asked["recovery"]["max_restarts_on_errors"] > 0
    assert asked["volumes"] == task["volumes"]
    assert asked["variables"] == task["envs"]


def test_the_folder_of_skypilot_lies_on_a_volume() -> None:
    task = read(SKYPILOT)
    assert any(task["envs"]["RUN"].startswith(f"{place}/") for place in task["volumes"])
    assert "file_mounts" not in task, "files in a bucket cannot be renamed"


def test_skypilot_trains_and_goes_on(tmp_path: Path, run: Callable[..., Called]) -> None:
    task = read(SKYPILOT)
    folder = str(tmp_path / "a run")
    nodes = task["num_nodes"]
    devices = nodes * int(task["resources"]["accelerators"].split(":")[1])

    def called(rank: int, **more: str) -> Called:
        hosts = "\n".join(f"10.0.0.{number + 1}" for number in range(nodes))
        variables = {"SKYPILOT_NODE_IPS": hosts, "SKYPILOT_NODE_RANK": str(rank)}
        variables |= {"SKYPILOT_NUM_NODES": str(nodes)} | task["envs"] | {"RUN": folder} | more
        return run(task["run"], **variables)

    trained = [called(rank).of("clearprop") for rank in range(nodes)]
    begun(Path(folder))
    resumed = [called(rank).of("clearprop") for rank in range(nodes)]
    for rank, (train, resume) in enumerate(zip(trained, resumed, strict=True)):
        check_commands(train, resume, folder, devices)
        for command in (train, resume):
            assert option(command, "--coordinator") == f"10.0.0.1:{task['envs']['PORT']}"
            assert option(command, "--processes") == str(nodes)
            assert option(command, "--process") == str(rank)
    assert called(0, CODE="3").code == 3, "so that SkyPilot starts it again"
