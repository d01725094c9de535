import { expect, test } from "vitest";

import type { RunSummary } from "./messages";
import { chosen, ordered } from "./order";

const RUN: RunSummary = {
  name: "mlp-1",
  version: 1,
  recipe: "mlp",
  data: "digits",
  model: "MLP",
  state: "finished",
  about: "",
  live: false,
  holder: "",
  started: 1,
  seconds: 2,
  step: 10,
  last_step: 10,
  epoch: 1,
  epochs: 1,
  objective: 0.5,
  training_error: 0.1,
  development_error: null,
  best_error: null,
  best_epoch: null,
  error: "error",
  task: "classification",
  parameters: 3,
  parent: null,
  left_at: null,
  sparkline: [],
};
const runs: RunSummary[] = [
  { ...RUN, name: "mlp-10", objective: null },
  { ...RUN, name: "mlp-9", objective: 0.2 },
  { ...RUN, name: "som-1", objective: 3, recipe: "som", state: "interrupted", live: false },
  { ...RUN, name: "xor-2", objective: 1, state: "running", live: true },
];
const names = (some: readonly RunSummary[]) => some.map((run) => run.name);

test("names are sorted by their numbers", () => {
  const order = { column: "name", falling: false } as const;
  expect(names(ordered(runs, order))).toEqual(["mlp-9", "mlp-10", "som-1", "xor-2"]);
});

test("runs without a number come last in both directions", () => {
  const rising = { column: "objective", falling: false } as const;
  expect(names(ordered(runs, rising))).toEqual(["mlp-9", "xor-2", "som-1", "mlp-10"]);
  const falling = { ...rising, falling: true };
  expect(names(ordered(runs, falling))).toEqual(["som-1", "xor-2", "mlp-9", "mlp-10"]);
});

test("every word has to be found somewhere", () => {
  expect(names(chosen(runs, "digits mlp-9", "all"))).toEqual(["mlp-9"]);
  expect(names(chosen(runs, "INTERRUPTED", "all"))).toEqual(["som-1"]);
  expect(names(chosen(runs, "", "running"))).toEqual(["xor-2"]);
  expect(names(chosen(runs, "", "trouble"))).toEqual(["som-1"]);
});
