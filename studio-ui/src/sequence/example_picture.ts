// A pass made by hand, for tests: a scalar LSTM with the error signals that finite differences give, and one head.

import type { Frame, FrameArray } from "../engine/frame";
import type { PassShown, SequenceShown } from "../models/headers";
import { pictureOf, type SequencePicture } from "./picture";

export const STEPS = 4;
const GATES = ["input", "forget", "candidate", "output"] as const;
const INPUTS = { input: [0.3, -0.4, 1.2, 0.1], forget: [0.9, 1.4, 0.2, -0.3], candidate: [0.8, -1.1, 0.4, 0.6], output: [0.2, 0.5, -0.7, 0.9] };
const WEIGHTS = { input: 0.5, forget: -0.3, candidate: 0.9, output: 0.4 };

type Name = (typeof GATES)[number] | "cell" | "hidden";
type Values = Record<Name, number[]>;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

interface Run extends Values {
  readonly loss: number;
  readonly fromHidden: number[][];
}

/** The loss is the square of the last hidden state and a part of the one before it. */
function run(change?: { readonly name: Name; readonly step: number; readonly by: number }): Run {
  const made: Values = { input: [], forget: [], candidate: [], output: [], cell: [], hidden: [] };
  const fromHidden: number[][] = [];
  let [h, c] = [0, 0];
  for (let t = 0; t < STEPS; t++) {
    const add = (name: Name) => (change?.name === name && change.step === t ? change.by : 0);
    const before = h;
    fromHidden.push(GATES.map((name) => before * WEIGHTS[name]));
    const gate = (name: (typeof GATES)[number]) => {
      const sum = (INPUTS[name][t] ?? 0) + before * WEIGHTS[name];
      return (name === "candidate" ? Math.tanh(sum) : sigmoid(sum)) + add(name);
    };
    const [i, f, g, o] = [gate("input"), gate("forget"), gate("candidate"), gate("output")];
    c = f * c + i * g + add("cell");
    h = o * Math.tanh(c) + add("hidden");
    for (const [name, value] of Object.entries({ input: i, forget: f, candidate: g, output: o, cell: c, hidden: h })) {
      made[name as Name].push(value);
    }
  }
  const [last, before] = [made.hidden[STEPS - 1] ?? 0, made.hidden[STEPS - 2] ?? 0];
  return { ...made, fromHidden, loss: last ** 2 + 0.5 * before };
}

export function errorsOf(name: Name): number[] {
  const by = 1e-5;
  return Array.from({ length: STEPS }, (_, step) => (run({ name, step, by }).loss - run({ name, step, by: -by }).loss) / (2 * by));
}

export const array = (shape: readonly number[], numbers: Iterable<number>): FrameArray => ({ shape, data: Float32Array.from(numbers) });

/** Weights of one causal head, their error signals, and the queries and keys that made the weights. */
const QUERY = [[1, 0], [0, 2], [1, 1]];
const KEY = [[0.5, 1], [1, -1], [2, 0]];
export const SCALE = 1 / Math.sqrt(2);
export const WEIGHT_ERRORS = [0.2, 0, 0, -0.1, 0.4, 0, 0.3, -0.5, 0.1];

function weightRows(): number[] {
  return QUERY.flatMap((q, row) => {
    const powers = KEY.map((k, key) => (key <= row ? Math.exp(SCALE * ((q[0] ?? 0) * (k[0] ?? 0) + (q[1] ?? 0) * (k[1] ?? 0))) : 0));
    const sum = powers.reduce((total, x) => total + x, 0);
    return powers.map((x) => x / sum);
  });
}

export function examplePicture(changes: Partial<SequenceShown> = {}): SequencePicture {
  const made = run();
  const names: Name[] = ["input", "forget", "candidate", "output", "hidden", "cell"];
  const last = (made.hidden[STEPS - 1] ?? 0) * 2;
  const arrays = new Map<string, FrameArray>([
    ...names.map((name) => [`${name}.0`, array([STEPS, 1], made[name])] as const),
    ...names.map((name) => [`${name}_error.0`, array([STEPS, 1], errorsOf(name))] as const),
    ["from_input.0", array([STEPS, 4], Array.from({ length: STEPS }, (_, t) => GATES.map((name) => INPUTS[name][t] ?? 0)).flat())],
    ["from_hidden.0", array([STEPS, 4], made.fromHidden.flat())],
    ["before.0", array([2, 1], [0, 0])],
    ["direct.0", array([STEPS, 1], [0, 0, 0.5, last])],
    ["probability", array([STEPS, 3], [0.2, 0.3, 0.5, 0.1, 0.1, 0.8, 0.6, 0.3, 0.1, 0.5, 0.25, 0.25])],
    ["logit_error", array([STEPS, 3], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.25, -0.75])],
    ["attention.0", array([1, 3, 3], weightRows())],
    ["attention_error.0", array([1, 3, 3], WEIGHT_ERRORS)],
    ["query.0", array([1, 3, 2], QUERY.flat())],
    ["key.0", array([1, 3, 2], KEY.flat())],
    ["stream.0", array([STEPS], [1, 2, 3, 4])],
    ["stream_error.0", array([STEPS], [0.1, 0.2, 0.4, 0.8])],
    ["stream.1", array([STEPS], [5, 6, 7, 8])],
    ["stream_error.1", array([STEPS], [0, 0, 0, 1])],
  ]);
  const header = {
    pass_id: "1",
    text: "ab c",
    tokens: ["a", "b", "␣", "c"],
    place: 3,
    target: 2,
    assumed: false,
    classes: ["a", "b", "c"],
    pieces: ["a", "b", "c"],
    attentions: [{ path: "blocks.0", node: 3, heads: 1, queries: 3, keys: 3, scale: SCALE, causal: true }],
    recurrent: [{ path: "recurrent", call: 0, depth: 0, kind: "LSTM", names, units: 1, factor: 0.5, uncounted: [], form: "" }],
    streams: [
      { title: "embedding", node: 1, features: 2 },
      { title: "recurrent", node: 2, features: 1 },
    ],
    remarks: [],
    ...changes,
  } as SequenceShown;
  return pictureOf({ source: "run:x", objective: 1.4 } as PassShown, header, { kind: "sequence", fields: {}, arrays } as Frame);
}
