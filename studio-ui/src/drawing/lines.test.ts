import { expect, test } from "vitest";

import { line, table } from "./lines";

test("numbers that are not finite are gaps, and places without a number are left out", () => {
  expect(line(Int32Array.of(1, 2, 3), [0.5, NaN])).toEqual({ x: [1, 2], y: [0.5, null] });
});

test("lines of other places stand over the same ones: a gap is null, no point of a line undefined", () => {
  const first = line([1, 2, 4], [10, NaN, 40]);
  expect(table([first, line([2, 3], [5, 6]), line([], [])])).toEqual([
    [1, 2, 3, 4],
    [10, null, undefined, 40],
    [undefined, 5, 6, undefined],
    [undefined, undefined, undefined, undefined],
  ]);
  expect(table([line([], [])])).toEqual([[], []]);
  expect(table([])).toEqual([[]]);
});
