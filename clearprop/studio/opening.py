"""What the page opens: the view of a run, a recipe or a model, as far as there is one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from clearprop.errors import unknown_name
from clearprop.recipes.catalog import RECIPES, RUNS

VIEWS = ("playground", "backward", "runs", "models")
"""The views of the page, as `studio-ui/src/views.ts` has them; a test compares the two."""

# Of a run folder; the files that have these names as constants import JAX.
CONFIG, MODEL_SUFFIX, REPORT = "config.json", ".safetensors", "report.html"


class Opening(NamedTuple):
    """What the page opens.

    Attributes:
        view: its address behind the "/", such as "#/playground"; "" is the first view.
        runs: the folder of the runs.
        about: one sentence for the terminal; "" where nothing is to be said.
        files: saved models that the page can open, beside those of the runs.
    """

    view: str = ""
    runs: Path = RUNS
    about: str = ""
    files: tuple[Path, ...] = ()


def opening_of(what: str | None, runs: Path = RUNS) -> Opening:
    """Return what the page opens.

    Args:
        what: the folder of a run, the file of a model, or the name of a recipe; None opens the
            first view.
        runs: the folder of the runs.

    Raises:
        RunError: the folder holds no run, or its configuration is damaged.
        ConfigurationError: there is nothing of this name; the nearest is suggested.

    >>> opening_of(None)
    Opening(view='', runs=...Path('runs'), about='', files=())
    """
    if what is None:
        return Opening(runs=runs)
    path = Path(what)
    if path.is_dir():
        return of_run(path)
    if path.suffix == MODEL_SUFFIX and path.is_file():
        return _of_model(path, runs)
    if what in RECIPES:
        return _of_recipe(what, runs)
    known = sorted(str(config.parent) for config in runs.glob(f"*/{CONFIG}"))
    raise unknown_name("run, model or recipe", what, [*known, *RECIPES])


def of_run(path: Path) -> Opening:
    """Return what the page opens for a run; the runs beside it can be opened too.

    Raises:
        RunError: the folder holds no run, or its configuration is damaged.
    """
    from clearprop.training.run_config import read_config

    read_config(path)
    whole = path.resolve()
    if "runs" in VIEWS:
        return Opening(f"#/runs?run={quote(whole.name)}", whole.parent)
    report = path / REPORT
    seen = (
        f"its report is {report}"
        if report.is_file()
        else f"`clearprop report {shlex.quote(str(path))}` writes its report"
    )
    return Opening("", whole.parent, f"the studio has no view of a run yet; {seen}")


def address_of_model(source: str) -> str:
    """Return the address of the view of a model, by the id that `models.sources` gives it.

    >>> address_of_model("file:my model.safetensors")
    '#/models?source=file%3Amy%20model.safetensors'
    """
    return f"#/models?source={quote(source, safe='')}"


def _of_recipe(name: str, runs: Path) -> Opening:
    """Return what the page opens for a recipe: its network before training, or its newest run."""
    if "models" in VIEWS and RECIPES[name].kind.endswith("Recipe"):  # a study has no network
        return Opening(address_of_model(f"recipe:{name}"), runs)
    found = [config for config in runs.glob(f"{name}-*/{CONFIG}") if _numbered(config, name)]
    newest = max(found, key=lambda config: config.stat().st_mtime, default=None)
    if newest is None:
        about = f"there is no run of this recipe yet; `clearprop train {name}` makes one"
        return Opening("", runs, about)
    opening = of_run(newest.parent)
    about = f"of {name} it opens the newest run, {newest.parent}"
    return opening._replace(about=f"{about}; {opening.about}" if opening.about else about)


def _numbered(config: Path, name: str) -> bool:
    return config.parent.name.removeprefix(f"{name}-").isdecimal()


def _of_model(path: Path, runs: Path) -> Opening:
    if (path.parent / CONFIG).is_file():
        return of_run(path.parent)
    if "models" in VIEWS:
        return Opening(address_of_model(f"file:{path.name}"), runs, files=(path,))
    about = f"the studio has no view of a model yet; `clearprop summary {shlex.quote(str(path))}`"
    return Opening("", runs, f"{about} shows its layers")
