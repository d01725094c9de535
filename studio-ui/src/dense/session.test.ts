import { describe, expect, test } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import { decode } from "../engine/frame";
import type { Answer, Request, Settings } from "../engine/messages";
import { type Picture, picture } from "../engine/picture";
import { valueOf } from "../drawing/heat";
import { pointSet } from "./datasets";
import { Run } from "./run";
import { DenseSession } from "./session";

/** A session whose clock stands still until a turn of training is made. */
function begun(changed: Partial<Settings> = {}) {
  const answers: Answer[] = [];
  const pictures: Picture[] = [];
  const turns: (() => void)[] = [];
  let milliseconds = 0;
  const session = new DenseSession({
    send: (answer) => answers.push(answer),
    show: (frame) => {
      pictures.push(picture(decode(frame)));
      session.shown();
    },
    now: () => (milliseconds += 1),
    later: (work) => turns.push(work),
  });
  const settings = { ...DEFAULTS, ...changed };
  const asked = <Type extends Answer["type"]>(request: Request, type: Type) => {
    const from = answers.length;
    session.ask(request);
    const found = answers.slice(from).filter((answer) => answer.type === type);
    expect(found.length, `an answer ${type} to ${request.type}`).toBeGreaterThan(0);
    return found.at(-1) as Extract<Answer, { type: Type }>;
  };
  const configured = asked({ type: "configure", settings }, "configured");
  const run = (count: number) => {
    for (let i = 0; i < count; i++) turns.shift()?.();
  };
  const last = () => pictures.at(-1)!;
  return { session, answers, pictures, turns, settings, asked, configured, run, last };
}

const point = (x1: number, x2: number, target: number) => ({ x1, x2, target });

const circle = (seed: number): Settings => ({
  ...DEFAULTS,
  seed,
  data: { ...DEFAULTS.data, kind: "circle", seed },
});

describe("what is shown", () => {
  test("the first frame has the examples, and the arrays of every layer", () => {
    const { configured, pictures } = begun();
    expect(configured.network.layers.map(({ units }) => units)).toEqual([4, 2, 1]);
    expect(configured.examples).toMatchObject({ training: 250, test: 250 });
    expect(configured.steps_per_epoch).toBe(25);
    const [first] = pictures;
    expect(first?.first).toBe(true);
    expect(first?.points?.length).toBe(1000);
    expect(new Set(first?.targets)).toEqual(new Set([0, 1]));
    expect(first?.layers.map(({ weight }) => weight.length)).toEqual([8, 8, 2]);
    expect(first?.layers.map(({ grid }) => grid)).toEqual([40, 40, 100]);
    expect(first?.features?.heat.length).toBe(2 * 40 * 40);
  });

  test("a map shows what a unit gives at a place, with the highest x2 on top", () => {
    const { last } = begun({ features: ["x1", "x2"] });
    const { heat, limit, grid } = last().features!;
    const cell = (feature: number, row: number, column: number) =>
      valueOf(heat[(feature * grid + row) * grid + column]!, limit[feature]!);
    expect(cell(0, 0, 0)).toBeCloseTo(-5.85, 1); // x1 at the left
    expect(cell(1, 0, 0)).toBeCloseTo(5.85, 1); // x2 at the top
    expect(cell(1, grid - 1, 7)).toBeCloseTo(-5.85, 1);
    const [x1, x2] = [cell(0, 11, 30), cell(1, 11, 30)];
    const layer = last().layers[0]!;
    const y = Math.tanh(x1 * layer.weight[1]! + x2 * layer.weight[5]! + layer.bias[1]!);
    const shown = valueOf(layer.heat[(40 + 11) * 40 + 30]!, layer.limit[1]!);
    expect(Math.abs(shown - y)).toBeLessThan(0.05);
  });

  test("the numbers of an example obey the chain rule", () => {
    const { session, last } = begun();
    session.ask({ type: "choose", example: 17 });
    const { layers, input, loss, target, example } = last();
    expect(example).toBe(17);
    const [hidden, , output] = layers;
    const y = output!.value[0]!;
    expect(loss).toBeCloseTo((y - target!) ** 2 / 2, 6);
    expect(output!.error[0]).toBeCloseTo(y - target!, 6);
    expect(output!.delta[0]).toBeCloseTo((y - target!) * (1 - y * y), 6);
    expect(hidden!.weightGradient[6]).toBeCloseTo(input[1]! * hidden!.delta[2]!, 6);
  });
});

