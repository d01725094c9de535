"""Fixes as code: the call of `fit` that a run was, with a change, and changes of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clearprop import optim
from clearprop.errors import ClearpropError
from clearprop.glass.diagnosis.facts import Facts
from clearprop.glass.wording import without_folders

SHOWN = ("freeze", "patience", "label_smoothing", "precision", "seed")
"""Settings that stand in the call where they are not what they are by default."""


def fit_line(facts: Facts, **changed: object) -> str:
    """Return the call of `fit` that a run was, with some arguments changed; None leaves one out.

    ``optimizer`` and other values that are code are given as `Code`.
    """
    config, settings = facts.config, facts.settings
    rule, rate = _optimizer(config.get("optimizer") or {})
    given: dict[str, Any] = {"learning_rate": rate}
    given["epochs"] = settings.get("epochs", 10)
    given["batch_size"] = settings.get("batch_size", 32)
    for name in SHOWN:
        if settings.get(name):
            given[name] = settings[name]
    if "learning_rate" in changed and rate is None:
        rule, given["learning_rate"] = '"adam"', None
    command = _command(config, changed)
    optimizer = changed.pop("optimizer", Code(rule))
    if "learning_rate" in changed and changed["learning_rate"] is None:
        given.pop("learning_rate")
    given |= changed
    loss = facts.loss_name or "cross_entropy"
    options = ", ".join(f"{key}={_text(x)}" for key, x in given.items() if x is not None)
    line = f'run = cp.fit(model, data, "{loss}", {_text(optimizer)}, {options})'
    return f"{line}\n{command}" if command else line


class Code(str):
    """A text that is code and stands without quotes."""

    __slots__ = ()


def rate_of(facts: Facts) -> float | None:
    """Return the highest learning rate of a run; None where it is not known."""
    if facts.run is not None and len(facts.run.history):
        rates = facts.run.history.learning_rate
        rates = rates[rates == rates]
        if len(rates) and float(rates.max()) > 0:
            highest = float(rates.max())
            # A schedule is not read at its very top: what was asked for is the round number there.
            round_number = float(f"{highest:.1g}")
            return round_number if abs(round_number - highest) < 0.01 * highest else highest
    return max(_numbers(facts.config.get("optimizer") or {}), default=None)


def lower_rate(facts: Facts) -> float:
    """Return a tenth of a run's learning rate, or the rule's usual one where that is lower."""
    rate, name = rate_of(facts) or 0.01, (facts.config.get("optimizer") or {}).get("name")
    usual = optim.create(str(name)).to_config() if name in optim.optimizer_names() else {}
    own = usual.get("learning_rate")
    return min(rate / 10, float(own)) if isinstance(own, int | float) else rate / 10


def new_weights(initializer: str, paths: Iterable[str] = ()) -> str:
    """Return code that gives matrices and kernels of a model new initial values.

    Args:
        initializer: its name in `clearprop.nn.initializers`.
        paths: which; without any all those with two axes or more.
    """
    chosen = list(paths)
    which = f"path in {_text(chosen)}" if chosen else "w.ndim > 1"
    return (
        "import jax\n"
        f"make = cp.nn.initializers.{initializer}\n"
        "model = cp.tree.replace(model, {\n"
        "    path: make(jax.random.fold_in(jax.random.key(0), i), w.shape, w.dtype)\n"
        "    for i, (path, w) in enumerate(cp.nn.parameters(model).items())\n"
        f"    if {which}\n"
        "})"
    )


def other_activation(paths: Iterable[str], name: str) -> str:
    """Return code that puts another activation in the place of some."""
    return "\n".join(
        f'model = cp.nn.replace_layer(model, "{path}", cp.nn.Activation("{name}"))'
        for path in dict.fromkeys(paths)
    )


def _optimizer(config: Mapping[str, Any]) -> tuple[str, float | Code | None]:
    """Return optimizer and learning rate as the call has them."""
    name = config.get("name")
    if not name:
        return ("optimizer" if config else '"adam"'), None
    options = {key: value for key, value in config.items() if key != "name"}
    rate = options.get("learning_rate")
    try:
        usual = optim.create(str(name)).to_config() if name != "chain" else {}
    except ClearpropError:
        usual = {}
    others = {k: v for k, v in options.items() if k != "learning_rate" and usual.get(k, v) != v}
    if name != "chain" and not others:
        rate = Code(_made(rate)) if isinstance(rate, Mapping) else rate
        return f'"{name}"', rate
    return _made({"name": name, **({"learning_rate": rate} if rate is not None else {}),
                  **(others if usual else options)}), None  # fmt: skip


def _made(config: Any) -> str:
    """Return the code that makes an optimizer or a schedule."""
    if isinstance(config, list | tuple):
        return f"[{', '.join(map(_made, config))}]"
    if not isinstance(config, Mapping):
        return _text(config)
    name = str(config.get("name"))
    home = "cp.optim" if hasattr(optim, name) else "cp.optim.schedules"
    parts = [_made(part) for part in config.get("parts", [])]
    rest = [f"{k}={_made(v)}" for k, v in config.items() if k not in ("name", "parts")]
    return f"{home}.{name}({', '.join([*parts, *rest])})"


def _numbers(config: Any) -> list[float]:
    if isinstance(config, Mapping):
        own = config.get("learning_rate")
        found = [float(own)] if isinstance(own, int | float) else _numbers(own)
        return found + [x for part in config.get("parts", []) for x in _numbers(part)]
    return []


def _command(config: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return the same change for the command line, where a recipe made the run and has the keys.

    An optimizer is code, and what is left out by None cannot be unset by ``--set``.
    """
    recipe = config.get("notes", {}).get("recipe")
    if not isinstance(recipe, Mapping) or "optimizer" in changed:
        return ""
    values = recipe.get("values", {})
    known = {k: v for k, v in changed.items() if v is not None}
    left_out = [k for k, v in changed.items() if v is None and values.get(k) is not None]
    if left_out or not known.keys() <= values.keys():
        return ""
    if all(values[k] == v for k, v in known.items()):
        return ""  # nothing would change
    name = values.get("data", {}).get("name") if isinstance(values.get("data"), Mapping) else None
    data = f" --data {without_folders(name)}" if name else ""
    sets = "".join(f" --set {k}={_text(v).strip(chr(34))}" for k, v in known.items())
    return f"# clearprop train {recipe.get('name')}{data}{sets}"


def _text(value: Any) -> str:
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool) or not isinstance(value, float):
        return "[" + ", ".join(map(_text, value)) + "]" if isinstance(value, list) else repr(value)
    return f"{value:.3g}"
