"""Optimizers as pure functions: gradients and state in, updates and state out.

optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.001))
state = optimizer.init(parameters)
updates, state = optimizer.update(gradients, state, parameters)
parameters = optim.apply(parameters, updates)
"""

from clearprop import elsewhere
from clearprop.elsewhere import unknown_attribute
from clearprop.optim import schedules
from clearprop.optim.adam_family import AdamaxState, NadamState, adamax, nadam, radam
from clearprop.optim.adaptive import (
    AdadeltaState,
    AdagradState,
    RmspropState,
    adadelta,
    adagrad,
    rmsprop,
)
from clearprop.optim.average import AverageState, average_parameters
from clearprop.optim.composition import chain
from clearprop.optim.conjugate_gradients import solve
from clearprop.optim.creation import (
    create,
    from_config,
    optimizer_names,
    rated_names,
    second_order_names,
)
from clearprop.optim.decay import add_decayed_weights, add_l1_penalty, decoupled_weight_decay
from clearprop.optim.descent import MomentumState, SgdState, momentum, nesterov, sgd
from clearprop.optim.hessian_free import HessianFreeState, hessian_free
from clearprop.optim.lamb import lamb
from clearprop.optim.lbfgs import LbfgsState, lbfgs
from clearprop.optim.lion import lion
from clearprop.optim.moments import AdamState, adam, adamw
from clearprop.optim.muon import MuonState, muon
from clearprop.optim.optimizer import (
    BatchObjective,
    NoState,
    Optimizer,
    apply,
    register_optimizer,
    register_second_order,
    register_transformation,
)
from clearprop.optim.plateau import PlateauState, reduce_on_plateau
from clearprop.optim.scaling import (
    ScheduleState,
    clip_by_global_norm,
    clip_by_value,
    global_norm,
    scale,
    scale_by_learning_rate,
)
from clearprop.optim.schedules import Rate, Schedule

__all__ = [
    "AdadeltaState",
    "AdagradState",
    "AdamState",
    "AdamaxState",
    "AverageState",
    "BatchObjective",
    "HessianFreeState",
    "LbfgsState",
    "MomentumState",
    "MuonState",
    "NadamState",
    "NoState",
    "Optimizer",
    "PlateauState",
    "Rate",
    "RmspropState",
    "Schedule",
    "ScheduleState",
    "SgdState",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "add_decayed_weights",
    "add_l1_penalty",
    "apply",
    "average_parameters",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "create",
    "decoupled_weight_decay",
    "from_config",
    "global_norm",
    "hessian_free",
    "lamb",
    "lbfgs",
    "lion",
    "momentum",
    "muon",
    "nadam",
    "nesterov",
    "optimizer_names",
    "radam",
    "rated_names",
    "reduce_on_plateau",
    "register_optimizer",
    "register_second_order",
    "register_transformation",
    "rmsprop",
    "scale",
    "scale_by_learning_rate",
    "schedules",
    "second_order_names",
    "sgd",
    "solve",
]


def __getattr__(name: str) -> object:
    raise unknown_attribute("clearprop.optim", name, __all__, elsewhere.OPTIMIZERS, "optim.")
