"""``clearprop fork``: a run goes on from a state that was kept, with something changed."""

from __future__ import annotations

import argparse

from clearprop.cli.output import aligned, say
from clearprop.cli.runs import existing_run, new_run
from clearprop.cli.training import finish
from clearprop.errors import ConfigurationError
from clearprop.recipes.configuration import assigned
from clearprop.recipes.experiment import of_run
from clearprop.training.run_folder import SNAPSHOTS, read_config
from clearprop.training.snapshots import SnapshotFolder, check_kept


def run(arguments: argparse.Namespace) -> int:
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
