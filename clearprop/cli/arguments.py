"""The table of commands and their arguments; each command is imported when it is called."""

from __future__ import annotations

import argparse
import difflib
import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn, TypedDict

from clearprop.cli.output import say
from clearprop.errors import ConfigurationError, unknown_name
from clearprop.recipes import RECIPES

CLOSE = 0.75
"""An option at least this similar to a known one is a typing error; another one may be a key."""


class ArgparseOptions(TypedDict, total=False):
    """The options of argparse's ``add_argument`` that the commands use."""

    action: str
    default: object
    dest: str
    metavar: str
    nargs: str
    type: Callable[[str], object]


class Argument(NamedTuple):
    """An argument of a command.

    Attributes:
        name: an option with its dashes, or the name of a positional argument.
        about: its help, in one line.
        options: for argparse.
    """

    name: str
    about: str
    options: ArgparseOptions = ArgparseOptions()


class Command(NamedTuple):
    """A command.

    Attributes:
        function: ``module.function`` below `clearprop.cli`: parsed arguments -> exit code.
        about: what it does, in one line.
        arguments: in the order of its help.
        more: text at the end of its help.
    """

    function: str
    about: str
    arguments: tuple[Argument, ...] = ()
    more: str = ""


_RUN = Argument("RUN", "the folder of a run")
_DATA = Argument("--data", "a name of `clearprop data list`, a file or a folder")
_TARGET = Argument("--target", "the column of a table to predict", {"metavar": "NAME"})
_SET = Argument(
    "--set",
    "a value of the recipe, such as epochs=3 or data.test=0.2; can be repeated",
    {"action": "append", "default": [], "metavar": "KEY=VALUE", "dest": "values"},
)
_DATA_SET = Argument(
    "--set",
    "an option of the data, such as data.decimal=, or data.ignore=id; can be repeated",
    {"action": "append", "default": [], "metavar": "data.KEY=VALUE", "dest": "values"},
)
_FOLDER = Argument("--folder", "the folder of the new run (runs/RECIPE-NUMBER)", {"metavar": "RUN"})
_LOG = Argument(
    "--log",
    "tensorboard: write event files of TensorBoard too, into RUN/tensorboard",
    {"metavar": "FORM"},
)
_MESH = Argument(
    "--mesh",
    "the devices by axes, such as data=4,model=2; data=-1 takes all",
    {"metavar": "AXIS=N,..."},
)
_DISTRIBUTED = (
    Argument(
        "--distributed",
        "one of several processes, started by Slurm, Open MPI or Kubernetes",
        {"action": "store_true"},
    ),
    Argument(
        "--coordinator",
        "where process 0 of several runs, with a free port there",
        {"metavar": "HOST:PORT"},
    ),
    Argument("--processes", "how many processes there are", {"type": int, "metavar": "N"}),
    Argument("--process", "which of them this is, from 0", {"type": int, "metavar": "I"}),
    Argument(
        "--wait",
        "seconds to wait for the others (300) and the coordinator (30; 300 with --distributed)",
        {"type": int},
    ),
)
_NO_REPORT = Argument("--no-report", "write no report", {"action": "store_true"})
_RECIPES = "recipes:\n" + "\n".join(f"  {name:14} {row.summary}" for name, row in RECIPES.items())

