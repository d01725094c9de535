import { beforeEach, expect, test, vi } from "vitest";

import type { Engine, EngineState } from "../engine/engine";
import type { Frame } from "../engine/frame";
import type { Answer, NetworkReady, Request } from "./messages";
import type { PassPicture } from "./picture";
import { DEFAULTS, Training } from "./training.svelte";

class FakeEngine implements Engine<Request, Answer> {
  readonly asked: Request[] = [];
  onAnswer: (answer: Answer) => void = () => {};
  onFrame: (frame: Frame) => void = () => {};
  onState: (state: EngineState, about: string | null) => void = () => {};
  open(): void {
    this.onState("open", null);
  }
  ask(request: Request): void {
    this.asked.push(request);
  }
  retry(): void {}
  close(): void {}
  kinds(): string[] {
    return this.asked.map((one) => one.type);
  }
}

let waiting: (() => void)[] = [];
const draw = () => waiting.splice(0).forEach((paint) => paint());

beforeEach(() => {
  waiting = [];
  vi.stubGlobal("requestAnimationFrame", (paint: () => void) => waiting.push(paint));
});

const ready = (run = 0): NetworkReady => ({
  type: "ready",
  run,
  source: "object:trained-1",
  settings: { ...DEFAULTS, batch_size: 32, epochs: 56 },
  steps_per_epoch: 45,
  error: "error rate",
  classes: ["0", "1"],
  examples: 9,
  training: 50,
  part: "test",
  shape: [8, 8, 1],
  command: "clearprop train lenet5",
});

function frame(step: number, source: string | null = null, run = 0, fields: Frame["fields"] = {}): Frame {
  const arrays = new Map([["value.0", { shape: [1, 1, 1], data: new Uint8Array([127]) }]]);
  const layers = [{ node: 0, group: -1, title: "input", kind: "input", shape: [1, 1, 1, 1], maps: 1, factor: 1, kernel: null, reads: [] }];
  return { kind: "vision", fields: { run, step, epoch: 0, seconds: 0, first: false, source, made: {}, layers, ...fields }, arrays };
}

function started(): [Training, FakeEngine] {
  const engine = new FakeEngine();
  const training = new Training(() => engine);
  training.open();
  engine.onAnswer(ready());
  return [training, engine];
}

test("a connection begins with the settings, and again after it was lost", () => {
  const engine = new FakeEngine();
  const training = new Training(() => engine);
  training.open();
  training.open();
  expect(engine.kinds()).toEqual(["train", "speed"]);
  engine.onAnswer(ready());
  training.play();
  engine.onState("lost", "No answer.");
  expect(training.playing.playing).toBe(false);
  engine.onState("open", null);
  expect(engine.kinds().filter((kind) => kind === "train")).toHaveLength(2);
  expect(engine.kinds().at(-1)).toBe("play");
});

test("the newest picture is drawn, and one that was asked for is told though it is not", () => {
  const [training, engine] = started();
  const offered: PassPicture[] = [];
  training.onOffered = (picture) => offered.push(picture);
  engine.onFrame(frame(3, "object:trained-1"));
  engine.onFrame(frame(4));
  expect(training.picture).toBeNull();
  draw();
  expect(training.picture?.step).toBe(4);
  expect(offered.map((one) => one.step)).toEqual([3]);
  engine.onFrame(frame(5));
  draw();
  expect(offered).toHaveLength(1);
});

test("pictures of a network that was left are not drawn", () => {
  const [training, engine] = started();
  engine.onFrame(frame(7, null, 9));
  draw();
  expect(training.picture).toBeNull();
});

test("the past is looked at while it is previewed", () => {
  const [training, engine] = started();
  for (let step = 0; step < 5; step++) engine.onFrame(frame(step));
  draw();
  training.previewed = 2;
  expect(training.picture?.step).toBe(2);
  training.previewed = null;
  expect(training.picture?.step).toBe(4);
});

test("the step that was gone back to is told, not the one that was asked for", () => {
  const [training, engine] = started();
  for (const step of [0, 30, 60]) engine.onFrame(frame(step));
  training.back(30);
  expect(training.news).toBe("");
  engine.onFrame(frame(61)); // was under way
  expect(training.news).toBe("");
  engine.onFrame(frame(28));
  expect(training.news).toBe("Back at step 28, the kept state nearest to step 30. What came later is forgotten.");
});

test("the numbers of the last epoch are those of the picture, also where the curves have left it out", () => {
  const [training, engine] = started();
  const one = { objective: [0.5], training_error: [0.5], test_error: [0.5], test_objective: [0.5], learning_rate: [1] };
  engine.onAnswer({ type: "curves", run: 0, epoch: [2000], ...one, restart: false });
  engine.onFrame(frame(90_045, null, 0, { epoch: 2001, objective: 0.25, training_error: 0.1, test_error: 0.2 }));
  draw();
  expect(training.measured).toMatchObject({ epoch: 2001, objective: 0.25, trainingError: 0.1, testError: 0.2 });
  expect(training.curves.upTo(training.measured).at(-1)?.epoch).toEqual([2000, 2001]);
});

test("a new network is waited for, and a refused one leaves the old one as it was", () => {
  const [training, engine] = started();
  expect(training.isBeginning).toBe(false);
  training.change({ pooling: "average" });
  expect([training.isBeginning, training.ready !== null]).toEqual([true, true]);
  expect(engine.asked.at(-1)).toEqual({ type: "train", settings: { ...DEFAULTS, pooling: "average" } });
  const problem = { message: "no", where: null, given: null, expected: null, fix: null };
  engine.onAnswer({ type: "problem", ...problem, request: "train" });
  expect([training.isBeginning, training.problem?.message]).toEqual([false, "no"]);
});

test("the speed is told in epochs, whatever their length", () => {
  const [training, engine] = started();
  training.setSpeed(9);
  expect(engine.asked.at(-1)).toEqual({ type: "speed", epochs_per_second: 9 / 45 });
  training.setSpeed(null);
  expect(engine.asked.at(-1)).toEqual({ type: "speed", epochs_per_second: null });
});

test("what is looked at is looked at again in a new network", () => {
  const [training, engine] = started();
  training.look({ example: 4, target: 1 });
  engine.onAnswer(ready(1));
  const last = engine.asked.at(-1);
  expect(last?.type === "look" && [last.at.example, last.at.target]).toEqual([4, 1]);
});
