"""Fixes as code: the call of `fit` of a run with some arguments changed, and changes of a model."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clearprop import nn, optim
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.diagnosis.recipe_command import recipe_command
from clearprop.training.metrics import is_metric
from clearprop.training.seam import Mismatch

SHOWN = ("freeze", "patience", "monitor", "label_smoothing", "precision", "seed")
"""Settings that are part of the call only where they differ from their defaults."""

RATES = ("initial", "value", "values", "then", "final", "lowest", "highest")
"""Arguments of schedules that are learning rates."""

STEPS = ("steps", "every", "boundaries", "steps_up", "steps_down")
"""Arguments of schedules that are numbers of steps."""


ADAPTIVE = (
    *("adam", "adamw", "adamax", "nadam", "radam", "lamb", "lion", "muon"),
    *("rmsprop", "adagrad", "adadelta"),
)
"""Optimizers whose steps do not grow with the gradients."""

FAR_ABOVE, FAR_BELOW = 20.0, 5.0
"""A learning rate so many times above or below the default was chosen while something was wrong."""


FEWEST_STEPS, MOST_EPOCHS = 500, 200
"""Steps that a small network needs at a usual rate, and the epochs that are asked for at most."""


class Code(str):
    """A text that is code and is written without quotes."""

    __slots__ = ()


def fit_line(
    facts: Facts, in_recipe: Mapping[str, object] | None = None, /, **changed: object
) -> str:
    """Return the call of `fit` of a run with some arguments changed; None leaves one out.

    ``optimizer`` and other values that are code are given as `Code`. A schedule of the learning
    rate is kept: its rates change with ``learning_rate``, its steps with ``epochs``.

    Args:
        facts: of the run.
        in_recipe: the same change by the keys of a recipe, where these are other words.
        changed: arguments of `fit`.
    """
    config, settings = dict(facts.config), facts.settings
    command = _command(config, changed if in_recipe is None else in_recipe)
    optimizer, rate = _changed_optimizer(facts, changed)
    optimizer = changed.pop("optimizer", optimizer)
    given = {
        "learning_rate": rate,
        "epochs": settings.get("epochs", 10),
        "batch_size": settings.get("batch_size", 32),
        "dev": _development(facts),
        **{name: settings[name] for name in SHOWN if settings.get(name)},
    }
    if settings.get("keep_best") and not settings.get("patience"):  # patience brings it
        given["keep_best"] = True
    batch, micro = changed.get("batch_size", given["batch_size"]), settings.get("micro_batch_size")
    if micro and isinstance(batch, int) and micro < batch:
        given["micro_batch_size"] = micro
    given |= _weights(config) | _metrics(config)
    algorithm = changed.pop("algorithm", Code("algorithm"))
    loss = changed.pop("loss", None) or facts.loss_name or "cross_entropy"
    # The name of a function of your own is no name that `fit` knows.
    loss = _text(loss) if loss in nn.LOSSES else Code("loss")
    options = ", ".join(f"{k}={_text(x)}" for k, x in {**given, **changed}.items() if x is not None)
    goal = f"algorithm={algorithm}" if config.get("algorithm") else f"loss={loss}"
    line = f"run = cp.fit(model, data, {goal}, optimizer={_text(optimizer)}, {options})"
    return f"{line}\n{command}" if command else line


def _weights(config: Mapping[str, Any]) -> dict[str, object]:
    """Return the weights of a run as arguments of `fit`; those of the examples have a name."""
    noted = config.get("weights") or {}
    given = {name: noted[name] for name in ("class_weight", "ignore_index", "pos_weight")
             if noted.get(name) is not None}  # fmt: skip
    if noted.get("sample_weight") is not None:
        given["sample_weight"] = Code("sample_weight")
    return given


def _metrics(config: Mapping[str, Any]) -> dict[str, object]:
    """Return the metrics of a run as an argument of `fit`; a function is called by its name."""
    names = config.get("metrics") or []
    return {"metrics": [name if is_metric(name) else Code(name) for name in names]} if names else {}


def rate_of(facts: Facts) -> float | None:
    """Return the highest learning rate of a run; None where it is not known."""
    rates = facts.run.history.learning_rate.tolist() if facts.run is not None else []
    highest = max((rate for rate in rates if rate == rate), default=0.0)
    if highest > 0:
        # No epoch may end exactly at the top of a schedule: that is the round number next to it.
        round_number = float(f"{highest:.1g}")
        return round_number if abs(round_number - highest) < 0.01 * highest else rounded(highest)
    return max(_rates(facts.config.get("optimizer") or {}), default=None)


def rounded(rate: float) -> float:
    """Return a learning rate with three digits, as a person would write it."""
    return float(f"{rate:.3g}")


def lower_rate(facts: Facts) -> float:
    """Return a tenth of a run's learning rate, or the optimizer's default where that is lower."""
    rate = rounded((rate_of(facts) or 0.01) / 10)
    default = default_rate(facts.config.get("optimizer") or {})
    return rate if default is None else min(rate, default)


def higher_rate(facts: Facts, factor: float) -> float:
    """Return a learning rate that is so many times higher, at least ten times.

    It is not below the optimizer's default, and at most ten times that, or than the run's own.
    """
    rate = rate_of(facts) or 0.001
    default = default_rate(facts.config.get("optimizer") or {})
    usual = rate if default is None else default
    return rounded(max(min(rate * factor, 10 * usual), 10 * rate, usual))


def usual_rate(facts: Facts) -> dict[str, object]:
    """Return the optimizer's default rate as a changed argument, where a run's is far from it.

    A rate that was chosen for data on another scale, or to keep a run with large first values
    finite, fits no longer once these are mended.
    """
    default = default_rate(facts.config.get("optimizer") or {})
    rate = rate_of(facts)
    if default is None or rate is None:
        return {}
    fits = default / FAR_BELOW < rate < default * FAR_ABOVE
    return {} if fits else {"learning_rate": default}


USUAL_BATCH = 32
"""Examples of a step, as `fit` takes them by default."""


def enough_epochs(facts: Facts) -> dict[str, object]:
    """Return more epochs as a changed argument, where a run has too few steps to learn anything."""
    if facts.history is None:
        return {}
    steps, epochs = int(facts.history.step[0]), int(facts.settings.get("epochs", 10))
    if facts.is_fork or steps * epochs >= FEWEST_STEPS:
        return {}
    wanted = -(-FEWEST_STEPS // max(steps, 1))
    return {"epochs": max(epochs, min(10 * -(-wanted // 10), MOST_EPOCHS))}


def restart(facts: Facts) -> dict[str, object]:
    """Return the changed arguments of a run that begins anew after something else was mended."""
    return {**usual_rate(facts), **enough_epochs(facts)}


def usual_call(facts: Facts) -> str:
    """Return the call of `fit` of a run with Adam at its default rate and more epochs.

    A run that was made so gets three times as many epochs: the same call would change nothing.
    """
    before = int(facts.settings.get("epochs", 10))
    config = facts.config.get("optimizer") or {}
    is_usual = config.get("name") == "adam" and rate_of(facts) == 0.001 and before >= 30
    epochs = 3 * before if is_usual else max(30, before)
    return fit_line(facts, optimizer=Code('"adam"'), learning_rate=0.001, epochs=epochs)


def of_mismatch(facts: Facts, found: Mismatch) -> str:
    """Return the fix of a mismatch in the names of a diagnosis, with a call of `fit`.

    A fix that is no code, such as a change in a class of your own, becomes a comment.
    """
    lines, changed = [], dict[str, object]()
    for part in found.fix.split("; "):
        try:
            ast.parse(part)
        except SyntaxError:
            lines.append(f"# {part}")
            continue
        if (chosen := re.fullmatch(r"loss = '(\w+)'", part)) is not None:
            changed["loss"] = chosen[1]
        elif part.startswith("y = "):
            lines += _of_targets(facts, part.removeprefix("y = "))
        else:
            lines.append(re.sub(r"\bnn\.", "cp.nn.", part))
    return "\n".join([*lines, fit_line(facts, **changed)])


def _of_targets(facts: Facts, change: str) -> list[str]:
    """Return code that changes the targets of both parts, where they are arrays."""
    ours, theirs = (re.sub(r"\by\b", name, change) for name in ("targets", "dev[1]"))
    lines = [f"targets = {ours}", "data = (inputs, targets)"]
    return [*lines, f"dev = (dev[0], {theirs})"] if has_development_arrays(facts) else lines


def has_development_arrays(facts: Facts) -> bool:
    """Whether a run was given its development set as arrays."""
    return isinstance(_development(facts), Code)


def new_weights(initializer: str, paths: Iterable[str] = ()) -> str:
    """Return code that gives weights of a model new initial values.

    Args:
        initializer: its name in `clearprop.nn.initializers`.
        paths: of the parameters; by default all those with two axes or more.
    """
    chosen = list(paths)
    which = f"path in {_text(chosen)}" if chosen else "len(w.shape) > 1"
    return (
        "import jax\n"
        f"make = cp.nn.initializers.{initializer}\n"
        "model = cp.tree.replace(model, {\n"
        "    path: make(jax.random.fold_in(jax.random.key(0), i), w.shape, w.dtype)\n"
        "    for i, (path, w) in enumerate(cp.nn.parameters(model).items())\n"
        f"    if {which}\n"
        "})"
    )


def without_biases(paths: Iterable[str]) -> str:
    """Return code that sets biases of a model to 0, the usual first value."""
    return "\n".join(
        f'model = cp.tree.replace(model, {{"{path}": 0 * cp.nn.parameters(model)["{path}"]}})'
        for path in dict.fromkeys(paths)
    )


def other_activation(paths: Iterable[str], name: str) -> str:
    """Return code that replaces some activations by another one."""
    return "\n".join(
        f'model = cp.nn.replace_layer(model, "{path}", cp.nn.Activation("{name}"))'
        for path in dict.fromkeys(paths)
    )


def _development(facts: Facts) -> object:
    """Return the development set as an argument of `fit`; None where the data brings its own."""
    held_out = bool(facts.held_out) or (facts.run is None and facts.dev is not None)
    if facts.preprocessor is not None or not held_out:
        return None
    return Code("dev") if facts.dev_fraction is None else facts.dev_fraction


def _changed_optimizer(facts: Facts, changed: dict[str, object]) -> tuple[object, Any]:
    """Return optimizer and learning rate as arguments, with what changes in the rate taken out.

    A learning rate that stands inside the optimizer, or in a schedule, changes there.
    """
    config = facts.config.get("optimizer") or {}
    wanted, now = changed.get("learning_rate"), rate_of(facts)
    factor = wanted / now if isinstance(wanted, int | float) and now else 1.0
    before, after = facts.settings.get("epochs"), changed.get("epochs")
    longer = after / before if isinstance(after, int) and before else 1.0
    optimizer, rate = _optimizer(_stretched(config, factor, longer))
    if rate is None and "learning_rate" in changed and wanted is not None and not (config and now):
        return Code('"adam"'), changed.pop("learning_rate")
    if wanted is not None and not isinstance(rate, int | float):
        changed.pop("learning_rate")  # it has changed inside
    return optimizer, rate


def _stretched(config: Any, factor: float, longer: float, name: str = "") -> Any:
    """Return the configuration of an optimizer or a schedule with other rates and more steps."""
    if isinstance(config, Mapping):
        inside = str(config.get("name"))
        is_schedule = hasattr(optim.schedules, inside)
        within = (*RATES, *STEPS) if is_schedule else ("learning_rate", "parts", "optimizer")
        return {
            k: _stretched(v, factor, longer, k) if k in within else v for k, v in config.items()
        }
    if isinstance(config, list | tuple):
        return [_stretched(part, factor, longer, name) for part in config]
    if isinstance(config, bool) or not isinstance(config, int | float):
        return config
    if name in STEPS:
        return max(1, round(config * longer))
    return rounded(config * factor) if factor != 1 else config


def without_last_activation(facts: Facts) -> str:
    """Return code that removes the activation at the end of a model; "" where there is none."""
    last = facts.signals.layers[-1] if facts.signals is not None else None
    if last is None or not isinstance(last.module, nn.Activation) or last.kind == "identity":
        return ""
    return f"{other_activation([last.path], 'identity')}\n"


def more_outputs(facts: Facts, outputs: int) -> str:
    """Return code that gives a model another number of outputs, without an activation behind."""
    last = facts.signals.weighted[-1] if facts.signals and facts.signals.weighted else None
    if last is None or not isinstance(last.module, nn.Linear):
        return f"# give the last layer of your model {outputs} units\n"
    made = f"cp.nn.Linear({last.module.in_features}, {outputs})"
    change = f'model = cp.nn.replace_layer(model, "{last.path}", {made})\n'
    return without_last_activation(facts) + change


def split_anew(facts: Facts) -> str:
    """Return code that puts all examples together and holds out some of them at random."""
    known = len(facts.part) if facts.part is not None else 0
    held_out = len(facts.dev) if facts.dev is not None else facts.held_out
    fraction = float(f"{held_out / max(1, known + held_out):.2g}") or 0.1
    if facts.preprocessor is not None:
        split = f"data = dataset.split(dev={fraction})  # the whole data set is shuffled first"
        return f"{split}\n{fit_line(facts)}"
    return (
        "inputs, targets = (np.concatenate(both) for both in zip((inputs, targets), dev))\n"
        "data = (inputs, targets)  # fit draws the development examples from all of them\n"
        f"{fit_line(facts, dev=fraction)}"
    )


def penalties(config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the penalties in the configuration of an optimizer, by kind: "l2", "l1", "separate".

    A penalty is an argument of its own name. RMSprop has a decay too, which is that of its mean.

    >>> list(penalties({"name": "rmsprop", "decay": 0.9}))
    []
    >>> list(penalties({"name": "adamw", "weight_decay": 0.1}))
    [('separate', 0.1)]
    """
    name = str(config.get("name"))
    if name == "add_l1_penalty" and config.get("strength"):
        yield "l1", float(config["strength"])
    if config.get("weight_decay"):
        yield ("l2" if name == "add_decayed_weights" else "separate"), float(config["weight_decay"])
    for part in [config.get("optimizer"), *config.get("parts", [])]:
        if isinstance(part, Mapping):
            yield from penalties(part)


