import { expect, test } from "vitest";

import type { FrameArray } from "../engine/frame";
import type { Headed } from "./api";
import type { CellShown } from "./headers";
import { inkOn, patchesOf, termsOf } from "./patches";

const header: CellShown = {
  pass_id: "1",
  node: 4,
  cell_kind: "convolution",
  index: [0, 1, 2, 3],
  value: 1,
  error: null,
  total: 1,
  bias: null,
  source: 3,
  weights: 0,
  winner: null,
  operands: [],
  text: "",
};

function cell(changes: Partial<CellShown>, arrays: Record<string, FrameArray>): Headed<CellShown> {
  const frame = { kind: "cell", fields: {}, arrays: new Map(Object.entries(arrays)) };
  return { header: { ...header, ...changes }, frame };
}

const floats = (shape: number[], data: number[]): FrameArray => ({ shape, data: Float32Array.from(data) });
const bytes = (shape: number[], data: number[]): FrameArray => ({ shape, data: Uint8Array.from(data) });

test("a patch of two channels, with padding", () => {
  const made = patchesOf(
    cell({}, {
      patch: floats([1, 2, 2], [0, 0, 3, 4]),
      kernel: floats([1, 2, 2], [1, 2, 5, 6]),
      product: floats([1, 2, 2], [0, 0, 15, 24]),
      inside: bytes([1, 2], [0, 1]),
      channels: { shape: [2], data: Int32Array.from([6, 7]) },
    }),
  );
  expect(made).toEqual({
    columns: 2,
    channels: [6, 7],
    inside: [false, true],
    patch: [[0, 0], [3, 4]],
    kernel: [[1, 2], [5, 6]],
    product: [[0, 0], [15, 24]],
  });
});

test("the window of a pool has one channel", () => {
  const made = patchesOf(cell({ cell_kind: "max_pool" }, { patch: floats([2, 2], [1, 2, 3, 4]), inside: bytes([2, 2], [1, 1, 1, 1]) }));
  expect(made?.patch).toEqual([[1], [2], [3], [4]]);
  expect(made?.channels).toEqual([3]);
});

test("the largest terms come first, and the others are one number", () => {
  const product = [1, -9, 2, 3, 4, 5, 6, 0.5];
  const ones = product.map(() => 1);
  const shape = [product.length];
  const made = termsOf(cell({ cell_kind: "weighted_sum" }, { input: floats(shape, ones), weight: floats(shape, product), product: floats(shape, product) }));
  expect(made?.largest.map((one) => one.index)).toEqual([1, 6, 5, 4, 3, 2]);
  expect([made?.others, made?.rest]).toEqual([2, 1.5]);
  expect(termsOf(cell({}, {}))).toBeNull();
});

test("letters can be read on light and dark colors", () => {
  expect(inkOn([247, 247, 245])).toBe("#000000");
  expect(inkOn([8, 40, 88])).toBe("#ffffff");
});
