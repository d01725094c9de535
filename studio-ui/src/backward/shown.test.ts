import { expect, test } from "vitest";

import { EXAMPLE } from "./example";
import { shownAt, spoken, stepTitle, toldOf } from "./shown";

const sorted = (set: ReadonlySet<number>) => [...set].sort();

test("at the start the given numbers are shown, and nothing else", () => {
  const shown = shownAt(EXAMPLE, 0);
  expect(sorted(shown.values)).toEqual([0, 1, 2]);
  expect(shown.errors.size + shown.passed.size).toBe(0);
});

test("each step shows what it has computed", () => {
  expect(sorted(shownAt(EXAMPLE, 1).values)).toEqual([0, 1, 2, 3]);
  expect(sorted(shownAt(EXAMPLE, 3).errors)).toEqual([4]);
  expect(sorted(shownAt(EXAMPLE, 4).errors)).toEqual([2, 3, 4]);
  expect(sorted(shownAt(EXAMPLE, 4).passed)).toEqual([2, 3]);
  expect(sorted(shownAt(EXAMPLE, 5).errors)).toEqual([0, 1, 2, 3, 4]);
});

test("a number that was answered is shown before its step", () => {
  const [asked] = EXAMPLE.steps[4]!.questions;
  const shown = shownAt(EXAMPLE, 3, [asked!]);
  expect(sorted(shown.errors)).toEqual([3, 4]);
  expect(sorted(shown.passed)).toEqual([2]);
});

test("a step is read out with its sentence and its equations", () => {
  expect(stepTitle(EXAMPLE, 1)).toBe("Forward, q");
  expect(spoken(EXAMPLE, 1)).toBe("Forward, q. The gate adds x and y. q = x + y = 3");
  expect(spoken(EXAMPLE, 0)).toBe("Given numbers. These numbers are given.");
});

test("what is told of a node holds no number that is not shown", () => {
  expect(toldOf(EXAMPLE, shownAt(EXAMPLE, 0), 3)).toBe("q, add");
  expect(toldOf(EXAMPLE, shownAt(EXAMPLE, 1), 3)).toBe("q, add\nq = x + y = 3");
});
