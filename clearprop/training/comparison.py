"""The comparison of two written configurations: a run goes on only with that of its beginning."""

from __future__ import annotations

from collections.abc import Mapping

from clearprop.errors import ConfigurationError

SECTIONS = (
    "settings",
    "loss",
    "algorithm",
    "optimizer",
    "augment",
    "data",
    "preprocessor",
    "model",
    "record",
    "snapshots",
    "weights",
    "metrics",
)
"""The parts of a written configuration that a resumed run must share with its beginning."""


def compare(config: Mapping[str, object], earlier: Mapping[str, object], where: str) -> None:
    """Raise unless a run may continue with this configuration.

    The number of epochs may differ; everything else has to be what the run began with.

    Raises:
        ConfigurationError: something differs; it is named.
    """
    changed = differences(config, earlier)
    changed.pop("settings.epochs", None)
    # Earlier versions did not record it; the data, which is compared too, shows what it did.
    if "preprocessor.transparency" in changed and changed["preprocessor.transparency"][0] is None:
        del changed["preprocessor.transparency"]
    # Nor did they record the roles of fields; the paths of the parameters, which are compared too,
    # show what is trained.
    structures = changed.get("model.structure", (None, None))
    if structures[0] is not None and structures[0] == _without_roles(structures[1]):
        del changed["model.structure"]
    if changed:
        texts = [f"{name} was {old!r}, is {new!r}" for name, (old, new) in changed.items()]
        raise ConfigurationError(
            "a run continues only with the configuration that it began with",
            where=where,
            given="; ".join(text[:160] for text in texts[:3]),
            fix="give the same configuration, or start a new run in another folder",
        )


def _without_roles(structure: object) -> object:
    if isinstance(structure, Mapping):
        kept = {
            name: value
            for name, value in structure.items()
            if not (name == "roles" and "class" in structure)
        }
        return {name: _without_roles(value) for name, value in kept.items()}
    return [_without_roles(x) for x in structure] if isinstance(structure, list) else structure


def differences(
    config: Mapping[str, object], earlier: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """Return the differences of two configurations: old and new value by name.

    >>> differences({"settings": {"epochs": 9}, "loss": "a"}, {"settings": {"epochs": 3}})
    {'settings.epochs': (3, 9), 'loss': (None, 'a')}
    """
    found: dict[str, tuple[object, object]] = {}
    for section in SECTIONS:
        old, new = earlier.get(section), config.get(section)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            found |= {f"{section}.{key}": (old.get(key), new.get(key)) for key in keys}
        elif old != new:
            found[section] = (old, new)
    return found
