// The numbers of one small grid: all with the same decimals, or with one power of ten for all.

/** How the numbers of a grid are written. */
export interface GridForm {
  readonly decimals: number;
  /** Numbers are written times 10 to the power of minus this. */
  readonly power: number;
}

/** The form that fits the largest of some numbers. */
export function formOf(numbers: readonly number[]): GridForm {
  const most = Math.max(...numbers.filter(Number.isFinite).map(Math.abs), 0);
  if (most === 0) return { decimals: 0, power: 0 };
  const size = Math.floor(Math.log10(most));
  if (size < -1 || size > 3) return { decimals: 2, power: size };
  return { decimals: Math.max(0, Math.min(2, 2 - size)), power: 0 };
}

/** A number of a grid: "0" is exact, "0.00" vanishes beside the largest. */
export function written(x: number, { decimals, power }: GridForm): string {
  if (x === 0) return "0";
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const text = (x / 10 ** power).toFixed(decimals);
  return text.replace("-", Number(text) === 0 ? "" : "−");
}

/** The power of ten for the caption; "" where there is none. */
export function powerText({ power }: GridForm): string {
  if (power === 0) return "";
  const digits = [...String(Math.abs(power))].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? "").join("");
  return ` × 10${power < 0 ? "⁻" : ""}${digits}`;
}
