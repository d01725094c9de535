import { expect, test } from "vitest";

import { placeOf, valueAt } from "../drawing/tiles";
import { filtersOf, filtersOfArray } from "./filters";

// A kernel (1, 2, 3 maps, 2 filters), whose entries say where they are.
const kernel = new Float32Array(12);
for (let place = 0; place < 2; place++) {
  for (let input = 0; input < 3; input++) {
    for (let output = 0; output < 2; output++) kernel[(place * 3 + input) * 2 + output] = 100 * output + 10 * input + place;
  }
}

test("a column is a filter, a row is a map that it reads", () => {
  const { tiles, limit, filters, shown } = filtersOf({ shape: [1, 2, 3, 2], data: kernel });
  expect([tiles.count, tiles.across, filters, shown, limit]).toEqual([6, 2, 2, 2, 121]);
  // The tile of map 2 and filter 1 stands in row 2, column 1.
  const cell = { tile: 2 * 2 + 1, row: 0, column: 1 };
  expect(valueAt(tiles, cell)).toBe(121);
  expect(placeOf(tiles, cell)).toBe("input channel 2, filter 1, row 0, column 1");
});

test("a part of a kernel shows the filters that are whole", () => {
  const data = new Float32Array(4 * 2); // tiles run over (filter, map): filter 0 and one map of filter 1
  for (let tile = 0; tile < 4; tile++) {
    for (let place = 0; place < 2; place++) data[tile * 2 + place] = 100 * Math.floor(tile / 3) + 10 * (tile % 3) + place;
  }
  const header = { shape: [1, 2, 3, 5], factor: 1 };
  const frame = { arrays: new Map([["numbers", { shape: [4, 1, 2], data }]]) };
  const found = filtersOfArray({ header, frame } as never);
  expect([found?.shown, found?.filters, found?.tiles.count]).toEqual([1, 5, 3]);
  expect(found && valueAt(found.tiles, { tile: 2, row: 0, column: 1 })).toBe(21);
  expect(filtersOfArray({ header: { shape: [2, 3], factor: 1 }, frame } as never)).toBeNull();
});
