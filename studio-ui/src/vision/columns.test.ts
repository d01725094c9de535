import { expect, test } from "vitest";

import { barCorner, boxesOf, BETWEEN, cellAt, columnsOf, columnWith, corner, moved, titleOf } from "./columns";
import { LENET, layer } from "./example_layers";

test("an activation stands in the column of the layer that it follows", () => {
  const columns = columnsOf(LENET, true);
  expect(columns.map((one) => one.title)).toEqual(["conv1 + relu", "pool1", "hidden1 + relu", "output"]);
  expect(columns.map((one) => one.isOutput)).toEqual([false, false, false, true]);
  expect(columns[0]?.layers).toEqual([2, 3]);
  expect(columns[0]?.shown).toBe(3);
  expect(columnWith(columns, 2)).toBe(0);
  expect(columnWith(columns, 5)).toBe(-1);
});

test("every operation is a column of its own, where it is wished", () => {
  const titles = columnsOf(LENET, false).map((one) => one.title);
  expect(titles).toEqual(["Enlarge", "conv1", "relu", "pool1", "hidden1", "relu", "output"]);
});

test("what two layers read is not folded away", () => {
  const twice = [
    ...LENET.slice(0, 4),
    layer({ number: 4, path: "sum", kind: "Residual", shape: [1, 4, 4, 2], reads: [2, 3] }),
  ];
  expect(columnsOf(twice, true).map((one) => one.title)).toEqual(["conv1", "relu", "sum"]);
});

test("a block that gives its last layer is not shown twice", () => {
  const relu = LENET[3];
  if (!relu) throw new Error("there is no layer");
  const ranges = [0, 1, 2, 3].map((k) => [k, k] as const);
  const block = layer({ number: 4, path: "block", kind: "Block", shape: [1, 4, 4, 2], reads: [3], ranges, same: true });
  const titles = (layers: Parameters<typeof columnsOf>[0]) => columnsOf(layers, true).map((one) => one.title);
  expect(titles([...LENET.slice(0, 4), { ...block, value: relu.value }])).toEqual(["conv1 + relu"]);
  const other = { ...block, value: { ...block.value, limit: 9 } };
  expect(titles([...LENET.slice(0, 4), other])).toEqual(["conv1 + relu", "block"]);
});

test("numbers are called after the column that shows them", () => {
  const columns = columnsOf(LENET, true);
  const name = (k: number) => titleOf(columns, LENET, k);
  expect([0, 2, 3, 4, 5, 7].map(name)).toEqual([
    "the input",
    "conv1",
    "conv1 + relu",
    "pool1",
    "pool1",
    "hidden1 + relu",
  ]);
});

test("columns fit the room where they can, and maps do not overlap", () => {
  const columns = columnsOf(LENET, true);
  for (const width of [1000, 760, 600]) {
    const boxes = boxesOf(columns, LENET, "both", { width, height: 320 });
    const total = boxes.reduce((sum, box) => sum + box.width, 0) + BETWEEN * (boxes.length - 1);
    expect(total).toBeLessThanOrEqual(width);
    for (const box of boxes) expect(box.height).toBeLessThanOrEqual(320);
  }
});

test("the cell at a point is the one that was drawn there", () => {
  const columns = columnsOf(LENET, true);
  const boxes = boxesOf(columns, LENET, "both", { width: 900, height: 320 });
  const [box, shown] = [boxes[0], LENET[3]];
  if (!box || !shown) throw new Error("there is no first column");
  for (const what of ["value", "error"] as const) {
    for (const [map, row, column] of [
      [0, 0, 0],
      [1, 3, 3],
      [1, 0, 2],
    ] as const) {
      const [x, y] = corner(box, map, what);
      const at = [x + ((column + 0.5) * box.side) / 4, y + ((row + 0.5) * box.high) / 4] as const;
      expect(cellAt(box, shown, ...at)).toEqual({ layer: 3, map, row, column });
    }
  }
  expect(cellAt(box, shown, box.width + 1, 3)).toBeNull();
  expect(cellAt(box, shown, 3, box.high + 2)).toBeNull(); // between two maps
  const [bars, hidden] = [boxes[2], LENET[7]];
  if (!bars || !hidden) throw new Error("there are no bars");
  const [x, y] = barCorner(bars, 4, "error");
  expect(cellAt(bars, hidden, x + 1, y + bars.high / 2)).toEqual({ layer: 7, map: 0, row: 0, column: 4 });
});

test("arrow keys stay inside of a map, page keys change the map", () => {
  const shown = LENET[3];
  if (!shown) throw new Error("there is no layer");
  const cell = { layer: 3, map: 0, row: 3, column: 0 };
  expect(moved(shown, cell, "ArrowRight")).toEqual({ ...cell, column: 1 });
  expect(moved(shown, cell, "ArrowDown")).toEqual(cell);
  expect(moved(shown, cell, "PageDown")).toEqual({ ...cell, map: 1 });
  expect(moved(shown, { ...cell, map: 1 }, "PageDown")).toEqual({ ...cell, map: 1 });
  expect(moved(shown, cell, "End")).toEqual({ ...cell, column: 3 });
  expect(moved(shown, cell, "a")).toBeNull();
  const hidden = LENET[7];
  if (!hidden) throw new Error("there are no units");
  const unit = { layer: 7, map: 0, row: 0, column: 1 };
  expect(moved(hidden, unit, "ArrowDown")).toEqual({ ...unit, column: 2 });
  expect(moved(hidden, unit, "End")).toEqual({ ...unit, column: 4 });
});
