// The mistake behind a wrong answer: common mistakes are made in the formula and tried out, as in
// clearprop/glass/equations/mistakes.py.

import {
  asExpression,
  difference,
  evaluate,
  type Expression,
  isApply,
  isSame,
  joined,
  negative,
  substitute,
  sum,
  symbol,
  symbolsOf,
} from "../../dense/formulas/expression";
import { TEXT, write } from "../../dense/formulas/notation";
import { isClose } from "./filled";

/** The name of the learning rate. */
export const RATE = "eta";
/** The largest relative error of an answer that rounding may explain. */
const EARLY_ROUNDING = 0.01;
const OTHER_SIGN = "the size is right, the sign is not";
const ACTIVATIONS = ["sigmoid", "tanh", "relu"];

/** A probable mistake: its kind, and what is wrong where. */
export interface Misstep {
  readonly kind: string;
  readonly text: string;
}

type Change = readonly [formula: Expression, mistake: Misstep];
type Means = (value: number) => boolean;

/** What a sheet knows about its other quantities. */
export interface Surroundings {
  readonly values: ReadonlyMap<string, number>;
  readonly formulas: ReadonlyMap<string, Expression>;
  /** The entry that stands in the place of each weight after rows and columns were exchanged. */
  readonly transposed: ReadonlyMap<string, string>;
}

const missing = (text: string): Misstep => ({ kind: "missing", text });
const text = (x: Expression) => write(x, TEXT);