def is_adaptive(config: Mapping[str, Any]) -> bool:
    """Whether an optimizer divides each step by the size of past gradients, given its config."""
    parts = [config.get("optimizer"), *config.get("parts", [])]
    inside = any(isinstance(part, Mapping) and is_adaptive(part) for part in parts)
    return inside or config.get("name") in ADAPTIVE


def without_penalty(facts: Facts) -> Code:
    """Return the optimizer of a run without penalties on the weights, as code."""
    return Code(_text(_plain(facts.config.get("optimizer") or {"name": "adam"})))


def _plain(config: Mapping[str, Any]) -> Mapping[str, Any]:
    name = config.get("name")
    if name == "decoupled_weight_decay":
        return _plain(config["optimizer"])
    if name != "chain":
        return {**config, "weight_decay": 0.0} if "weight_decay" in config else config
    kept = [_plain(part) for part in config["parts"]
            if part.get("name") not in ("add_decayed_weights", "add_l1_penalty")]  # fmt: skip
    return kept[0] if len(kept) == 1 else {**config, "parts": kept}


def _optimizer(config: Mapping[str, Any]) -> tuple[object, Any]:
    """Return the optimizer and the learning rate as arguments of the call."""
    name = config.get("name")
    if not name:
        return Code("optimizer" if config else '"adam"'), None
    defaults = _defaults(name)
    rate = config.get("learning_rate")
    changed = {k: v for k, v in config.items()
               if k not in ("name", "learning_rate") and defaults.get(k, v) != v}  # fmt: skip
    if not defaults:  # a transformation, such as one with several parts: `fit` knows no name of it
        return config, None
    if not changed:
        return name, rate
    return {"name": name, **({"learning_rate": rate} if rate is not None else {}), **changed}, None


