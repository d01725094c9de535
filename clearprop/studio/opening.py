"""What the page opens: the view of a run, a recipe or a model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from clearprop.errors import ConfigurationError, ModelError, unknown_name
from clearprop.recipes.catalog import RECIPES, RUNS

OF_RUNS, OF_MODELS = "runs", "models"
"""Names of views, as `studio-ui/src/views.ts` has them; a test compares the two."""

# Of a run folder; the files that have these names as constants import JAX.
CONFIG, MODEL_SUFFIX, ONNX_SUFFIX = "config.json", ".safetensors", ".onnx"


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
        what: the folder of a run, the file of a model (.safetensors or .onnx), or the name of a
            recipe; None opens the first view.
        runs: the folder of the runs.

    Raises:
        RunError: the folder holds no run, or its configuration is damaged.
        ConfigurationError: there is nothing of this name; the nearest is suggested.
        ModelError: the file is of ONNX, and the library onnx is missing.

    >>> opening_of(None)
    Opening(view='', runs=...Path('runs'), about='', files=())
    >>> opening_of("lenet5").view
    '#/models?source=recipe%3Alenet5'
    """
    if what is None:
        return Opening(runs=runs)
    path = Path(what)
    if path.is_dir():
        return of_run(path)
    if path.suffix == MODEL_SUFFIX and path.is_file():
        if (path.parent / CONFIG).is_file():
            return of_run(path.parent)
        return Opening(address_of_model(f"file:{path.name}"), runs, files=(path,))
    if path.suffix == ONNX_SUFFIX and path.is_file():
        _check_reader(path)
        return Opening(address_of_model(f"file:{path.name}"), runs, files=(path,))
    if what not in RECIPES:
        known = sorted(str(config.parent) for config in runs.glob(f"*/{CONFIG}"))
        raise unknown_name("run, model or recipe", what, [*known, *RECIPES])
    if needs := RECIPES[what].needs:
        raise ConfigurationError(
            f"{what} cannot begin with its defaults alone", where="clearprop studio", fix=needs
        )
    if RECIPES[what].kind.endswith("Recipe"):
        return Opening(address_of_model(f"recipe:{what}"), runs)
    return _of_study(what, runs)


def _check_reader(path: Path) -> None:
    from clearprop.interop.onnx.reading import import_onnx

    try:
        import_onnx()
    except ModelError as error:
        error.where = str(path)
        raise


def of_run(path: Path) -> Opening:
    """Return what the page opens for a run; the runs beside it can be opened too.

    Raises:
        RunError: the folder holds no run, or its configuration is damaged.
    """
    from clearprop.training.run_config import read_config

    read_config(path)
    whole = path.resolve()
    return Opening(f"#/{OF_RUNS}?run={quote(whole.name, safe='')}", whole.parent)


def address_of_model(source: str) -> str:
    """Return the address of the view of a model, by the id that `models.sources` gives it.

    >>> address_of_model("file:my model.safetensors")
    '#/models?source=file%3Amy%20model.safetensors'
    """
    return f"#/{OF_MODELS}?source={quote(source, safe='')}"


def _of_study(name: str, runs: Path) -> Opening:
    """Return what the page opens for a study, which has no single network: its newest folder."""
    found = [config for config in runs.glob(f"{name}-*/{CONFIG}") if _is_numbered(config, name)]
    newest = max(found, key=lambda config: config.stat().st_mtime, default=None)
    if newest is None:
        about = f"{name} compares several models; `clearprop train {name}` makes a run of it"
        return Opening(f"#/{OF_RUNS}", runs, about)
    return of_run(newest.parent)._replace(about=f"of {name} it opens {newest.parent}")


def _is_numbered(config: Path, name: str) -> bool:
    return config.parent.name.removeprefix(f"{name}-").isdecimal()
