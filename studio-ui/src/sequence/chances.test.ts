import { expect, test } from "vitest";

import { chancesAt, chanceText, chosenBy, drawn, lastChances, tempered } from "./chances";
import { examplePicture } from "./example_picture";

test("the most probable classes, with error signals at the place of the loss alone", () => {
  const picture = examplePicture();
  expect(chancesAt(picture, 3, 2).map(({ name, error, isTarget }) => [name, error, isTarget])).toEqual([
    ["a", 0.5, false],
    ["b", 0.25, false],
    ["c", -0.75, true],
  ]);
  expect(chancesAt(picture, 1, 1)).toEqual([{ number: 2, name: "c", probability: Math.fround(0.8), error: null, isTarget: false }]);
  expect(chancesAt({ ...picture, probability: null }, 3, 2)).toEqual([]);
});

test("classes are not lost where probabilities are not numbers", () => {
  const picture = examplePicture();
  picture.probability!.data.fill(NaN);
  expect(chancesAt(picture, 3, 10)).toHaveLength(3);
  expect(chosenBy(0.5, lastChances(picture), 1)).toBeNull();
});

test("temperature sharpens or evens out", () => {
  const p = new Float32Array([0.5, 0.25, 0.25]);
  expect([...tempered(p, 1)]).toEqual([0.5, 0.25, 0.25]);
  const [a = 0, b = 0] = tempered(p, 0.5);
  expect([a, b].map((x) => x.toFixed(6))).toEqual([(4 / 6).toFixed(6), (1 / 6).toFixed(6)]);
  expect([...tempered(p, 0)]).toEqual([1, 0, 0]);
  const cold = tempered(new Float32Array([1e-30, 3e-30]), 0.1);
  expect(cold[0]! + cold[1]!).toBeCloseTo(1);
});

test("the running sum decides, and a class of probability 0 is never drawn", () => {
  const p = new Float32Array([0.25, 0, 0.5, 0.25, 0]);
  expect([0, 0.2499, 0.25, 0.7499, 0.75, 0.99999999].map((u) => chosenBy(u, p, 1))).toEqual([0, 0, 2, 2, 3, 3]);
  expect(chosenBy(0.999, p, 0)).toBe(2);
  expect(chosenBy(0.5, new Float32Array(), 1)).toBeNull();
});

test("draws follow the probabilities", () => {
  const p = new Float32Array([0.1, 0.6, 0.3]);
  const counts = [0, 0, 0];
  for (let length = 0; length < 4000; length++) counts[chosenBy(drawn(5, length), p, 1) ?? 0]! += 1;
  counts.forEach((count, k) => expect(Math.abs(count / 4000 - p[k]!)).toBeLessThan(0.03));
});

test("the same seed and length give the same number", () => {
  expect(drawn(3, 10)).toBe(drawn(3, 10));
  expect(drawn(3, 10)).not.toBe(drawn(4, 10));
  expect(drawn(3, 10)).not.toBe(drawn(3, 11));
});

test("the last place is drawn from", () => {
  expect([...lastChances(examplePicture())]).toEqual([0.5, 0.25, 0.25]);
});

test("small probabilities keep digits", () => {
  expect([0.4567, 0.0012, 0.00034, 0, NaN].map(chanceText)).toEqual(["45.7 %", "0.1 %", "0.034 %", "0.0 %", "not a number"]);
});
