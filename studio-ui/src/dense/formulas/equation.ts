// An equation as the page shows it: a line for each of its right sides, as
// clearprop/studio/playground/formulas.py writes it.

import type { Formula } from "../../engine/messages";
import { DIGITS, fitting, significant } from "./digits";
import { type Expression, symbolsOf } from "./expression";
import { MATHML, mathmlName, type Notation, signed, TEXT, write } from "./notation";

/** A quantity, the formula that it is equal to (null where none is written), and its value. */
export interface Equation {
  readonly name: string;
  readonly formula: Expression | null;
  readonly value: number;
  /** Says what stands in place of a formula. */
  readonly remark?: string;
}

/** The right sides in order, without repetitions: with symbols, with numbers, and the result. */
export function sides({ formula, value }: Equation, notation: Notation): readonly string[] {
  if (!formula) return [signed(significant(value, DIGITS), notation)];
  const { write: numbers, result } = fitting(formula, value);
  const all = [
    write(formula, notation),
    write(formula, notation, numbers),
    signed(result, notation),
  ];
  return all.filter((side, i) => side !== all[i - 1]);
}

export function written(title: string, equation: Equation): Formula {
  const row = sides(equation, MATHML).map((side) => `<mo>=</mo><mrow>${side}</mrow>`);
  const notes = notesOf(equation);
  return {
    title: notes.length ? `${title} (${notes.join("; ")})` : title,
    mathml: `<math display="block"><mrow>${mathmlName(equation.name)}${row.join("")}</mrow></math>`,
    text: textOf(equation),
  };
}

function notesOf({ formula, remark }: Equation): string[] {
  const names = formula ? symbolsOf(formula).map(({ name }) => name) : [];
  const rests = names.filter((name) => name.startsWith("rest"));
  const others = (name: string) => `${name}: the other ${name.slice(4)} terms, as one number`;
  return [...(remark ? [remark] : []), ...rests.map(others)];
}

function textOf(equation: Equation): string {
  const [first, ...more] = sides(equation, TEXT);
  const said = equation.remark ? `    (${equation.remark})` : "";
  const space = " ".repeat(equation.name.length);
  return [`${equation.name} = ${first}${said}`, ...more.map((side) => `${space} = ${side}`)].join("\n");
}
