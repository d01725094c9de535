"""Back-propagation: the tape, the table of rules, the reverse sweep and the transformations."""

from clearprop.autodiff.check import GradientCheck, check_gradients
from clearprop.autodiff.composite import checkpoint, lift
from clearprop.autodiff.curvature import gauss_newton, jvp
from clearprop.autodiff.operation import OPERATIONS, Operation, observe, operation
from clearprop.autodiff.sweep import sweep
from clearprop.autodiff.tape import Node, Tape, Traced, layer_path
from clearprop.autodiff.transforms import (
    grad,
    hvp,
    jacobian,
    stop_gradient,
    value_and_grad,
    vjp,
)

__all__ = [
    "OPERATIONS",
    "GradientCheck",
    "Node",
    "Operation",
    "Tape",
    "Traced",
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
