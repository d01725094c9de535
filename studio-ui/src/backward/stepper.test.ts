import { expect, test, vi } from "vitest";

import { EXAMPLE } from "./example";
import { Stepper } from "./stepper.svelte";

function begun(): Stepper {
  const stepper = new Stepper();
  stepper.show(EXAMPLE, 0);
  return stepper;
}

test("steps stay within the pass", () => {
  const stepper = begun();
  stepper.back();
  expect(stepper.position).toBe(0);
  for (let i = 0; i < 20; i++) stepper.next();
  expect(stepper.position).toBe(5);
  stepper.show(EXAMPLE, 99);
  expect(stepper.position).toBe(5);
});

test("a number is asked for before its step is shown", () => {
  const stepper = begun();
  stepper.setAsks(true);
  stepper.next();
  expect(stepper.position).toBe(0);
  expect(stepper.question?.name).toBe("q");
  expect(stepper.shown.values.has(3)).toBe(false);
  stepper.settle(stepper.question!, "3", true);
  expect(stepper.position).toBe(1);
  expect(stepper.question).toBeNull();
  expect(stepper.right).toBe(1);
});

test("a step with two questions is shown after the second", () => {
  const stepper = begun();
  stepper.go(3);
  stepper.setAsks(true);
  stepper.next();
  stepper.settle(stepper.question!, "-4", true);
  expect(stepper.position).toBe(3);
  expect(stepper.question?.name).toBe("df/dz");
  expect(stepper.shown.errors.has(3)).toBe(true);
  expect(stepper.shown.errors.has(2)).toBe(false);
  stepper.settle(stepper.question!, "", false);
  expect(stepper.position).toBe(4);
  expect([stepper.right, stepper.helped]).toEqual([1, 1]);
});

test("a step without questions is shown at once, and back closes a question", () => {
  const stepper = begun();
  stepper.setAsks(true);
  stepper.go(2);
  stepper.next();
  expect(stepper.position).toBe(3);
  stepper.next();
  expect(stepper.question?.name).toBe("df/dq");
  stepper.back();
  expect([stepper.position, stepper.question]).toEqual([3, null]);
});

test("what was answered is not asked again, until another pass is shown", () => {
  const stepper = begun();
  stepper.setAsks(true);
  stepper.next();
  stepper.settle(stepper.question!, "3", true);
  stepper.go(0);
  stepper.next();
  expect(stepper.position).toBe(1);
  stepper.show(EXAMPLE, 0);
  stepper.next();
  expect(stepper.question?.name).toBe("q");
});

test("playing ends with the last step", () => {
  vi.useFakeTimers();
  const stepper = begun();
  stepper.setSpeed(4);
  stepper.toggle();
  vi.advanceTimersByTime(1200);
  expect(stepper.position).toBeGreaterThan(1);
  expect(stepper.isPlaying).toBe(true);
  vi.advanceTimersByTime(10_000);
  expect(stepper.position).toBe(5);
  expect(stepper.isPlaying).toBe(false);
  stepper.toggle();
  expect(stepper.position).toBe(0);
  stepper.pause();
  vi.useRealTimers();
});
