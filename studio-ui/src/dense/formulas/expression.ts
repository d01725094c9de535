// Formulas as trees, as in clearprop/glass/equations/expression.py: a leaf is a number that belongs
// to the formula, or a symbol with a name and a value, so that a tree is written with symbols and
// with numbers.

import { erfc } from "../special";
import { sigmoid } from "../activations";

export type Expression =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "symbol"; readonly name: string; readonly value: number }
  | { readonly kind: "apply"; readonly operation: string; readonly of: readonly Expression[] };

export type Term = Expression | number;
export type Lookup = (name: string, value: number) => number;

/** How many terms of a long sum are written out; the sum of the others is one number. */
export const SHOWN_TERMS = 8;

const FUNCTIONS: Readonly<Record<string, (...x: number[]) => number>> = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sigmoid,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  sin: Math.sin,
  cos: Math.cos,
  abs: Math.abs,
  erf: (x) => 1 - erfc(x),
  max: Math.max,
  min: Math.min,
};

export function symbol(name: string, value: number): Expression {
  return { kind: "symbol", name, value };
}

export function asExpression(term: Term): Expression {
  return typeof term === "number" ? { kind: "number", value: term } : term;
}

function apply(operation: string, of: readonly Expression[]): Expression {
  return { kind: "apply", operation, of };
}

/** The call of a function. */
export function call(name: string, ...of: readonly Term[]): Expression {
  return apply(name, of.map(asExpression));
}

export function negative(x: Term): Expression {
  const given = asExpression(x);
  if (given.kind === "number") return asExpression(-given.value);
  return isApply(given, "neg") ? given.of[0]! : apply("neg", [given]);
}

/** A sum without its zeros and without brackets inside. */
export function sum(...terms: readonly Term[]): Expression {
  const flat: Expression[] = [];
  for (const term of terms.map(asExpression)) {
    if (isApply(term, "+")) flat.push(...term.of);
    else if (!isNumber(term, 0)) flat.push(term);
  }
  return flat.length ? joined("+", flat) : asExpression(0);
}

export function difference(x: Term, y: Term): Expression {
  return sum(x, negative(y));
}

/** A product without its ones, with its sign in front; 0 where one factor is 0. */
export function product(...factors: readonly Term[]): Expression {
  const flat: Expression[] = [];
  let sign = 1;
  for (let factor of factors.map(asExpression)) {
    if (isApply(factor, "neg")) [sign, factor] = [-sign, factor.of[0]!];
    if (isApply(factor, "*")) flat.push(...factor.of);
    else if (isNumber(factor, -1)) sign = -sign;
    else if (!isNumber(factor, 1)) flat.push(factor);
  }
  if (flat.some((factor) => isNumber(factor, 0))) return asExpression(0);
  const whole = flat.length ? joined("*", flat) : asExpression(1);
  return sign < 0 ? negative(whole) : whole;
}

export function quotient(x: Term, y: Term): Expression {
  return call("/", x, y);
}

export function power(x: Term, n: number): Expression {
  return n === 1 ? asExpression(x) : call("^", x, n);
}

/** A sum or a product that is not simplified; one argument is returned as it is. */
export function joined(operation: string, of: readonly Expression[]): Expression {
  return of.length === 1 ? of[0]! : apply(operation, of);
}

/** A sum that writes out its largest terms; the sum of the others is one number. */
export function longSum(terms: readonly Expression[]): Expression {
  if (terms.length <= SHOWN_TERMS) return sum(...terms);
  const values = terms.map((term) => evaluate(term));
  const size = (i: number) => (Number.isNaN(values[i]) ? Infinity : Math.abs(values[i]!));
  const order = terms.map((_, i) => i).sort((i, j) => size(j) - size(i) || i - j);
  const kept = new Set(order.slice(0, SHOWN_TERMS));
  const others = order.slice(SHOWN_TERMS);
  const rest = others.reduce((total, i) => total + values[i]!, 0);
  const shown = terms.filter((_, i) => kept.has(i));
  return apply("+", [...shown, symbol(`rest${others.length}`, rest)]);
}

export function isApply<Name extends string>(
  x: Expression,
  operation: Name,
): x is Extract<Expression, { kind: "apply" }> & { readonly operation: Name } {
  return x.kind === "apply" && x.operation === operation;
}

function isNumber(x: Expression, value: number): boolean {
  return x.kind === "number" && x.value === value;
}

/** The value of a formula; `lookup` gives the values of its symbols, by default those they have. */
export function evaluate(x: Expression, lookup: Lookup = (_, value) => value): number {
  if (x.kind === "number") return x.value;
  if (x.kind === "symbol") return lookup(x.name, x.value);
  const of = x.of.map((argument) => evaluate(argument, lookup));
  const [a = NaN, b = NaN] = of;
  switch (x.operation) {
    case "+":
      return of.reduce((total, value) => total + value);
    case "*":
      return of.reduce((total, value) => total * value);
    case "neg":
      return -a;
    case "/":
      return a / b;
    case "^":
      return a ** b;
  }
  const found = FUNCTIONS[x.operation];
  if (!found) throw new RangeError(`there is no function ${x.operation}`);
  return found(...of);
}

export type Quantity = Extract<Expression, { kind: "symbol" }>;

/** The symbols in the order in which they stand. */
export function symbolsOf(x: Expression): Quantity[] {
  if (x.kind === "symbol") return [x];
  return x.kind === "apply" ? x.of.flatMap(symbolsOf) : [];
}

/** A formula whose symbols are replaced by other formulas; null keeps a symbol. */
export function substitute(
  x: Expression,
  replaced: (symbol: Quantity) => Expression | null,
): Expression {
  if (x.kind === "symbol") return replaced(x) ?? x;
  if (x.kind === "number") return x;
  return { ...x, of: x.of.map((argument) => substitute(argument, replaced)) };
}

/** Whether two formulas are the same, symbol by symbol. */
export function isSame(x: Expression, y: Expression): boolean {
  if (x.kind === "apply" && y.kind === "apply") {
    const isLike = x.operation === y.operation && x.of.length === y.of.length;
    return isLike && x.of.every((argument, i) => isSame(argument, y.of[i]!));
  }
  if (x.kind !== y.kind || x.kind === "apply" || y.kind === "apply") return false;
  const names = x.kind === "symbol" && y.kind === "symbol" ? x.name === y.name : true;
  return names && x.value === y.value;
}

/** The largest absolute value of a formula and its parts, which bounds its rounding. */
export function magnitude(x: Expression): number {
  const own = Math.abs(evaluate(x));
  return x.kind === "apply" ? Math.max(own, ...x.of.map(magnitude)) : own;
}
