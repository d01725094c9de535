"""A search for values of a recipe, such as its learning rate, by Optuna.

Each trial is a training run of the recipe with other values. After every epoch the development
error is compared with those of the other trials, and a trial that is behind is stopped.
"""

from __future__ import annotations

import copy
import json
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from clearprop.errors import (
    ConfigurationError,
    NonFiniteError,
    RunError,
    option,
)
from clearprop.files import content_errors, read_record, write_errors, write_record
from clearprop.recipes.columns import aligned
from clearprop.recipes.experiment import prepare
from clearprop.training import EpochDone, Event

SEARCH = "search.json"
"""The file of a search in its folder."""

DONE, PRUNED, DIVERGED = "done", "pruned", "diverged"
"""How a trial ends."""

FIRST_TRIALS = 5
"""So many trials are carried out whole before one is compared with them."""

KINDS = ("log", "lin", "int")


@dataclass(frozen=True)
class Space:
    """The values of a key among which a search chooses.

    Attributes:
        key: of the recipe, such as ``learning_rate``.
        kind: "log" or "lin" for numbers between two bounds, "int" for whole ones, "choices".
        low: the lower bound.
        high: the upper bound.
        choices: the values of "choices", as texts.
    """

    key: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Space:
        """Read ``learning_rate=log:1e-4:1e-1`` or ``hidden_sizes=8,16,32``.

        Where the choices are separated by semicolons, each may have commas: ``64,32;128,64``.

        Raises:
            ConfigurationError: the text has another form, or its bounds are in the wrong order.

        >>> Space.parse("learning_rate=log:1e-4:1e-1")
        Space(key='learning_rate', kind='log', low=0.0001, high=0.1, choices=())
        >>> Space.parse("hidden_sizes=8;64,32").choices
        ('8', '64,32')
        """
        key, equals, values = (part.strip() for part in text.partition("="))
        kind, colon, bounds = values.partition(":")
        if not key or not equals or not values:
            raise _wrong_space(text)
        if colon and kind in KINDS:
            try:
                low, high = map(float, bounds.split(":"))
            except ValueError:
                raise _wrong_space(text) from None
            is_whole = kind != "int" or (low.is_integer() and high.is_integer())
            if not (math.isfinite(low) and low < high < math.inf and is_whole):
                raise _wrong_space(text)
            if kind == "log" and low <= 0:
                raise _wrong_space(text)
            return cls(key, kind, low, high)
        parts = values.split(";" if ";" in values else ",")
        choices = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if len(choices) < 2:
            raise _wrong_space(text)
        return cls(key, "choices", choices=choices)


def _wrong_space(text: str) -> ConfigurationError:
    return ConfigurationError(
        "this says no values to search",
        where="--over",
        given=text,
        expected="KEY=log:LOW:HIGH, KEY=lin:LOW:HIGH, KEY=int:LOW:HIGH or KEY=A,B,C",
        fix="--over learning_rate=log:1e-4:1e-1",
    )


@dataclass
class Trial:
    """One training run of a search.

    Attributes:
        values: by key, as texts for ``--set``.
        errors: the development error after each epoch.
        state: "done", "pruned" or "diverged".
        error: of the weights that the run kept; infinite for a trial that was not "done".
    """

    values: dict[str, str]
    errors: list[float] = field(default_factory=list)
    state: str = DONE
    error: float = math.inf


