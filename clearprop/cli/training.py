"""``clearprop train``, ``resume`` and ``fork``: train a recipe, evaluate it, write its report."""

from __future__ import annotations

import argparse
import contextlib
import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from clearprop import glass, nn, processes, tree
from clearprop.backend import DATA, MODEL
from clearprop.cli.datasets import say_columns
from clearprop.cli.inference import shown_error
from clearprop.cli.inspection import extras_of
from clearprop.cli.interrupts import INTERRUPTED
from clearprop.cli.output import complain, only_complain, say
from clearprop.cli.runs import existing_run, new_run
from clearprop.cpu import configure_cpu
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.glass.wording import measure
from clearprop.recipes import find_recipe
from clearprop.recipes.choice import DataSource
from clearprop.recipes.columns import aligned
from clearprop.recipes.configuration import assigned, taken_axes
from clearprop.recipes.experiment import OWN_ERRORS, Experiment, of_run, prepare
from clearprop.recipes.hyperparameter_search import Trial, search
from clearprop.recipes.study import FIGURES, Study, claim, write_results
from clearprop.training import Event, Run
from clearprop.training.execution_plan import of_config
from clearprop.training.run_config import read_config
from clearprop.training.run_folder import SNAPSHOTS
from clearprop.training.snapshots import check_kept
from clearprop.training.storage.checkpoint import StateFolder

TENSORBOARD = "tensorboard"
"""The form of a log, and the folder below that of the run in which it stands."""

FINE_TUNE = "fine-tune"
"""The recipe for a network of a file."""


def run_train(arguments: argparse.Namespace) -> int:
    """Train a recipe; return the exit code."""
    arguments.RECIPE = recipe_chosen(arguments)
    kind = find_recipe(arguments.RECIPE)
    if issubclass(kind, Study):
        return study(kind, arguments)
    check_log(arguments.log)
    values = chosen_values(arguments)
    with joined(arguments):
        arrange_devices(values.get("mesh"))
        experiment = prepare(arguments.RECIPE, values)
        with new_run(arguments.folder, arguments.RECIPE) as folder:
            return train(experiment, folder, report=not arguments.no_report, log=arguments.log)


def is_one_of_several(arguments: argparse.Namespace) -> bool:
    """Return whether a command says that it is one of several processes."""
    given = (arguments.coordinator, arguments.processes, arguments.process)
    return arguments.distributed or any(value is not None for value in given)


@contextlib.contextmanager
def joined(arguments: argparse.Namespace) -> Iterator[None]:
    """Within the block this process is one of several, if the command says so.

    Raises:
        ConfigurationError: the options do not go together, or no scheduler is known.
        RunError: the others cannot be reached, or one of them has ended.
    """
    if is_one_of_several(arguments):
        given = (arguments.coordinator, arguments.processes, arguments.process)
        processes.initialize(*given, initialization_timeout=arguments.wait)
    elif arguments.wait is not None:
        raise ConfigurationError(
            "one process waits for no others",
            where="--wait",
            given=str(arguments.wait),
            fix="leave it out, or add --distributed",
        )
    if not processes.is_first():
        only_complain(processes.index())
    with processes.together():
        yield
    processes.leave()