/** The mistake that was probably made; its kind is "unknown" where none explains the answer. */
export function likely(
  name: string,
  formula: Expression,
  value: number,
  means: Means,
  given: number,
  around: Surroundings,
): Misstep {
  if (means(-value)) return { kind: "sign", text: OTHER_SIGN };
  for (const [changed, mistake] of changes(formula)) {
    if (means(evaluate(changed))) return mistake;
  }
  const found =
    ofDerivative(name, formula, means, around) ?? ofMatrix(name, formula, means, around);
  if (found) return found;
  const old = evaluate(formula, (of, own) => around.values.get(of.replace(/'+$/, "")) ?? own);
  if (symbolsOf(formula).some((one) => one.name.includes("'")) && means(old)) {
    const said = "these are the values of the first pass: the new ones belong here";
    return { kind: "first pass", text: said };
  }
  if (means(2 * value) || means(value / 2)) {
    return { kind: "factor 2", text: "a factor of 2 is off" };
  }
  if (value && Math.abs(given / value - 1) <= EARLY_ROUNDING) {
    return { kind: "rounding", text: "rounded too early: keep more digits on the way" };
  }
  for (const [other, number] of around.values) {
    if (means(number) && !isClose(number, value)) {
      return { kind: "other quantity", text: `that is ${other}` };
    }
  }
  return { kind: "unknown", text: "" };
}

/** Return [function, h] where the name is dE/dz and h = function(z). */
function activationOf(name: string, { formulas }: Surroundings): [string, string] | null {
  const [end, z] = split(name);
  if (!end) return null;
  for (const [h, formula] of formulas) {
    if (formula.kind !== "apply" || !ACTIVATIONS.includes(formula.operation)) continue;
    const [inner] = formula.of;
    if (inner?.kind === "symbol" && inner.name === z) return [formula.operation, h];
  }
  return null;
}

/** "dE/dz1" as "dE" and "z1". */
function split(name: string): [string, string] {
  const at = name.lastIndexOf("/d");
  return at < 0 ? ["", name] : [name.slice(0, at), name.slice(at + 2)];
}

function ofDerivative(
  name: string,
  formula: Expression,
  means: Means,
  around: Surroundings,
): Misstep | null {
  const found = activationOf(name, around);
  if (!found) return null;
  const [operation, h] = found;
  const [end, z] = split(name);
  const arrived = around.values.get(`${end}/d${h}`);
  if (arrived !== undefined && means(arrived)) {
    const said = `the derivative of ${operation} at ${z} is missing: that is ${end}/d${h}`;
    return { kind: "derivative", text: said };
  }
  const atZ = substitute(formula, (one) =>
    one.name === h ? symbol(z, around.values.get(z) ?? NaN) : null,
  );
  if (!isSame(atZ, formula) && means(evaluate(atZ))) {
    const said = `the derivative of ${operation} is computed from ${z} here: write it with ${h}`;
    return { kind: "derivative", text: said };
  }
  return null;
}

/** The entry in the place of w, dE/dw or w' in the transposed matrix. */
function exchanged(name: string, { transposed }: Surroundings): string | null {
  const start = name.slice(name.lastIndexOf("/d") < 0 ? 0 : name.lastIndexOf("/d") + 2);
  const bare = start.replace(/'+$/, "");
  const other = transposed.get(bare);
  return other === undefined
    ? null
    : name.slice(0, name.length - start.length) + other + start.slice(bare.length);
}

function ofMatrix(
  name: string,
  formula: Expression,
  means: Means,
  around: Surroundings,
): Misstep | null {
  const other = exchanged(name, around);
  const instead = other === null ? undefined : around.values.get(other);
  if (other !== null && other !== name && instead !== undefined && means(instead)) {
    return { kind: "transposed", text: `the matrix is transposed: that is ${other}` };
  }
  const used = symbolsOf(formula).filter((one) => {
    const there = exchanged(one.name, around);
    return there !== null && there !== one.name;
  });
  const swapped = evaluate(formula, (of, own) => {
    const there = exchanged(of, around);
    return (there === null ? undefined : around.values.get(there)) ?? own;
  });
  if (used[0] && other === null && means(swapped)) {
    const wrong = exchanged(used[0].name, around);
    const said = `the matrix is transposed: ${used[0].name} belongs here, not ${wrong}`;
    return { kind: "transposed", text: said };
  }
  return null;
}

/** Formulas with one mistake each, the most likely first. */
function* changes(formula: Expression): Generator<Change> {
  if (formula.kind !== "apply") return;
  const [weight, step] = formula.of;
  if (isApply(formula, "+") && symbolsOf(formula).some(({ name }) => name === RATE)) {
    yield* ofUpdate(weight!, step!);
  }
  yield* here(formula);
  for (const [i, argument] of formula.of.entries()) {
    for (const [changed, said] of changes(argument)) {
      yield [{ ...formula, of: formula.of.with(i, changed) }, said];
    }
  }
}

/** Common mistakes in w - eta dE/dw. */
function* ofUpdate(weight: Expression, step: Expression): Generator<Change> {
  const update = (said: string): Misstep => ({ kind: "update", text: said });
  const inner = isApply(step, "neg") ? step.of[0]! : step;
  yield [sum(weight, inner), update("the step goes the wrong way: it is subtracted")];
  const rate =
    inner.kind === "apply" && inner.of.find((one) => one.kind === "symbol" && one.name === RATE);
  if (rate && inner.kind === "apply" && evaluate(rate) !== 1) {
    const whole = joined("*", inner.of.filter((one) => one !== rate));
    yield [difference(weight, whole), update(`the learning rate ${RATE} is missing`)];
  }
  yield [inner, update("this is the step alone: it is subtracted from the old value")];
  yield [negative(inner), update("this is the step alone: it is added to the old value")];
}

function* here(formula: Extract<Expression, { kind: "apply" }>): Generator<Change> {
  const { operation, of } = formula;
  const without = (i: number) => of.filter((_, k) => k !== i);
  if (operation === "*") yield* factors(of);
  else if (operation === "+" && of.length > 1) {
    for (const [i, term] of of.entries()) {
      yield [joined("+", without(i)), missing(`the term ${text(term)} is missing`)];
    }
    for (const [i, term] of of.entries()) {
      const said = `the sign of ${text(term)} is the other one`;
      yield [{ ...formula, of: of.with(i, negative(term)) }, { kind: "sign", text: said }];
    }
  } else if (operation === "/") yield [of[0]!, missing(`it is not divided by ${text(of[1]!)}`)];
  else if (operation === "^") yield [of[0]!, missing(`the power ${text(of[1]!)} is missing`)];
  else if (operation === "neg") yield [of[0]!, { kind: "sign", text: OTHER_SIGN }];
  else if (of.length === 1) yield [of[0]!, missing(`${operation} is missing`)];
}

/** Products in which a factor, or y (1 - y), is missing. */
function* factors(of: readonly Expression[]): Generator<Change> {
  for (const [i, factor] of of.entries()) {
    for (const [k, other] of of.entries()) {
      if (factor.kind !== "symbol" || !isSame(other, difference(1, factor))) continue;
      const left = of.filter((_, n) => n !== i && n !== k);
      const both = `${text(factor)} * (${text(other)})`;
      const said = `the sigmoid's derivative ${both} is missing`;
      const whole = left.length ? joined("*", left) : asExpression(1);
      yield [whole, { kind: "derivative", text: said }];
    }
  }
  for (const [i, factor] of of.entries()) {
    yield [joined("*", of.filter((_, n) => n !== i)), ofFactor(factor)];
  }
}

/** The mistake of a missing factor; 1 - h^2 is the derivative of tanh. */
function ofFactor(factor: Expression): Misstep {
  const [one, turned] = isApply(factor, "+") ? factor.of : [];
  const squared = turned && isApply(turned, "neg") ? turned.of[0]! : null;
  const isOfTanh =
    factor.kind === "apply" &&
    factor.of.length === 2 &&
    one?.kind === "number" &&
    one.value === 1 &&
    squared !== null &&
    isApply(squared, "^") &&
    squared.of[0]?.kind === "symbol" &&
    squared.of[1]?.kind === "number" &&
    squared.of[1].value === 2;
  if (isOfTanh) {
    return { kind: "derivative", text: `tanh's derivative ${text(factor)} is missing` };
  }
  return missing(`the factor ${text(factor)} is missing`);
}
