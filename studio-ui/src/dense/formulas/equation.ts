// An equation: a name, the formulas that it is equal to, the last of them with numbers, and the value.

import type { Formula } from "../../engine/messages";
import { fitting, significant, DIGITS } from "./digits";
import type { Expression } from "./expression";
import { MATHML, type Notation, signed, TEXT, write } from "./notation";

/** The right sides in order, without repetitions: with symbols, with numbers, and the result. */
export function sides(
  formulas: readonly Expression[],
  value: number,
  notation: Notation,
): readonly string[] {
  const last = formulas.at(-1);
  if (!last) return [signed(significant(value, DIGITS), notation)];
  const { write: numbers, result } = fitting(last, value);
  const all = [
    ...formulas.map((formula) => write(formula, notation)),
    write(last, notation, numbers),
    signed(result, notation),
  ];
  return all.filter((side, i) => side !== all[i - 1]);
}

/** An equation for the page. */
export function equation(
  title: string,
  name: string,
  formulas: readonly Expression[],
  value: number,
): Formula {
  const mathml = [MATHML.name(name), ...sides(formulas, value, MATHML)].join("<mo>=</mo>");
  const text = [name, ...sides(formulas, value, TEXT)].join(" = ");
  return { title, mathml: `<math><mrow>${mathml}</mrow></math>`, text };
}