COMMANDS: dict[str, Command] = {
    "train": Command(
        "training.run_train",
        "train a recipe, write its run and its report",
        (
            Argument(
                "RECIPE", f"one of {', '.join(RECIPES)}; not needed with --from", {"nargs": "?"}
            ),
            Argument(
                "--from",
                "an ONNX file, whose network is trained further on your pictures",
                {"metavar": "FILE", "dest": "source"},
            ),
            Argument(
                "--freeze",
                "with --from: patterns of parameters that stay as they are, such as 'features.*'",
                {"metavar": "PATTERN"},
            ),
            _DATA,
            _TARGET,
            _SET,
            _MESH,
            *_DISTRIBUTED,
            _FOLDER,
            _LOG,
            _NO_REPORT,
        ),
        f"{_RECIPES}\n\n`clearprop summary RECIPE` shows the model and every key for --set.",
    ),
    "search": Command(
        "training.run_search",
        "search for values of a recipe, such as its learning rate",
        (
            Argument("RECIPE", "a recipe that trains one model"),
            Argument(
                "--over",
                "KEY=log:LOW:HIGH, KEY=lin:LOW:HIGH, KEY=int:LOW:HIGH or KEY=A,B; can be repeated",
                {"action": "append", "default": [], "metavar": "KEY=VALUES"},
            ),
            Argument("--trials", "how many (20)", {"type": int, "default": 20}),
            Argument("--seed", "of the proposals (0)", {"type": int, "default": 0}),
            _DATA,
            _TARGET,
            _SET,
            Argument(
                "--folder",
                "keeps the search; the same command goes on with it (runs/RECIPE-search-NUMBER)",
                {"metavar": "FOLDER"},
            ),
        ),
        "`clearprop search mlp --data iris --over learning_rate=log:1e-4:1e-1 --over "
        "hidden_sizes=8,16,32`. A trial that is behind the median after an epoch is stopped.",
    ),
    "resume": Command(
        "training.run_resume",
        "continue an interrupted run",
        (_RUN, _MESH, *_DISTRIBUTED, _LOG, _NO_REPORT),
    ),
    "fork": Command(
        "training.run_fork",
        "start a new run from a snapshot of another run, with changed values",
        (
            _RUN,
            Argument("--step", "of the snapshot; `--set snapshots=...` keeps them", {"type": int}),
            _SET,
            _FOLDER,
            _LOG,
            _NO_REPORT,
        ),
    ),
    "evaluate": Command(
        "inference.run_evaluate",
        "evaluate a trained model on held-out or other data",
        (_RUN, _DATA, _TARGET, _DATA_SET),
    ),
    "predict": Command(
        "inference.run_predict",
        "write a trained model's predictions for new examples as CSV",
        (
            _RUN,
            Argument("--input", "a file with new examples; the target may be missing"),
            Argument("--data", "or a name of `clearprop data list`, for its test part"),
            _TARGET,
            _DATA_SET,
            Argument("--output", "the file to write (standard output)", {"metavar": "FILE"}),
        ),
    ),
    "export": Command(
        "exporting.run_export",
        "write a trained model, with the preparation of its examples, as an ONNX file",
        (_RUN, Argument("FILE", "the file to write, such as model.onnx")),
    ),
    "explain": Command(
        "inspection.run_explain",
        "show every number of the forward and backward pass of one example",
        (
            _RUN,
            Argument(
                "--example",
                "its number in the test part, or in the last held-out part (the worst mistake)",
                {"metavar": "N"},
            ),
            Argument("--node", "a name such as conv1, or a pattern such as '*.weight' (all)"),
            Argument("--output", "the page to write (RUN/explain.html)", {"metavar": "FILE"}),
        ),
    ),
    "summary": Command(
        "summary.run_summary",
        "show layers, output shapes, parameters and operations per example",
        (
            Argument("MODEL", f"a recipe ({', '.join(RECIPES)}), a run or a .safetensors file"),
            _DATA,
            _TARGET,
            _SET,
            Argument("--input-shape", "of one example, such as 28x28x1", {"metavar": "SHAPE"}),
        ),
    ),
    "worked": Command(
        "worked.run_worked",
        "write a worked-out training step as a handout, or mark an exercise",
        (
            Argument(
                "NAME",
                "2-2-1, gate, a run or a .safetensors file of a small model; with --seed, "
                "network, gate or sizes such as 3-2-1",
                {"nargs": "?"},
            ),
            Argument("--input", "for a model: 0.35,0.9 or a file with an example"),
            Argument("--target", "the target: 0.5, or the number of a class"),
            Argument("--learning-rate", "of the step", {"type": float, "metavar": "RATE"}),
            Argument("--loss", "for a model (the loss of its run, or squared_error)"),
            Argument("--digits", "number of digits, 2 to 12 (4)", {"type": int, "default": 4}),
            Argument("--blank", "leave the answers out", {"action": "store_true"}),
            Argument(
                "--output",
                "the file to write, .md, .tex or .html (standard output)",
                {"metavar": "FILE"},
            ),
            Argument("--grade", "mark a filled exercise", {"metavar": "FILE"}),
            Argument("--seed", "draw the numbers of an exercise from a seed", {"type": int}),
            Argument(
                "--students",
                "a file with names: an exercise for each, with other numbers",
                {"metavar": "FILE"},
            ),
            Argument("--folder", "the new folder of the class", {"metavar": "CLASS"}),
        ),
        "`clearprop worked gate --blank --output sheet.md` writes an exercise; fill it in, then "
        "`clearprop worked --grade sheet.md`. Numbers that begin with a minus follow an equals "
        "sign: --input=-1,2.\n\n"
        "`clearprop worked network --seed 7 --students names.csv --folder class` writes "
        "other numbers, sizes and activations for each student; `clearprop worked mark class` "
        "marks the sheets.",
    ),
    "worked mark": Command(
        "worked.run_mark",
        "mark the filled exercises of a class",
        (
            Argument("CLASS", "the folder that `clearprop worked --students` wrote"),
            Argument(
                "--filled",
                "the folder of the filled sheets (CLASS/sheets)",
                {"metavar": "FOLDER"},
            ),
            Argument(
                "--output", "the CSV file to write, a line for each sheet", {"metavar": "FILE"}
            ),
        ),
    ),
    "studio": Command(
        "studio.run_studio",
        "open the page in which networks train and every number can be touched",
        (
            Argument("WHAT", "a run, a .safetensors or .onnx file, or a recipe", {"nargs": "?"}),
            Argument(
                "--address",
                "of this machine, where the page is served (127.0.0.1: for this machine only; "
                "0.0.0.0: for others too, who need the token in the printed address)",
                {"metavar": "ADDRESS", "default": "127.0.0.1"},
            ),
            Argument("--port", "its port (the first that is free from 8150 on)", {"type": int}),
            Argument("--no-browser", "open no browser", {"action": "store_true"}),
            Argument(
                "--export",
                "write one HTML file that works from a disk, without a server: a playground that "
                "trains in the page, and the run WHAT to look at step by step",
                {"metavar": "FILE"},
            ),
            Argument(
                "--link",
                "with --export: a link to a playground, with whose settings the file begins",
                {"metavar": "LINK"},
            ),
        ),
    ),
    "data list": Command("datasets.run_list", "list the data sets that have a name"),
    "data show": Command(
        "datasets.run_show",
        "show what is in a data set, and what the columns of a table are taken for",
        (Argument("NAME", "a name, a file or a folder"), _TARGET, _DATA_SET),
    ),
    "report": Command("inspection.run_report", "write the report of a run again", (_RUN,)),
    "diagnose": Command(
        "inspection.run_diagnose", "find problems of a run, and suggest fixes", (_RUN,)
    ),
}


