"""The parts that all pages have in common: templates, the time of writing, and the version."""

from __future__ import annotations

import datetime
from importlib import metadata

import jinja2

from clearprop.glass.glossary import entries, term


def render_page(template: str, **values: object) -> str:
    """Return a page from a template, with the version of clearprop and the time of writing."""
    written = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = environment().get_template(template)
    return page.render(values, written=written, version=version())


def environment() -> jinja2.Environment:
    """Return the templates, in which every value is escaped and a missing one is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("clearprop.glass"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals |= {"term": term, "entries": entries}
    return made


def version() -> str:
    """Return the version of clearprop that is installed."""
    try:
        return metadata.version("clearprop")
    except metadata.PackageNotFoundError:
        return "(not installed)"
