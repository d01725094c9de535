import { expect, test } from "vitest";

import { characters, continued, firstText } from "./text";

test("an example is cut between two words", () => {
  const text = "\n  The value of an expression list is a tuple of its values, in order.";
  expect(firstText(text, "character")).toBe("The value of an expression list is a");
  expect(firstText("ieval is described above, under the same heading as all", "character")).toBe("is described above, under the same");
  expect(firstText("short", "character")).toBe("short");
  expect(firstText("\n\n", "character")).toBe("\n\n");
  expect(firstText("x".repeat(90), "character")).toHaveLength(40);
  expect(firstText("a b  c", "word")).toBe("a b c");
});

test("a sign of two units of UTF-16 is one character", () => {
  expect(characters("a😀b")).toEqual(["a", "😀", "b"]);
});

test("a piece is appended as the vocabulary joins them", () => {
  expect(continued("the en", "d", "character")).toBe("the end");
  expect(continued("the", "end", "word")).toBe("the end");
  expect(continued("", "end", "word")).toBe("end");
});
