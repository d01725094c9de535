import { expect, test } from "vitest";

import type { Frame, FrameArray } from "../engine/frame";
import { along, branched, losses, points, readCurves } from "./curves";

function frame(arrays: Record<string, FrameArray["data"]>, firstStep = 0): Frame {
  const fields = { run: "a", version: 3, first_step: firstStep, metrics: [] };
  const shaped = Object.entries(arrays).map(([name, data]) => [name, { shape: [data.length], data }] as const);
  return { kind: "curves", fields, arrays: new Map(shaped) };
}

const curves = readCurves(
  frame({
    epoch: Int32Array.of(1, 2, 3),
    step: Int32Array.of(10, 20, 30),
    seconds: Float32Array.of(2, 3, 4),
    objective: Float32Array.of(1, NaN, 0.25),
    loss_step: Int32Array.of(1, 15, 35),
    loss: Float32Array.of(2, 1.5, 0.5),
  }),
);

test("numbers that are not finite are gaps", () => {
  expect(points(curves, "objective", "step")).toEqual({ x: [10, 20, 30], y: [1, null, 0.25] });
  expect(points(curves, "training_error", "step")).toEqual({ x: [], y: [] });
});

test("a step has its place on every axis", () => {
  expect(along(curves, 15, "epoch")).toBeCloseTo(1.5);
  expect(along(curves, 5, "seconds")).toBeCloseTo(1);
  expect(along(curves, 35, "epoch")).toBeCloseTo(3.5);
  expect(losses(curves, "epoch").x.map((x) => Number(x.toFixed(2)))).toEqual([0.1, 1.5, 3.5]);
});

test("a fork begins where its epochs say", () => {
  const fork = readCurves(
    frame(
      {
        epoch: Int32Array.of(2, 3),
        step: Int32Array.of(20, 30),
        seconds: Float32Array.of(3, 4),
        loss_step: Int32Array.of(),
        loss: Float32Array.of(),
      },
      15,
    ),
  );
  expect(along(fork, 15, "epoch")).toBeCloseTo(1.5);
});

test("a fork's line begins at the last point that it shares with its parent", () => {
  const parent = { x: [1, 2, 3], y: [0.9, 0.5, 0.4] };
  expect(branched({ x: [3, 4], y: [0.3, 0.2] }, parent, 2.5)).toEqual({
    x: [2, 3, 4],
    y: [0.5, 0.3, 0.2],
  });
  expect(branched({ x: [1], y: [0.1] }, parent, 0.5)).toEqual({ x: [1], y: [0.1] });
});
