"""`explain`: every number of one pass through a model and back, by name, and why it is so."""

from clearprop.glass.explain.glass import Glass, Selection, explain
from clearprop.glass.explain.jacobian import Jacobian
from clearprop.glass.explain.node import GlassNode

__all__ = ["Glass", "GlassNode", "Jacobian", "Selection", "explain"]
