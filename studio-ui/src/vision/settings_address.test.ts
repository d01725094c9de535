import { expect, test } from "vitest";

import { readSettings, settingsText } from "./settings_address";
import { DEFAULTS } from "./training.svelte";

test("the usual settings leave the address empty", () => {
  expect(Object.values(settingsText(DEFAULTS)).every((value) => value === null)).toBe(true);
  expect(readSettings(new URLSearchParams())).toEqual(DEFAULTS);
});

test("settings are read as they were written", () => {
  const settings = { ...DEFAULTS, data: "fashion-mnist", pooling: "average", learning_rate: 0.01, epochs: 3, seed: 7 } as const;
  const text = Object.entries(settingsText(settings)).filter((pair): pair is [string, string] => pair[1] !== null);
  expect(readSettings(new URLSearchParams(text))).toEqual(settings);
});

test("an address that was written by hand keeps what makes sense of it", () => {
  const found = readSettings(new URLSearchParams("data=cats&pooling=min&rate=-1&epochs=two&seed=4&batch="));
  expect(found).toEqual({ ...DEFAULTS, seed: 4 });
});
