import { expect, test } from "vitest";

import { examplePicture, SCALE, WEIGHT_ERRORS } from "./example_picture";
import { isSeen, notable, scoresOf } from "./scores";

const head = examplePicture().heads[0]!;

test("softmax of the scores is the weights of the pass", () => {
  for (let query = 0; query < 3; query++) {
    const { rows, sum } = scoresOf(head, query);
    expect(rows.map((row) => row.key)).toEqual([0, 1, 2].slice(0, query + 1));
    for (const row of rows) {
      expect(row.score).toBeCloseTo(SCALE * row.product);
      expect(row.power / sum).toBeCloseTo(row.weight, 6);
    }
  }
});

test("the error signal of a score is the derivative through softmax", () => {
  const { rows } = scoresOf(head, 2);
  const loss = (scores: readonly number[]) => {
    const powers = scores.map(Math.exp);
    const sum = powers.reduce((total, x) => total + x, 0);
    return powers.reduce((total, x, k) => total + (x / sum) * (WEIGHT_ERRORS[6 + k] ?? 0), 0);
  };
  const scores = rows.map((row) => row.score);
  rows.forEach((row, k) => {
    const by = (d: number) => loss(scores.map((x, j) => (j === k ? x + d : x)));
    expect(row.scoreError).toBeCloseTo((by(1e-5) - by(-1e-5)) / 2e-5, 6);
  });
  expect(rows.reduce((sum, row) => sum + row.scoreError, 0)).toBeCloseTo(0, 6);
});

test("a causal head sees no later key", () => {
  expect([isSeen(head, 1, 0), isSeen(head, 1, 1), isSeen(head, 1, 2)]).toEqual([true, true, false]);
  expect(isSeen({ ...head, about: { ...head.about, causal: false } }, 0, 2)).toBe(true);
});

test("a mask hides keys, which are no part of the softmax", () => {
  const one = { ...head, seen: Uint8Array.of(1, 0, 0, 0, 1, 0, 1, 0, 1) };
  expect([isSeen(one, 1, 0), isSeen(one, 1, 1), isSeen(one, 2, 1)]).toEqual([false, true, false]);
  expect(scoresOf(one, 2).rows.map(({ key }) => key)).toEqual([0, 2]);
});

test("what is added to the scores comes before the softmax", () => {
  const added = Float32Array.of(0, 0, 0, 0, 0, 0, 1, -2, 0.5);
  const plain = scoresOf(head, 2).rows;
  const { rows, sum } = scoresOf({ ...head, added }, 2);
  expect(rows.map((row) => row.added)).toEqual([1, -2, 0.5]);
  rows.forEach((row, k) => {
    expect(row.score).toBeCloseTo(plain[k]!.score + row.added!);
    const powers = plain.map((one, j) => Math.exp(one.score + added[6 + j]!));
    expect(row.power / sum).toBeCloseTo(powers[k]! / powers.reduce((total, x) => total + x, 0), 6);
  });
  expect(plain[0]!.added).toBe(null);
});

test("the rows that matter, and the chosen one", () => {
  const scores = scoresOf(head, 2);
  expect(notable(scores, 9, null)).toHaveLength(3);
  const largest = [...scores.rows].sort((a, b) => b.weight - a.weight)[0]!;
  const smallest = [...scores.rows].sort((a, b) => a.weight - b.weight)[0]!;
  expect(notable(scores, 1, null)).toEqual([largest]);
  expect(notable(scores, 2, smallest.key)).toContain(smallest);
});
