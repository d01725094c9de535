import { expect, test } from "vitest";

import { CATALOG } from "../engine/catalog";
import type { LayerPicture } from "../engine/picture";
import { classColor, decided, fillOutput, fractionOf, type OutputKind } from "./classes";
import { codeOf, NOT_FINITE } from "./heat";

function layer(units: number, grid: number, values: (unit: number, i: number) => number): LayerPicture {
  const limit = new Float32Array(units).fill(4);
  const heat = new Uint8Array(units * grid * grid);
  for (let k = 0; k < units; k++) {
    for (let i = 0; i < grid * grid; i++) heat[k * grid * grid + i] = codeOf(values(k, i), 4);
  }
  return { units, grid, heat, limit } as LayerPicture;
}
const rgb = (pixels: Uint32Array, i: number) => [...new Uint8Array(pixels.buffer, 4 * i, 3)];
const kind = (classes: number, activation: string): OutputKind => ({ classes, activation, scale: 1 });

test("the sign decides between two classes, however sure it is", () => {
  const out = new Uint32Array(4);
  fillOutput(out, layer(1, 2, (_, i) => [-3, -0.2, 0.2, 3][i] ?? 0), kind(2, "tanh"), true);
  expect(rgb(out, 0)).toEqual(rgb(out, 1));
  expect(rgb(out, 2)).toEqual(rgb(out, 3));
  expect(rgb(out, 0)).not.toEqual(rgb(out, 3));
});

test("numbers of the output become fractions by what they mean", () => {
  expect(fractionOf(0.5, kind(2, "sigmoid"))).toBe(0);
  expect(fractionOf(0, kind(2, "identity"))).toBe(0);
  expect(fractionOf(-0.3, kind(2, "tanh"))).toBe(-0.3);
  expect(fractionOf(3, { classes: 0, activation: "identity", scale: 6 })).toBe(0.5);
});

test("of several classes the largest logit wins, and doubt is paler", () => {
  const out = new Uint32Array(4);
  const logits = [
    [4, 0, 0],
    [0.1, 0, 0],
    [0, 4, 0],
    [NaN, 0, 0],
  ];
  const shown = layer(3, 2, (k, i) => logits[i]?.[k] ?? 0);
  fillOutput(out, shown, kind(3, "identity"), false);
  const far = (i: number, k: number) =>
    Math.hypot(...rgb(out, i).map((x, c) => x - (classColor(k, 3)[c] ?? 0)));
  expect(far(0, 0)).toBeLessThan(far(0, 1));
  expect(far(2, 1)).toBeLessThan(far(2, 0));
  expect(far(1, 0)).toBeGreaterThan(far(0, 0));
  expect(shown.heat[3]).toBe(NOT_FINITE);
  expect([rgb(out, 3)[0], rgb(out, 3)[1]]).toContain(128);
});

test("a class is decided only where all outputs are finite", () => {
  expect(decided([-1, 3, 2])).toBe(1);
  expect(decided([0, 0])).toBe(0);
  expect(decided([NaN, 3, 2])).toBe(null);
  expect(decided([1, -Infinity])).toBe(null);
  expect(decided([])).toBe(null);
});

/** For each activation of an output: what it gives for the class 0 for sure, and for no class. */
const GIVEN: Readonly<Record<string, readonly [sure: readonly number[], unsure: readonly number[]]>> = {
  "tanh of 1": [[-1], [0]],
  "sigmoid of 1": [[0], [0.5]],
  "identity of 1": [[-30], [0]],
  "identity of 2": [[30, -30], [0, 0]],
  "identity of 3": [[30, -30, -30], [0, 0, 0]],
  "log_softmax of 2": [[0, -30], [Math.log(1 / 2), Math.log(1 / 2)]],
  "log_softmax of 3": [[0, -30, -30], [Math.log(1 / 3), Math.log(1 / 3), Math.log(1 / 3)]],
};
const ONE_PER_CLASS = ["cross_entropy", "nll"];

/** All outputs that the losses ask for where there are classes. */
const outputs = CATALOG.losses.flatMap((loss) =>
  Object.entries(loss.outputs)
    .filter(([task]) => task !== "regression")
    .map(([task, activation]) => {
      const classes = task === "two classes" ? 2 : 3;
      const units = ONE_PER_CLASS.includes(loss.name) ? classes : 1;
      return { loss: loss.name, classes, activation, key: `${activation} of ${units}` };
    }),
);

test.each(outputs)("$loss, $key: certainty is strong, doubt is pale", ({ classes, activation, key }) => {
  const [sure = [], unsure = []] = GIVEN[key] ?? [];
  const units = sure.length;
  const limit = Float32Array.from(sure, (x, k) => Math.max(1, Math.abs(x), Math.abs(unsure[k] ?? 0)));
  const heat = Uint8Array.from([...sure.keys()].flatMap((k) =>
    [sure, unsure, unsure, unsure].map((one) => codeOf(one[k] ?? NaN, limit[k] ?? 0)),
  ));
  const out = new Uint32Array(4);
  fillOutput(out, { units, grid: 2, heat, limit } as unknown as LayerPicture, kind(classes, activation), false);
  const far = (color: readonly number[]) =>
    Math.hypot(...color.map((x, c) => x - (classColor(0, classes)[c] ?? 0)));
  const paper = far([247, 247, 245]);
  expect(units).toBeGreaterThan(0);
  expect(far(rgb(out, 0))).toBeLessThan(0.55 * paper);
  expect(far(rgb(out, 1))).toBeGreaterThan(0.85 * paper);
});
