// From a pixel of an array's picture to the entry of the array, and back to words.

import type { Cell, Tiles } from "../drawing/tiles";
import type { Headed } from "./api";
import type { ArrayShown } from "./headers";

/** The tiles of a frame "array", with their exact numbers. */
export function tilesOf({ header, frame }: Headed<ArrayShown>): Tiles {
  const numbers = frame.arrays.get("numbers");
  if (!(numbers?.data instanceof Float32Array)) throw new TypeError("the frame of an array has no numbers");
  const [count = 0, height = 0, width = 0] = numbers.shape;
  return {
    data: numbers.data,
    count,
    height,
    width,
    labels: Array.from({ length: count }, (_, k) => header.first + k),
    across: across(header, count),
    every: [header.factor, header.factor],
    axes: ["", "", ""],
  };
}

/** Kernels stand in rows: one for each input channel, with a column for each filter. */
function across({ tile_axes: axes, shape }: ArrayShown, count: number): number {
  const inner = axes.length === 2 ? (shape[axes[1] ?? 0] ?? 1) : 0;
  return inner > 1 && inner <= 32 && count > inner ? inner : 0;
}

/** The index of the entry that a cell begins with; null behind the end of a vector. */
export function indexOf(shown: ArrayShown, { tile, row, column }: Cell): number[] | null {
  const index = shown.shape.map(() => 0);
  const { factor, wrap } = shown;
  const spread = (axes: readonly number[], number: number) => {
    for (const axis of [...axes].reverse()) {
      const size = shown.shape[axis] ?? 1;
      index[axis] = number % size;
      number = Math.floor(number / size);
    }
    return number === 0;
  };
  if (wrap > 0) return spread(shown.column_axes, row * factor * wrap + column * factor) ? index : null;
  spread(shown.tile_axes, shown.first + tile);
  spread(shown.row_axes, row * factor);
  spread(shown.column_axes, column * factor);
  return index;
}

/** An index as the address of a request and as text have it. */
export const indexText = (index: readonly number[]): string => index.join(",");

/** An index for a reader, without the batch of one. */
export function shownIndex(index: readonly number[], shape: readonly number[]): string {
  const own = shape.length > 1 && shape[0] === 1 ? index.slice(1) : index;
  return own.length > 0 ? `[${own.join(", ")}]` : "";
}
