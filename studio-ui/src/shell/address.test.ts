import { expect, test } from "vitest";

import { parse, write } from "./address";

test("an address is read as it was written", () => {
  const values = new URLSearchParams({ layers: "4,2", data: "a&b=c" });
  const read = parse(write({ view: "backward", values }));
  expect(read.view).toBe("backward");
  expect(Object.fromEntries(read.values)).toEqual({ layers: "4,2", data: "a&b=c" });
});

test("without a view the playground is shown", () => {
  expect(parse("").view).toBe("playground");
  expect(parse("#/?seed=3").values.get("seed")).toBe("3");
});
