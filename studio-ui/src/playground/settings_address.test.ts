import { expect, test } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import type { Settings } from "../engine/messages";
import { rounded } from "./points_text";
import { KEYS, readSettings, written } from "./settings_address";

const OTHER: Settings = {
  data: {
    kind: "drawn",
    examples: 77,
    noise: 0.15,
    test: 0.2,
    classes: 3,
    seed: 9007199254740991,
    points: [
      { x1: rounded(-6), x2: rounded(6), target: 0 },
      { x1: rounded(0.1), x2: rounded(-2.345), target: 5 },
    ],
    table: "größe & co.csv",
    columns: ["a,b", "c=d"],
    target: "y?",
  },
  features: ["x1", "x1*x2", "sin(x2)"],
  layers: [
    { units: 64, activation: "relu" },
    { units: 1, activation: "gelu_tanh" },
  ],
  loss: "cross_entropy",
  optimizer: { name: "adam", options: { beta1: 0.8, epsilon: 1e-8 } },
  learning_rate: 3e-7,
  schedule: { name: "cosine", options: { steps: 1000 } },
  batch_size: 500,
  l1: 0.001,
  l2: 0.1,
  dropout: 0.5,
  weight_init: "he_normal",
  epochs: 12,
  seed: 7,
};

const through = (settings: Settings) =>
  readSettings(new URLSearchParams(new URLSearchParams(written(settings)).toString()));

test("settings are read as they were written, and defaults are not written", () => {
  expect(written(DEFAULTS)).toEqual({});
  expect(through(DEFAULTS)).toEqual(DEFAULTS);
  expect(through(OTHER)).toEqual(OTHER);
  expect(Object.keys(written(OTHER)).sort()).toEqual([...KEYS].sort());
  expect(through({ ...DEFAULTS, layers: [] }).layers).toEqual([]);
});

test("an address that was written by hand keeps what makes sense of it", () => {
  const read = readSettings(
    new URLSearchParams("layers=8,4relu,900,x&rate=fast&noise=7&n=3.5&features=x9,x2&opt=<b>&points=!!!!"),
  );
  expect(read.layers).toEqual([
    { units: 8, activation: "tanh" },
    { units: 4, activation: "relu" },
  ]);
  expect(read.features).toEqual(["x2"]);
  expect({ ...read, layers: DEFAULTS.layers, features: DEFAULTS.features }).toEqual(DEFAULTS);
});
