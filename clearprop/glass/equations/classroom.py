"""Exercises for a class: one sheet for each student, and the marks of a folder of filled sheets."""

from __future__ import annotations

import collections
import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clearprop.data.texts import read_text
from clearprop.errors import ConfigurationError, DataError
from clearprop.files import content_errors, read_record
from clearprop.glass.equations.exercises import EXERCISES, exercise
from clearprop.glass.equations.grading import LARGEST_SHEET, Grade
from clearprop.glass.equations.mistakes import KINDS
from clearprop.glass.equations.sheet import LECTURE_DIGITS
from clearprop.glass.equations.solution import WorkedSolution

CLASS = "class.json"
SHEETS, KEYS = "sheets", "keys"
"""The folders of a class: exercises for the students, and their solutions."""

COLUMNS = (
    *("student", "file", "points", "of", "percent", "right", "carried", "wrong", "empty"),
    *("kinds", "mistakes", "note"),
)
"""The columns of the marks."""

_CODE = re.compile(r"\bsheet ([0-9a-f]{8})\b")


@dataclass(frozen=True)
class MarkedSheet:
    """The marks of a student, or the reason why there are none.

    Attributes:
        student: the name; "" where it is not known whose sheet it is.
        file: the path of the filled sheet inside its folder; "" where there is none.
        grade: the marked answers; None for a sheet that was not marked.
        note: what the teacher should know of the sheet.
    """

    student: str
    file: str
    grade: Grade | None
    note: str = ""

    def row(self) -> dict[str, str]:
        """Return the cells of the marks, by column."""
        cells = dict.fromkeys(COLUMNS, "")
        cells |= {"student": _cell(self.student), "file": _cell(self.file), "note": self.note}
        if self.grade is None:
            return cells
        counts = {verdict: self.grade.count(verdict) for verdict in COLUMNS[5:9]}
        wrong = [a for a in self.grade.answers if a.verdict == "wrong"]
        kinds = collections.Counter(a.kind for a in wrong)
        return cells | {
            "points": str(counts["right"] + counts["carried"]),
            "of": str(len(self.grade.answers)),
            "percent": f"{100 * self.grade.mark:.0f}",
            **{verdict: str(count) for verdict, count in counts.items()},
            "kinds": ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
            "mistakes": " | ".join(map(str, wrong)),
        }


