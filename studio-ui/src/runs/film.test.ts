import { expect, test, vi } from "vitest";

import type { Frame } from "../engine/frame";
import { Refused } from "../engine/asking";
import { Film } from "./film.svelte";

const frame = (step: number): Frame => ({ kind: "weights", fields: { step }, arrays: new Map() });

/** A film whose pictures come when they are released. */
function held(steps: readonly number[], place: number) {
  const asked: number[] = [];
  const waiting: (() => void)[] = [];
  const film = new Film(steps, place, (step) => {
    asked.push(step);
    return new Promise((come) => waiting.push(() => come(frame(step))));
  });
  const release = async () => {
    waiting.shift()?.();
    await new Promise((done) => setTimeout(done));
  };
  return { film, asked, release };
}

test("the picture that is looked at comes first, then those behind it, then those before it", async () => {
  const { film, asked, release } = held([0, 10, 20, 30], 2);
  void film.load();
  expect(film.picture).toBeNull();
  await release();
  expect(film.picture?.frame?.fields["step"]).toBe(20);
  await release();
  film.go(0);
  await release();
  await release();
  expect(asked).toEqual([20, 30, 0, 10]);
  expect(film.ready).toBe(4);
});

test("a picture that cannot be made is told, and the others come", async () => {
  const film = new Film([0, 1], 0, async (step) => {
    if (step === 0) {
      throw new Refused({
        type: "problem",
        message: "the file is damaged",
        where: "step-0",
        given: null,
        expected: null,
        fix: "copy it again",
        request: null,
      });
    }
    return frame(step);
  });
  await film.load();
  expect(film.picture).toEqual({ frame: null, problem: "step-0: the file is damaged; copy it again" });
  film.go(1);
  expect(film.picture?.frame?.fields["step"]).toBe(1);
});

test("playing waits for pictures, and ends at the last", async () => {
  vi.useFakeTimers();
  const { film, release } = held([0, 1, 2], 0);
  void film.load();
  film.toggle();
  await vi.advanceTimersByTimeAsync(5000);
  expect(film.step).toBe(0);
  vi.useRealTimers();
  await release();
  await release();
  await release();
  vi.useFakeTimers();
  film.pause();
  film.toggle();
  await vi.advanceTimersByTimeAsync(1000);
  expect(film.step).toBe(1);
  await vi.advanceTimersByTimeAsync(3000);
  expect([film.step, film.playing]).toEqual([2, false]);
  film.toggle();
  expect(film.step).toBe(0);
  film.stop();
  vi.useRealTimers();
});

test("a film that is stopped asks no more", async () => {
  const { film, asked, release } = held([0, 1, 2], 0);
  void film.load();
  film.stop();
  await release();
  expect(asked).toEqual([0]);
});

test("a step out of the film is the nearest one", () => {
  const { film } = held([5, 6], 9);
  expect(film.step).toBe(6);
  film.go(-3);
  expect(film.step).toBe(5);
});
