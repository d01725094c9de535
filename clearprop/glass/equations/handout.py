"""A worked solution as Markdown, as a LaTeX document and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from clearprop.glass.equations.notation import LATEX, MATHML, TEXT, latex_name, mathml_name, write
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.sheet import GateRow, Line, Section, Sheet
from clearprop.glass.page import environment, version

GAP = "____"
"""What stands where an answer is left out."""

LONG = 90
"""Characters after which an equation goes on in a line of its own."""

HOW_TO_FILL = (
    "Write each answer in the place of the line behind its number, with the digits that you are "
    "sure of: `= (1) 0.755`. What you write is right where it is the true number rounded to the "
    "digits that you give, at least two. `clearprop worked --grade FILE` marks the sheet."
)


# --- Markdown ------------------------------------------------------------------------------------


def as_markdown(sheet: Sheet) -> str:
    """Return a handout whose equations are plain text, which can be typed, read and filled in."""
    parts = [f"# {heading(sheet)}", *sheet.intro]
    if sheet.blank:
        parts.append(HOW_TO_FILL)
    for number, section in enumerate(sheet.sections, start=1):
        parts.append(f"## {number}. {section.heading}")
        if section.text:
            parts.append(section.text)
        parts.append("\n".join(["```text", *_text_lines(section, sheet), "```"]))
        if section.closing and not sheet.blank:
            parts.append(section.closing)
    if sheet.gates and not sheet.blank:
        parts += ["## Every gate at a glance", _gate_table(sheet)]
    if not sheet.blank:
        parts += [f"## {note[0]}\n\n{note[1]}" for note in map(_note, sheet.notes)]
    if sheet.footer:
        parts += ["---", sheet.footer]
    return "\n\n".join(parts) + "\n"


def heading(sheet: Sheet) -> str:
    """Return the title of a handout, which says whether it is the exercise."""
    return f"{sheet.title}: an exercise" if sheet.blank else f"{sheet.title}, worked out"


def _note(note: str) -> tuple[str, str]:
    heading, _, text = note.partition("\n")
    return heading, text


def _text_lines(section: Section, sheet: Sheet) -> Iterator[str]:
    width = max(len(line.name) for line in section.lines)
    firsts = [line.sides(TEXT, sheet.digits)[0] for line in section.lines]
    asked = [line.gap and sheet.blank for line in section.lines]
    starts = [
        f"{line.name:<{width}} = {first}{f' = ({line.gap}) {GAP}' if gap else ''}"
        for line, first, gap in zip(section.lines, firsts, asked, strict=True)
    ]
    column = max((len(start) for start in starts if len(start) <= LONG), default=0)
    for line, start, gap in zip(section.lines, starts, asked, strict=True):
        yield f"{start:<{column}}  # {line.about}" if line.about else start
        if not gap:
            sides = line.sides(TEXT, sheet.digits)[1:]
            yield from (f"{'':<{width}} = {side}" for side in sides)


def _gate_table(sheet: Sheet) -> str:
    rows = [
        "| gate | operation | value | local derivatives | error signal |",
        "| --- | --- | ---: | --- | ---: |",
    ]
    for gate in sheet.gates:
        slopes = ", ".join(
            f"{name} = {significant(slope, sheet.digits)}" for name, slope in gate.slopes
        )
        value, error = (significant(x, sheet.digits) for x in (gate.value, gate.error))
        formula = f"`{gate.name} = {_formula(gate)}`"
        rows.append(f"| {formula} | {gate.operation} | {value} | {slopes} | {error} |")
    return "\n".join(rows)


def _formula(gate: GateRow) -> str:
    return f"{gate.operation}(...)" if gate.formula is None else write(gate.formula, TEXT)


# --- LaTeX ---------------------------------------------------------------------------------------

_HEAD = r"""\documentclass[11pt]{article}
\usepackage{amsmath}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\allowdisplaybreaks
\begin{document}
"""


def as_latex(sheet: Sheet) -> str:
    """Return a complete document that needs no package but amsmath."""
    parts = [_HEAD + rf"\section*{{{latex_text(heading(sheet))}}}"]
    parts += [latex_text(text) for text in sheet.intro]
    for number, section in enumerate(sheet.sections, start=1):
        parts.append(rf"\subsection*{{{number}. {latex_text(section.heading)}}}")
        if section.text:
            parts.append(latex_text(section.text))
        rows = [_latex_line(line, sheet) for line in section.lines]
        parts.append("\n".join([r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]))
        if section.closing and not sheet.blank:
            parts.append(latex_text(section.closing))
    if sheet.gates and not sheet.blank:
        parts += [r"\subsection*{Every gate at a glance}", _latex_table(sheet)]
    if not sheet.blank:
        for title, text in map(_note, sheet.notes):
            parts += [rf"\subsection*{{{latex_text(title)}}}", latex_text(text)]
    if sheet.footer:
        parts.append(rf"\medskip\hrule\medskip {latex_text(sheet.footer)}")
    return "\n\n".join(parts) + "\n\n\\end{document}\n"


def _latex_line(line: Line, sheet: Sheet) -> str:
    sides = [_broken(side) for side in line.sides(LATEX, sheet.digits)]
    if line.gap and sheet.blank:
        sides = [sides[0], rf"({line.gap})\ \underline{{\hspace{{3cm}}}}"]
    said = rf" && \text{{{latex_text(line.about)}}}" if line.about and not line.gap else ""
    first = f"{latex_name(line.name)} &= {sides[0]}{said}"
    return " \\\\\n".join([first, *(f"&= {side}" for side in sides[1:])])


def _broken(side: str) -> str:
    r"""Break a long sum before a plus or minus that stands in no bracket.

    >>> _broken(" + ".join(["x" * 80] * 3)).count("quad")
    2
    """
    return _at_pluses(side, LONG // 2) if len(side) > LONG else side


def _at_pluses(side: str, width: int) -> str:
    depth, start, out, last = 0, 0, "", 0
    for place, sign in enumerate(side):
        depth += (sign in "{(") - (sign in "})")
        between = side.startswith((" + ", " - "), place)
        if depth == 0 and between and place - last > width:
            out += side[start:place] + " \\\\\n&\\quad"
            start = last = place
    return out + side[start:]


def _latex_table(sheet: Sheet) -> str:
    rows = [r"\begin{tabular}{lrlr}", r"gate & value & local derivatives & error signal \\ \hline"]
    for gate in sheet.gates:
        formula = "" if gate.formula is None else f" = {write(gate.formula, LATEX)}"
        slopes = ", ".join(
            f"${latex_name(name)} = {LATEX.number(significant(slope, sheet.digits))}$"
            for name, slope in gate.slopes
        )
        value, error = (
            LATEX.number(significant(x, sheet.digits)) for x in (gate.value, gate.error)
        )
        rows.append(
            rf"${latex_name(gate.name)}{formula}$ & ${value}$ & {slopes} & ${error}$ \\[4pt]"
        )
    return "\n".join([*rows, r"\end{tabular}"])


def latex_text(text: str) -> str:
    r"""Return words for LaTeX, in which nothing is a command.

    >>> print(latex_text("50 % of a_b"))
    50 \% of a\_b
    """
    named = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(f"\\{c}" if c in "#$%&_{}" else named.get(c, c) for c in text)


# --- HTML ----------------------------------------------------------------------------------------


def as_html(sheet: Sheet) -> str:
    """Return one page: equations in MathML, which browsers typeset by themselves."""
    return (
        environment()
        .get_template("worked.html")
        .render(
            sheet=sheet,
            rows=lambda section: [_html_line(line, sheet) for line in section.lines],
            gates=[_html_gate(gate, sheet) for gate in sheet.gates] if not sheet.blank else [],
            notes=[] if sheet.blank else list(map(_note, sheet.notes)),
            how=HOW_TO_FILL if sheet.blank else "",
            version=version(),
        )
    )


def _html_line(line: Line, sheet: Sheet) -> dict[str, object]:
    sides = line.sides(MATHML, sheet.digits)
    if line.gap and sheet.blank:
        sides = sides[:1]
    return {
        "name": Markup(mathml_name(line.name)),
        "sides": [Markup(side) for side in sides],
        "about": line.about,
        "gap": line.gap if sheet.blank else 0,
    }


def _html_gate(gate: GateRow, sheet: Sheet) -> dict[str, object]:
    def number(value: float) -> Markup:
        digits = significant(value, sheet.digits)
        sign = MATHML.minus if digits.startswith("-") else ""
        return Markup(f"<math><mrow>{sign}{MATHML.number(digits.removeprefix('-'))}</mrow></math>")

    formula = "" if gate.formula is None else f"<mo>=</mo>{write(gate.formula, MATHML)}"
    return {
        "formula": Markup(f"<math><mrow>{mathml_name(gate.name)}{formula}</mrow></math>"),
        "operation": gate.operation,
        "value": number(gate.value),
        "slopes": [
            (Markup(f"<math>{mathml_name(name)}</math>"), number(slope))
            for name, slope in gate.slopes
        ],
        "error": number(gate.error),
    }
