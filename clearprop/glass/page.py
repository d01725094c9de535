"""What every page has in common: its templates, and the version that wrote it."""

from __future__ import annotations

from importlib import metadata

import jinja2


def environment() -> jinja2.Environment:
    """Return the templates, in which every value is escaped and a missing one is an error."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("clearprop.glass"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def version() -> str:
    """Return the version of clearprop that is installed."""
    try:
        return metadata.version("clearprop")
    except metadata.PackageNotFoundError:
        return "(not installed)"