def arrange_devices(mesh: object, earlier: Mapping[str, object] | None = None) -> None:
    """Make as many devices of the CPU as a mesh asks for; other devices are as they are.

    Several processes share out the devices of a mesh; without one, each has one device.

    Args:
        mesh: as text, or the sizes of its axes; None where none was asked for.
        earlier: the configuration of a run that goes on, whose devices are taken then.
    """
    taken = taken_axes(mesh)
    sizes: Mapping[str, object] = taken if isinstance(taken, dict) else {}
    if mesh is None and earlier is not None:
        plan = of_config(earlier, "the run")
        sizes = {DATA: plan.devices, MODEL: plan.parts}
    known = [int(str(size)) for size in sizes.values() if str(size).isdecimal()]
    wanted = math.prod(known) if sizes and len(known) == len(sizes) else 1
    if processes.count() > 1:
        configure_cpu(max(1, wanted // processes.count()))
    elif wanted > 1:
        configure_cpu(wanted)


def check_log(log: str | None) -> None:
    """Raise unless the form of a log is known and what writes it is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if log is not None and log != TENSORBOARD:
        raise unknown_name("form of a log", log, [TENSORBOARD], where="--log")
    reader_for(log, Path())


def reader_for(log: str | None, folder: Path) -> Callable[[Event], None] | None:
    """Return what reads the events of a run for its log; None where none is written.

    Args:
        log: the form; None for none.
        folder: of the run.
    """
    if log is None:
        return None
    from clearprop.interop.tensorboard import TensorBoardLog

    return TensorBoardLog(folder / TENSORBOARD, run=folder)


def recipe_chosen(arguments: argparse.Namespace) -> str:
    """Return the recipe of a command; a file of ONNX is trained by its own.

    Raises:
        ConfigurationError: neither a recipe nor a file is given, or a recipe that takes no file.
    """
    name, given = arguments.RECIPE, arguments.source
    if name is None and given is None:
        is_picky = arguments.freeze is not None
        raise ConfigurationError(
            "--freeze goes with --from" if is_picky else "there is nothing to train",
            where="clearprop train",
            expected="a RECIPE, or --from model.onnx with --data FOLDER",
            fix="clearprop train --help",
        )
    if name not in (None, FINE_TUNE) and (given is not None or arguments.freeze is not None):
        option = "--from" if given is not None else "--freeze"
        raise ConfigurationError(
            f"the recipe {name} makes its own network; {option} is for one of a file",
            where="clearprop train",
            given=f"{name} {option} {given or arguments.freeze}",
            fix="leave the recipe out: clearprop train --from model.onnx --data FOLDER",
        )
    return name or FINE_TUNE


def chosen_values(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the values of ``--set`` and of the options that stand for a key.

    Raises:
        ConfigurationError: a text is no assignment, or a key is given twice.
    """
    shortcuts = {
        "data.name": arguments.data,
        "data.target": arguments.target,
        "file": getattr(arguments, "source", None),
        "freeze": getattr(arguments, "freeze", None),
        "mesh": getattr(arguments, "mesh", None),
    }
    return assigned(
        [*arguments.values, *(f"{key}={text}" for key, text in shortcuts.items() if text)]
    )


def train(
    experiment: Experiment,
    folder: Path,
    *,
    report: bool,
    resume: bool = False,
    log: str | None = None,
) -> int:
    """Train an experiment, print the results, and write the report; return the exit code.

    Args:
        experiment: the recipe and its data.
        folder: of the run.
        report: whether to write the report.
        resume: whether to continue the run in the folder.
        log: the form of a log that is written too; None for none.
    """
    rows = [
        ("recipe", experiment.name),
        ("data", experiment.data_line),
        *experiment.told(),
        ("model", _sizes(experiment)),
        ("run", str(folder)),
    ]
    say("\n".join(aligned(rows)))
    dataset = experiment.dataset
    say_columns(dataset.taken, (*dataset.notes, *experiment.unseen))
    reader = reader_for(log, folder) if processes.is_first() else None
    done = experiment.train(folder=folder, resume=resume, on_event=reader)
    if not processes.is_first():
        return INTERRUPTED if done.stopped.reason == "interrupted" else 0
    with processes.alone():
        return finish(experiment, done, folder, report=report, log=log)


def _sizes(experiment: Experiment) -> str:
    """Return the number of parameters in words, and how many are trained where some are not."""
    sizes = {path: weights.size for path, weights in nn.parameters(experiment.model()).items()}
    freeze = experiment.recipe.fit_options().get("freeze", ())
    frozen = sum(sizes[path] for path in tree.match(list(sizes), freeze)) if freeze else 0
    whole = sum(sizes.values())
    some = f", of which {whole - frozen:,} are trained" if frozen else ""
    return f"{whole:,} parameters{some}"


def finish(
    experiment: Experiment, done: Run, folder: Path, *, report: bool, log: str | None = None
) -> int:
    """Evaluate a run, print the results, and write the report; return the exit code.

    Args:
        experiment: the recipe and its data.
        done: the run.
        folder: of the run.
        report: whether to write the report.
        log: the form of a log that was written too; None for none.
    """
    if done.stopped.reason == "interrupted":
        complain(
            f"interrupted after {done.stopped.step:,} steps; the model so far can be used: "
            f"{folder / 'model.safetensors'}\n"
            f"continue with: clearprop resume {shlex.quote(str(folder))}"
        )
        return INTERRUPTED
    say()
    extras = extras_of(experiment, done.model, done.history, done.machine)
    numbers = experiment.numbers(done) | extras.measures
    write_results(folder, numbers)
    say("\n".join([*shown(experiment, numbers), *extras.remarks]))
    if report:
        say(f"report  {glass.write_report(done, experiment.splits, **extras._asdict())}")
    if log is not None:
        say(f"log     tensorboard --logdir {shlex.quote(str(folder / TENSORBOARD))}")
    say(f"studio  clearprop studio {shlex.quote(str(folder))}")
    return 0


def shown(experiment: Experiment, numbers: dict[str, float]) -> list[str]:
    """Return the final numbers of a run as lines."""
    is_regression = experiment.dataset.task == "regression"
    test = experiment.splits.test
    rows = []
    for name, value in numbers.items():
        if name in OWN_ERRORS:
            label = name.replace("error", "root mean square error") if is_regression else name
            text = shown_error(value, is_fraction=not is_regression)
            on = f" on {len(test):,} {test.noun}s" if name == "test error" and test else ""
            if experiment.loss == "sequence_cross_entropy" and experiment.dataset.noun != "window":
                # For sequences of unequal length this differs from the fraction of all positions.
                label += f", mean of the {experiment.dataset.noun}s"
            rows.append((label, text + on))
        else:
            rows.append((name, f"{value:.4f}" if name == "objective" else measure(name, value)))
    return aligned(rows)


def study(kind: type[Study], arguments: argparse.Namespace) -> int:
    """Carry out a study, print its findings, and write its folder; return the exit code.

    Raises:
        ConfigurationError: a log is asked for, or several processes.
    """
    if is_one_of_several(arguments):
        raise ConfigurationError(
            "a study is carried out by one process",
            where="clearprop train",
            given=f"{arguments.RECIPE} in several",
            fix="leave out --distributed, --coordinator, --processes and --process",
        )
    if arguments.log is not None:
        raise ConfigurationError(
            "a log is that of one training, and a study has several or none",
            where="--log",
            given=f"{arguments.log} for {arguments.RECIPE}",
            fix="leave it out",
        )
    chosen = kind.of(chosen_values(arguments), where=arguments.RECIPE)
    with new_run(arguments.folder, arguments.RECIPE) as folder:
        claim(folder)  # before the work, so that an unusable folder is found at once
        say("\n".join(aligned([("study", arguments.RECIPE), ("run", str(folder))])))
        source = getattr(chosen, "data", None)
        if isinstance(source, DataSource) and source.name is not None:
            dataset, _ = source.load(())
            say_columns(dataset.taken, dataset.notes)
        found = chosen.carry_out()
        say()
        say("\n".join(found.lines))
        page = chosen.write(folder, arguments.RECIPE, found, report=not arguments.no_report)
        if found.drawings:
            say(f"figures {folder / FIGURES}")
        if page is not None:
            say(f"report  {page}")
    return 0


def run_search(arguments: argparse.Namespace) -> int:
    """Search for values of a recipe; return the exit code."""
    values = chosen_values(arguments)
    arrange_devices(values.get("mesh"))

    def show(trial: Trial) -> None:
        chosen = " ".join(f"{key}={value}" for key, value in trial.values.items())
        end = f"{trial.error:.4g}" if trial.state == "done" else trial.state
        complain(f"{chosen}: {end}")

    with new_run(arguments.folder, f"{arguments.RECIPE}-search") as folder:
        found = search(
            arguments.RECIPE,
            arguments.over,
            values=values,
            trials=arguments.trials,
            seed=arguments.seed,
            folder=folder,
            on_trial=show,
        )
        say(str(found))
        if len(found.trials) < arguments.trials:
            complain(f"interrupted; go on with the same command and --folder {folder}")
            return INTERRUPTED
        say()
        say(f"best: {found.command}")
    return 0


def run_resume(arguments: argparse.Namespace) -> int:
    """Continue a run; return the exit code."""
    check_log(arguments.log)
    folder = existing_run(arguments.RUN)
    config = read_config(folder)
    with joined(arguments):
        arrange_devices(arguments.mesh, config)
        experiment = of_run(config, str(folder))
        if arguments.mesh is not None:
            mesh = arguments.mesh if taken_axes(arguments.mesh) else f"{DATA}=1"
            experiment = replace(experiment, recipe=experiment.recipe.on_mesh(mesh))
        report = not arguments.no_report
        return train(experiment, folder, report=report, resume=True, log=arguments.log)


def run_fork(arguments: argparse.Namespace) -> int:
    """Fork a run; return the exit code.

    Raises:
        ConfigurationError: no step is given, or the run has no snapshot of it.
    """
    check_log(arguments.log)
    parent = existing_run(arguments.RUN)
    if arguments.step is None:
        raise ConfigurationError(
            "a fork needs the step at which it starts",
            where="clearprop fork",
            fix=f"clearprop fork {parent} --step N",
        )
    check_kept(arguments.step, StateFolder(parent / SNAPSHOTS).steps)
    config, values = read_config(parent), assigned(arguments.values)
    arrange_devices(values.get("mesh"), config)
    experiment = of_run(config, str(parent))
    changed = experiment.changed(values)
    with new_run(arguments.folder, experiment.name) as folder:
        rows = [("parent", f"{parent}, step {arguments.step:,}"), ("run", str(folder))]
        say("\n".join(aligned(rows)))
        reader = reader_for(arguments.log, folder)
        done = experiment.fork(parent, arguments.step, values, folder=folder, on_event=reader)
        report = not arguments.no_report
        return finish(changed, done, folder, report=report, log=arguments.log)
