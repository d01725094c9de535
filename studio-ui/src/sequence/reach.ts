// What reaches back through time: the norm of the error signal at every step, and that in words.

import { number, percent } from "../drawing/numbers";
import type { Table } from "./picture";

/** Norm over the columns of several tables together, for each row. */
export function normsOf(tables: readonly Table[]): Float64Array {
  const rows = tables[0]?.rows ?? 0;
  const norms = new Float64Array(rows);
  for (const { columns, data } of tables) {
    for (let t = 0; t < rows; t++) {
      let sum = 0;
      for (let k = 0; k < columns; k++) sum += (data[t * columns + k] ?? NaN) ** 2;
      norms[t] = (norms[t] ?? 0) + sum;
    }
  }
  return norms.map(Math.sqrt);
}

/** How many powers of ten the picture of the norms spans at most. */
export const DECADES = 8;

/** A norm as a part from 0 to 1 of the height, on a logarithmic scale below the largest; 0 where there is none. */
export function heightOf(norm: number, largest: number, decades: number): number {
  if (!(norm > 0) || !(largest > 0)) return 0;
  return Math.max(0.015, 1 + Math.log10(norm / largest) / decades);
}

/** Powers of ten from the largest norm down to the smallest that is not 0. */
export function decadesOf(norms: ArrayLike<number>): number {
  const there = Array.from(norms).filter((x) => x > 0 && Number.isFinite(x));
  if (there.length === 0) return 1;
  const span = Math.log10(Math.max(...there) / Math.min(...there));
  return Math.max(1, Math.min(DECADES, Math.ceil(span + 0.1)));
}

const NEAR = 0.02;
const VANISHED = 1e-3;
/** From this part on, "times as much" is said in place of a percentage. */
const MORE = 1.005;

/** Whether error arrives from the layers above at other places than one, so that not all of it goes back through time. */
export function arrivesElsewhere(direct: Table | null, place: number): boolean {
  return direct?.data.some((x, k) => x !== 0 && Math.floor(k / direct.columns) !== place) ?? false;
}

/**
 * What the norms mean, given the factor of one step back. `place` is where the loss is; `isElsewhere` says that error
 * arrives from above at other places too.
 */
export function reachWords(norms: ArrayLike<number>, factor: number | null, place: number, isElsewhere = false): string {
  const [first, last] = [norms[0] ?? NaN, norms[place] ?? NaN];
  if (![first, last].every(Number.isFinite)) {
    return "The error signal is not finite: on the way back, or in the loss, a number became too large or is not a number.";
  }
  if (place === 0) return "The first character is the last step: there is no way back through time.";
  if (last === 0) return Array.from(norms).some((x) => x !== 0) ? "No error signal arrives at the chosen place of this layer, only at other places." : "No error signal arrives at this layer.";
  if (isElsewhere) {
    return `At the first character the norm is ${number(first / last, 3)} times that at the chosen place. Error also comes from the layers above at other places, so this is not only what goes back through time.`;
  }
  if (factor === null || factor === 0) return "Nothing arrives at the first character: somewhere on the way the error signal is exactly 0.";
  const steps = `One step back multiplies the norm by ${number(factor)} (geometric mean of ${place} ${place === 1 ? "step" : "steps"}).`;
  const rest = first / last;
  const arrives = `${rest > MORE ? `${number(rest)} times as much` : percentOf(rest)} arrives at the first character.`;
  if (Math.abs(factor - 1) <= NEAR) return `${steps} The error signal hardly changes from step to step: ${arrives}`;
  if (factor > 1) {
    return `${steps} The error signal grows on the way back${rest > 100 ? ": it explodes" : ""}. ${capital(arrives)}`;
  }
  const half = Math.log(0.5) / Math.log(factor);
  const halves = `After ${number(half, 2)} ${half === 1 ? "step" : "steps"} half of it is left; ${arrives}`;
  if (rest < VANISHED) {
    return `${steps} ${halves} It vanishes: from this prediction the network can hardly learn what it should have kept from the beginning.`;
  }
  return `${steps} ${halves}`;
}

const percentOf = (part: number) => (part >= 0.0005 ? percent(part) : `${number(100 * part, 2)} %`);
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