describe("training", () => {
  test("it trains while it plays, sends curves, and stops where it is asked to", () => {
    const { session, answers, run, last, turns } = begun();
    session.ask({ type: "play" });
    run(200);
    session.ask({ type: "pause" });
    const { step } = last();
    expect(step).toBeGreaterThan(1000);
    run(5);
    expect(turns.length).toBe(0);
    session.ask({ type: "choose", example: 1 });
    expect(last().step).toBe(step);
    const points = answers.flatMap((one) => (one.type === "curves" ? one.objective : []));
    expect(points.at(-1)).toBeLessThan(points[0]! / 2);
  });

  test("known targets: a circle is learned within 100 epochs in 15 of 20 seeds", () => {
    let reached = 0;
    for (let seed = 0; seed < 20; seed++) {
      const run = new Run(circle(seed), pointSet(circle(seed).data));
      let least = Infinity;
      run.onEpoch = ({ testObjective }) => (least = Math.min(least, testObjective ?? Infinity));
      while (run.position.epoch < 100) run.step();
      if (least <= 0.02) reached += 1;
    }
    expect(reached).toBeGreaterThanOrEqual(15);
  });

  test("steps of a batch and an example, and the end of an epoch", () => {
    const { session, last } = begun();
    session.ask({ type: "step", unit: "batch" });
    expect([last().step, last().epoch]).toEqual([1, 0]);
    session.ask({ type: "step", unit: "example" });
    expect([last().step, last().epoch]).toEqual([1, 0]); // a step by hand is none of the epoch
    session.ask({ type: "step", unit: "epoch" });
    expect([last().step, last().epoch]).toEqual([25, 1]);
  });

  test("a test example is not learned from", () => {
    const { session, asked, last } = begun();
    session.ask({ type: "choose", example: 250 });
    const problem = asked({ type: "step", unit: "example" }, "problem");
    expect(problem.message).toContain("belongs to the test part");
    expect(last().step).toBe(0);
  });

  test("a step of an example moves its loss down", () => {
    const { session, last } = begun();
    session.ask({ type: "choose", example: 3 });
    const before = last().loss!;
    session.ask({ type: "step", unit: "example" });
    expect(last().loss).toBeLessThan(before);
  });

  test("the speed limits the epochs of a second", () => {
    const { session, run, last, asked } = begun();
    session.ask({ type: "speed", epochs_per_second: 10 });
    session.ask({ type: "play" });
    run(500); // each look at the clock takes a millisecond
    asked({ type: "pause" }, "playing");
    expect(last().epoch).toBeGreaterThan(3);
    expect(last().epoch).toBeLessThan(60);
  });

  test("training ends after its epochs, and goes on after going back", () => {
    const { session, answers, run, asked } = begun({ epochs: 3 });
    session.ask({ type: "play" });
    run(50);
    const end = answers.findLast((one) => one.type === "playing");
    expect(end).toMatchObject({ playing: false, ended: "finished" });
    expect(asked({ type: "back", step: 25 }, "playing").ended).toBe(null);
  });

  test("a number that is not finite ends the run before it", () => {
    const { session, run, answers, last } = begun({
      learning_rate: 1e6,
      layers: [{ units: 8, activation: "relu" }],
      data: { ...DEFAULTS.data, kind: "plane" },
    });
    session.ask({ type: "play" });
    run(500);
    const end = answers.findLast((one) => one.type === "playing");
    expect(end).toMatchObject({ playing: false, ended: "non-finite" });
    expect(end).toHaveProperty("about", expect.stringMatching(/too large .* learning rate/));
    expect(last().layers.every(({ weight }) => weight.every(Number.isFinite))).toBe(true);
  });
});

