"""Back-propagation: the tape, the table of rules, the reverse sweep and the transformations."""

from clearprop.autodiff.check import GradientCheck, check_gradients
from clearprop.autodiff.composite import checkpoint, lift
from clearprop.autodiff.curvature import gauss_newton, jvp
from clearprop.autodiff.operation import OPERATIONS, operation
from clearprop.autodiff.operators import give_operators
from clearprop.autodiff.sweep import sweep
from clearprop.autodiff.tape import (
    Node,
    Operation,
    Tape,
    Traced,
    Value,
    layer_path,
    observe,
    stop_gradient,
)
from clearprop.autodiff.transforms import grad, hvp, jacobian, value_and_grad, vjp

give_operators()

__all__ = [
    "OPERATIONS",
    "GradientCheck",
    "Node",
    "Operation",
    "Tape",
    "Traced",
    "Value",
    "check_gradients",
    "checkpoint",
    "gauss_newton",
    "grad",
    "hvp",
    "jacobian",
    "jvp",
    "layer_path",
    "lift",
    "observe",
    "operation",
    "stop_gradient",
    "sweep",
    "value_and_grad",
    "vjp",
]
