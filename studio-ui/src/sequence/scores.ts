// One row of an attention: query times key is the score, softmax makes weights of the scores, and
// error signals go back the same way.

import { at, type Head } from "./picture";

export interface ScoreRow {
  readonly key: number;
  /** q . k before the scale. */
  readonly product: number;
  /** What is added to scale x product; null where nothing is. */
  readonly added: number | null;
  readonly score: number;
  /** exp(score - largest score). */
  readonly power: number;
  readonly weight: number;
  /** dE/dweight, each weight taken as a value of its own. */
  readonly weightError: number;
  /** dE/dscore = weight (dE/dweight - sum of weight x dE/dweight). */
  readonly scoreError: number;
}

export interface ScoreRows {
  readonly rows: readonly ScoreRow[];
  readonly largest: number;
  readonly sum: number;
  /** Sum over the keys of weight times its error signal. */
  readonly mean: number;
}

/** Whether a query may see a key. */
export function isSeen({ about, seen }: Head, query: number, key: number): boolean {
  return seen ? seen[query * about.keys + key] === 1 : !about.causal || key <= query;
}

export function scoresOf(head: Head, query: number): ScoreRows {
  const { about, weights, errors } = head;
  const keys = Array.from({ length: weights.columns }, (_, key) => key).filter((key) => isSeen(head, query, key));
  const products = keys.map((key) => product(head, query, key));
  const added = keys.map((key) => head.added?.[query * about.keys + key] ?? null);
  const values = products.map((x, k) => about.scale * x + (added[k] ?? 0));
  const largest = values.reduce((most, x) => Math.max(most, x), -Infinity);
  const powers = values.map((x) => Math.exp(x - largest));
  const sum = powers.reduce((total, x) => total + x, 0);
  const mean = keys.reduce((total, key) => total + at(weights, query, key) * at(errors, query, key), 0);
  const rows = keys.map((key, k): ScoreRow => {
    const [weight, weightError] = [at(weights, query, key), at(errors, query, key)];
    return {
      key,
      product: products[k] ?? NaN,
      added: added[k] ?? null,
      score: values[k] ?? NaN,
      power: powers[k] ?? NaN,
      weight,
      weightError,
      scoreError: weight * (weightError - mean),
    };
  });
  return { rows, largest, sum, mean };
}

function product({ query, key }: Head, row: number, column: number): number {
  let sum = 0;
  for (let k = 0; k < query.columns; k++) sum += at(query, row, k) * at(key, column, k);
  return sum;
}

/** Rows of which something is large: by weight, and by the error signal of the score. */
export function notable({ rows }: ScoreRows, most: number, chosen: number | null): ScoreRow[] {
  const by = (size: (row: ScoreRow) => number) => [...rows].sort((a, b) => size(b) - size(a));
  const kept = new Set<ScoreRow>(rows.filter((row) => row.key === chosen));
  const orders = [by((row) => row.weight), by((row) => Math.abs(row.scoreError))];
  for (let k = 0; kept.size < Math.min(most, rows.length) && k < rows.length; k++) {
    for (const order of orders) {
      const row = order[k];
      if (row && kept.size < most) kept.add(row);
    }
  }
  return [...kept].sort((a, b) => b.weight - a.weight || a.key - b.key);
}
