"""A worked solution as Markdown, as a LaTeX document and as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from clearprop.glass.equations.notation import (
    LATEX,
    MATHML,
    TEXT,
    latex_name,
    latex_text,
    mathml_name,
    write,
)
from clearprop.glass.equations.numbers import significant
from clearprop.glass.equations.sheet import GateRow, Line, Section, Sheet
from clearprop.glass.page import environment, version

GAP = "____"
"""The gap of the exercise in the place of a result."""

LONG = 90
"""An equation with more characters than this is broken into several lines."""

HOW_TO_FILL = (
    "Replace the line behind each number by your answer, with the digits that you are sure of: "
    "`= (1) 0.755`. An answer is right if it is the true number, rounded to the digits that you "
    "give; give at least two."
)
HOW_TO_MARK = " `clearprop worked --grade FILE` marks the sheet."


# --- Markdown ------------------------------------------------------------------------------------


def as_markdown(sheet: Sheet) -> str:
    """Return a handout in Markdown; its equations are plain text, which can be filled in."""
    parts = [f"# {heading(sheet)}", *([sheet.owner] if sheet.owner else []), *sheet.intro]
    if sheet.blank:
        parts.append(_how_to_fill(sheet))
    for number, section in enumerate(sheet.sections, start=1):
        parts.append(f"## {number}. {section.heading}")
        if section.text:
            parts.append(section.text)
        parts.append("\n".join(["```text", *_text_lines(section, sheet), "```"]))
        if section.closing:
            parts.append(section.closing)
    if sheet.gates:
        parts += ["## Every gate at a glance", _gate_table(sheet)]
    parts += [f"## {title}\n\n{text}" for title, text in sheet.notes]
    if sheet.footer:
        parts += ["---", sheet.footer]
    return "\n\n".join(parts) + "\n"


def heading(sheet: Sheet) -> str:
    """Return the title of a solution or of an exercise."""
    return f"{sheet.title}: an exercise" if sheet.blank else f"{sheet.title}, worked out"


def _how_to_fill(sheet: Sheet) -> str:
    # The sheet of a class is marked by the teacher.
    return HOW_TO_FILL if sheet.owner else HOW_TO_FILL + HOW_TO_MARK


def _text_lines(section: Section, sheet: Sheet) -> Iterator[str]:
    width = max(len(line.name) for line in section.lines)
    rows = []
    for line in section.lines:
        first, *more = line.sides(TEXT, sheet.digits)
        if line.gap and sheet.blank:
            first, more = f"{first} = ({line.gap}) {GAP}", []
        rows.append((f"{line.name:<{width}} = {first}", more))
    column = max((len(start) for start, _ in rows if len(start) <= LONG), default=0)
    for line, (start, more) in zip(section.lines, rows, strict=True):
        yield f"{start:<{column}}  # {line.about}" if line.about else start
        yield from (f"{'':<{width}} = {side}" for side in more)


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
    """Return a complete LaTeX document; the only package that it loads is amsmath."""
    parts = [_HEAD + rf"\section*{{{latex_text(heading(sheet))}}}"]
    parts += [latex_text(text) for text in ([sheet.owner] if sheet.owner else [])]
    parts += [latex_text(text) for text in sheet.intro]
    for number, section in enumerate(sheet.sections, start=1):
        parts.append(rf"\subsection*{{{number}. {latex_text(section.heading)}}}")
        if section.text:
            parts.append(latex_text(section.text))
        rows = [_latex_line(line, sheet) for line in section.lines]
        parts.append("\n".join([r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]))
        if section.closing:
            parts.append(latex_text(section.closing))
    if sheet.gates:
        parts += [r"\subsection*{Every gate at a glance}", _latex_table(sheet)]
    for title, text in sheet.notes:
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
    r"""Break a long sum before a plus or minus outside of all brackets.

    >>> _broken(" + ".join(["x" * 80] * 3)).count("quad")
    2
    """
    if len(side) <= LONG:
        return side
    depth, start, out = 0, 0, ""
    for place, sign in enumerate(side):
        depth += (sign in "{(") - (sign in "})")
        between = side.startswith((" + ", " - "), place)
        if depth == 0 and between and place - start > LONG // 2:
            out += side[start:place] + " \\\\\n&\\quad"
            start = place
    return out + side[start:]


def _latex_table(sheet: Sheet) -> str:
    rows = [r"\begin{tabular}{lrlr}", r"gate & value & local derivatives & error signal \\ \hline"]
    for gate in sheet.gates:
        formula = "" if gate.formula is None else f" = {write(gate.formula, LATEX)}"
        slopes = ", ".join(
            f"${latex_name(name)} = {LATEX.signed(significant(slope, sheet.digits))}$"
            for name, slope in gate.slopes
        )
        value, error = (
            LATEX.signed(significant(x, sheet.digits)) for x in (gate.value, gate.error)
        )
        rows.append(
            rf"${latex_name(gate.name)}{formula}$ & ${value}$ & {slopes} & ${error}$ \\[4pt]"
        )
    return "\n".join([*rows, r"\end{tabular}"])


# --- HTML ----------------------------------------------------------------------------------------


def as_html(sheet: Sheet) -> str:
    """Return one HTML page with equations in MathML, which browsers typeset by themselves."""
    return (
        environment()
        .get_template("worked.html")
        .render(
            sheet=sheet,
            rows=lambda section: [_html_line(line, sheet) for line in section.lines],
            gates=[_html_gate(gate, sheet) for gate in sheet.gates],
            how=_how_to_fill(sheet) if sheet.blank else "",
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
        written = MATHML.signed(significant(value, sheet.digits))
        return Markup(f"<math><mrow>{written}</mrow></math>")

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
