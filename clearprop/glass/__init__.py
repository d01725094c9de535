"""Reports and pictures of what happens inside a network: values, error signals, weights."""

from clearprop.glass.capture import Capture, LayerCapture, capture
from clearprop.glass.drawings.attention import attention_maps
from clearprop.glass.drawings.boundary import decision_boundary, linear_boundary
from clearprop.glass.drawings.filters import filters
from clearprop.glass.drawings.gates import gates
from clearprop.glass.drawings.histograms import histograms
from clearprop.glass.drawings.loss_surface import loss_surface
from clearprop.glass.drawings.maps import feature_maps
from clearprop.glass.drawings.maximization import maximize_activation
from clearprop.glass.drawings.occlusion import occlusion, saliency
from clearprop.glass.drawings.receptive import receptive_field
from clearprop.glass.findings import write_findings
from clearprop.glass.learning_rates import learning_rates
from clearprop.glass.overlay import overlay
from clearprop.glass.report import write_report
from clearprop.glass.style import Drawing

__all__ = [
    "Capture",
    "Drawing",
    "LayerCapture",
    "attention_maps",
    "capture",
    "decision_boundary",
    "feature_maps",
    "filters",
    "gates",
    "histograms",
    "learning_rates",
    "linear_boundary",
    "loss_surface",
    "maximize_activation",
    "occlusion",
    "overlay",
    "receptive_field",
    "saliency",
    "write_findings",
    "write_report",
]
