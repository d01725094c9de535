import { expect, test } from "vitest";

import type { Headed } from "../models/api";
import type { BackShown } from "../models/headers";
import { largestOf, layerWith, poolsOf, sharesOf, windowsOf } from "./sums";

const array = (shape: number[], data: Float32Array | Uint8Array | Int32Array) => ({ shape, data });

function back(arrays: [string, ReturnType<typeof array>][]): Headed<BackShown> {
  return { header: {} as BackShown, frame: { kind: "back", fields: {}, arrays: new Map(arrays) } };
}

test("the parts of a convolution add up by map", () => {
  const error = new Float32Array([1, 2, 0, 4, -1, 0, 3, 1]); // (2, 2, 2 maps)
  const factor = new Float32Array([1, 1, 1, 1, 2, 2, 2, 2]);
  const product = error.map((x, k) => x * (factor[k] ?? 0));
  const found = windowsOf(
    back([
      ["error.1", array([2, 2, 2], error)],
      ["factor.1", array([2, 2, 2], factor)],
      ["product.1", array([2, 2, 2], product)],
      ["inside.1", array([2, 2], new Uint8Array([1, 0, 1, 1]))],
      ["channels.1", array([2], new Int32Array([6, 7]))],
    ]),
    1,
  );
  if (!found) throw new Error("there are no windows");
  expect(found.columns).toBe(2);
  expect(found.inside).toEqual([true, false, true, true]);
  expect(sharesOf(found)).toEqual([
    { channel: 6, total: 1 + 0 - 2 + 6 },
    { channel: 7, total: 2 + 4 + 0 + 2 },
  ]);
  expect(windowsOf(back([]), 1)).toBeNull();
});

test("the windows of a pool are those that cover the cell", () => {
  const numbers = new Float32Array([0.5, 0, 0, 0]);
  const windows = poolsOf(
    back([
      ["error.0", array([2, 2], numbers)],
      ["factor.0", array([2, 2], new Float32Array([1, 0, 0, 0]))],
      ["product.0", array([2, 2], numbers)],
      ["inside.0", array([2, 2], new Uint8Array([1, 0, 0, 0]))],
      ["rows.0", array([2], new Int32Array([3, -1]))],
      ["columns.0", array([2], new Int32Array([4, -1]))],
    ]),
    0,
  );
  expect(windows).toEqual([{ row: 3, column: 4, error: 0.5, factor: 1, product: 0.5 }]);
});

test("the largest terms, and the rest in one", () => {
  const arrays = new Map([
    ["input", array([4], new Float32Array([1, 2, 3, 4]))],
    ["weight", array([4], new Float32Array([1, -2, 0, 0.25]))],
    ["product", array([4], new Float32Array([1, -4, 0, 1]))],
  ]);
  const terms = largestOf(arrays, ["input", "weight", "product"], 2);
  expect(terms?.largest.map((one) => one.index)).toEqual([1, 0]);
  expect([terms?.others, terms?.rest]).toEqual([2, 1]);
  expect(largestOf(arrays, ["input", "weight", "nothing"], 2)).toBeNull();
});

test("a node belongs to the layer that ends at it or after it", () => {
  expect(layerWith([3, 7, 9], 8)).toBe(2);
  expect(layerWith([3, 7, 9], 7)).toBe(1);
  expect(layerWith([3, 7, 9], 12)).toBe(-1);
});