class _CommandParser(argparse.ArgumentParser):
    """Raises an error instead of printing it."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message, where=self.prog, fix=f"{self.prog} --help")


def overview() -> str:
    """Return the help of the whole program.

    >>> print(overview().splitlines()[0])
    usage: clearprop COMMAND [...]
    """
    lines = ["usage: clearprop COMMAND [...]", "", "Neural networks with every value in view."]
    lines += ["", "commands:"]
    for name, command in COMMANDS.items():
        places = " ".join([name, *(a.name for a in command.arguments if a.name[0] != "-")])
        lines.append(f"  {places:18} {command.about}")
    lines += ["", _RECIPES, ""]
    return "\n".join([*lines, "clearprop COMMAND --help says more; clearprop --version."])


def parse(given: Sequence[str]) -> Callable[[], int] | None:
    """Return the function to call, or None after printing help or the version.

    Raises:
        ConfigurationError: a command or option is unknown (the nearest is suggested), or an
            argument is missing.
    """
    if given[0] in ("-h", "--help", "help") or list(given) in (["data", "-h"], ["data", "--help"]):
        say(overview())
        return None
    if given[0] in ("-V", "--version"):
        package = sys.modules[__name__.partition(".")[0]]
        say(f"clearprop {vars(package)['__version__']}")
        return None
    name, rest = _command(given)
    command = COMMANDS[name]
    parser = _parser(name, command)
    if any(argument in ("-h", "--help") for argument in rest):
        say(parser.format_help().rstrip())
        return None
    arguments, unknown = parser.parse_known_args(rest)
    if unknown:
        raise _unknown(name, command, unknown, rest)
    return functools.partial(_call, command, arguments)


def _call(command: Command, arguments: argparse.Namespace) -> int:
    module, _, function = command.function.partition(".")
    imported = importlib.import_module(f"clearprop.cli.{module}")
    code: int = getattr(imported, function)(arguments)
    return code


def _command(given: Sequence[str]) -> tuple[str, Sequence[str]]:
    for words in (2, 1):
        name = " ".join(given[:words])
        if len(given) >= words and name in COMMANDS:
            return name, given[words:]
    first = given[0]
    inner = [name.split()[1] for name in COMMANDS if name.startswith(f"{first} ")]
    if inner and len(given) == 1:
        raise ConfigurationError(
            f"clearprop {first} needs a second word", expected=f"one of {', '.join(inner)}"
        )
    if inner:
        raise unknown_name("command", given[1], inner, where=f"clearprop {first}")
    if first.startswith("-"):
        raise unknown_name("option", first, ["--help", "--version"], where="clearprop")
    raise unknown_name("command", first, list(dict.fromkeys(c.split()[0] for c in COMMANDS)))


def _parser(name: str, command: Command) -> _CommandParser:
    parser = _CommandParser(
        prog=f"clearprop {name}",
        description=f"{command.about[0].upper()}{command.about[1:]}.",
        epilog=command.more,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for argument in command.arguments:
        parser.add_argument(argument.name, help=argument.about, **argument.options)
    return parser


def _unknown(
    name: str, command: Command, unknown: Sequence[str], rest: Sequence[str]
) -> ConfigurationError:
    where = f"clearprop {name}"
    stranger = next((text for text in unknown if text.startswith("-")), None)
    known = [a.name for a in command.arguments if a.name.startswith("-")] + ["--help"]
    takes_keys = _SET in command.arguments
    if stranger is None:
        is_value = takes_keys and "=" in unknown[0]
        return ConfigurationError(
            f"{unknown[0]!r} is one argument too many",
            where=where,
            fix=f"--set {unknown[0]}" if is_value else f"{where} --help",
        )
    option = stranger.partition("=")[0]
    error = unknown_name("option", option, known, where=where)
    if takes_keys and not difflib.get_close_matches(option, known, n=1, cutoff=CLOSE):
        value = stranger.partition("=")[2] or _following(rest, stranger) or "..."
        error.fix = f"to set a value of the recipe: --set {option.lstrip('-')}={value}"
    return error


def _following(rest: Sequence[str], option: str) -> str | None:
    place = rest.index(option) + 1
    return rest[place] if place < len(rest) and not rest[place].startswith("-") else None
