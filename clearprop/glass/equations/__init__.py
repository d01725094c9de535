"""Equations with the numbers in them: the chain rule at a node, and whole steps worked out."""

from clearprop.glass.equations.chain import equations
from clearprop.glass.equations.classroom import ClassMarks, mark_class, read_students, write_class
from clearprop.glass.equations.equation import Equation, Equations
from clearprop.glass.equations.exercises import EXERCISES, exercise
from clearprop.glass.equations.grading import Answer, Grade, grade
from clearprop.glass.equations.lectures import LECTURES, lecture
from clearprop.glass.equations.solution import WorkedSolution, worked_solution

__all__ = [
    "EXERCISES",
    "LECTURES",
    "Answer",
    "ClassMarks",
    "Equation",
    "Equations",
    "Grade",
    "WorkedSolution",
    "equations",
    "exercise",
    "grade",
    "lecture",
    "mark_class",
    "read_students",
    "worked_solution",
    "write_class",
]
