"""What happened inside: values, error signals and reports, read from below and changing nothing."""

from clearprop.glass.boundary import draw_boundary, draw_plane
from clearprop.glass.capture import Capture, LayerCapture, capture
from clearprop.glass.findings import write_findings
from clearprop.glass.report import write_report

__all__ = [
    "Capture",
    "LayerCapture",
    "capture",
    "draw_boundary",
    "draw_plane",
    "write_findings",
    "write_report",
]
