import { expect, test } from "vitest";

import { fixed, measure, number, strange } from "./numbers";

test("numbers are written as in the reports", () => {
  expect([0.123456, 1234.5, 0.0000123, 2, NaN, -Infinity, 0, -0.5].map((x) => number(x))).toEqual([
    "0.123",
    "1,230",
    "1.23e−5",
    "2",
    "not a number",
    "minus infinite",
    "0",
    "−0.5",
  ]);
  expect(number(99.96)).toBe("100");
});

test("numbers of fixed width keep their decimals, and small ones are not shown as zero", () => {
  expect(fixed(0.5)).toBe("0.500");
  expect(fixed(-0)).toBe("0.000");
  expect(fixed(0.00001)).toBe("1.0e−5");
  expect(fixed(-12345678)).toBe("−1.2e7");
});

test("rates are percent", () => {
  expect(measure("error rate", 0.123)).toBe("12.3 %");
  expect(measure("root mean square error", 0.123)).toBe("0.123");
});

test("only numbers that are not finite are strange", () => {
  expect(strange(1)).toBeNull();
  expect(strange(NaN)).toContain("Not a number");
  expect(strange(-Infinity)).toContain("Infinite");
});
