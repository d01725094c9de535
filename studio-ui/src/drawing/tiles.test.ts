import { expect, test } from "vitest";

import { codeOf, SIGNED } from "./heat";
import { cellAt, fillTiles, layout, neighbor, pixelOf, placeOf, valueAt, type Tiles } from "./tiles";

const tiles: Tiles = {
  data: Float32Array.from({ length: 6 * 2 * 3 }, (_, i) => i - 5),
  count: 6,
  height: 2,
  width: 3,
  labels: [10, 11, 12, 13, 14, 15],
  across: 0,
  every: [1, 4],
  axes: ["unit", "row", "column"],
};
const shape = layout({ ...tiles, across: 4 });

test("tiles stand in rows with a pixel between them", () => {
  expect(shape).toEqual({ wrap: 0, across: 4, down: 2, width: 15, height: 5 });
  expect(layout({ ...tiles, count: 1 })).toEqual({
    wrap: 0,
    across: 1,
    down: 1,
    width: 3,
    height: 2,
  });
});

test("every number has its pixel, and every pixel its number", () => {
  const out = new Uint32Array(shape.width * shape.height);
  fillTiles(out, { ...tiles, across: 4 }, shape, (place) => codeOf(tiles.data[place] ?? NaN, 30));
  for (let tile = 0; tile < 6; tile++) {
    for (let row = 0; row < 2; row++) {
      for (let column = 0; column < 3; column++) {
        const [x, y] = pixelOf(tiles, shape, { tile, row, column });
        expect(cellAt(tiles, shape, x, y)).toEqual({ tile, row, column });
        const value = valueAt(tiles, { tile, row, column });
        expect(value).toBe(tile * 6 + row * 3 + column - 5);
        expect(out[y * shape.width + x]).toBe(SIGNED[Math.round((value / 30) * 127) + 127]);
      }
    }
  }
  expect(cellAt(tiles, shape, 3, 0)).toBeNull();
  expect(cellAt(tiles, shape, 12, 4)).toBeNull();
  expect(out[3]).toBe(0);
});

test("places count in the whole array", () => {
  expect(placeOf(tiles, { tile: 1, row: 1, column: 2 })).toBe("unit 11, row 1, column 8");
});

test("arrow keys go on in the next tile, and stop at the edge", () => {
  expect(neighbor(tiles, shape, { tile: 0, row: 0, column: 2 }, 1, 0)).toEqual({ tile: 1, row: 0, column: 0 });
  expect(neighbor(tiles, shape, { tile: 0, row: 1, column: 0 }, 0, 1)).toEqual({ tile: 4, row: 0, column: 0 });
  expect(neighbor(tiles, shape, { tile: 3, row: 0, column: 2 }, 1, 0)).toEqual({ tile: 3, row: 0, column: 2 });
});

test("a long vector goes on in the next row", () => {
  const vector: Tiles = {
    ...tiles,
    data: Float32Array.from({ length: 84 }, (_, i) => i),
    count: 1,
    height: 1,
    width: 84,
    axes: ["", "", "unit"],
    every: [1, 1],
  };
  const long = layout(vector);
  expect(long).toEqual({ wrap: 28, across: 1, down: 1, width: 28, height: 3 });
  const out = new Uint32Array(28 * 3);
  fillTiles(out, vector, long, (place) => codeOf(place, 100));
  for (const column of [0, 27, 28, 83]) {
    const [x, y] = pixelOf(vector, long, { tile: 0, row: 0, column });
    expect(cellAt(vector, long, x, y)).toEqual({ tile: 0, row: 0, column });
    expect(out[y * 28 + x]).toBe(SIGNED[Math.round((column / 100) * 127) + 127]);
  }
  expect(cellAt(vector, long, 28, 0)).toBeNull();
  expect(placeOf(vector, { tile: 0, row: 0, column: 30 })).toBe("unit 30");
  expect(neighbor(vector, long, { tile: 0, row: 0, column: 0 }, 0, 1).column).toBe(28);
});
