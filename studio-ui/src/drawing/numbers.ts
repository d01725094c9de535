// Numbers as text for a reader; the same rules as clearprop/glass/wording.py.

/** A number with some significant digits, without an exponent where that is short. */
export function number(x: number | null, digits = 3): string {
  if (x === null || Number.isNaN(x)) return "not a number";
  if (!Number.isFinite(x)) return x > 0 ? "infinite" : "minus infinite";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e-4 || size >= 1e9) return signed(exponential(x, digits));
  const places = digits - 1 - Math.floor(Math.log10(size));
  const rounded = Number(x.toPrecision(digits));
  const text = rounded.toLocaleString("en-US", {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.max(0, Math.min(20, places)),
  });
  return signed(text);
}

/** A number of fixed width, so that a column of changing numbers does not jump. */
export function fixed(x: number | null, decimals = 3): string {
  if (x === null || !Number.isFinite(x)) return number(x);
  const size = Math.abs(x);
  if ((size !== 0 && size < 0.5 * 10 ** -decimals) || size >= 1e6) {
    return signed(x.toExponential(1).replace("e+", "e"));
  }
  return signed(x.toFixed(decimals).replace(/^-(0\.?0*)$/, "$1"));
}

/** A fraction as percent. */
export function percent(x: number | null): string {
  if (x === null || !Number.isFinite(x)) return number(x);
  return `${(100 * x).toFixed(1)} %`;
}

/** A whole number with separators. */
export function count(x: number): string {
  return x.toLocaleString("en-US");
}

/** The value of a measure: percent where its name is that of a fraction. */
export function measure(name: string, x: number | null): string {
  return /(rate|accuracy|fraction)$/.test(name) ? percent(x) : number(x);
}

/** What a number that is not finite means; null for all others. */
export function strange(x: number | null): string | null {
  if (x !== null && Number.isFinite(x)) return null;
  if (x === null || Number.isNaN(x)) {
    return "Not a number: the result of a step that has none, such as infinite minus infinite.";
  }
  return "Infinite: the number became too large for 32 bits.";
}

function exponential(x: number, digits: number): string {
  const [mantissa = "", exponent = ""] = x.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${exponent.replace("+", "")}`;
}

/** A minus sign as long as a plus sign, in place of the hyphen. */
function signed(text: string): string {
  return text.replace(/^-/, "−").replace("e-", "e−");
}
