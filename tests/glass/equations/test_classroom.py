"""Exercises of a class: drawn from a seed, written, filled with known mistakes, and marked."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from clearprop.errors import ConfigurationError, DataError
from clearprop.glass.equations import (
    Answer,
    WorkedSolution,
    exercise,
    grade,
    mark_class,
    read_students,
    write_class,
)
from clearprop.glass.equations.classroom import CLASS, COLUMNS, MarkedSheet
from clearprop.glass.equations.numbers import significant

STUDENTS = ["Ada Lovelace", "Erdős Pál", "=cmd|calc"]
GIVEN_OF_SEED_7 = {
    "eta": 0.5, "w1": 0.2, "w2": 0.5, "w3": 0.1, "w4": -0.8, "w5": -0.4, "w6": 0.9,
    "x1": -0.2, "x2": -0.4, "t": 0.7,
}  # fmt: skip
GAP = re.compile(r"= \((\d+)\) ____")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "class"
    write_class(folder, "network", 7, STUDENTS)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "class"))


def filled(sheet: str, solution: WorkedSolution, changed: Mapping[str, float] = {}) -> str:
    """Fill a sheet with true values, but for some of its quantities."""
    lines = {line.gap: line for line in solution.sheet.lines() if line.gap}

    def answer(match: re.Match[str]) -> str:
        line = lines[int(match[1])]
        return f"= ({match[1]}) {significant(changed.get(line.name, line.value), 7)}"

    return GAP.sub(answer, sheet)


def found(solution: WorkedSolution, name: str, value: float) -> Answer:
    """Mark a sheet in which one answer is wrong, by the key and by the sheet itself."""
    text = filled(solution.blank().markdown, solution, {name: value})
    (answer,) = [a for a in solution.grade(text).answers if a.name == name]
    (by_sheet,) = [a for a in grade(text).answers if a.name == name]
    assert (by_sheet.verdict, by_sheet.kind) == (answer.verdict, answer.kind)
    return answer


def of(activation: str, sizes: str = "2-2-1") -> WorkedSolution:
    """Return the first exercise whose hidden units have an activation."""
    for seed in range(40):
        solution = exercise(sizes, seed)
        if f"h = {activation}(z)" in solution.sheet.intro[0]:
            return solution
    raise AssertionError(activation)


# --- drawing -------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_exercise_and_each_student_another() -> None:
    first = exercise("network", 7, "Ada")
    assert first.markdown == exercise("network", 7, "Ada").markdown
    assert len({exercise("2-2-1", 7, str(n)).markdown for n in range(5)}) == 5
    assert exercise("2-2-1", 8, "Ada").markdown != exercise("2-2-1", 7, "Ada").markdown


def test_the_numbers_of_a_seed_stay_the_same_from_version_to_version() -> None:
    given = {line.name: line.value for line in exercise("2-2-1", 7).sheet.lines() if not line.gap}
    assert given == GIVEN_OF_SEED_7


def test_sizes_and_activations_differ_in_a_class() -> None:
    intros = {exercise("network", 1, str(n)).sheet.intro[0] for n in range(24)}
    for part in ("sigmoid(z)", "tanh(z)", "relu(z)", "3 inputs", "2 inputs", "3 hidden"):
        assert any(part in intro for intro in intros), part
    gates = {exercise("gate", 1, str(n)).sheet.intro[0] for n in range(12)}
    assert len(gates) == 4


@pytest.mark.parametrize("name", ["network", "gate", "2-1", "3-3-2"])
def test_a_calculation_by_hand_is_possible(name: str) -> None:
    for seed in range(4):
        solution = exercise(name, seed)
        lines = list(solution.sheet.lines())
        assert all(len(significant(v.value, 12).lstrip("-")) <= 3 for v in lines if not v.gap)
        values = solution.values.values()
        assert all(math.isfinite(v) and (v == 0 or abs(v) >= 1e-4) for v in values)
        assert any(v != 0 for n, v in solution.values.items() if re.match(r"d[Ef]/dw", n))
        matrix = [v for n, v in solution.values.items() if re.fullmatch(r"w\d", n)]
        assert all(matrix)


@pytest.mark.parametrize(
    ("name", "said"),
    [("netwrk", "did you mean 'network'"), ("9-9-1", "too large"), ("2-2-2-2-2-2", "too large")],
)
def test_an_unknown_exercise(name: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        exercise(name, 1)


def test_a_seed_is_a_whole_number() -> None:
    for seed in (-1, True, 1.5):
        with pytest.raises(ConfigurationError, match="whole number"):
            exercise("gate", seed)  # type: ignore[arg-type]  # what is refused here


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_a_missing_derivative_of_the_activation(activation: str) -> None:
    solution = of(activation)
    values = solution.values
    # Where relu is on, its derivative is 1, and nothing is missing.
    z = next(z for z in ("z1", "z2") if activation != "relu" or values[z] < 0)
    answer = found(solution, f"dE/d{z}", values[f"dE/dh{z[1]}"])
    assert (answer.verdict, answer.kind) == ("wrong", "derivative")
    assert activation in answer.likely


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_derivative_that_is_computed_from_z(activation: str) -> None:
    solution = of(activation)
    z, arrived = solution.values["z1"], solution.values["dE/dh1"]
    slope = z * (1 - z) if activation == "sigmoid" else 1 - z**2
    answer = found(solution, "dE/dz1", arrived * slope)
    assert answer.kind == "derivative"
    assert "is computed from z1" in answer.likely


def test_a_transposed_matrix_forward_backward_and_in_the_gradient() -> None:
    solution = of("tanh")
    v = solution.values
    forward = found(solution, "z1", v["x1"] * v["w1"] + v["x2"] * v["w2"])
    assert (forward.kind, forward.likely) == (
        "transposed",
        "the matrix is transposed: w3 belongs here, not w2",
    )
    gradient = found(solution, "dE/dw2", v["dE/dw3"])
    assert (gradient.kind, gradient.likely) == (
        "transposed",
        "the matrix is transposed: that is dE/dw3",
    )
    assert found(solution, "w2'", v["w3'"]).kind == "transposed"
    deep = exercise("2-2-2-1", 3)
    w = deep.values
    backward = w["dE/dz3"] * w["w5"] + w["dE/dz4"] * w["w7"]
    assert deep.values["dE/dh1"] == pytest.approx(w["dE/dz3"] * w["w5"] + w["dE/dz4"] * w["w6"])
    assert found(deep, "dE/dh1", backward).kind == "transposed"


def test_a_matrix_that_is_not_square_is_read_by_columns() -> None:
    solution = of("tanh", "3-2-1")
    v = solution.values
    by_columns = v["x1"] * v["w1"] + v["x2"] * v["w2"] + v["x3"] * v["w3"]
    assert found(solution, "z1", by_columns).kind == "transposed"


def test_signs_rounding_and_updates_have_their_kinds() -> None:
    solution = of("sigmoid")
    v = solution.values
    assert found(solution, "dE/dy", -v["dE/dy"]).kind == "sign"
    assert found(solution, "z1", v["x1"] * v["w1"] - v["x2"] * v["w3"]).kind == "sign"
    assert found(solution, "w1'", v["w1"] + v["eta"] * v["dE/dw1"]).kind == "update"
    assert found(solution, "w1'", v["w1"] - v["dE/dw1"]).kind == "update"
    assert found(solution, "E", 2 * v["E"]).kind == "missing"
    assert found(solution, "h1", v["h1"] * 1.004).kind == "rounding"
    assert found(solution, "h1", 77.0).kind == "unknown"


def test_a_mistake_costs_one_point_and_a_second_one_on_top_is_named() -> None:
    solution = of("sigmoid")
    v = solution.values
    z1 = -v["z1"]
    h1 = 1 / (1 + math.exp(-z1))
    blank = solution.blank().markdown
    answers = {
        a.name: a for a in solution.grade(filled(blank, solution, {"z1": z1, "h1": h1})).answers
    }
    assert (answers["z1"].verdict, answers["h1"].verdict) == ("wrong", "carried")
    # The derivative is forgotten with the student's own error signal of h1.
    own = {"dE/dh1": -v["dE/dh1"], "dE/dz1": -v["dE/dh1"]}
    again = {a.name: a for a in solution.grade(filled(blank, solution, own)).answers}
    assert again["dE/dz1"].verdict == "wrong"
    assert again["dE/dz1"].kind == "derivative"
    assert again["dE/dz1"].likely.endswith("it starts from your dE/dh1")


# --- a class -------------------------------------------------------------------------------------


def test_a_class_is_written_and_can_be_written_again(folder: Path, tmp_path: Path) -> None:
    sheet = (folder / "sheets" / "ada-lovelace.md").read_text()
    assert "Ada Lovelace, sheet " in sheet
    assert "--grade" not in sheet
    page = (folder / "sheets" / "ada-lovelace.html").read_text()
    assert "Ada Lovelace, sheet " in page
    assert (folder / "sheets" / "cmd-calc.md").is_file()
    write_class(tmp_path / "again", "network", 7, STUDENTS)
    for path in (p for p in folder.rglob("*") if p.is_file()):
        assert path.read_text() == (tmp_path / "again" / path.relative_to(folder)).read_text()


def test_a_sheet_shows_no_result(folder: Path) -> None:
    for student, stem in zip(STUDENTS, ("ada-lovelace", "erdos-pal", "cmd-calc"), strict=True):
        solution = exercise("network", 7, student)
        results = {
            significant(line.value, 4)
            for line in solution.sheet.lines()
            if line.gap and len(significant(line.value, 4)) > 5
        }
        key = (folder / "keys" / f"{stem}.md").read_text()
        for suffix in (".md", ".html"):
            sheet = (folder / "sheets" / f"{stem}{suffix}").read_text()
            assert not [text for text in results if re.search(rf"(?<![\d.]){text}(?!\d)", sheet)]
        assert all(text in key for text in results)


def test_a_class_is_marked(folder: Path) -> None:
    for student, stem in zip(STUDENTS, ("ada-lovelace", "erdos-pal", "cmd-calc"), strict=True):
        path = folder / "sheets" / f"{stem}.md"
        solution = exercise("network", 7, student)
        wrong = {"E'": -solution.values["E'"]} if stem == "erdos-pal" else {}
        path.write_text(filled(path.read_text(), solution, wrong))
    marks = mark_class(folder)
    assert [sheet.student for sheet in marks.sheets] == STUDENTS
    assert [sheet.grade and sheet.grade.mark for sheet in marks.sheets][::2] == [1.0, 1.0]
    rows = list(csv.DictReader(io.StringIO(marks.csv)))
    assert tuple(rows[0]) == COLUMNS
    gaps = int(rows[1]["of"])
    assert (rows[1]["points"], rows[1]["wrong"]) == (str(gaps - 1), "1")
    assert rows[1]["kinds"] == "sign 1"
    assert rows[1]["mistakes"].startswith(f"({gaps}) E': wrong, -")
    assert rows[1]["mistakes"].endswith("the size is right, the sign is not")
    assert rows[2]["student"] == "'=cmd|calc"  # a spreadsheet must not run it
    assert marks.kinds == {"sign": 1}
    assert "  1 x the other sign" in str(marks)


def test_sheets_are_recognised_by_their_code(folder: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "12 Ada").mkdir(parents=True)
    sheets = folder / "sheets"
    shutil.copy(sheets / "ada-lovelace.md", inbox / "12 Ada" / "homework (1).md")
    shutil.copy(sheets / "ada-lovelace.md", inbox / "erdos-pal.md")  # copied from Ada
    no_code = re.sub(r", sheet \w+", "", (sheets / "cmd-calc.md").read_text())
    (inbox / "cmd-calc.md").write_text(no_code)
    (inbox / "poem.md").write_text("x = 1 = (1) 2")
    (inbox / "bytes.md").write_bytes(b"\xff\xfe\x00")
    marks = mark_class(folder, inbox)
    notes = {sheet.file: (sheet.student, sheet.note) for sheet in marks.sheets}
    assert notes["12 Ada/homework (1).md"] == ("Ada Lovelace", "2 sheets")
    student, note = notes["erdos-pal.md"]
    assert student == "Ada Lovelace"
    assert "the file has the name of Erdős Pál" in note
    assert notes["cmd-calc.md"] == (
        "=cmd|calc",
        "recognised by the name of the file: its code is missing",
    )
    assert notes[""] == ("Erdős Pál", "no sheet")
    assert "neither" in notes["poem.md"][1]
    assert "UTF-8" in notes["bytes.md"][1]
    assert "not marked" in str(marks)


def test_only_the_answers_of_a_sheet_count(folder: Path) -> None:
    path = folder / "sheets" / "ada-lovelace.md"
    forged = GAP.sub(lambda m: f"= ({m[1]}) 1.000", path.read_text())
    path.write_text(re.sub(r"(?m)^(\S+ += ).*(= \(\d+\))", r"\g<1>1 \2", forged))
    assert mark_class(folder).sheets[0].grade is not None
    marked = mark_class(folder).sheets[0].grade
    assert marked is not None
    assert marked.count("right") == 0


def test_a_sheet_without_gaps_is_told(folder: Path) -> None:
    path = folder / "sheets" / "ada-lovelace.md"
    path.write_text(GAP.sub("", path.read_text()))
    sheet = mark_class(folder).sheets[0]
    assert sheet == MarkedSheet("Ada Lovelace", "ada-lovelace.md", None, sheet.note)
    assert "no gaps" in sheet.note


def test_a_folder_that_is_not_a_class(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not the folder of a class"):
        mark_class(tmp_path / "nothing")
    about = json.loads((folder / CLASS).read_text())
    for text in ("{", "[]", '{"students": []}', json.dumps(about | {"seed": "7"})):
        (folder / CLASS).write_text(text)
        with pytest.raises(DataError, match="not the folder of a class"):
            mark_class(folder)
    (folder / CLASS).write_text(json.dumps(about | {"seed": 8}))
    with pytest.raises(DataError, match="not the folder of a class"):  # its checksum tells it
        mark_class(folder)
    del about["checksum"]
    (folder / CLASS).write_text(json.dumps(about | {"seed": 8}))
    with pytest.raises(ConfigurationError, match="other numbers"):
        mark_class(folder)
    (folder / CLASS).write_text(json.dumps(about))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no filled sheet"):
        mark_class(folder, tmp_path / "empty")


def test_filled_sheets_are_not_overwritten(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="new or empty"):
        write_class(folder, "network", 8, STUDENTS)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Ada\nAlan\n\n", ["Ada", "Alan"]),
        ("id,Name\n1,Ada\n2,Alan\n", ["Ada", "Alan"]),
        ("Student;group\nLovelace, Ada;A\n", ["Lovelace, Ada"]),
        ("Lovelace, Ada\n", ["Lovelace, Ada"]),
    ],
)
def test_a_list_of_students(text: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(text)
    assert read_students(tmp_path / "names.csv") == names


def test_a_list_without_names_or_with_a_name_twice(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    for text, said in (("", "no name"), ("name,group\n", "no name"), ("Ada\nAda\n", "one name")):
        file.write_text(text)
        with pytest.raises(DataError, match=said):
            read_students(file)
    with pytest.raises(DataError, match="one name"):
        write_class(tmp_path / "class", "gate", 1, ["Ada", "Ada"])
    with pytest.raises(DataError, match="at least one student"):
        write_class(tmp_path / "class", "gate", 1, [])
