"""``clearprop studio``: the page in which networks train and every number can be touched."""

from __future__ import annotations

import argparse

from clearprop.cli.output import complain, say
from clearprop.studio.app import ENGINE, Studio, parts_of
from clearprop.studio.opening import opening_of
from clearprop.studio.pages import Pages, check_page
from clearprop.studio.server import StudioServer, is_loopback


def run_studio(arguments: argparse.Namespace) -> int:
    """Serve the studio until Ctrl-C.

    Raises:
        RunError: the page is not built, or the port is taken.
        ConfigurationError: what it should open is unknown, or this machine lacks the address.
        KeyboardInterrupt: it was ended.
    """
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
        server.run(browser=not arguments.no_browser)
    return 0