def _defaults(name: object) -> Mapping[str, Any]:
    """Return the options of a named optimizer that was given none; empty where it is not known."""
    try:
        return optim.create(str(name)).to_config()
    except ClearpropError:
        return {}


def default_rate(config: object) -> float | None:
    """Return the default learning rate of an optimizer, or of the first one inside it that has one.

    >>> default_rate({"name": "chain", "parts": [{"name": "adam"}]})
    0.001
    """
    if not isinstance(config, Mapping):
        return None
    rate = _defaults(config.get("name")).get("learning_rate")
    if isinstance(rate, int | float):
        return float(rate)
    inside = [config.get("optimizer"), *config.get("parts", [])]
    return next((r for r in map(default_rate, inside) if r is not None), None)


def _rates(config: object) -> list[float]:
    if isinstance(config, int | float):
        return [float(config)]
    if not isinstance(config, Mapping):
        return []
    parts = [config.get("learning_rate"), config.get("optimizer"), *config.get("parts", [])]
    return [rate for part in parts for rate in _rates(part)]


def _command(config: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return the same change for the command line, where a recipe made the run and has the keys.

    An optimizer and a variable are code, and ``--set`` cannot leave an argument out.
    """
    recipe = config.get("notes", {}).get("recipe")
    if not isinstance(recipe, Mapping) or "optimizer" in changed:
        return ""
    values = recipe.get("values", {})
    known = {k: v for k, v in changed.items() if v is not None}
    left_out = [k for k, v in changed.items() if v is None and values.get(k) is not None]
    if left_out or not known.keys() <= values.keys():
        return ""
    if any(isinstance(v, Code) for v in known.values()):
        return ""
    if all(values[k] == v for k, v in known.items()):
        return ""  # nothing would change
    texts = {k: Code(_text(v).strip(chr(34))) for k, v in known.items()}
    return f"# {recipe_command(recipe, texts)}"


def _text(value: object) -> str:
    """Return a value as code; the configuration of an optimizer or a schedule makes one."""
    if isinstance(value, Mapping):
        name = str(value.get("name"))
        place = optim if hasattr(optim, name) else optim.schedules
        home = "cp.optim" if place is optim else "cp.optim.schedules"
        if not hasattr(place, name):  # a name that this version does not know
            return repr(dict(value))
        usual = {
            k: one.default for k, one in inspect.signature(getattr(place, name)).parameters.items()
        }
        options = [f"{k}={_text(v)}" for k, v in value.items() if k not in ("name", "parts")
                   and (tuple(v) if isinstance(v, list) else v) != usual.get(k)]  # fmt: skip
        return f"{home}.{name}({', '.join([*map(_text, value.get('parts', [])), *options])})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, str) and not isinstance(value, Code):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def larger(facts: Facts) -> str:
    """Return code for a more flexible network: less regularization, or more units."""
    layers = nn.modules(facts.model) if facts.model is not None else {}
    drops = [p for p, m in layers.items() if isinstance(m, nn.Dropout) and m.rate > 0]
    lines = [f'model = cp.nn.replace_layer(model, "{path}", cp.nn.Dropout(0.0))' for path in drops]
    if [*penalties(facts.config.get("optimizer") or {})]:
        line = fit_line(facts, optimizer=without_penalty(facts), learning_rate=None)
        return "\n".join([*lines, line])
    if not lines:
        lines = [_wider(facts, [m for m in layers.values() if isinstance(m, nn.Linear)])]
    return "\n".join([*lines, fit_line(facts)])


def _wider(facts: Facts, layers: list[nn.Linear]) -> str:
    """Return code that makes a wider network, where it consists of fully connected layers only."""
    own = "# give the layers of your own model more units"
    given = facts.signals.input if facts.signals is not None else None
    if not layers or given is None or math.prod(given.value.shape[1:]) != layers[0].in_features:
        return own
    width = 4 * max([16, *(layer.out_features for layer in layers[:-1])])
    sizes = (layers[0].in_features, width, width, layers[-1].out_features)
    return f"model = cp.models.MLP({sizes})\n{own}"
