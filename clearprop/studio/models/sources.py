"""What can be looked at: runs, saved models, recipes, networks with initial values, objects.

A source has an id: "run:NAME", "file:NAME", "recipe:NAME", "network:NAME" or "object:NUMBER".
Names of runs and files are looked up in the listing of their folder, and never joined to a path.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop import data, nn
from clearprop.data import Dataset
from clearprop.data.catalog import is_named
from clearprop.data.download import without_downloads
from clearprop.errors import ClearpropError, RunError, unknown_name
from clearprop.glass.pictures import is_picture
from clearprop.glass.subject import EvaluationData, Pair, Subject, gather
from clearprop.nn.recording import LossLike
from clearprop.recipes import RECIPES
from clearprop.recipes.experiment import Experiment, is_of_recipe, of_run, prepare
from clearprop.studio.models.bundled import BUNDLED, INITIAL, open_bundled
from clearprop.studio.models.made_up import Output, guessed_inputs, made_up
from clearprop.studio.models.messages import SourceEntry, SourceKind, SourceList
from clearprop.studio.models.onnx_file import SUFFIX, open_onnx
from clearprop.studio.models.opened import Opened, untrained_subject
from clearprop.studio.runs.library import RunLibrary
from clearprop.studio.runs.place import RunPlace
from clearprop.training import Run, load_model, load_preprocessor
from clearprop.training.given import as_prepared
from clearprop.training.run_config import CONFIG, read_config
from clearprop.training.run_folder import MODEL
from clearprop.training.run_setup import RunSetup

SAVED = ".safetensors"

CHARACTERS = "char-"
"""How the names of the recipes begin that learn the next character of a text."""

FILED = ("run", "file")
"""The kinds of sources that are files."""

NO_DATA = "The data is not known here: the examples are made up, of random numbers."


@dataclass(frozen=True, eq=False)
class Offer:
    """A model that Python gives to look at.

    Attributes:
        title: for the list.
        model: with or without values; or a run, which brings its preparation and its loss.
        loss: with which outputs are compared; None takes that of the run, else the one that fits
            the shape of the outputs.
        preprocessor: of a bare model, that prepares raw examples.
        data: the `Splits` of the run, a data set, or (inputs, targets) as the model takes them;
            None makes examples up.
        about: one sentence.
    """

    title: str
    model: nn.Module | Run
    loss: LossLike | None = None
    preprocessor: data.Preprocessor | None = None
    data: EvaluationData = None
    about: str = "Given by Python."


class Sources:
    """All that can be looked at.

    Args:
        folder: of the runs; it need not exist yet.
        files: saved models, beside those in the folder.
        offers: models that Python gives.
    """

    def __init__(
        self, folder: Path, files: Iterable[Path] = (), offers: Iterable[Offer] = ()
    ) -> None:
        self._folder = folder
        self._library = RunLibrary(folder)
        self._files = {path.name: path for path in files}
        self._numbers = itertools.count()
        self._offers: dict[str, Offer] = {}
        self._versions = itertools.count()
        self._offered: dict[str, int] = {}
        for one in offers:
            self.offer(one)

    def offer(self, given: Offer, source: str | None = None) -> str:
        """Add a model to look at, or put another one in the place of a source; return the id."""
        source = f"object:{next(self._numbers)}" if source is None else source
        self._offers[source] = given
        self._offered[source] = next(self._versions)
        return source

    def withdraw(self, source: str) -> None:
        """Take an offered model back; what is not offered is ignored."""
        self._offers.pop(source, None)

    def version(self, source: str) -> object:
        """Return what changes when a source is offered or written anew."""
        if source in self._offers:
            return self._offered[source]  # who remembers it does not hold the model
        kind, _, name = source.partition(":")
        try:
            path = self._run(name) / MODEL if kind == "run" else self._saved().get(name)
            return path.stat().st_mtime_ns if path is not None and kind in FILED else None
        except (RunError, OSError):
            return None

    def listed(self) -> SourceList:
        """Return all of them, objects and runs first."""
        every = [
            *(
                SourceEntry(s, "object", one.title, one.about, pictures=True, texts=True)
                for s, one in self._offers.items()
            ),
            *(
                _entry(
                    "run",
                    name,
                    "A run of the run folder.",
                    pictures=_takes_pictures(folder),
                    texts=_is_of_text(folder),
                )
                for name, folder in self._runs().items()
            ),
            *(
                _entry("file", name, "A saved model.", pictures=True, texts=True)
                for name in self._saved()
            ),
            *(
                SourceEntry(
                    f"network:{name}", "network", one.title, one.about, one.pictures, one.texts
                )
                for name, one in BUNDLED.items()
            ),
            *(
                _entry(
                    "recipe",
                    name,
                    f"Before training: {one.summary}.",
                    texts=name.startswith(CHARACTERS),
                )
                for name, one in RECIPES.items()
                # A study has no single model, and some recipes need a file.
                if one.kind.endswith("Recipe") and not one.needs
            ),
        ]
        return SourceList(tuple(every), str(self._folder))

    def open(self, source: str) -> Opened:
        """Return a network by its id, with its examples.

        Raises:
            ClearpropError: there is none; or it cannot be read, or its data is missing; none is
                downloaded.
        """
        every = {one.id: one for one in self.listed().sources}
        if source not in every:
            raise unknown_name("network", source, every)
        entry = every[source]
        name = source.partition(":")[2]
        with without_downloads():  # a choice in a menu asks for none
            return self._open(entry, name)

    def _open(self, entry: SourceEntry, name: str) -> Opened:
        match entry.kind:
            case "object":
                return open_offer(entry, self._offers[entry.id])
            case "run":
                return _of_folder(entry, self._run(name))
            case "file":
                return _of_file(entry, self._saved()[name])
            case "recipe":
                return _of_recipe(entry, name)
            case "network":
                return open_bundled(entry, name)

    def _runs(self) -> dict[str, Path]:
        """Return the folders of the runs that have a model, the newest first, by their names."""
        found: dict[str, tuple[float, Path]] = {}
        for place in self._library.places():
            with suppress(RunError, OSError):
                path = self._run(place.name)
                if (path / CONFIG).is_file() and (path / MODEL).is_file():
                    found[place.name] = (path / MODEL).stat().st_mtime, path
        newest = sorted(found.items(), key=lambda item: item[1][0], reverse=True)
        return {name: path for name, (_, path) in newest}

    def _run(self, name: str) -> Path:
        """Return the folder of a run, of which no part is a link that leaves the run folder.

        Raises:
            RunError: there is none, or a part is such a link.
        """
        return RunPlace.of(self._folder, name).path

    def _saved(self) -> dict[str, Path]:
        """Return the saved models by name; those of the run folder are no links that leave it."""
        top = RunPlace(Path(os.path.realpath(self._folder)), ".")
        inside: dict[str, Path] = {}
        for path in sorted(self._folder.glob(f"*{SAVED}")):
            with suppress(RunError, OSError):
                if top.inside(path.name).is_file():
                    inside[path.name] = path
        return {**inside, **self._files}


def _entry(
    kind: SourceKind, name: str, about: str, *, pictures: bool = False, texts: bool = False
) -> SourceEntry:
    return SourceEntry(f"{kind}:{name}", kind, name, about, pictures, texts)


def _preparation(folder: Path) -> object:
    """Return how a run prepares its examples, as its settings tell; None where they do not."""
    try:
        return read_config(folder).get("preprocessor")
    except ClearpropError:
        return None


def _is_of_text(folder: Path) -> bool:
    """Say whether a run learns the next token of a text, as far as its settings tell."""
    record = _preparation(folder)
    return isinstance(record, Mapping) and record.get("task") == "text"


def _takes_pictures(folder: Path) -> bool:
    """Say whether the examples of a run are pictures, as far as its settings tell."""
    record = _preparation(folder)
    shape = record.get("input_shape") if isinstance(record, Mapping) else None
    return not isinstance(shape, list) or is_picture(tuple(shape))


# -- runs ---------------------------------------------------------------------------------------


def _of_folder(entry: SourceEntry, folder: Path) -> Opened:
    """Return the run of a folder, with its held-out examples where its data is at hand."""
    config = read_config(folder)
    if not is_of_recipe(config):
        return _without_recipe(entry, folder, config)
    try:
        experiment = of_run(config, str(folder))
    except ClearpropError as error:
        opened = _without_recipe(entry, folder, config)
        return replace(opened, remarks=(*opened.remarks, error.problem))
    return _of_experiment(entry, experiment, gather(folder, experiment.splits))


def _of_experiment(entry: SourceEntry, experiment: Experiment, subject: Subject) -> Opened:
    """Return a run or a recipe; without targets, E is what its algorithm follows."""
    name = subject.loss.name
    if experiment.algorithm is None:
        return Opened(entry, subject, f"the loss {name} of the example", subject.loss)
    algorithm = RunSetup.of(experiment.config()).own_algorithm
    assert algorithm is not None
    part, examples = experiment.splits.evaluated[-1]
    subject = replace(
        subject, part=part, examples=examples, preprocessor=experiment.splits.preprocessor
    )
    followed, objective = algorithm.followed_name, algorithm.as_objective
    return Opened(entry, subject, followed, objective, algorithm=algorithm)


def _without_recipe(entry: SourceEntry, folder: Path, config: Mapping[str, Any]) -> Opened:
    """Return a run that no recipe started: its data is loaded by its name, if that is known."""
    name = str(config.get("data", {}).get("name"))
    loss = config.get("loss")
    known = nn.find_loss(str(loss)) if loss in nn.LOSSES else None
    if known is not None and is_named(name):
        try:
            subject = gather(folder, data.load(name))
            told = f"The examples are all of {name}; the run has trained on most of them."
            about = f"the loss {known.name} of the example"
            return Opened(entry, subject, about, subject.loss, remarks=(told,))
        except ClearpropError:
            pass  # it is another data set of that name, or cannot be had here
    return _bare(entry, load_model(folder), known, load_preprocessor(folder))


def _of_file(entry: SourceEntry, path: Path) -> Opened:
    if path.suffix == SUFFIX:
        return open_onnx(entry, path)
    return _bare(entry, load_model(path), None, load_preprocessor(path))


def _of_recipe(entry: SourceEntry, name: str) -> Opened:
    """Return a recipe as its training would begin."""
    experiment = prepare(name)
    part, examples = experiment.splits.evaluated[-1]
    seed = experiment.recipe.seed
    if experiment.algorithm is None:
        model, loss = experiment.model(), nn.find_loss(experiment.loss)
    else:
        setup = RunSetup.of(experiment.config())
        model, loss = setup.model, setup.loss
    subject = untrained_subject(
        model,
        loss,
        examples,
        part=part,
        preprocessor=experiment.splits.preprocessor,
        name=examples.name,
    )
    opened = _of_experiment(entry, experiment, subject)
    return replace(opened, seed=seed, remarks=(*opened.remarks, INITIAL))


# -- models without a run -----------------------------------------------------------------------


def open_offer(entry: SourceEntry, given: Offer) -> Opened:
    """Return a model that Python gives, opened."""
    if isinstance(given.model, Run):
        subject = gather(given.model, given.data, given.loss)
        if len(subject):
            return Opened(
                entry, subject, f"the loss {subject.loss.name} of the example", subject.loss
            )
        return _bare(entry, subject.model, subject.loss, subject.preprocessor)
    loss = nn.find_loss(given.loss) if given.loss is not None else None
    if given.data is None:
        return _bare(entry, given.model, loss, given.preprocessor)
    part, examples, preprocessor = _examples_of(given.data, given.preprocessor)
    if loss is None:
        loss = _fitting_loss(given.model, examples)
    subject = untrained_subject(
        given.model,
        loss,
        examples,
        part=part,
        preprocessor=preprocessor,
        name=examples.name if isinstance(examples, Dataset) else "",
    )
    remarks = () if nn.is_initialized(given.model) else (INITIAL,)
    return Opened(entry, subject, f"the loss {loss.name} of the example", loss, remarks=remarks)


def _examples_of(
    given: EvaluationData, preprocessor: data.Preprocessor | None
) -> tuple[str, Dataset | Pair, data.Preprocessor | None]:
    """Return the examples of what was given as data: their part, as they are kept, prepared by."""
    if isinstance(given, data.Splits):
        part, examples = given.evaluated[-1]
        return part, examples, given.preprocessor
    if isinstance(given, Dataset):
        if given.preprocessor is not None:
            return "given", given, given.preprocessor
        if preprocessor is not None:
            return "given", given.preprocessed(preprocessor), preprocessor
        splits = given.split()
        return "given", splits.train, splits.preprocessor
    assert given is not None
    return "given", as_prepared(given, preprocessor), preprocessor


def _fitting_loss(model: nn.Module, examples: Dataset | Pair) -> nn.Loss:
    """Return the loss for targets: labels have cross-entropy, numbers the squared error."""
    targets = np.asarray(examples.targets if isinstance(examples, Dataset) else examples[1])
    if targets.dtype.kind == "f":
        return nn.find_loss("squared_error")
    return nn.find_loss("sequence_cross_entropy" if targets.ndim > 1 else "cross_entropy")


def _bare(
    entry: SourceEntry,
    model: nn.Module,
    loss: nn.Loss | None,
    preprocessor: data.Preprocessor | None,
) -> Opened:
    """Return a model without data: its examples are random numbers in the shape that it takes."""
    remarks = [NO_DATA] if nn.is_initialized(model) else [NO_DATA, INITIAL]
    shapes, tokens, outputs = _inputs_of(model, preprocessor)
    if loss is None:
        names = preprocessor.class_names if preprocessor is not None else None
        loss = _guessed_loss(outputs, tokens, names)
        remarks.append(f"The loss is not known either: it is taken to be {loss.name}.")
    is_token = loss.name.startswith("sequence")
    output: Output = "class" if loss.task == "classification" else "numbers"
    output = "token" if is_token else output
    x, y = made_up(shapes, tokens, output, outputs)
    if preprocessor is not None and preprocessor.kind == "bytes":
        x = np.clip(127.5 + 50 * x, 0, 255).astype(np.uint8)
    subject = untrained_subject(model, loss, (x, y), part="made up", preprocessor=preprocessor)
    followed = f"the loss {loss.name} of the example"
    return Opened(entry, subject, followed, loss, remarks=tuple(remarks))


def _inputs_of(
    model: nn.Module, preprocessor: data.Preprocessor | None
) -> tuple[dict[str, tuple[int, ...]], int | None, tuple[int, ...]]:
    """Return the shapes of the inputs of one example, how many tokens there are, the output's."""
    is_known = preprocessor is not None and preprocessor.kind != "named"
    known = preprocessor.encoded_shape if preprocessor is not None and is_known else None
    shape, tokens, outputs = guessed_inputs(model, known)
    return {"": shape}, tokens, outputs


def _guessed_loss(
    outputs: Sequence[int], tokens: int | None, names: Sequence[str] | None
) -> nn.Loss:
    """Return the loss that fits the shape of an output for one example."""
    if tokens is not None and len(outputs) == 2:
        return nn.find_loss("sequence_cross_entropy")
    if names is not None or (len(outputs) == 1 and outputs[0] > 1):
        return nn.find_loss("cross_entropy")
    return nn.find_loss("squared_error")
