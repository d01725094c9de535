// The marks of answers to an exercise, as clearprop/glass/equations/grading.py gives them.

import type { AnswerMark, AnswerMarks } from "../../backward/messages";
import { significant } from "../../dense/formulas/digits";
import { asExpression, evaluate, type Expression, substitute, symbol, symbolsOf } from "../../dense/formulas/expression";
import { MATHML, signed } from "../../dense/formulas/notation";
import { FEWEST_DIGITS, type Filled, means, readFilled } from "./filled";
import { KINDS } from "./kinds";
import { likely, type Misstep, type Surroundings } from "./mistakes";

/** A quantity of an exercise with its true value. */
export interface KeyLine {
  readonly name: string;
  /** Null where it is not finite. */
  readonly value: number | null;
  /** Null where it is given. */
  readonly formula: Expression | null;
  /** Where a given number comes from, such as "layers.0.weight[0,1]". */
  readonly about: string;
  /** The number of its gap; 0 for a given number. */
  readonly gap: number;
}

interface Verdict {
  readonly verdict: AnswerMark["verdict"];
  readonly why: Misstep;
}

const NOTHING: Misstep = { kind: "", text: "" };
const EARLY =
  "rounded too early: it follows from your rounded numbers, keep more digits on the way";

/** The marks of the gaps that were filled in. */
export function marked(
  lines: readonly KeyLine[],
  answers: Readonly<Record<string, string>>,
  digits: number,
): AnswerMarks {
  const around = surroundings(lines);
  const own = new Map<string, number>();
  const wrong = new Set<string>();
  const marks: AnswerMark[] = [];
  for (const line of lines) {
    const written = answers[line.gap] ?? "";
    if (!line.gap || !written.trim()) continue;
    const text = tidy(written);
    const given = readFilled(text);
    const { verdict, why } = given ? verdictOn(line, given, own, around, wrong) : noNumber(text);
    marks.push(mark(line, verdict, why, digits));
    // Nothing follows from nan or inf: a sheet full of nan would be consistent.
    if (!given || !Number.isFinite(given.value)) continue;
    own.set(line.name, given.value);
    if (verdict === "wrong" || verdict === "carried") wrong.add(line.name);
  }
  const good = marks.filter(({ verdict }) => verdict === "right" || verdict === "carried").length;
  return { answers: marks, good, of: marks.length };
}

function noNumber(text: string): Verdict {
  if (!text) return { verdict: "empty", why: NOTHING };
  return { verdict: "wrong", why: { kind: "no number", text: "that is no number" } };
}

function tidy(text: string): string {
  return text.replaceAll("_", " ").trim().replace(/[.; ]+$/, "");
}

function mark(
  { gap, name, value }: KeyLine,
  verdict: AnswerMark["verdict"],
  why: Misstep,
  digits: number,
): AnswerMark {
  const expected = significant(value ?? NaN, digits);
  return {
    gap,
    name,
    verdict,
    kind: why.kind,
    about: KINDS[why.kind] ?? "",
    hint: why.text,
    expected: { value, text: expected, mathml: `<mrow>${signed(expected, MATHML)}</mrow>` },
  };
}

function surroundings(lines: readonly KeyLine[]): Surroundings {
  const computed = lines.filter((line) => line.formula !== null);
  const given = lines.filter((line) => line.formula === null);
  return {
    values: new Map(lines.map(({ name, value }) => [name, value ?? NaN])),
    formulas: new Map(computed.map(({ name, formula }) => [name, formula!])),
    transposed: transposed(given.map(({ name, about }) => [name, about])),
  };
}

/** The entry that takes the place of each weight in the transposed matrix. */
function transposed(
  abouts: readonly (readonly [name: string, about: string])[],
): ReadonlyMap<string, string> {
  const matrices = new Map<string, Map<string, string>>();
  for (const [name, about] of abouts) {
    const [, matrix, i, j] = /^(\S+)\[(\d{1,4}),(\d{1,4})\]$/.exec(about) ?? [];
    if (matrix === undefined) continue;
    if (!matrices.has(matrix)) matrices.set(matrix, new Map());
    matrices.get(matrix)!.set(`${Number(i)},${Number(j)}`, name);
  }
  const found = new Map<string, string>();
  for (const entries of matrices.values()) {
    const places = [...entries.keys()].map((key) => key.split(",").map(Number));
    const rows = 1 + Math.max(...places.map(([i]) => i!));
    const columns = 1 + Math.max(...places.map(([, j]) => j!));
    if (entries.size !== rows * columns || Math.min(rows, columns) < 2) continue;
    for (const [key, name] of entries) {
      const [i, j] = key.split(",").map(Number);
      const place = j! * rows + i!;
      found.set(name, entries.get(`${Math.floor(place / columns)},${place % columns}`)!);
    }
  }
  return found;
}

function verdictOn(
  line: KeyLine,
  given: Filled,
  own: ReadonlyMap<string, number>,
  around: Surroundings,
  wrong: ReadonlySet<string>,
): Verdict {
  const value = line.value ?? NaN;
  const meant = (number: number) => means(given, number);
  if (meant(value)) return { verdict: "right", why: NOTHING };
  const formula = line.formula ?? asExpression(value);
  const followed = evaluate(formula, (name, its) => own.get(name) ?? its);
  const earlier = [...new Set(symbolsOf(formula).map(({ name }) => name))].filter((name) =>
    wrong.has(name),
  );
  const isMine = Number.isFinite(followed) && meant(followed);
  if (isMine && earlier.length) {
    const text = `it follows from your ${earlier.join(", ")}`;
    return { verdict: "carried", why: { kind: "", text } };
  }
  if (isMine) return { verdict: "wrong", why: { kind: "rounding", text: EARLY } };
  if (Math.abs(given.value - value) <= 0.5 * given.unit) {
    const text = `too few digits: give at least ${FEWEST_DIGITS}`;
    return { verdict: "wrong", why: { kind: "digits", text } };
  }
  const why = likely(line.name, formula, value, meant, given.value, around);
  if (earlier.length && ["unknown", "rounding", "other quantity"].includes(why.kind)) {
    // A mistake on top of an earlier one shows only in the student's own numbers.
    const withOwn = substitute(formula, (one) => symbol(one.name, own.get(one.name) ?? one.value));
    const mine = { ...around, values: new Map([...around.values, ...own]) };
    const again = likely(line.name, withOwn, followed, meant, given.value, mine);
    if (again.kind !== "unknown" && again.kind !== "other quantity") {
      const text = `${again.text}; it starts from your ${earlier.join(", ")}`;
      return { verdict: "wrong", why: { kind: again.kind, text } };
    }
  }
  return { verdict: "wrong", why };
}