@dataclass(frozen=True)
class ClassMarks:
    """The marks of a class; `str()` shows a line for each sheet and the most common mistakes.

    Attributes:
        sheets: in the order of the class; files of unknown students are at the end.
    """

    sheets: tuple[MarkedSheet, ...]

    @property
    def csv(self) -> str:
        """The marks as CSV with the columns `COLUMNS`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sheet.row() for sheet in self.sheets)
        return text.getvalue()

    @property
    def kinds(self) -> dict[str, int]:
        """How often each kind of mistake occurs, the most frequent first."""
        answers = [a for sheet in self.sheets if sheet.grade for a in sheet.grade.answers]
        counts = collections.Counter(a.kind for a in answers if a.verdict == "wrong")
        return dict(counts.most_common())

    def write(self, path: Path | str) -> Path:
        """Write the marks as CSV.

        Raises:
            RunError: the file cannot be written.
        """
        from clearprop.files import write_output

        write_output(Path(path), self.csv)
        return Path(path)

    def __str__(self) -> str:
        lines = []
        for sheet in self.sheets:
            marks = "not marked"
            if sheet.grade is not None:
                cells = sheet.row()
                marks = f"{cells['points']} of {cells['of']} ({cells['percent']} %)"
            note = f"; {sheet.note}" if sheet.note else ""
            lines.append(f"{sheet.student or sheet.file}: {marks}{note}")
        if self.kinds:
            lines += ["", "mistakes in the class:"]
            lines += [f"  {count} x {KINDS[kind]}" for kind, count in self.kinds.items()]
        return "\n".join(lines)


def read_students(path: Path | str) -> list[str]:
    """Return the names of a list of students: one on each line, or a column of a CSV file.

    Where a cell of the first line is ``name`` or ``student``, its column has the names; commas,
    semicolons and tabs may separate the cells. Otherwise each line is a name.

    Raises:
        DataError: the file cannot be read, holds no name, or holds a name twice.
    """
    place = Path(path)
    lines = [line for line in read_text(place).splitlines() if line.strip()]
    first = lines[0] if lines else ""
    separator = next((sign for sign in ";\t," if sign in first), ",")
    head = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=separator), [])]
    column = next((i for i, cell in enumerate(head) if cell in ("name", "student")), None)
    if column is None:
        names = [line.strip() for line in lines]
    else:
        rows = csv.reader(lines[1:], delimiter=separator)
        names = [row[column].strip() for row in rows if len(row) > column and row[column].strip()]
    if not names:
        raise DataError("the file holds no name", where=str(place), expected="a name on each line")
    _check_students(names, str(place))
    return names


def _check_students(names: Sequence[str], where: str) -> None:
    name, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise DataError(
            "two students have one name, so their sheets would be the same",
            where=where,
            given=name,
            fix="add a number or the class to the name",
        )


def write_class(
    folder: Path | str,
    name: str,
    seed: int,
    students: Iterable[str],
    *,
    digits: int = LECTURE_DIGITS,
) -> list[Path]:
    """Write an exercise for each student, with other numbers for each, and return the sheets.

    ``sheets/`` has the exercises: a Markdown file to fill in, and an HTML page to print.
    ``keys/`` has the solutions. ``class.json`` has what `mark_class` needs: keep it and the keys
    to yourself. The same name, seed and students give the same sheets.

    Args:
        folder: a new or empty folder.
        name: of the exercise, as `exercise` takes it.
        seed: of all numbers, a whole number from 0 up.
        students: the names.
        digits: significant digits of the solutions.

    Raises:
        ConfigurationError: the exercise is unknown, or the folder is not empty.
        DataError: a name occurs twice, or there is none.
    """
    from clearprop.files import write_errors, write_record

    place, names = Path(folder), list(students)
    if not names:
        raise DataError("a class has at least one student", given="no name")
    _check_students(names, "students")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ConfigurationError(
            "the folder of a class is new or empty",
            where=str(place),
            fix="choose another folder: filled sheets are not overwritten",
        )
    solutions = [exercise(name, seed, student, digits=digits) for student in names]
    with write_errors(place):
        for part in (SHEETS, KEYS):
            (place / part).mkdir(parents=True)
    rows, sheets = [], []
    for student, solution, stem in zip(names, solutions, _stems(names), strict=True):
        code = _code(solution, student)
        owned = _owned(solution, student, code)
        blank = owned.blank()
        sheets.append(blank.write(place / SHEETS / f"{stem}.md"))
        blank.write(place / SHEETS / f"{stem}.html")
        owned.write(place / KEYS / f"{stem}.md")
        rows.append({"student": student, "sheet": code, "file": f"{stem}.md"})
    about = {"exercise": name, "seed": seed, "digits": digits, "students": rows}
    write_record(place / CLASS, about, indent=1)
    return sheets


def mark_class(folder: Path | str, filled: Path | str | None = None) -> ClassMarks:
    """Mark all filled sheets of a class by its keys.

    A sheet is recognised by the code on it, otherwise by the name of its file. Only the answers are
    read from a sheet: changed numbers and formulas do not change the marks. An answer that follows
    from an earlier mistake counts as right, so a mistake costs one point.

    Args:
        folder: that `write_class` wrote.
        filled: the folder of the filled sheets, also in folders inside it; by default ``sheets/``.

    Raises:
        DataError: the folder is no class, or there is no sheet.
        ConfigurationError: another version of clearprop made the sheets, with other numbers.
    """
    place = Path(folder)
    about = _read_class(place)
    where = Path(filled) if filled is not None else place / SHEETS
    files = sorted(f for f in where.rglob("*.md") if KEYS not in f.relative_to(where).parts)
    if not files:
        raise DataError(
            "there is no filled sheet", where=str(where), expected="Markdown files (.md)"
        )
    solutions = dict(_solutions(about, place))
    marked: dict[str, list[MarkedSheet]] = {row["student"]: [] for row in about["students"]}
    strangers: list[MarkedSheet] = []
    for file in files:
        sheet = _marked(file, where, about["students"], solutions)
        marked.get(sheet.student, strangers).append(sheet)
    sheets: list[MarkedSheet] = []
    for student, found in marked.items():
        if len(found) > 1:
            found = [replace(s, note=_joined(s.note, f"{len(found)} sheets")) for s in found]
        sheets += found or [MarkedSheet(student, "", None, "no sheet")]
    return ClassMarks((*sheets, *strangers))


def _marked(
    file: Path,
    folder: Path,
    rows: Sequence[dict[str, str]],
    solutions: dict[str, WorkedSolution],
) -> MarkedSheet:
    """Return the marks of a file."""
    shown = file.relative_to(folder).as_posix()
    try:
        text = read_text(file)
    except (DataError, OSError) as error:
        return MarkedSheet("", shown, None, _one_line(str(error)))
    code = _CODE.search(text[:LARGEST_SHEET])
    by_code = next((row for row in rows if code and row["sheet"] == code[1]), None)
    by_file = next((row for row in rows if row["file"] == file.name), None)
    row = by_code or by_file
    if row is None:
        return MarkedSheet("", shown, None, "neither its code nor its name is known in this class")
    note = ""
    if by_code is None:
        note = "recognised by the name of the file: its code is missing"
    elif by_file is not None and by_file is not by_code:
        note = f"the file has the name of {by_file['student']}, the sheet that of {row['student']}"
    try:
        return MarkedSheet(row["student"], shown, solutions[row["student"]].grade(text), note)
    except DataError as error:
        return MarkedSheet(row["student"], shown, None, _joined(note, _one_line(str(error))))


def _solutions(about: dict[str, Any], place: Path) -> Iterator[tuple[str, WorkedSolution]]:
    for row in about["students"]:
        student = row["student"]
        solution = exercise(about["exercise"], about["seed"], student, digits=about["digits"])
        if _code(solution, student) != row["sheet"]:
            raise ConfigurationError(
                "this version of clearprop draws other numbers for the sheet",
                where=str(place / CLASS),
                given=f"{student}, sheet {row['sheet']}",
                fix="mark with the version of clearprop that wrote the sheets",
            )
        yield student, solution


def _read_class(place: Path) -> dict[str, Any]:
    file = place / CLASS
    wrong = DataError(
        f"this is not the folder of a class: {CLASS} is missing or damaged",
        where=str(place),
        fix="clearprop worked network --seed 1 --students FILE --folder FOLDER writes one",
    )
    if not file.is_file():
        raise wrong
    about = read_record(file, DataError, wrong.problem)
    with content_errors(file, DataError, wrong.problem, wrong.fix):
        rows = about["students"]
        fits = isinstance(about["exercise"], str) and all(
            isinstance(row[key], str) for row in rows for key in ("student", "sheet", "file")
        )
        fits = fits and type(about["seed"]) is int and about["seed"] >= 0
        fits = fits and about["digits"] in range(2, 13)
        fits = fits and about["exercise"] in EXERCISES
    if not fits or not rows:
        raise wrong
    return {key: about[key] for key in ("exercise", "seed", "digits", "students")}


def _code(solution: WorkedSolution, student: str) -> str:
    """Return the code of a sheet; it changes with the given numbers and the formulas."""
    given = [f"{line.name} {line.value!r}" for line in solution.sheet.lines() if not line.gap]
    gaps = [f"{line.gap} {line.name}" for line in solution.sheet.lines() if line.gap]
    text = "\n".join([student, *solution.sheet.intro, *given, *gaps])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _owned(solution: WorkedSolution, student: str, code: str) -> WorkedSolution:
    return replace(solution, sheet=replace(solution.sheet, owner=f"{student}, sheet {code}"))


def _stems(names: Sequence[str]) -> list[str]:
    """Return a name of a file for each student.

    >>> _stems(["Ada Lovelace", "ada lovelace", "Erdős Pál", "高木"])
    ['ada-lovelace', 'ada-lovelace-2', 'erdos-pal', 'student-4']
    """
    taken: list[str] = []
    for number, name in enumerate(names, start=1):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or f"student-{number}"
        candidates = [stem, *(f"{stem}-{n}" for n in range(2, len(names) + 2))]
        taken.append(next(c for c in candidates if c not in taken))
    return taken


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _one_line(text: str) -> str:
    return " ".join(text.split())
