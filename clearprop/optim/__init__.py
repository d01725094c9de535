"""Learning rules as pure functions: gradients and state in, updates and state out.

rule = optim.chain(optim.clip_by_global_norm(1.0), optim.adam(0.001))
state = rule.init(parameters)
updates, state = rule.update(gradients, state, parameters)
parameters = optim.apply(parameters, updates)
"""

from clearprop.optim import schedules
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
from clearprop.optim.creation import create, curvature_rules, from_config, learning_rules
from clearprop.optim.decay import add_decayed_weights, add_l1_penalty, decoupled_weight_decay
from clearprop.optim.descent import MomentumState, SgdState, momentum, nesterov, sgd
from clearprop.optim.hessian_free import HessianFreeState, hessian_free
from clearprop.optim.moments import AdamState, adam, adamw
from clearprop.optim.optimizer import (
    NoState,
    Optimizer,
    Surface,
    apply,
    curvature_rule,
    learning_rule,
    transformation,
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
    "AverageState",
    "HessianFreeState",
    "MomentumState",
    "NoState",
    "Optimizer",
    "PlateauState",
    "Rate",
    "RmspropState",
    "Schedule",
    "ScheduleState",
    "SgdState",
    "Surface",
    "adadelta",
    "adagrad",
    "adam",
    "adamw",
    "add_decayed_weights",
    "add_l1_penalty",
    "apply",
    "average_parameters",
    "chain",
    "clip_by_global_norm",
    "clip_by_value",
    "create",
    "curvature_rule",
    "curvature_rules",
    "decoupled_weight_decay",
    "from_config",
    "global_norm",
    "hessian_free",
    "learning_rule",
    "learning_rules",
    "momentum",
    "nesterov",
    "reduce_on_plateau",
    "rmsprop",
    "scale",
    "scale_by_learning_rate",
    "schedules",
    "sgd",
    "solve",
    "transformation",
]