describe("time", () => {
  test("after going back the same steps give the same weights", () => {
    const { session, last, asked } = begun({ dropout: 0.2, optimizer: { name: "adam", options: {} } });
    for (let i = 0; i < 6; i++) session.ask({ type: "step", unit: "epoch" });
    const there = last();
    const curves = asked({ type: "back", step: 49 }, "curves");
    expect(curves).toMatchObject({ restart: true, epoch: [1, 2] });
    expect(last().step).toBe(50);
    for (let i = 0; i < 4; i++) session.ask({ type: "step", unit: "epoch" });
    expect(last().layers.map(({ weight }) => weight)).toEqual(there.layers.map(({ weight }) => weight));
  });

  test("a fork leaves the run where it is, with another rate", () => {
    const { session, last, asked, settings } = begun();
    session.ask({ type: "step", unit: "epoch" });
    const there = last();
    const fork = asked({ type: "fork", settings: { ...settings, learning_rate: 0.3 } }, "configured");
    expect(fork).toMatchObject({ run: 1, parent: 0, left_at: 25 });
    expect(last().first).toBe(true);
    expect(last().layers[0]?.weight).toEqual(there.layers[0]?.weight);
    session.ask({ type: "step", unit: "batch" });
    expect(last().step).toBe(26);
  });

  test("a fork with other layers is refused, and nothing changes", () => {
    const { asked, settings, last } = begun();
    const layers = [{ units: 3, activation: "tanh" }];
    const problem = asked({ type: "fork", settings: { ...settings, layers } }, "problem");
    expect(problem).toMatchObject({ request: "fork", where: "layers", given: "units 3" });
    expect(last().layers.length).toBe(3);
  });

  test.each([
    ["seed", { seed: 5 }],
    ["data", { data: { ...DEFAULTS.data, noise: 0.1 } }],
    ["features", { features: ["x1"] }],
    ["loss", { loss: "cross_entropy" }],
  ] as const)("a fork cannot change %s", (where, changed) => {
    const { asked, settings } = begun();
    const request: Request = { type: "fork", settings: { ...settings, ...changed } };
    expect(asked(request, "problem")).toMatchObject({ where, request: "fork" });
  });

  test("a changed weight is shown, and the run goes on from it", () => {
    const { session, last, configured } = begun();
    const path = configured.network.layers[1]!.weight;
    session.ask({ type: "edit", path, index: [2, 1], value: 2.5 });
    expect(last().layers[1]!.weight[5]).toBe(2.5);
    session.ask({ type: "edit", path: configured.network.layers[2]!.bias, index: [0], value: -1 });
    expect(last().layers[2]!.bias[0]).toBe(-1);
    session.ask({ type: "step", unit: "batch" });
    expect(last().layers[1]!.weight[5]).not.toBe(2.5);
    expect(Math.abs(last().layers[1]!.weight[5]! - 2.5)).toBeLessThan(0.5);
  });
});

test.each([0, 3])("going back to the step of a change by hand undoes it, %i steps later", (later) => {
  const { session, last, configured } = begun();
  session.ask({ type: "step", unit: "batch" });
  session.ask({ type: "step", unit: "batch" });
  const there = last().layers.map(({ weight }) => weight);
  session.ask({ type: "edit", path: configured.network.layers[1]!.weight, index: [2, 1], value: 2.5 });
  session.ask({ type: "step", unit: "example" });
  for (let i = 0; i < later; i++) session.ask({ type: "step", unit: "batch" });
  session.ask({ type: "back", step: 2 });
  expect(last().step).toBe(2);
  expect(last().layers.map(({ weight }) => weight)).toEqual(there);
});

test("numbers of before a change by hand are told so until the next epoch, and not those of a fork", () => {
  const frames: ReturnType<typeof decode>[] = [];
  const around = { send: () => {}, show: (bytes: ArrayBuffer) => frames.push(decode(bytes)) };
  const session = new DenseSession({ ...around, now: () => 0, later: () => {} });
  const fields = () => frames.at(-1)!.fields;
  session.ask({ type: "configure", settings: DEFAULTS });
  session.ask({ type: "step", unit: "epoch" });
  expect(fields().changed_at).toBe(null);
  const left = fields().test_error;
  session.ask({ type: "fork", settings: { ...DEFAULTS, learning_rate: 0.3 } });
  expect([fields().test_error, left]).toEqual([left, expect.any(Number)]);
  session.ask({ type: "edit", path: "layers.2.weight", index: [2, 1], value: 2.5 });
  session.ask({ type: "step", unit: "batch" });
  expect([fields().changed_at, fields().test_error]).toEqual([25, left]);
  session.ask({ type: "fork", settings: DEFAULTS });
  expect(fields().test_error).toBe(null);
  session.ask({ type: "step", unit: "example" });
  session.ask({ type: "step", unit: "epoch" });
  expect(fields().changed_at).toBe(null);
  session.ask({ type: "back", step: 26 });
  expect([fields().step, fields().changed_at]).toEqual([26, null]);
});

test("the middle of a long run can be reached", () => {
  const data = { ...DEFAULTS.data, kind: "drawn", points: [point(1, 2, 0), point(-1, 1, 1)] } as const;
  const run = new Run({ ...DEFAULTS, data, epochs: 10_000 }, pointSet(data));
  for (let i = 0; i < 5000; i++) {
    run.step();
    run.keep();
  }
  const end = run.position.step;
  expect(end).toBe(5000);
  expect(Math.abs(run.back(end / 2) - end / 2)).toBeLessThanOrEqual(0.02 * end);
});

