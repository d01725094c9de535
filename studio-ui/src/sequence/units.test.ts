import { expect, test } from "vitest";

import { cellAt, codesOf, moved } from "./painter";
import type { Layer } from "./picture";
import { turned, unitsOf } from "./units";

/** Unit k changes by k along three places, and has the error signal -k at the last one. */
function layer(units: number): Layer {
  const rows = [0, 1, 2];
  const table = (number: (t: number, k: number) => number) => ({
    rows: 3,
    columns: units,
    data: Float32Array.from(rows.flatMap((t) => Array.from({ length: units }, (_, k) => number(t, k)))),
  });
  return {
    about: { units },
    values: new Map([["hidden", table((t, k) => t * ((k * 7) % units))]]),
    errors: new Map([["hidden", table((t, k) => (t === 2 ? -k : 0))]]),
  } as unknown as Layer;
}

test("the units that change most", () => {
  const one = layer(10);
  expect(unitsOf(one, "change", 2)).toEqual([4, 7]); // 7 k mod 10 is 8 and 9
});

test("units by their error signal, in the order of their numbers", () => {
  const one = layer(10);
  expect(unitsOf(one, "error", 3)).toEqual([7, 8, 9]);
  expect(unitsOf(one, "all", 3)).toHaveLength(10);
  expect(unitsOf(one, "change", 10)).toHaveLength(10);
});

test("a unit that is not finite is shown", () => {
  const one = layer(10);
  one.values.get("hidden")!.data[3] = NaN;
  expect(unitsOf(one, "change", 1)).toEqual([3]);
});

test("units become rows, places become columns", () => {
  const drawn = turned(layer(10).values.get("hidden")!, [1, 3]);
  expect([drawn.rows, drawn.columns, ...drawn.data]).toEqual([2, 3, 0, 7, 14, 0, 1, 2]);
});

test("with the root, a hundredth has a tenth of the color", () => {
  const table = { rows: 1, columns: 4, data: Float32Array.from([0.04, -4, NaN, 0]) };
  expect([...codesOf(table, 4, false)]).toEqual([128, 0, 255, 127]);
  expect([...codesOf(table, 4, true)]).toEqual([140, 0, 255, 127]);
});

test("points and keys find cells", () => {
  const table = { rows: 2, columns: 3, data: new Float32Array(6) };
  const box = { x: 10, y: 0, width: 30, height: 20 };
  expect(cellAt(table, box, 25, 15)).toEqual({ row: 1, column: 1 });
  expect([cellAt(table, box, 9, 5), cellAt(table, box, 41, 5), cellAt(table, box, 25, 21)]).toEqual([null, null, null]);
  const from = { row: 0, column: 1 };
  expect(["ArrowLeft", "ArrowUp", "ArrowDown", "End", "x"].map((key) => moved(table, from, key))).toEqual([
    { row: 0, column: 0 },
    { row: 0, column: 1 },
    { row: 1, column: 1 },
    { row: 1, column: 2 },
    null,
  ]);
});
