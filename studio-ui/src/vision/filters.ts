// The kernels of a convolution as tiles: a column for each filter, a row for each map that it reads.

import type { FrameArray } from "../engine/frame";
import type { Headed } from "../models/api";
import type { ArrayShown } from "../models/headers";
import type { Tiles } from "../drawing/tiles";

export interface Filters {
  readonly tiles: Tiles;
  /** The size of the largest weight. */
  readonly limit: number;
  /** How many there are, of which the first are shown. */
  readonly filters: number;
  readonly shown: number;
}

/** At most so many columns and rows of tiles. */
const MOST_FILTERS = 64;
const MOST_ROWS = 16;

/** From the array of a kernel, (kh, kw, in, out). */
export function filtersOf({ shape, data }: FrameArray): Filters {
  const [high = 1, wide = 1, inputs = 1, outputs = 1] = shape;
  return tiled(high, wide, inputs, outputs, outputs, (place, input, output) => data[(place * inputs + input) * outputs + output]);
}

/** From a part of it, as the views of any network get it: the filters that are whole. */
export function filtersOfArray({ header, frame }: Headed<ArrayShown>): Filters | null {
  const numbers = frame.arrays.get("numbers");
  const [, , inputs = 1, outputs = 1] = header.shape;
  if (!numbers || header.shape.length !== 4 || header.factor !== 1) return null;
  const [tiles = 0, high = 1, wide = 1] = numbers.shape;
  const whole = Math.max(1, Math.floor(tiles / inputs));
  return tiled(high, wide, inputs, whole, outputs, (place, input, output) => numbers.data[(output * inputs + input) * high * wide + place]);
}

function tiled(
  height: number,
  width: number,
  inputs: number,
  whole: number,
  filters: number,
  weight: (place: number, input: number, output: number) => number | undefined,
): Filters {
  const shown = Math.min(whole, MOST_FILTERS);
  const rows = Math.min(inputs, MOST_ROWS);
  const size = height * width;
  const data = new Float32Array(rows * shown * size);
  let limit = 0;
  for (let input = 0, k = 0; input < rows; input++) {
    for (let output = 0; output < shown; output++) {
      for (let place = 0; place < size; place++, k++) {
        const found = weight(place, input, output) ?? NaN;
        data[k] = found;
        if (Number.isFinite(found)) limit = Math.max(limit, Math.abs(found));
      }
    }
  }
  const tiles: Tiles = {
    data,
    count: rows * shown,
    height,
    width,
    labels: Array.from({ length: rows * shown }, (_, k) => k % shown),
    across: shown,
    every: [1, 1],
    axes: ["filter", "row", "column"],
  };
  return { tiles, limit, filters, shown };
}
