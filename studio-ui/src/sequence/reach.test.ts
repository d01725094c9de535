import { expect, test } from "vitest";

import { arrivesElsewhere, decadesOf, heightOf, normsOf, reachWords } from "./reach";

test("the norm is over all arrays of the state", () => {
  const table = (...data: number[]) => ({ rows: 2, columns: 2, data: Float32Array.from(data) });
  expect([...normsOf([table(3, 0, 0, 0), table(0, 4, 0, 2)])]).toEqual([5, 2]);
  expect(normsOf([])).toHaveLength(0);
});

test("each power of ten is as high as the others, and nothing is no bar", () => {
  expect([1, 0.1, 0.01].map((x) => heightOf(x, 1, 4))).toEqual([1, 0.75, 0.5]);
  expect([heightOf(0, 1, 4), heightOf(1, 0, 4), heightOf(1e-20, 1, 4)]).toEqual([0, 0, 0.015]);
  expect(decadesOf([1, 0.02, 0, NaN])).toBe(2);
  expect([decadesOf([]), decadesOf([3]), decadesOf([1, 1e-30])]).toEqual([1, 1, 8]);
});

test("what the norms mean, in words", () => {
  const geometric = (factor: number, steps = 20) => Array.from({ length: steps + 1 }, (_, t) => factor ** (steps - t));
  const words = (factor: number, steps = 20) => reachWords(geometric(factor, steps), factor, steps);
  expect(words(0.5)).toMatch(/multiplies the norm by 0\.5 .* After 1 step half of it is left; .* vanishes/);
  expect(words(0.9)).toMatch(/After 6\.6 steps half of it is left; 12\.2 % arrives at the first character\.$/);
  expect(words(1)).toMatch(/hardly changes from step to step: 100\.0 % arrives/);
  expect(words(1.015)).toMatch(/hardly changes from step to step: 1\.35 times as much arrives/);
  expect(words(2, 1)).toMatch(/grows on the way back\. 2 times as much arrives/);
  expect(words(1.1)).toMatch(/grows on the way back\. 6\.73 times as much arrives/);
  expect(words(1.5)).toMatch(/grows on the way back: it explodes\. 3,330 times as much arrives/);
});

test("error that arrives at other places too is no way back alone", () => {
  const direct = (...data: number[]) => ({ rows: data.length, columns: 1, data: Float32Array.from(data) });
  expect(arrivesElsewhere(direct(0, 0, 3, 0), 2)).toBe(false);
  expect(arrivesElsewhere(direct(0, 1, 3, 0), 2)).toBe(true);
  expect(arrivesElsewhere(direct(0, 0, 3, 1), 2)).toBe(true);
  expect(arrivesElsewhere(null, 2)).toBe(false);
  const words = reachWords([0.73, 0.8, 0.9, 1, 1.4], 0.9, 3, true);
  expect(words).toMatch(/^At the first character the norm is 0\.73 times .* also comes from the layers above/);
  expect(words).not.toMatch(/grows|vanishes/);
});

test("what has no factor is said too", () => {
  expect(reachWords([1], null, 0)).toMatch(/no way back/);
  expect(reachWords([0, 0], null, 1)).toMatch(/No error signal arrives at this layer/);
  expect(reachWords([1, 0], null, 1)).toMatch(/only at other places/);
  expect(reachWords([0, 1], 0, 1)).toMatch(/exactly 0/);
  expect(reachWords([NaN, 1], null, 1)).toMatch(/not finite/);
});
