"""Equations with the numbers in them: the chain rule at a node, and whole passes worked out."""

from clearprop.glass.equations.chain import equations
from clearprop.glass.equations.equation import Equation, Equations

__all__ = ["Equation", "Equations", "equations"]