describe("what cannot be done is told", () => {
  const refused: [string, Request][] = [
    ["there is no such unit", { type: "explain", layer: 7, unit: 0 }],
    ["there is no such example", { type: "choose", example: 5000 }],
    ["there is no such example", { type: "choose", example: -1 }],
    ["the diagnosis needs", { type: "diagnose" }],
    ["the script needs", { type: "script" }],
    ["no such parameter", { type: "edit", path: "layers.1.weight", index: [0, 0], value: 1 }],
    ["no such parameter", { type: "edit", path: "layers.0.weight", index: [2, 0], value: 1 }],
  ];
  test.each(refused)("%s", (message, request) => {
    const { asked } = begun();
    expect(asked(request, "problem").message).toContain(message);
  });

  const settings: [string, Partial<Settings>][] = [
    ["data.kind", { data: { ...DEFAULTS.data, kind: "table" } }],
    ["data.points", { data: { ...DEFAULTS.data, kind: "drawn" } }],
    ["loss", { loss: "triplet" }],
    ["loss", { loss: "cross_entropy", data: { ...DEFAULTS.data, kind: "plane" } }],
    ["optimizer", { optimizer: { name: "lbfgs", options: {} } }],
    ["optimizer", { optimizer: { name: "adam", options: { beta3: 1 } } }],
    ["optimizer.beta1", { optimizer: { name: "adam", options: { beta1: 1 } } }],
    ["layers.activation", { layers: [{ units: 2, activation: "softmax" }] }],
    ["layers.units", { layers: [{ units: 65, activation: "tanh" }] }],
    ["learning_rate", { learning_rate: 0 }],
    ["weight_init", { weight_init: "orthogonal" }],
    ["schedule", { schedule: { name: "piecewise", options: {} } }],
  ];
  test.each(settings)("%s", (where, changed) => {
    const { asked, settings } = begun();
    const request: Request = { type: "configure", settings: { ...settings, ...changed } };
    expect(asked(request, "problem")).toMatchObject({ where, request: "configure" });
  });
});

describe("formulas", () => {
  test("the last number of each equation is the number of the picture", () => {
    const { asked, last } = begun({ features: ["x1", "x2^2", "x1*x2", "sin(x1)"] });
    const places = [
      [0, 2],
      [1, 1],
      [2, 0],
    ] as const;
    for (const [layer, unit] of places) {
      const { forward, backward } = asked({ type: "explain", layer, unit }, "explained");
      const result = (text: string) => Number(text.split(" = ").at(-1));
      const found = Object.fromEntries(
        [...forward, ...backward].map(({ text }) => [text.split(" = ")[0], result(text)]),
      );
      const shown = last().layers[layer]!;
      expect(found["z"]).toBeCloseTo(shown.preactivation[unit]!, 4);
      expect(found["y"]).toBeCloseTo(shown.value[unit]!, 4);
      expect(found["dE/dy"]).toBeCloseTo(shown.error[unit]!, 4);
      expect(found["dE/dz"]).toBeCloseTo(shown.delta[unit]!, 4);
      expect(found["dE/dw2"]).toBeCloseTo(shown.weightGradient[shown.units + unit]!, 4);
      expect(found["dE/db"]).toBeCloseTo(shown.biasGradient[unit]!, 4);
      if (layer === 2) expect(found["E"]).toBeCloseTo(last().loss!, 4);
      const titles = [...forward, ...backward].map(({ title }) => title);
      expect(new Set(titles).size).toBe(titles.length);
    }
  });

  test("several classes: softmax in the formulas, and the probability minus the target", () => {
    const { asked, last } = begun({
      loss: "cross_entropy",
      data: { ...DEFAULTS.data, kind: "blobs", classes: 3 },
    });
    const own = last().target === 1;
    const { forward, backward } = asked({ type: "explain", layer: 2, unit: 1 }, "explained");
    expect(forward.at(-1)?.text).toMatch(/^E = log\(exp\(z1\) \+ exp\(z2\) \+ exp\(z3\)\) - z\d/);
    expect(backward[0]?.text).toMatch(/^dE\/dz2 = exp\(z2\) \/ \(exp\(z1\)/);
    expect(backward[0]?.text.includes("- 1\n")).toBe(own);
  });
});
