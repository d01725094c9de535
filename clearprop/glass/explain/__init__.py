"""`explain`: every number of one pass through a model and back, by name, and why it is so."""

from clearprop.glass.explain.check import Check
from clearprop.glass.explain.glass import Glass, Selection, explain
from clearprop.glass.explain.jacobian import Jacobian
from clearprop.glass.explain.node import GlassNode
from clearprop.glass.explain.summary import Summary
from clearprop.glass.explain.table import Table
from clearprop.glass.explain.through_time import ThroughTime
from clearprop.glass.explain.why import Step, Why

__all__ = [
    "Check",
    "Glass",
    "GlassNode",
    "Jacobian",
    "Selection",
    "Step",
    "Summary",
    "Table",
    "ThroughTime",
    "Why",
    "explain",
]
