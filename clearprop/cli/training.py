"""``clearprop train``, ``resume`` and ``fork``: a recipe is trained, evaluated and reported."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from clearprop import nn
from clearprop.cli.inference import shown_error
from clearprop.cli.inspection import tell, write_report
from clearprop.cli.output import complain, say
from clearprop.cli.runs import existing_run, new_run
from clearprop.errors import ConfigurationError, RunError
from clearprop.glass.wording import measure
from clearprop.recipes import find_recipe
from clearprop.recipes.columns import aligned
from clearprop.recipes.configuration import assigned
from clearprop.recipes.experiment import OWN_ERRORS, Experiment, of_run, prepare
from clearprop.recipes.study import FIGURES, Study, claim, write_results
from clearprop.training import Run
from clearprop.training.run_folder import SNAPSHOTS, read_config
from clearprop.training.snapshots import SnapshotFolder, check_kept

INTERRUPTED = 130


def run_train(arguments: argparse.Namespace) -> int:
    """Train a recipe; returns the exit code."""
    kind = find_recipe(arguments.RECIPE)
    if issubclass(kind, Study):
        return study(kind, arguments)
    experiment = prepare(arguments.RECIPE, chosen_values(arguments))
    with new_run(arguments.folder, arguments.RECIPE) as folder:
        return train(experiment, folder, report=not arguments.no_report)


def chosen_values(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the values of ``--set``, with ``--data`` and ``--target`` among them.

    Raises:
        ConfigurationError: no assignment, or a key is given twice.
    """
    shortcuts = {"data.name": arguments.data, "data.target": arguments.target}
    return assigned(
        [*arguments.values, *(f"{key}={text}" for key, text in shortcuts.items() if text)]
    )


def train(experiment: Experiment, folder: Path, *, report: bool, resume: bool = False) -> int:
    """Train an experiment, print the results, and write the report; returns the exit code.

    Args:
        experiment: the recipe and its data.
        folder: where to write the run, or where it is.
        report: whether to write the report.
        resume: whether to go on with the run in the folder.
    """
    model, shell_name = experiment.model(), shlex.quote(str(folder))
    size = sum(weights.size for weights in nn.parameters(model).values())
    rows = [
        ("recipe", experiment.name),
        ("data", experiment.data_line),
        ("model", f"{size:,} parameters"),
        ("run", str(folder)),
    ]
    say("\n".join(aligned(rows)))
    try:
        done = experiment.train(folder=folder, resume=resume)
    except RunError as error:
        if error.fix and "resume=True" in error.fix:
            error.fix = f"choose another folder, or go on: clearprop resume {shell_name}"
        raise
    return finish(experiment, done, folder, report=report)


def finish(experiment: Experiment, done: Run, folder: Path, *, report: bool) -> int:
    """Evaluate a run, print the results, and write the report; returns the exit code.

    Args:
        experiment: the recipe and its data.
        done: the run.
        folder: where it was written.
        report: whether to write the report.
    """
    shell_name = shlex.quote(str(folder))
    if done.stopped.reason == "interrupted":
        complain(
            f"interrupted after {done.stopped.step:,} steps; the model so far can be used: "
            f"{folder / 'model.safetensors'}\ngo on with: clearprop resume {shell_name}"
        )
        return INTERRUPTED
    say()
    told = tell(experiment, done.model, done.history)
    numbers = experiment.numbers(done) | told.measures
    write_results(folder, numbers)
    say("\n".join([*shown(experiment, numbers), *told.remarks]))
    if report:
        say(f"report  {write_report(done, experiment, told)}")
    return 0


def shown(experiment: Experiment, numbers: dict[str, float]) -> list[str]:
    """Return the final numbers of a run as lines."""
    is_regression = experiment.dataset.task == "regression"
    rows = []
    for name, value in numbers.items():
        if name in OWN_ERRORS:
            label = name.replace("error", "root mean square error") if is_regression else name
            text = shown_error(value, "regression" if is_regression else "classification")
            test = experiment.splits.test
            on = f" on {len(test):,} {test.noun}s" if name == "test error" and test else ""
            if experiment.loss == "sequence_cross_entropy" and experiment.dataset.noun != "window":
                # Of sequences of unequal length this is not the fraction of all places.
                label += f", mean of the {experiment.dataset.noun}s"
            rows.append((label, text + on))
        else:
            rows.append((name, f"{value:.4f}" if name == "objective" else measure(name, value)))
    return aligned(rows)


def study(kind: type[Study], arguments: argparse.Namespace) -> int:
    """Carry out a study, say what was found, and write its folder; returns the exit code."""
    chosen = kind.of(chosen_values(arguments), where=arguments.RECIPE)
    with new_run(arguments.folder, arguments.RECIPE) as folder:
        claim(folder)  # before the work: a folder that cannot be used is found at once
        say("\n".join(aligned([("study", arguments.RECIPE), ("run", str(folder))])))
        found = chosen.carry_out()
        say()
        say("\n".join(found.lines))
        page = chosen.write(folder, arguments.RECIPE, found, report=not arguments.no_report)
        if found.drawings:
            say(f"figures {folder / FIGURES}")
        if page is not None:
            say(f"report  {page}")
    return 0


def run_resume(arguments: argparse.Namespace) -> int:
    """Go on with a run; returns the exit code."""
    folder = existing_run(arguments.RUN)
    experiment = of_run(read_config(folder), str(folder))
    return train(experiment, folder, report=not arguments.no_report, resume=True)


def run_fork(arguments: argparse.Namespace) -> int:
    """Fork a run; returns the exit code.

    Raises:
        ConfigurationError: no step is given, or its state was not kept.
    """
    parent = existing_run(arguments.RUN)
    if arguments.step is None:
        raise ConfigurationError(
            "the step is missing at which the fork leaves the run",
            where="clearprop fork",
            fix=f"clearprop fork {parent} --step N",
        )
    check_kept(arguments.step, SnapshotFolder(parent / SNAPSHOTS).steps)
    experiment = of_run(read_config(parent), str(parent))
    values = assigned(arguments.values)
    changed = experiment.changed(values)
    with new_run(arguments.folder, experiment.name) as folder:
        rows = [("parent", f"{parent}, step {arguments.step:,}"), ("run", str(folder))]
        say("\n".join(aligned(rows)))
        done = experiment.fork(parent, arguments.step, values, folder=folder)
        return finish(changed, done, folder, report=not arguments.no_report)