@dataclass(frozen=True)
class SearchResult:
    """The trials of a search; `str()` shows them as a table, the best first.

    Attributes:
        recipe: its name.
        values: of the recipe, the same in all trials.
        trials: in the order in which they were made.
    """

    recipe: str
    values: Mapping[str, object]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the smallest development error.

        Raises:
            RunError: no trial was carried out whole.
        """
        whole = [trial for trial in self.trials if trial.state == DONE]
        if not whole:
            raise RunError("no trial was carried out whole", given=f"{len(self.trials)} trials")
        return min(whole, key=lambda trial: trial.error)

    @property
    def command(self) -> str:
        """The command that trains the recipe with the best values."""
        given = {**_flat(self.values), **self.best.values}
        options = [f"--set {shlex.quote(f'{key}={value}')}" for key, value in given.items()]
        return " ".join(["clearprop train", self.recipe, *options])

    def __str__(self) -> str:
        if not self.trials:
            return "no trial"
        keys = list(self.trials[0].values)
        numbered = sorted(
            enumerate(self.trials, start=1),
            key=lambda pair: (pair[1].state != DONE, min([pair[1].error, *pair[1].errors])),
        )
        rows = [("trial", *keys, "epochs", "development error", "")]
        for number, trial in numbered:
            error = trial.error if trial.state == DONE else min(trial.errors, default=math.nan)
            end = "" if trial.state == DONE else trial.state
            values = (trial.values[key] for key in keys)
            rows.append((str(number), *values, str(len(trial.errors)), f"{error:.4g}", end))
        return "\n".join(aligned(rows))


class Proposals(Protocol):
    """What a search needs of a library: it proposes values, and says which trial is behind."""

    def ask(self) -> dict[str, str]:
        """Return the values of the next trial."""

    def is_behind(self, error: float, epoch: int) -> bool:
        """Take the development error after an epoch; say whether to stop the trial."""

    def tell(self, trial: Trial) -> None:
        """Take the end of the trial."""


class OptunaProposals:
    """The proposals of Optuna: a tree of Parzen estimators, and the median of earlier trials.

    Raises:
        ConfigurationError: Optuna is not installed.

    Source: Bergstra et al. 2011, *Algorithms for hyper-parameter optimization*; Akiba et al. 2019,
    *Optuna: a next-generation hyperparameter optimization framework*.
    """

    def __init__(self, spaces: Sequence[Space], seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ConfigurationError(
                "the search needs Optuna, which is not installed",
                fix="pip install 'clearprop[search]'",
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._states = optuna.trial.TrialState
        self._spaces = spaces
        self._study = optuna.create_study(
            direction="minimize",
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS),
        )
        self._trial: Any = None

    def ask(self) -> dict[str, str]:
        """Return the values of the next trial."""
        self._trial = self._study.ask()
        return {space.key: self._chosen(space) for space in self._spaces}

    def _chosen(self, space: Space) -> str:
        if space.kind == "choices":
            return str(self._trial.suggest_categorical(space.key, space.choices))
        if space.kind == "int":
            return str(self._trial.suggest_int(space.key, int(space.low), int(space.high)))
        is_log = space.kind == "log"
        # The trial trains with the number as it is shown, so that the line of the best one holds.
        return f"{self._trial.suggest_float(space.key, space.low, space.high, log=is_log):.4g}"

    def is_behind(self, error: float, epoch: int) -> bool:
        """Take the development error after an epoch; say whether to stop the trial."""
        self._trial.report(error, epoch)
        return bool(self._trial.should_prune())

    def tell(self, trial: Trial) -> None:
        """Take the end of the trial."""
        if trial.state == DONE:
            self._study.tell(self._trial, trial.error)
        else:
            end = self._states.PRUNED if trial.state == PRUNED else self._states.FAIL
            self._study.tell(self._trial, state=end)


def search(
    recipe: str,
    over: Iterable[str],
    *,
    values: Mapping[str, object] | None = None,
    trials: int = 20,
    seed: int = 0,
    folder: Path | str | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    proposals: Proposals | None = None,
) -> SearchResult:
    """Search for the values of a recipe with the smallest development error.

    The same arguments give the same trials. In a folder the search is kept after every trial, and a
    call with the same arguments goes on: earlier trials are not trained again. The test part is not
    looked at.

    Args:
        recipe: its name.
        over: the values to search, such as ``"learning_rate=log:1e-4:1e-1"``; see `Space.parse`.
        values: other values of the recipe, by key; those of ``data`` are a mapping.
        trials: how many, with those of an earlier call.
        seed: of the proposals, a whole number from 0 up.
        folder: where the search is kept; None keeps nothing.
        on_trial: is given each trial when it has ended.
        proposals: another source of values than Optuna.

    Raises:
        ConfigurationError: Optuna is not installed, a key or a value is unknown, there are no
            development examples, or the folder holds another search.
    """
    spaces = [Space.parse(text) for text in over]
    if not spaces or trials < 1 or seed < 0:
        raise ConfigurationError(
            "a search needs values to search, one trial or more, and a seed from 0 up",
            given=f"{len(spaces)} keys, trials={trials}, seed={seed}",
            expected="such as recipes.search('mlp', ['learning_rate=log:1e-4:1e-1'], trials=20, "
            "seed=0)",
        )
    about = {
        "recipe": recipe,
        "values": dict(values or {}),
        "over": [json.loads(json.dumps(asdict(space))) for space in spaces],
        "seed": seed,
    }
    source = proposals or OptunaProposals(spaces, seed)
    place = None if folder is None else Path(folder)
    before = [] if place is None else _read(place, about)
    made: list[Trial] = []
    for number in range(max(trials, len(before))):
        proposed = source.ask()
        if number < len(before):
            made.append(_again(source, proposed, before[number], place))
            continue
        trial = _carried_out(source, recipe, values or {}, proposed)
        if trial is None:
            break  # interrupted
        source.tell(trial)
        made.append(trial)
        if place is not None:
            rows = [{**asdict(t), "error": t.error if t.state == DONE else None} for t in made]
            write_record(place / SEARCH, {**about, "trials": rows}, indent=1)
        if on_trial is not None:
            on_trial(trial)
    return SearchResult(recipe, dict(values or {}), tuple(made))


class _BehindError(Exception):
    """Ends the training of a trial that is behind."""


def _carried_out(
    source: Proposals, recipe: str, values: Mapping[str, object], proposed: dict[str, str]
) -> Trial | None:
    """Train a trial; None if it was interrupted."""
    trial = Trial(proposed)
    experiment = prepare(recipe, _with(values, proposed))
    if experiment.splits.dev is None:
        raise ConfigurationError(
            "a search compares development errors, and no examples are held out for development",
            fix="hold some examples out: " + option("dev", 0.1),
        )

    def look(event: Event) -> None:
        if isinstance(event, EpochDone) and event.development_error is not None:
            trial.errors.append(event.development_error)
            if source.is_behind(event.development_error, event.epoch):
                raise _BehindError

    try:
        run = experiment.train(on_event=look, progress=False)
    except _BehindError:
        trial.state = PRUNED
        return trial
    except NonFiniteError:
        trial.state = DIVERGED
        return trial
    if run.stopped.reason == "interrupted":
        return None
    trial.error = trial.errors[(run.stopped.best_epoch or len(trial.errors)) - 1]
    return trial


def _again(source: Proposals, proposed: dict[str, str], before: Trial, place: Path | None) -> Trial:
    """Tell an earlier trial again, so that what follows is as if the search had not ended."""
    if proposed != before.values:
        raise RunError(
            "another version of Optuna proposes other values, so the search cannot go on",
            where=str(place),
            given=str(proposed),
            expected=str(before.values),
            fix="choose another folder",
        )
    for epoch, error in enumerate(before.errors, start=1):
        source.is_behind(error, epoch)
    source.tell(before)
    return before


def _read(place: Path, about: Mapping[str, object]) -> list[Trial]:
    """Return the trials of a search in a folder; a new folder is made."""
    file = place / SEARCH
    if not file.exists():
        with write_errors(place):
            place.mkdir(parents=True, exist_ok=True)
            strangers = sorted(path.name for path in place.iterdir())
        if strangers:
            raise ConfigurationError(
                "the folder holds something else than a search",
                where=str(place),
                given=", ".join(strangers[:5]),
                fix="choose another folder",
            )
        return []
    problem = "the search is damaged"
    found = read_record(file, RunError, problem)
    with content_errors(file, RunError, problem):
        rows = [Trial(**row) for row in found.pop("trials")]
    for key, value in about.items():
        if found.get(key) != json.loads(json.dumps(value)):
            raise ConfigurationError(
                f"the folder holds a search with another {key}",
                where=str(place),
                given=str(value),
                expected=str(found.get(key)),
                fix="choose another folder, or go on with the same values",
            )
    for trial in rows:
        trial.error = math.inf if trial.state != DONE else trial.error
    return rows


def _with(values: Mapping[str, object], proposed: Mapping[str, str]) -> dict[str, object]:
    """Return values of a recipe with others for some keys; ``data.size`` is a key of ``data``."""
    whole: dict[str, Any] = copy.deepcopy(dict(values))
    for key, value in proposed.items():
        *groups, last = key.split(".")
        inner = whole
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = value
    return whole


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested values with dotted keys."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else None
        flat |= inner if inner is not None else {f"{prefix}{key}": value}
    return flat


__all__ = [
    "SearchResult",
    "Space",
    "Trial",
    "search",
]
