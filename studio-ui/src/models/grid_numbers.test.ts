import { expect, test } from "vitest";

import { formOf, powerText, written } from "./grid_numbers";

test("the numbers of a grid have the same decimals", () => {
  const form = formOf([1.13, -0.034, 0.7]);
  expect([1.13, -0.034, 0.7, 0.0004].map((x) => written(x, form))).toEqual(["1.13", "−0.03", "0.70", "0.00"]);
  expect(powerText(form)).toBe("");
  expect(written(-0.0001, form)).toBe("0.00");
  expect(written(0, form)).toBe("0");
  expect(written(0.1402, formOf([0.1402]))).toBe("0.14");
  expect(written(12.34, formOf([12.34]))).toBe("12.3");
  expect(written(123.4, formOf([123.4]))).toBe("123");
});

test("very small and very large ones share a power of ten", () => {
  const form = formOf([-1.93e-8, 2e-9]);
  expect([-1.93e-8, 2e-9].map((x) => written(x, form))).toEqual(["−1.93", "0.20"]);
  expect(powerText(form)).toBe(" × 10⁻⁸");
  expect(powerText(formOf([3.2e12]))).toBe(" × 10¹²");
});

test("what is no number is said", () => {
  const form = formOf([NaN, Infinity, 0.5]);
  expect([NaN, Infinity, -Infinity, 0.5].map((x) => written(x, form))).toEqual(["NaN", "∞", "−∞", "0.50"]);
  expect(written(0, formOf([]))).toBe("0");
});
