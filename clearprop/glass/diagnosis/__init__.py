"""What holds a run back: findings with their evidence, their reason and their fix."""

from clearprop.glass.diagnosis.diagnose import diagnose
from clearprop.glass.diagnosis.finding import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
