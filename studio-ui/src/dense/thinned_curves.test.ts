import { expect, test } from "vitest";

import { type EpochDone, ThinnedCurves } from "./thinned_curves";

const done = (epoch: number, testError: number | null = 0.5): EpochDone => ({
  epoch,
  step: 10 * epoch,
  objective: 1 / epoch,
  trainingError: 0.1,
  testError,
  testObjective: testError,
  learningRate: 0.03,
});

/** The points that a page has after the messages. */
function shown(curves: ThinnedCurves, before: readonly number[] = []): readonly number[] {
  const message = curves.taken();
  if (!message) return before;
  return message.restart ? message.epoch : [...before, ...message.epoch];
}

test("a long run never has more points than fit, from its beginning to its end", () => {
  const curves = new ThinnedCurves(0);
  let points: readonly number[] = [];
  for (let epoch = 1; epoch <= 100_000; epoch++) {
    curves.add(done(epoch));
    if (epoch % 333 === 0) points = shown(curves, points);
    expect(points.length).toBeLessThanOrEqual(2000);
  }
  expect(points[0]).toBeLessThanOrEqual(64);
  expect(points.at(-1)).toBeGreaterThan(99_000);
  expect(points).toEqual([...points].sort((a, b) => a - b));
});

test("each point is sent once, and after going back all of them again", () => {
  const curves = new ThinnedCurves(3);
  for (const epoch of [1, 2, 3]) curves.add(done(epoch));
  expect(curves.taken()).toMatchObject({ run: 3, epoch: [1, 2, 3], restart: false });
  expect(curves.taken()).toBe(null);
  curves.add(done(4));
  curves.forgetAfter(20);
  expect(curves.taken()).toMatchObject({ epoch: [1, 2], restart: true });
});

test("without a test part its curves are empty", () => {
  const curves = new ThinnedCurves(0);
  curves.add(done(1, null));
  expect(curves.taken()).toMatchObject({ epoch: [1], test_error: [], test_objective: [] });
});

test("no peak of a long run is lost, and none that is not finite", () => {
  const curves = new ThinnedCurves(0);
  for (let epoch = 1; epoch <= 100_000; epoch++) {
    const one = done(epoch);
    if (epoch === 6_999) curves.add({ ...one, objective: 50 });
    else if (epoch === 40_001) curves.add({ ...one, testObjective: NaN });
    else curves.add(one);
  }
  const message = curves.taken();
  expect(Math.max(...(message?.objective ?? []))).toBe(50);
  expect(message?.test_objective.filter((y) => Number.isNaN(y))).toHaveLength(1);
});
