"""`studio`: the page from Python, in a program or a notebook."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.errors import ConfigurationError, kind_of
from clearprop.recipes.catalog import RUNS
from clearprop.studio.app import ENGINE, Studio, parts_of
from clearprop.studio.opening import Opening, address_of_model, of_run, opening_of
from clearprop.studio.pages import Pages, check_page
from clearprop.studio.script_end import is_interactive, wait_at_the_end
from clearprop.studio.server import ADDRESS, StudioServer

if TYPE_CHECKING:
    from clearprop import nn
    from clearprop.glass.subject import EvaluationData
    from clearprop.nn.recording import LossLike
    from clearprop.training import Run


def studio(
    what: nn.Module | Run | Path | str | None = None,
    data: EvaluationData = None,
    *,
    loss: LossLike | None = None,
    address: str = ADDRESS,
    port: int | None = None,
    browser: bool | None = None,
    runs: Path | str = RUNS,
    wait: bool | None = None,
) -> StudioServer:
    """Start the studio in the background, and return it: ``.url`` is its address.

    A script goes on at once. At its end it waits for Ctrl-C while the studio is open, unless an
    error ended it; ``.close()`` closes the studio, and ``.wait()`` waits earlier. A notebook
    shows the page in the cell, and without the extra ``clearprop[notebook]`` a link to it.

    Args:
        what: the page opens this: a model, a run, the folder of a run, the file of a model, or the
            name of a recipe; None opens the playground.
        data: of a model or a run: `Splits`, a data set, or ``(inputs, targets)`` as the model takes
            them.
        loss: of a model, for its error signals; None takes that of the run, or one that fits.
        address: of this machine, where the page is served. Other machines can reach any but a
            loopback address, and need the token in ``.url``.
        port: its port; None takes the first that is free from 8150 on.
        browser: whether to open a browser; None does so, except in a notebook.
        runs: the folder of the runs.
        wait: whether the program stays at its end until the studio is closed; None does so in a
            script, and not at a prompt or in a notebook.

    Raises:
        ConfigurationError: this cannot be opened, or this machine lacks the address.
        RunError: the page is not built, the port is taken, or the folder holds no run.
    """
    check_page()
    opening, offers = _opening(what, data, loss, Path(runs))
    made = Studio(Pages(), ENGINE, parts_of(opening.runs, opening.files, offers))
    server = StudioServer(made, address, port, opening.view)
    server.start(browser="ipykernel" not in sys.modules if browser is None else browser)
    script = not is_interactive()
    if script:
        sys.stderr.write(f"studio  {server.url}\n")
    if opening.about:
        warnings.warn(opening.about, stacklevel=2)
    if script if wait is None else wait:
        wait_at_the_end(server)
    return server


def _opening(
    what: nn.Module | Run | Path | str | None,
    data: EvaluationData,
    loss: LossLike | None,
    runs: Path,
) -> tuple[Opening, list[object]]:
    """Return what the page opens, and the models that it is given.

    Raises:
        ConfigurationError: this cannot be opened.
    """
    if what is None or isinstance(what, str | Path):
        if data is not None or loss is not None:
            raise ConfigurationError(
                "data and loss go with a model or a run",
                where="studio",
                given=kind_of(what),
                fix="cp.studio(cp.load(folder).model, data)",
            )
        return opening_of(None if what is None else str(what), runs), []
    from clearprop import nn
    from clearprop.studio.models.sources import Offer
    from clearprop.training import Run

    if isinstance(what, Run) and what.folder is not None and data is None and loss is None:
        return of_run(what.folder), []
    if not isinstance(what, nn.Module | Run):
        raise ConfigurationError(
            "the studio cannot open this",
            where="studio",
            given=kind_of(what),
            expected="a model, a run, the folder of a run, the file of a model, or a recipe",
        )
    model = what.model if isinstance(what, Run) else what
    given = Offer(type(model).__name__, what, loss, None, data)
    return Opening(address_of_model("object:0"), runs), [given]
