import { expect, test } from "vitest";

import { codeOf, DISCRETE, NOT_FINITE, signedColor, SIGNED, valueOf } from "./heat";

const rgb = (table: Uint32Array, code: number) => [...new Uint8Array(table.buffer, 4 * code, 3)];

test("codes are values to within half a step", () => {
  for (const value of [-2.5, -1, -0.01, 0, 0.3, 2.5]) {
    expect(Math.abs(valueOf(codeOf(value, 2.5), 2.5) - value)).toBeLessThanOrEqual(2.5 / 254 + 1e-9);
  }
  expect(codeOf(9, 2.5)).toBe(254);
  expect(codeOf(-9, 2.5)).toBe(0);
  expect(codeOf(NaN, 1)).toBe(NOT_FINITE);
  expect(valueOf(NOT_FINITE, 1)).toBeNaN();
  expect(codeOf(0, 0)).toBe(127);
});

test("colors are those of clearprop/glass/colors.py", () => {
  expect([-1, 0, 1].map(signedColor)).toEqual([
    [8, 40, 88],
    [247, 247, 245],
    [176, 66, 6],
  ]);
  expect(rgb(SIGNED, 254)).toEqual([176, 66, 6]);
  expect(rgb(SIGNED, NOT_FINITE)).toEqual([128, 128, 128]);
  expect(rgb(DISCRETE, 0)).toEqual(rgb(DISCRETE, 126));
  expect(rgb(DISCRETE, 128)).toEqual(rgb(DISCRETE, 254));
});
