"""Equations with the numbers in them: the chain rule at a node, and whole steps worked out."""

from clearprop.glass.equations.chain import equations
from clearprop.glass.equations.equation import Equation, Equations
from clearprop.glass.equations.grading import Answer, Grade, grade
from clearprop.glass.equations.lectures import LECTURES, lecture
from clearprop.glass.equations.solution import WorkedSolution, worked_solution

__all__ = [
    "LECTURES",
    "Answer",
    "Equation",
    "Equations",
    "Grade",
    "WorkedSolution",
    "equations",
    "grade",
    "lecture",
    "worked_solution",
]
