import { expect, test } from "vitest";

import { asScript } from "./copy";

test("no text that is embedded becomes markup, and all of it comes back", () => {
  const hostile = { "</script>": "<!-- <script>\u2028\u2029 & é" };
  const text = asScript(hostile);
  expect(text).not.toMatch(/[<&\u2028\u2029]/);
  expect(JSON.parse(text)).toEqual(hostile);
});
