"""Optimizers by name: for configurations, the command line and `fit`."""

from __future__ import annotations

from collections.abc import Mapping

from clearprop.errors import ConfigurationError, unknown_name
from clearprop.optim import configuration, schedules
from clearprop.optim.optimizer import Optimizer
from clearprop.optim.schedules import Rate


def optimizer_names() -> list[str]:
    """Return the names of the optimizers that need gradients alone.

    >>> optimizer_names()
    ['adadelta', 'adagrad', 'adam', 'adamax', 'adamw', 'lamb', 'lion', 'momentum', 'muon', 'nadam',
     'nesterov', 'radam', 'rmsprop', 'sgd']
    """
    return configuration.names("optimizer")


def second_order_names() -> list[str]:
    """Return the names of the optimizers that use the curvature of the objective.

    >>> second_order_names()
    ['hessian_free', 'lbfgs']
    """
    return configuration.names("second-order optimizer")


def rated_names() -> list[str]:
    """Return the names of the optimizers that take a learning rate, of both kinds.

    >>> "lbfgs" in rated_names(), "hessian_free" in rated_names()
    (True, False)
    """
    every = sorted([*optimizer_names(), *second_order_names()])
    return [name for name in every if "learning_rate" in configuration.options_of(name)]


def create(
    optimizer: str | Optimizer | Mapping[str, object],
    learning_rate: Rate | Mapping[str, object] | None = None,
    **options: object,
) -> Optimizer:
    """Return an optimizer, given its name, its configuration or the optimizer itself.

    Args:
        optimizer: a name that `optimizer_names` or `second_order_names` lists, in any case; what
            `Optimizer.to_config` gave; or an optimizer.
        learning_rate: a number, a schedule or a schedule's configuration; None takes the
            optimizer's default.
        options: further options of the named optimizer.

    Raises:
        ConfigurationError: an unknown name or option (the nearest known one is suggested), a value
            out of its range, or options together with an optimizer.

    >>> create("adam", learning_rate=0.01, beta1=0.8)
    adam(learning_rate=0.01, beta1=0.8, beta2=0.999, epsilon=1e-08, amsgrad=False)
    >>> create("adma")
    Traceback (most recent call last):
    clearprop.errors.ConfigurationError: unknown optimizer 'adma'
      expected: one of adadelta, adagrad, adam, adamax, adamw, ...
      fix:      did you mean 'adam'?
    """
    if learning_rate is not None:
        options["learning_rate"] = learning_rate
    if isinstance(optimizer, str):
        name = optimizer.lower()
        known = sorted([*optimizer_names(), *second_order_names()])
        if name not in known:
            raise unknown_name("optimizer", optimizer, known)
        if isinstance(learning_rate, Mapping):
            options["learning_rate"] = schedules.from_config(learning_rate)
        return configuration.build(name, options, Optimizer)
    if options:
        raise ConfigurationError(
            "options need the name of an optimizer, and this is an optimizer",
            given=f"{', '.join(options)} with {optimizer!r}",
            fix="give them where the optimizer is made",
        )
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, Mapping):
        return from_config(optimizer)
    raise ConfigurationError(
        "this is not an optimizer",
        given=repr(optimizer),
        expected=f"an optimizer of clearprop.optim, or one of {', '.join(optimizer_names())}",
    )


def from_config(config: Mapping[str, object]) -> Optimizer:
    """Return the optimizer that `Optimizer.to_config` recorded.

    Raises:
        ConfigurationError: an unknown name, an unknown option or a value out of its range.

    >>> from clearprop.optim import chain, clip_by_value, sgd
    >>> config = chain(clip_by_value(1.0), sgd(0.1)).to_config()
    >>> config
    {'name': 'chain', 'parts': [{'name': 'clip_by_value', 'limit': 1.0},
     {'name': 'sgd', 'learning_rate': 0.1}]}
    >>> from_config(config)
    chain(clip_by_value(limit=1.0), sgd(learning_rate=0.1))
    """
    return configuration.rebuild(config, Optimizer)
