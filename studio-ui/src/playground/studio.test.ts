import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import type { Engine } from "../engine/engine";
import type { Frame } from "../engine/frame";
import type { Answer, Configured, Finding, Findings, Request, Settings } from "../engine/messages";
import { isTaken, Studio } from "./studio.svelte";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (draw: () => void) => draw());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const FINDING = { grade: "fault", title: "dead units", place: "", code: "" } as Finding;

const configured = (run: number, settings: Settings): Configured => ({
  type: "configured",
  settings,
  network: {
    features: ["x1", "x2"],
    layers: [{ units: 1, activation: "tanh", weight: "layers.0.weight", bias: "layers.0.bias" }],
    formula: "",
  },
  examples: { training: 9, test: 0, classes: ["a", "b"], axes: ["x1", "x2"], low: [0, 0], high: [1, 1], about: "" },
  steps_per_epoch: 1,
  error: "error rate",
  run,
  parent: null,
  left_at: null,
});

/** A studio whose engine answers only what the test lets it. */
function begun() {
  const studio = new Studio();
  const asked: Request[] = [];
  const engine: Engine = {
    open() {},
    ask: (request) => asked.push(request),
    onAnswer() {},
    onFrame() {},
    onState() {},
    retry() {},
    close() {},
  };
  studio.connect(engine);
  engine.onState("open", null);
  engine.onAnswer(configured(1, studio.settings));
  const input = { shape: [2], data: new Float32Array(2) };
  const frame = (step: number, fields: Frame["fields"] = {}) =>
    engine.onFrame({
      kind: "picture",
      fields: { run: 1, step, epoch: step, ...fields },
      arrays: new Map([["input", input], ["input_error", input]]),
    });
  const found = (step: number): Findings => ({ type: "findings", run: 1, step, findings: [FINDING] });
  const answer = (one: Answer) => engine.onAnswer(one);
  const diagnoses = () => asked.filter(({ type }) => type === "diagnose").length;
  return { studio, asked, answer, frame, found, diagnoses };
}

test("the step that the engine went back to is shown and told, not the one that was asked for", () => {
  const { studio, frame, asked } = begun();
  for (const step of [0, 30, 60, 90]) frame(step);
  studio.back(30);
  expect(asked.at(-1)).toEqual({ type: "back", step: 30 });
  expect(studio.news).toBe("");
  frame(95); // was under way
  expect(studio.news).toBe("");
  frame(28);
  expect(studio.news).toBe("Back at step 28, the kept state nearest to step 30. What came later is forgotten.");
  expect(studio.picture?.step).toBe(28);
  expect(studio.past.steps).toEqual([0, 28]);
  studio.back(0);
  frame(0);
  expect(studio.news).toBe("Back at step 0. What came later is forgotten.");
});

test("findings stand with their step, and are old once the picture is of another one", () => {
  const { studio, frame, found, answer, diagnoses } = begun();
  frame(10);
  studio.diagnosis.ask();
  answer(found(10));
  expect([studio.diagnosis.findings?.step, studio.isDiagnosisOld]).toEqual([10, false]);
  studio.step("batch");
  frame(11);
  expect([studio.diagnosis.findings?.step, studio.isDiagnosisOld]).toEqual([10, true]);
  vi.advanceTimersByTime(1000);
  expect(diagnoses()).toBe(2);
  answer(found(11));
  expect([studio.diagnosis.findings?.step, studio.isDiagnosisOld]).toEqual([11, false]);
});

test.each([
  ["going back", (studio: Studio) => studio.back(5)],
  ["an edit", (studio: Studio) => studio.edit({ kind: "bias", layer: 0, unit: 0 }, 3)],
  ["a step with one example", (studio: Studio) => studio.step("example")],
])("after %s the findings of before are gone, those under way too", (_, act) => {
  const { studio, frame, found, answer, diagnoses } = begun();
  frame(10);
  studio.diagnosis.ask();
  answer(found(10));
  studio.diagnosis.ask();
  act(studio);
  expect(studio.diagnosis.findings).toBe(null);
  answer(found(10)); // was asked for before
  expect(studio.diagnosis.findings).toBe(null);
  vi.advanceTimersByTime(1000);
  expect(diagnoses()).toBe(3);
  answer(found(5));
  expect(studio.diagnosis.findings?.step).toBe(5);
});

test("what is measured is of the picture that is shown", () => {
  const { studio, answer, frame } = begun();
  frame(0);
  expect(studio.measured).toBe(null);
  const numbers = { objective: [1], training_error: [1], test_error: [], test_objective: [], learning_rate: [1] };
  answer({ type: "curves", run: 1, epoch: [1], ...numbers, restart: false });
  frame(2000, { objective: 0.5, training_error: 0.25, test_error: null });
  expect(studio.measured).toMatchObject({ epoch: 2000, objective: 0.5, trainingError: 0.25, testError: null });
  frame(2001, { objective: null, training_error: 0.75 });
  expect(studio.measured).toMatchObject({ epoch: 2001, objective: null, trainingError: 0.75 });
  studio.previewed = 0;
  expect(studio.measured).toBe(null);
});

