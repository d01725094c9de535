import { expect, test } from "vitest";

import { indexOf, shownIndex } from "./entry";
import type { ArrayShown } from "./headers";

const shown = (changes: Partial<ArrayShown>): ArrayShown => ({
  pass_id: "1",
  node: 0,
  what: "value",
  shape: [],
  tile_axes: [],
  row_axes: [],
  column_axes: [],
  wrap: 0,
  first: 0,
  tiles: 1,
  factor: 1,
  limit: 1,
  ...changes,
});

test("feature maps: a tile is a channel", () => {
  const maps = shown({ shape: [1, 28, 28, 6], tile_axes: [3], row_axes: [1], column_axes: [2] });
  expect(indexOf(maps, { tile: 4, row: 3, column: 20 })).toEqual([0, 3, 20, 4]);
  expect(indexOf({ ...maps, factor: 4, first: 2 }, { tile: 1, row: 3, column: 5 })).toEqual([0, 12, 20, 3]);
});

test("kernels: those of one input channel come first", () => {
  const kernels = shown({ shape: [5, 5, 6, 16], tile_axes: [2, 3], row_axes: [0], column_axes: [1] });
  expect(indexOf(kernels, { tile: 13, row: 1, column: 2 })).toEqual([1, 2, 0, 13]);
});

test("vectors go on in the next row, and end", () => {
  const vector = shown({ shape: [1, 100], column_axes: [1], wrap: 64 });
  expect(indexOf(vector, { tile: 0, row: 1, column: 3 })).toEqual([0, 67]);
  expect(indexOf(vector, { tile: 0, row: 1, column: 36 })).toBeNull();
});

test("an index for a reader has no batch", () => {
  expect(shownIndex([0, 3, 4], [1, 8, 8])).toBe("[3, 4]");
  expect(shownIndex([2], [10])).toBe("[2]");
  expect(shownIndex([], [])).toBe("");
});
