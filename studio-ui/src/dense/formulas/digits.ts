// Numbers as text with just enough digits that a printed equation holds: the rules of
// clearprop/glass/equations/numbers.py.

import { evaluate, type Expression, magnitude } from "./expression";

/** Significant digits of a printed result. */
export const DIGITS = 6;
/** Digits that distinguish every double-precision number from all others. */
export const MOST_DIGITS = 17;

const [SMALLEST, LARGEST] = [1e-4, 1e7];

/** Write a number with some significant digits; an exact number has no zeros at its end. */
export function significant(value: number, digits: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return notFinite(value);
  const scientific = value.toExponential(digits - 1);
  const rounded = Number(scientific);
  const exact = Math.abs(rounded - value) <= 1e-14 * Math.max(Math.abs(rounded), Math.abs(value));
  const size = Math.abs(rounded);
  if (size < SMALLEST || size >= LARGEST) {
    const [mantissa = "", exponent = ""] = scientific.split("e");
    return `${exact ? bare(mantissa) : mantissa}e${Number(exponent)}`;
  }
  const text = value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return exact ? bare(text) : text;
}

function notFinite(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

function bare(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The largest number of decimals that `toFixed` and `toExponential` give. */
const MOST_DECIMALS = 100;

/** Write a number rounded to a multiple of ten to the exponent. */
function atQuantum(value: number, exponent: number): string {
  if (exponent <= 0 && exponent >= -MOST_DECIMALS) {
    const text = value.toFixed(-exponent);
    const size = Math.abs(Number(text));
    if (size === 0) return text.replace("-", "");
    if (size >= SMALLEST && size < LARGEST) return text;
  }
  const order = Math.floor(Math.log10(Math.abs(value)));
  if (!(order >= exponent)) {
    const isOne = Math.abs(value) > 0.5 * 10 ** exponent;
    return isOne ? `${value < 0 ? "-" : ""}1e${exponent}` : "0";
  }
  const decimals = Math.min(MOST_DECIMALS, order - exponent);
  const [mantissa = "", power = ""] = value.toExponential(decimals).split("e");
  // A number such as 9.996 has one more digit once it is rounded.
  const more = Number(power) > order ? (decimals === 0 ? ".0" : "0") : "";
  return `${mantissa}${more}e${Number(power)}`;
}

export interface Fitted {
  /** Writes a symbol of the formula as a number. */
  readonly write: (value: number) => string;
  readonly result: string;
}

/**
 * Choose the digits of an equation: the result has `DIGITS`, fewer where it cancels, and the symbols
 * have enough that the printed equation is right to half a unit of the last digit of the result.
 */
export function fitting(formula: Expression, value: number): Fitted {
  const exact = evaluate(formula);
  const written = (digits: number) => (one: number) => significant(one, digits);
  if (!Number.isFinite(exact) || !Number.isFinite(value)) {
    return { write: written(DIGITS), result: significant(value, DIGITS) };
  }
  const size = Math.abs(value) || Math.abs(exact);
  let wished = size ? Math.floor(Math.log10(size)) - DIGITS + 1 : -DIGITS;
  const noise = magnitude(formula) * 2 ** -50;
  if (noise > 0 && noise < Infinity) wished = Math.max(wished, Math.ceil(Math.log10(noise)));
  let [exponent, result] = [wished, ""];
  for (const tried of [wished, wished - 1, ...Array.from({ length: 29 }, (_, i) => wished + 1 + i)]) {
    [exponent, result] = [tried, atQuantum(value, tried)];
    if (Math.abs(exact - Number(result)) <= 0.499 * 10 ** tried) break;
  }
  if (Number(result) === value) result = significant(value, DIGITS + 1);
  let digits = DIGITS;
  for (; digits < MOST_DIGITS; digits++) {
    const write = written(digits);
    const printed = evaluate(formula, (_, amount) => Number(write(amount)));
    if (Math.abs(printed - Number(result)) <= 0.5 * 10 ** exponent) break;
  }
  return { write: written(digits), result };
}
