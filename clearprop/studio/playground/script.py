"""The Python that makes what the page shows: run alone, it ends with the same weights, bit for bit.

It repeats what was done to the run and to the runs that it left: training, edits of weights, steps
with single examples, and forks. What was taken back is not repeated.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clearprop import optim
from clearprop.optim import schedules
from clearprop.optim.configuration import Configured
from clearprop.studio.playground.messages import Settings
from clearprop.studio.playground.network import BIAS, INITIALIZERS, makes_initializer, usual_limit
from clearprop.studio.playground.prepared import Prepared

MOST_OF_A_LINE = 92


@dataclass(frozen=True)
class EditedNumber:
    """A weight or a bias was given another value."""

    path: str
    index: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class SingleExample:
    """A step was taken with one example of the training part as the batch."""

    row: int


@dataclass(frozen=True, eq=False)
class LeftByFork:
    """The run was left with other settings.

    Attributes:
        prepared: of the fork.
        changed: the names of what `LiveRun.fork` changes.
    """

    prepared: Prepared
    changed: tuple[str, ...]


Deed = EditedNumber | SingleExample | LeftByFork


@dataclass(eq=False)
class WorkLog:
    """What was done by hand, and at which steps.

    Attributes:
        first: the settings with which the first run began.
        deeds: in their order, each with the number of training steps before it.
        inherited: how many of them made the state with which the run began, as a fork.
    """

    first: Prepared
    deeds: list[tuple[int, Deed]] = field(default_factory=list)
    inherited: int = 0

    def add(self, step: int, deed: Deed) -> None:
        """Note what was done after so many steps; of edits of one number in a row the last."""
        last = self.deeds[-1] if len(self.deeds) > self.inherited else None
        if last is not None and last[0] == step and _is_replaced(last[1], deed):
            self.deeds.pop()
        self.deeds.append((step, deed))

    def forget_from(self, step: int) -> None:
        """Drop what was done from a step on: its state is kept as it was before."""
        own = self.deeds[self.inherited :]
        earlier = [(at, deed) for at, deed in own if at < step]
        self.deeds = [*self.deeds[: self.inherited], *earlier]

    def left(self, step: int, deed: LeftByFork) -> WorkLog:
        """Return the log of a fork that leaves the run here."""
        return WorkLog(self.first, [*self.deeds, (step, deed)], len(self.deeds) + 1)


def _is_replaced(before: Deed, deed: Deed) -> bool:
    """Return whether both give the same number a value."""
    if not (isinstance(before, EditedNumber) and isinstance(deed, EditedNumber)):
        return False
    return (before.path, before.index) == (deed.path, deed.index)


def script_of(log: WorkLog, step: int, steps_per_epoch: int) -> str:
    """Return the program.

    Args:
        log: of the run.
        step: training steps that it has made.
        steps_per_epoch: of it.
    """
    whole = step > 0 and step % steps_per_epoch == 0 and not log.deeds
    parts = [*_data(log.first), "", *_model("model", log.first), ""]
    if whole:
        parts += _as_fit(log.first, step // steps_per_epoch)
    else:
        parts += _as_live_run(log, step)
    parts += _measured(log)
    return "\n".join([*_head(log, parts, step), *parts, ""])


def _head(log: WorkLog, parts: list[str], step: int) -> list[str]:
    body = "\n".join(parts)
    about = f'"""The network of the playground after {step:,} steps: {_words(log.first.settings)}.'
    imports = {
        "import numpy as np": "np.",
        "import clearprop as cp": "cp.",
        "from clearprop import nn, optim": "nn.",
        "from clearprop.nn import initializers": "initializers.",
        "from clearprop.studio.playground import datasets": "datasets.",
        "from clearprop.studio.playground import tables": "tables.",
        "from clearprop.training import FitConfig, LiveRun": "LiveRun(",
    }
    return [
        about,
        "",
        "The same machine and the same versions give the same weights, bit for bit.",
        '"""',
        "",
        *(line for line, sign in imports.items() if sign in body),
        "",
    ]


def _words(settings: Settings) -> str:
    sizes = "-".join(str(layer.units) for layer in settings.layers) or "no hidden layer"
    return f"{settings.data.kind}, {sizes}, {settings.loss}, {settings.optimizer.name}"


# --- data and model ------------------------------------------------------------------------------


def _data(prepared: Prepared) -> list[str]:
    settings = prepared.settings.data
    parts = {"test": settings.test, "seed": settings.seed}
    if settings.kind == "drawn":
        rows = [f"    ({p.x1!r}, {p.x2!r}, {p.target!r})," for p in settings.points]
        lines = ["drawn = [", *rows, "]", *_call("points = datasets.drawn", ["drawn"], parts)]
    elif settings.kind == "table":
        named = {
            "target": settings.target,
            "columns": list(settings.columns),
            "examples": settings.examples,
            **parts,
        }
        lines = [
            "# The file that was uploaded:",
            *_call("points = tables.of_table", [_value(settings.table)], named),
        ]
    else:
        made = {"examples": settings.examples, "noise": settings.noise, **parts}
        if settings.kind in ("spiral", "blobs"):
            made["classes"] = settings.classes
        lines = _call("points = datasets.made", [_value(settings.kind)], made)
    return [*lines, _examples(prepared)]


def _examples(prepared: Prepared) -> str:
    names = list(prepared.settings.features)
    return f"train, test = points.examples({_value(names)}, {_value(prepared.output.coding)})"


