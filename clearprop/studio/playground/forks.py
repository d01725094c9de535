"""What a fork may change: everything that leaves the shapes of the parameters as they are."""

from __future__ import annotations

from clearprop.errors import ConfigurationError
from clearprop.studio.playground.messages import Settings
from clearprop.studio.playground.prepared import Prepared

OF_OPTIMIZER = ("optimizer", "learning_rate", "schedule", "l1", "l2")
"""The settings that make the optimizer."""

ANEW = {
    "data": "the examples decide what the curves mean",
    "features": "the features decide the shape of the first weights",
    "weight_init": "the initial weights are those of the run that is left",
    "seed": "the seed decides the initial weights, which are those of the run that is left",
}
"""The settings that only a new run can change, and why."""


def changes(old: Prepared, new: Prepared) -> dict[str, object]:
    """Return what `LiveRun.fork` has to change for other settings.

    Raises:
        ConfigurationError: a setting decides shapes or examples, and differs.
    """
    _check(old.settings, new.settings)
    if new.output.units != old.output.units:
        raise ConfigurationError(
            "the loss decides the shape of the output, and a fork keeps all shapes",
            where="loss",
            given=f"{new.settings.loss}, which needs {new.output.units} outputs",
            expected=f"a loss for {old.output.units}",
            fix="begin a new run with this loss",
        )
    config, found = new.config, dict[str, object]()
    differing = {
        name
        for name in Settings.__struct_fields__
        if getattr(old.settings, name) != getattr(new.settings, name)
    }
    if old.layers != new.layers or "dropout" in differing:
        found["model"] = config.model
    if old.output.coding != new.output.coding:
        found["data"], found["dev"] = config.data, config.dev
    if differing.intersection(OF_OPTIMIZER):
        found["optimizer"] = config.optimizer
    for name in differing.intersection(("loss", "batch_size", "epochs")):
        found[name] = getattr(config, name)
    return found


def _check(old: Settings, new: Settings) -> None:
    """Raise unless a fork may have the new settings.

    Raises:
        ConfigurationError: it may not.
    """
    for name, why in ANEW.items():
        if getattr(old, name) != getattr(new, name):
            raise ConfigurationError(
                f"a fork cannot change {name}: {why}",
                where=name,
                given=f"another {name}",
                fix="begin a new run with these settings",
            )
    before, after = ([layer.units for layer in one.layers] for one in (old, new))
    if before != after:
        raise ConfigurationError(
            "a fork cannot change the layers: their numbers of units decide the shapes of the "
            "weights",
            where="layers",
            given=f"units {after}",
            expected=f"units {before}",
            fix="begin a new run with these layers",
        )
