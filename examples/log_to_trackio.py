"""A run in trackio: its settings, its curves and histograms of its weights, by its events.

Run it with ``python examples/log_to_trackio.py`` after ``pip install trackio``; it takes a few
seconds, and writes into trackio's folder on this machine (``TRACKIO_DIR``), which ``trackio show``
shows. Another place for logs, such as MLflow, needs other calls in the three cases of `TrackioLog`.
"""

from __future__ import annotations

from pathlib import Path

import trackio

import clearprop as cp
from clearprop.training import Checkpointed, Event, RunStarted, Stopped, scalars_of
from clearprop.training.storage.checkpoint import load_arrays

PROJECT = "clearprop-digits"


class TrackioLog:
    """Writes the events of a run to trackio: a function for ``fit(on_event=...)``.

    Args:
        run: the folder of the run, whose checkpoints have the weights.
        settings: to show beside the curves.
    """

    def __init__(self, run: Path, settings: dict[str, object]) -> None:
        self.run = run
        self.settings = settings
        self.name = ""

    def __call__(self, event: Event) -> None:
        """Write one event: the beginning, numbers and weights on the way, and the end."""
        if isinstance(event, RunStarted):
            config = self.settings | {"parameters": event.parameters, "examples": event.examples}
            self.name = trackio.init(project=PROJECT, config=config, embed=False).name
        values: dict[str, object] = dict(scalars_of(event))
        if isinstance(event, Checkpointed):
            arrays, _ = load_arrays(self.run / "checkpoints" / event.file)
            values |= {
                name: trackio.Histogram(array.ravel())
                for name, array in arrays.items()
                if name.startswith("parameters.")
            }
        if values:
            trackio.log(values, step=event.step)
        if isinstance(event, Stopped):
            trackio.finish()


def main(folder: Path) -> None:
    """Train on handwritten digits, and read the curve back from trackio."""
    parts = cp.data.load("digits").split(dev=0.1, test=0.2, seed=0)
    model = cp.nn.Sequential(cp.nn.Flatten(), cp.nn.Linear(64, 32), "relu", cp.nn.Linear(32, 10))
    settings = {"learning_rate": 0.003, "epochs": 10, "batch_size": 32}
    log = TrackioLog(folder, settings)
    run = cp.fit(model, parts, **settings, folder=folder, on_event=log, progress=False)

    rows = trackio.SQLiteStorage.get_logs(PROJECT, log.name)
    curve = [row["error/development"] for row in rows if "error/development" in row]
    print(f"{len(curve)} epochs in trackio, the last development error is {curve[-1]:.3f}")
    print("the same number in the run:", f"{run.history.development_error[-1]:.3f}")


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        main(Path(place) / "run")
