"""`explain`: every number of one pass through a model and back, by name, and why it is so."""

from clearprop.glass.explain.glass import Glass, explain
from clearprop.glass.explain.why import Step, Why
from clearprop.glass.nodes.array_summary import ArraySummary
from clearprop.glass.nodes.check import Check
from clearprop.glass.nodes.jacobian import Jacobian
from clearprop.glass.nodes.node import GlassNode, Selection
from clearprop.glass.nodes.table import Table
from clearprop.glass.nodes.through_time import ThroughTime

__all__ = [
    "ArraySummary",
    "Check",
    "Glass",
    "GlassNode",
    "Jacobian",
    "Selection",
    "Step",
    "Table",
    "ThroughTime",
    "Why",
    "explain",
]
