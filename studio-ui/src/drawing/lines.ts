// The lines of a chart as tables, as uPlot draws them.

import uPlot from "uplot";

/** A line: its points, from the left to the right; null is a gap. */
export interface Points {
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

/** Numbers over their places, as far as both go; those that are not finite are gaps. */
export function line(x: ArrayLike<number>, y: ArrayLike<number>): Points {
  const numbers = Array.from(y, (one) => (Number.isFinite(one) ? one : null));
  return { x: Array.from(x).slice(0, numbers.length), y: numbers };
}

/** One table for uPlot: all x, and each line on them. */
export function table(lines: readonly Points[]): uPlot.AlignedData {
  const filled = lines.map(({ x, y }): uPlot.AlignedData => [[...x], [...y]]);
  if (filled.length === 0) return [[]];
  return uPlot.join(filled);
}
