"""`Monitor`: the number of the development set by which a run stops and keeps its best weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearprop import elsewhere
from clearprop.errors import ConfigurationError, kind_of, unknown_name
from clearprop.training.evaluation import Score
from clearprop.training.metrics import Metric, is_metric

ERROR, OBJECTIVE = "development_error", "development_objective"
"""What is known of every development set, by the names that it has in the history of a run."""

NO_MEASURES: Mapping[str, bool] = {}

MORE, LESS = ("_score",), ("_error", "_loss", "_deviance")
"""Ends of the names of functions of which more, or less, is better.

Source: the convention of scikit-learn's metrics."""


@dataclass(frozen=True)
class Monitor:
    """A number that is watched after every epoch.

    Attributes:
        name: of the number.
        more_is_better: its direction.
    """

    name: str
    more_is_better: bool = False

    def watched(self, score: Score | None, metrics: Mapping[str, float]) -> float:
        """Return the number after an epoch, with the sign that makes less of it better.

        >>> Monitor("f1", more_is_better=True).watched(Score(0.7, 0.2), {"f1": 0.8})
        -0.8
        """
        known = {} if score is None else {ERROR: score.error, OBJECTIVE: score.objective}
        value = known[self.name] if self.name in known else metrics[self.name]
        return -value if self.more_is_better else value


def find_monitor(
    name: str,
    metrics: Sequence[Metric],
    patience: int | None,
    keeps_best: bool,
    measures: Mapping[str, bool] = NO_MEASURES,
) -> Monitor:
    """Return the monitor of a name: a number of every development set, or one of the metrics.

    Args:
        name: "development_error", "development_objective", or that of a metric.
        metrics: those of the run.
        patience: of the run.
        keeps_best: whether the run returns its best weights.
        measures: what the algorithm measures itself, and whether more of each is better.

    Raises:
        ConfigurationError: an unknown name (the nearest is suggested), a function whose direction
            its name does not tell, or nothing for which the number would be watched.

    >>> from clearprop.training.metrics import find_metrics
    >>> find_monitor("f1", find_metrics("f1"), patience=3, keeps_best=True)
    Monitor(name='f1', more_is_better=True)
    """
    if not isinstance(name, str):
        raise ConfigurationError(
            "what is monitored has a name",
            where="monitor",
            given=kind_of(name),
            expected=f"{ERROR}, {OBJECTIVE}, or the name of one of the metrics",
        )
    if patience is None and not keeps_best:
        raise ConfigurationError(
            "nothing depends on what is monitored: the run neither stops early nor keeps the best",
            where="monitor",
            given=f"monitor={name!r} without patience and keep_best",
            fix=f"monitor={name!r}, patience=10",
        )
    if name in (ERROR, OBJECTIVE):
        return Monitor(name)
    if name in measures:
        return Monitor(name, measures[name])
    found = next((metric for metric in metrics if metric.name == name), None)
    if found is None:
        asked = [*(metric.name for metric in metrics), *measures]
        fix = elsewhere.fix_of(name, elsewhere.MONITORS)
        if is_metric(name):
            fix = f"metrics={[*(metric.name for metric in metrics), name]}, monitor={name!r}"
        raise unknown_name("monitor", name, [ERROR, OBJECTIVE, *asked], where="monitor", fix=fix)
    more = found.more_is_better
    if more is None:
        if not name.endswith(MORE + LESS):
            raise ConfigurationError(
                "the name of this function does not tell whether more or less of it is better",
                where="monitor",
                given=repr(name),
                expected="a name with the end _score (more is better), _error or _loss (less)",
                fix=f"metrics={{'{name}_score': {name}}}, monitor='{name}_score'",
            )
        more = name.endswith(MORE)
    return Monitor(name, more)
