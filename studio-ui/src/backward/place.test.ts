import { expect, test } from "vitest";

import { readPlace, samePass, writePlace, type Place } from "./place";

const read = (text: string) => readPlace(new URLSearchParams(text));

function written(place: Place): URLSearchParams {
  const values = new URLSearchParams();
  for (const [key, value] of Object.entries(writePlace(place))) {
    if (value !== null) values.set(key, value);
  }
  return values;
}

test.each([
  "",
  "page=2-2-1&digits=6&detail=gates&pass=3&step=12&show=numbers&ask=1",
  "page=network&seed=7&mode=exercise",
  "run=xor-1&example=3",
])("a place is read as it was written: %s", (text) => {
  const place = read(text);
  expect(readPlace(written(place))).toEqual(place);
});

test("without an address the gate of the lectures is shown", () => {
  expect(read("").source).toEqual({ type: "page", name: "gate", seed: null });
  expect(written(read("")).toString()).toBe("page=gate");
});

test("what cannot be read is as usual", () => {
  const place = read("page=gate&digits=99&detail=atoms&pass=0&step=-1&show=all&seed=1e3&mode=x");
  expect(place).toEqual(read("page=gate"));
});

test("a sent network that is not known any more is no source", () => {
  expect(read("page=playground").source).toBeNull();
});

test("another step is the same pass, another number of digits is not", () => {
  expect(samePass(read("step=3&show=numbers"), read("step=4"))).toBe(true);
  expect(samePass(read("digits=3"), read(""))).toBe(false);
  expect(samePass(read("page=network&seed=1"), read("page=network&seed=2"))).toBe(false);
});