def _model(name: str, prepared: Prepared) -> list[str]:
    settings, lines = prepared.settings, []
    chosen = _initializer(settings.weight_init)
    before = len(settings.features)
    for k, layer in enumerate(prepared.layers):
        hidden = k < len(prepared.layers) - 1
        usual = f"initializers.uniform({usual_limit(before, first=k == 0)!r})"
        drawn = chosen if hidden and chosen else usual
        named = {"weight_init": _Code(drawn)}
        if hidden:
            named["bias_init"] = _Code(f"initializers.constant({BIAS})")
        made = _call("nn.Linear", [str(before), str(layer.units)], named)
        lines += [*made[:-1], f"{made[-1]},"]
        if hidden and settings.dropout:
            lines.append(f'nn.Sequential("{layer.activation}", nn.Dropout({settings.dropout!r})),')
        elif hidden or layer.activation != "identity":
            lines.append(f'"{layer.activation}",')
        before = layer.units
    return [f"{name} = nn.Sequential(", *(f"    {line}" for line in lines), ")"]


def _initializer(name: str | None) -> str:
    if name is None:
        return ""
    return f"initializers.{name}" + ("()" if makes_initializer(INITIALIZERS[name]) else "")


# --- training ------------------------------------------------------------------------------------


def _settings(prepared: Prepared) -> dict[str, object]:
    settings, optimizer = prepared.settings, prepared.config.own_optimizer
    return {
        "loss": settings.loss,
        "optimizer": _Code(code_of(optimizer)),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "seed": settings.seed,
        "dev": _Code("test"),
        "progress": False,
    }


def _as_fit(prepared: Prepared, epochs: int) -> list[str]:
    named = {**_settings(prepared), "epochs": epochs}
    return [
        *_call("run = cp.fit", ["model", "*train"], named),
        "model = run.model",
        "weights = nn.parameters(model)",
    ]


def _as_live_run(log: WorkLog, step: int) -> list[str]:
    config = _call("FitConfig", ["model", "train"], _settings(log.first))
    lines = ["live = LiveRun(", *(f"    {line}" for line in config), ")"]
    made, prepared = 0, log.first
    for at, deed in log.deeds:
        lines += _advance(at - made)
        made = at
        match deed:
            case EditedNumber():
                lines += _edited(deed)
            case SingleExample():
                lines.append(f"live.step_with([{deed.row}])")
            case LeftByFork():
                lines += _forked(deed, prepared)
                prepared = deed.prepared
    lines += _advance(step - made)
    return [*lines, "model = live.model", "weights = dict(live.parameters)"]


def _measured(log: WorkLog) -> list[str]:
    """Return what prints how the network does now."""
    forks = [deed.prepared for _, deed in log.deeds if isinstance(deed, LeftByFork)]
    settings = (forks[-1] if forks else log.first).settings
    loss = f'loss="{settings.loss}"'
    return [
        "",
        "# With these weights; the training error of the page was measured while they changed.",
        f'print("training part:", cp.evaluate(model, train, {loss}))',
        "if test is not None:",
        f'    print("test part:", cp.evaluate(model, test, {loss}))',
    ]


def _advance(steps: int) -> list[str]:
    return [f"list(live.advance({steps}))"] if steps > 0 else []


def _edited(deed: EditedNumber) -> list[str]:
    return [
        f'changed = np.array(live.parameters["{deed.path}"])',
        f"changed[{', '.join(map(str, deed.index))}] = {deed.value!r}",
        f'live.change({{"{deed.path}": changed}})',
    ]


def _forked(deed: LeftByFork, before: Prepared) -> Iterator[str]:
    settings = _settings(deed.prepared)
    named = {name: settings[name] for name in deed.changed if name in settings}
    if "data" in deed.changed:
        yield _examples(deed.prepared)
        named["data"], named["dev"] = _Code("train"), _Code("test")
    if "model" in deed.changed:
        yield from _model("model", deed.prepared)
        named["model"] = _Code("model")
    yield from _call("live = live.fork", ["live.step"], named)


# --- code ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Code:
    """Python that stands as it is."""

    text: str

    def __repr__(self) -> str:
        return self.text


def code_of(made: Configured) -> str:
    """Return the call that makes an optimizer or a schedule, without options at their defaults.

    >>> code_of(optim.chain(optim.add_decayed_weights(0.1, min_ndim=2), optim.adam(0.01)))
    'optim.chain(optim.add_decayed_weights(0.1, min_ndim=2), optim.adam(learning_rate=0.01))'
    """
    name = str(made.name)
    where = "optim" if name in optim.__all__ else "optim.schedules"
    function = getattr(optim if where == "optim" else schedules, name)
    written = []
    for option, parameter in inspect.signature(function).parameters.items():
        value = made.options[option]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            assert isinstance(value, tuple)
            written += [code_of(part) for part in value]
        elif parameter.default is inspect.Parameter.empty:
            written.append(_value(value))
        elif value != parameter.default:
            written.append(f"{option}={_value(value)}")
    return f"{where}.{name}({', '.join(written)})"


def _value(value: object) -> str:
    """Return a value as Python, with the quotes of this package."""
    match value:
        case Configured():
            return code_of(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return repr(value)


def _call(function: str, given: list[str], named: Mapping[str, object]) -> list[str]:
    """Return the lines of a call: one where it is short."""
    words = [*given, *(f"{name}={_value(value)}" for name, value in named.items())]
    short = f"{function}({', '.join(words)})"
    if len(short) <= MOST_OF_A_LINE:
        return [short]
    return [f"{function}(", *(f"    {word}," for word in words), ")"]