test("settings are taken where the engine cut batches and epochs, and not where another one differs", () => {
  const wanted = { ...DEFAULTS, batch_size: 500, epochs: 1_000_000 };
  expect(isTaken(wanted, { ...wanted, batch_size: 250, epochs: 200_000 })).toBe(true);
  expect(isTaken({ ...wanted, epochs: 100 }, { ...wanted, epochs: 200_000 })).toBe(false);
  expect(isTaken(wanted, { ...wanted, learning_rate: 7 })).toBe(false);
});

test("the playground is settled with fewer epochs than were wanted", () => {
  const { studio, answer, asked } = begun();
  studio.change({ epochs: 1_000_000 });
  expect(studio.isSettled).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(asked.at(-1)).toMatchObject({ type: "configure", settings: { epochs: 1_000_000 } });
  expect(studio.isSettled).toBe(false);
  answer(configured(2, { ...studio.settings, epochs: 200_000 }));
  expect(studio.isSettled).toBe(true);
});

test("after a change by hand nothing is measured, and going back to its step undoes it", () => {
  const { studio, answer, frame, asked } = begun();
  const numbers = { objective: [1], training_error: [1], test_error: [], test_objective: [], learning_rate: [1] };
  frame(0);
  frame(1, { objective: 1, training_error: 1 });
  answer({ type: "curves", run: 1, epoch: [1], ...numbers, restart: false });
  expect([studio.isChanged, studio.undoes]).toEqual([false, null]);
  studio.edit({ kind: "bias", layer: 0, unit: 0 }, 3);
  frame(1, { objective: 1, training_error: 1, changed_at: 1 });
  expect([studio.isChanged, studio.undoes]).toEqual([true, 1]);
  expect(studio.spoken).toContain("the next epoch measures them");
  studio.previewed = 1;
  expect(studio.isChanged).toBe(false); // the picture before the change
  studio.takePreviewed();
  expect(asked.at(-1)).toEqual({ type: "back", step: 1 });
  frame(1, { objective: 1, training_error: 1 });
  expect(studio.news).toBe("The change by hand is undone.");
  expect([studio.isChanged, studio.undoes]).toEqual([false, null]);
});

test("what the slider shows is gone back to before a step, and later pictures stay until then", () => {
  const { studio, frame, asked } = begun();
  for (const step of [0, 10, 20]) frame(step);
  studio.previewed = 10;
  studio.previewed = 20;
  expect(asked.some(({ type }) => type === "back")).toBe(false);
  studio.previewed = 10;
  studio.step("batch");
  expect(asked.slice(-2)).toEqual([{ type: "back", step: 10 }, { type: "step", unit: "batch" }]);
  expect(studio.previewed).toBe(null);
});

test("a fork trains at once, and has the numbers that it left", () => {
  const { studio, answer, frame, asked } = begun();
  frame(5);
  studio.fork(0.3);
  expect(asked.at(-1)?.type).toBe("fork");
  answer({ ...configured(2, studio.settings), parent: 1, left_at: 5 });
  expect(asked.at(-1)).toEqual({ type: "play" });
  frame(5, { run: 2, objective: 0.5, training_error: 0.25 });
  expect(studio.measured).toMatchObject({ run: 2, objective: 0.5 });
});

test("drawing asks the engine for nothing until there is something to tell apart", () => {
  const { studio, asked, answer } = begun();
  const begunWith = asked.length;
  const draw = (...targets: number[]) => {
    const points = targets.map((target, i) => ({ x1: i, x2: 0, target }));
    studio.change({ data: { ...studio.settings.data, kind: "drawn", points } });
    vi.advanceTimersByTime(1000);
  };
  draw();
  draw(0, 0);
  expect([studio.needsPoints, studio.isPreparing, asked.length]).toEqual([true, false, begunWith]);
  draw(0, 0, 1);
  expect(studio.needsPoints).toBe(false);
  expect(asked.at(-1)?.type).toBe("configure");
  answer(configured(2, studio.settings));
  expect(studio.isSettled).toBe(true);
});

test("pictures are of other data until the engine has it, or refuses it", () => {
  const { studio, answer, frame } = begun();
  frame(1);
  studio.change({ learning_rate: 0.5 });
  expect(studio.isOfOtherData).toBe(false);
  studio.change({ data: { ...studio.settings.data, kind: "xor" } });
  expect(studio.isOfOtherData).toBe(true);
  vi.advanceTimersByTime(1000);
  answer({ type: "playing", playing: false, compiling: true, ended: null, about: null });
  expect(studio.isPreparing).toBe(true);
  answer({ type: "problem", request: "configure", message: "no", where: "", given: "", expected: "", fix: "" });
  expect(studio.isOfOtherData).toBe(false);
  studio.change({ data: { ...studio.settings.data, kind: "moons" } });
  answer(configured(2, studio.settings));
  expect(studio.isOfOtherData).toBe(false);
});
