// A number as a student wrote it, with its significant digits: the rules of
// clearprop/glass/equations/grading.py.

/** The fewest significant digits of an answer, unless it is exact. */
export const FEWEST_DIGITS = 2;

const ANSWER = /^(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan)$/;

export interface Filled {
  readonly text: string;
  readonly value: number;
  readonly digits: number;
  /** The unit of the last digit. */
  readonly unit: number;
}

/** Read an answer; null if it is not a number. */
export function readFilled(text: string): Filled | null {
  const plain = text.trim().replaceAll("−", "-").replaceAll(",", ".").replaceAll(" ", "");
  if (plain.length > 60 || !ANSWER.test(plain)) return null;
  const [mantissa = "", power = ""] = plain.toLowerCase().split("e");
  const digits = mantissa.replace(/[^\d]/g, "").replace(/^0+/, "");
  const places = (mantissa.split(".")[1] ?? "").length;
  const isInfinite = plain.includes("inf");
  const exponent = isInfinite ? 0 : Math.max(-290, Math.min(290, Number(power || 0)));
  const value = isInfinite ? (plain.startsWith("-") ? -Infinity : Infinity) : Number(plain);
  return { text: text.trim(), value, digits: digits.length, unit: 10 ** (exponent - places) };
}

/** Whether this is the given value, rounded to the digits that were written. */
export function means(filled: Filled, value: number): boolean {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    return filled.text.toLowerCase().replace(/^\+/, "") === name;
  }
  if (isClose(filled.value, value, 1e-9, 1e-15)) return true;
  const isNear = Math.abs(filled.value - value) <= 0.5 * filled.unit * (1 + 1e-9);
  return isNear && filled.digits >= FEWEST_DIGITS;
}

/** As Python's math.isclose. */
export function isClose(a: number, b: number, relative = 1e-9, absolute = 0): boolean {
  if (a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  const bound = Math.max(relative * Math.max(Math.abs(a), Math.abs(b)), absolute);
  return Math.abs(a - b) <= bound;
}
