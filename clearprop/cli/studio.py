"""``clearprop studio``: the page in which networks train and every number can be touched."""

from __future__ import annotations

import argparse

from clearprop.cli.interrupts import threads_may_run
from clearprop.cli.output import complain, say
from clearprop.errors import ConfigurationError
from clearprop.studio.app import ENGINE, Studio, parts_of
from clearprop.studio.opening import opening_of
from clearprop.studio.pages import Pages, check_page
from clearprop.studio.problems import process_ends
from clearprop.studio.server import StudioServer, is_loopback


def run_studio(arguments: argparse.Namespace) -> int:
    """Serve the studio until Ctrl-C, or write the classroom file.

    Raises:
        RunError: the page is not built, or the port is taken.
        ConfigurationError: what it should open is unknown, or this machine lacks the address.
        KeyboardInterrupt: it was ended.
    """
    if arguments.export is not None:
        return _export(arguments)
    if arguments.link is not None:
        raise ConfigurationError(
            "a link belongs to a file that is written", given="--link", fix="--export FILE --link …"
        )
    check_page()
    opening = opening_of(arguments.WHAT)
    studio = Studio(Pages(), ENGINE, parts_of(opening.runs, opening.files))
    with StudioServer(studio, arguments.address, arguments.port, opening.view) as server:
        say(f"studio  {server.url}")
        if opening.about:
            say(opening.about)
        if not is_loopback(arguments.address):
            complain("whoever has this address can use the studio, also from other machines")
        complain("Ctrl-C ends it")
        try:
            server.run(browser=not arguments.no_browser)
        finally:
            process_ends.set()
            threads_may_run.set()
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from clearprop.cli.runs import existing_run
    from clearprop.studio.export import export_page

    run = existing_run(arguments.WHAT) if arguments.WHAT is not None else None
    say(f"page  {export_page(arguments.export, run, arguments.link)}")
    return 0
