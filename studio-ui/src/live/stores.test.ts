import { expect, test } from "vitest";

import type { Curves } from "../engine/messages";
import type { Picture } from "../engine/picture";
import { CurveStore, MOST_RUNS } from "./curves";
import { Past } from "./past";
import { bytes } from "../playground/studio.svelte";

const seen = (step: number) => ({ step, layers: [] }) as unknown as Picture;
const points = (run: number, epoch: number[], restart = false): Curves => ({
  type: "curves",
  run,
  epoch,
  objective: epoch.map((x) => 1 / x),
  training_error: epoch,
  test_error: [],
  test_objective: [],
  learning_rate: epoch,
  restart,
});

test("a long past is thinned, and still reaches from the beginning to the end", () => {
  const past = new Past(bytes);
  for (let step = 0; step < 2000; step++) past.add(seen(step));
  expect(past.steps.length).toBeLessThanOrEqual(241);
  expect(past.steps[0]).toBe(0);
  expect(past.last).toBeGreaterThan(1980);
  expect(Math.abs((past.nearest(777)?.step ?? 0) - 777)).toBeLessThanOrEqual(16);
});

test("going back forgets what came later", () => {
  const past = new Past(bytes);
  for (const step of [0, 10, 20, 30]) past.add(seen(step));
  past.add(seen(10));
  expect(past.steps).toEqual([0, 10]);
});

test("the picture after going back is kept, however few of a long run are", () => {
  const past = new Past(bytes);
  for (let step = 0; step < 2000; step++) past.add(seen(step));
  past.add(seen(1001));
  expect(past.last).toBe(1001);
});

test("a step keeps its first picture, as the engine keeps the state before a change by hand", () => {
  const past = new Past(bytes);
  const [before, after] = [seen(10), seen(10)];
  for (const one of [seen(0), before, after, seen(20)]) past.add(one);
  expect(past.steps).toEqual([0, 10, 20]);
  expect(past.nearest(10)).toBe(before);
});

test("the curves of forks stay, those of a new run replace all", () => {
  const store = new CurveStore();
  store.begin(1, "a", null, false);
  store.add(points(1, [1, 2]));
  for (let run = 2; run < 9; run++) store.begin(run, "b", 20, true);
  expect(store.runs.length).toBe(MOST_RUNS);
  expect(store.add(points(1, [3]))).toBe(false);
  expect(store.add(points(8, [3, 4]))).toBe(true);
  store.add(points(8, [3], true));
  expect(store.current?.epoch).toEqual([3]);
  store.begin(9, "c", null, false);
  expect(store.runs.map((one) => one.run)).toEqual([9]);
});

test("the last epoch is drawn, though the engine left it out of a long curve", () => {
  const store = new CurveStore();
  const measured = { run: 8, epoch: 2001, objective: 0.25, trainingError: null, testError: null };
  store.begin(7, "a", null, false);
  store.add(points(7, [1, 2]));
  store.begin(8, "b", 20, true);
  expect(store.upTo(measured).at(-1)?.epoch).toEqual([]);
  store.add(points(8, [1998, 2000]));
  const [other, drawn] = store.upTo(measured);
  expect(other?.epoch).toEqual([1, 2]);
  expect(drawn?.epoch).toEqual([1998, 2000, 2001]);
  expect(drawn?.objective.at(-1)).toBe(0.25);
  expect(drawn?.trainingError).toEqual([1998, 2000, NaN]);
  expect(drawn?.testError).toEqual([]);
  expect(store.upTo({ ...measured, epoch: 2000 })).toBe(store.runs);
  expect(store.upTo({ ...measured, run: 7 })).toBe(store.runs);
  expect(store.current?.epoch).toEqual([1998, 2000]);
  store.finish(measured);
  store.begin(9, "c", 40_020, true);
  expect(store.runs.map(({ run, epoch }) => [run, epoch])).toEqual([
    [7, [1, 2]],
    [8, [1998, 2000, 2001]],
    [9, []],
  ]);
});
