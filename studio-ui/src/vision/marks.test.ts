import { expect, test } from "vitest";

import { LENET, layer } from "./example_layers";
import { marksAfter, marksBefore } from "./marks";

test("the receptive field grows back to the input", () => {
  const marks = marksBefore(LENET, { layer: 4, map: 1, row: 1, column: 0 });
  expect(marks.get(3)).toEqual({ rows: [2, 3], columns: [0, 1], map: 1 });
  expect(marks.get(2)).toEqual({ rows: [2, 3], columns: [0, 1], map: 1 });
  expect(marks.get(1)).toEqual({ rows: [2, 5], columns: [0, 3], map: null });
  expect(marks.get(0)).toEqual({ rows: [1, 2], columns: [0, 1], map: null });
});

test("a unit reads everything, and one that is flat reads its own cell", () => {
  const marks = marksBefore(LENET, { layer: 7, map: 0, row: 0, column: 3 });
  expect(marks.get(4)).toEqual({ rows: [0, 1], columns: [0, 1], map: null });
  expect(marks.get(0)).toEqual({ rows: [0, 2], columns: [0, 2], map: null });
  // Entry 5 of (2, 2, 2) is row 1, column 0, channel 1.
  const flat = marksBefore(LENET, { layer: 5, map: 0, row: 0, column: 5 });
  expect(flat.get(4)).toEqual({ rows: [1, 1], columns: [0, 0], map: 1 });
});

test("what reads a cell", () => {
  expect(marksAfter(LENET, { layer: 3, map: 1, row: 3, column: 0 }).get(4)).toEqual({
    rows: [1, 1],
    columns: [0, 0],
    map: 1,
  });
  // Pixel 3 is in the windows of three places of a kernel of 3 x 3; of pixel 0 in one alone.
  expect(marksAfter(LENET, { layer: 1, map: 0, row: 3, column: 0 }).get(2)).toEqual({
    rows: [1, 3],
    columns: [0, 0],
    map: null,
  });
  const all = marksAfter(LENET, { layer: 7, map: 0, row: 0, column: 1 }).get(8);
  expect(all).toEqual({ rows: [0, 0], columns: [0, 2], map: null });
});

test("two ways to a layer are joined, and pooled pixels are scaled", () => {
  const shortcut = [
    ...LENET.slice(0, 3),
    layer({
      number: 3,
      path: "sum",
      kind: "Residual",
      shape: [1, 4, 4, 1],
      reads: [1, 2],
      ranges: [0, 1, 2, 3].map((k) => [k, k] as const),
      same: true,
    }),
  ];
  const marks = marksBefore(shortcut, { layer: 3, map: 0, row: 3, column: 3 });
  expect(marks.get(1)).toEqual({ rows: [3, 5], columns: [3, 5], map: null });

  const large = [
    layer({ number: 0, path: "input", kind: "input", shape: [1, 8, 8, 1], reads: [], factor: 2 }),
    layer({
      number: 1,
      path: "conv",
      kind: "Conv2d",
      shape: [1, 8, 8, 1],
      reads: [0],
      ranges: Array.from({ length: 8 }, (_, k) => [Math.max(0, k - 1), Math.min(7, k + 1)] as const),
      same: false,
      factor: 2,
    }),
  ];
  const mark = marksBefore(large, { layer: 1, map: 0, row: 1, column: 0 }).get(0);
  expect(mark).toEqual({ rows: [0, 2], columns: [0, 1], map: null }); // rows 1 to 4, columns 0 to 2
  const after = marksAfter(large, { layer: 0, map: 0, row: 2, column: 0 }).get(1);
  expect(after?.rows).toEqual([1, 2]); // row 4 is read by rows 3 to 5
});

test("a window in the padding reads nothing", () => {
  const padded = [
    layer({ number: 0, path: "input", kind: "input", shape: [1, 2, 2, 1], reads: [] }),
    layer({
      number: 1,
      path: "conv",
      kind: "Conv2d",
      shape: [1, 3, 3, 1],
      reads: [0],
      ranges: [
        [0, -1],
        [0, 1],
        [1, 1],
      ],
      same: false,
    }),
  ];
  expect(marksBefore(padded, { layer: 1, map: 0, row: 0, column: 1 }).has(0)).toBe(false);
  expect(marksBefore(padded, { layer: 1, map: 0, row: 1, column: 2 }).get(0)).toEqual({
    rows: [0, 1],
    columns: [1, 1],
    map: null,
  });
});
