"""The build of the package: that of hatchling, which gets the page of the studio first.

A wheel and an sdist contain the page. An editable installation uses the sources as they are, so
nothing is built for it; `make studio` builds the page there.
"""

from __future__ import annotations

import sys
from typing import Any

from hatchling import build as hatchling
from hatchling.build import build_editable, get_requires_for_build_editable

from tools import build_studio

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
]

Settings = dict[str, Any] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what a build of a wheel needs."""
    return [*hatchling.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """Return what a build of an sdist needs."""
    return [*hatchling.get_requires_for_build_sdist(config_settings), *_node()]


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel, also where the page cannot be built: `clearprop studio` says what is missing.

    A wheel of an sdist has the page of the sdist.
    """
    try:
        build_studio.build(build_studio.find_node())
    except build_studio.BuildError as error:
        sys.stderr.write(f"WARNING: the page of the studio is missing or old: {error}\n")
    return hatchling.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build an sdist.

    Raises:
        BuildError: the page cannot be built; an sdist without it would be no release.
    """
    build_studio.build(build_studio.find_node())
    return hatchling.build_sdist(sdist_directory, config_settings)


def _node() -> list[str]:
    """Return Node.js as a requirement, where the page is to be built and there is none."""
    is_needed = build_studio.has_sources() and not build_studio.is_built()
    return [build_studio.REQUIREMENT] if is_needed and build_studio.find_node() is None else []
