// The next character: the most probable ones, the error signals of their logits, and drawing one.

import { number, percent } from "../drawing/numbers";
import { Random } from "../dense/random";
import { at, type SequencePicture } from "./picture";

export interface ChanceRow {
  readonly number: number;
  readonly name: string;
  readonly probability: number;
  /** dE/dlogit; null where nothing is compared. */
  readonly error: number | null;
  readonly isTarget: boolean;
}

/** The most probable classes at a place, and the target where it is not among them. */
export function chancesAt(picture: SequencePicture, place: number, most: number): ChanceRow[] {
  const { probability, logitError, header } = picture;
  if (!probability) return [];
  const isCompared = place === header.place;
  const target = isCompared ? header.target : null;
  const row = (number: number): ChanceRow => ({
    number,
    name: header.classes[number] ?? String(number),
    probability: at(probability, place, number),
    error: isCompared && logitError ? at(logitError, place, number) : null,
    isTarget: number === target,
  });
  const every = Array.from({ length: probability.columns }, (_, number) => number);
  const order = every.sort((a, b) => sortable(at(probability, place, b)) - sortable(at(probability, place, a)) || a - b);
  const first = order.slice(0, most);
  if (target !== null && !first.includes(target)) first.push(target);
  return first.map(row);
}

/** A probability as percent, with digits where it is small. */
export function chanceText(p: number): string {
  return p > 0 && p < 0.001 ? `${number(100 * p, 2)} %` : percent(p);
}

const sortable = (x: number) => (Number.isNaN(x) ? -1 : x);

/** Probabilities after a temperature: p^(1/temperature), normalized. Temperature 0 is the most probable alone. */
export function tempered(probabilities: Float32Array, temperature: number): Float64Array {
  const found = new Float64Array(probabilities.length);
  const top = probabilities.reduce((most, p) => Math.max(most, p), 0);
  if (temperature <= 0) {
    found[probabilities.indexOf(top)] = 1;
    return found;
  }
  let sum = 0;
  for (let k = 0; k < found.length; k++) {
    // Divided by the largest, so that small powers do not become 0 all together.
    const power = ((probabilities[k] ?? 0) / top) ** (1 / temperature);
    found[k] = power;
    sum += power;
  }
  for (let k = 0; k < found.length; k++) found[k] = (found[k] ?? 0) / sum;
  return found;
}

/** The random number from 0 to below 1 that belongs to a seed and the number of characters before. */
export const drawn = (seed: number, length: number): number => new Random(seed, length).uniform();

/** The first class at which the running sum of the probabilities passes `u`; null without numbers. */
export function chosenBy(u: number, probabilities: Float32Array, temperature: number): number | null {
  if (probabilities.length === 0 || probabilities.some((p) => !Number.isFinite(p))) return null;
  const chances = tempered(probabilities, temperature);
  let sum = 0;
  let last = 0;
  for (let k = 0; k < chances.length; k++) {
    const chance = chances[k] ?? 0;
    if (chance > 0) last = k;
    sum += chance;
    if (u < sum) return k;
  }
  return last; // the sum is 1 to rounding
}

/** The probabilities at the last place, from which the next character is drawn. */
export function lastChances(picture: SequencePicture): Float32Array {
  const table = picture.probability;
  if (!table || table.rows === 0) return new Float32Array();
  return table.data.subarray((table.rows - 1) * table.columns);
}
