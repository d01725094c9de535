import { expect, test } from "vitest";

import { equationsOf, letterOf } from "./equations";
import { errorsOf, examplePicture, STEPS } from "./example_picture";
import { at, type Layer, type Table } from "./picture";

const layer = examplePicture().layers[0]!;
const line = (step: number, name: string, way: "forward" | "backward" = "backward") =>
  equationsOf(layer, 0, step)![way].find((one) => one.name === name)!;

/** The number that the numbers of a line give. */
function computed(numbers: string): number {
  const text = numbers.split(" = ")[0]!.replaceAll("−", "-").replaceAll("·", "*").replaceAll("²", "**2").replaceAll("tanh", "Math.tanh").replaceAll("σ", "sigmoid");
  return Function("sigmoid", `return ${text}`)((x: number) => 1 / (1 + Math.exp(-x))) as number;
}

test("the numbers of every equation give its value", () => {
  for (let step = 0; step < STEPS; step++) {
    const { forward, backward } = equationsOf(layer, 0, step)!;
    for (const one of [...forward, ...backward]) {
      expect(Math.abs(computed(one.numbers) - one.value), `${one.name} at ${step}: ${one.numbers} = ${one.value}`).toBeLessThan(0.01);
    }
  }
});

test("the error signals of the gates are derivatives of the loss", () => {
  for (const [name, letter] of [["input", "i"], ["forget", "f"], ["candidate", "g"], ["output", "o"]] as const) {
    errorsOf(name).forEach((error, step) => expect(line(step, `dE/d${letter}`).value).toBeCloseTo(error, 5));
  }
});

test("the last step has no step after it", () => {
  expect(line(STEPS - 1, "dE/dc").formula).not.toContain("⁺");
  expect(line(0, "dE/dc").formula).toContain("dE/dc⁺ · f⁺");
  expect(line(0, "c", "forward").numbers).toMatch(/ · 0 \+ /);
});

test("the first step begins at the state before the text", () => {
  const before: Table = { rows: 2, columns: 1, data: Float32Array.of(0.7, -0.6) };
  const { forward, backward } = equationsOf({ ...layer, before }, 0, 0)!;
  expect(forward.find(({ name }) => name === "c")!.numbers).toContain("· (−0.6) +");
  expect(backward.find(({ name }) => name === "dE/df")!.numbers).toContain("· (−0.6)");
  const one = gru("after");
  const first = { ...one, values: new Map([...one.values].map(([name, { data }]) => [name, table(...data.slice(1))] as const)), before: table(0.7) };
  expect(equationsOf({ ...first, fromInput: wide(3, 0.3, -0.2, 0.5), fromHidden: wide(3, 0.4, 0.1, -0.6) }, 0, 0)!.forward.at(-1)!.numbers).toMatch(/· 0\.7$/);
  expect(computed(equationsOf(first, 0, 0)!.forward.at(-1)!.numbers)).toBeCloseTo(at(first.values.get("hidden")!, 0, 0), 2);
});

test("the state after the text may be read too", () => {
  const cell = layer.errors.get("cell")!;
  const last = { ...layer, errors: new Map([...layer.errors, ["cell", { ...cell, data: cell.data.map((x) => x + 0.5) }]]) };
  const { numbers, value, formula } = equationsOf(last, 0, STEPS - 1)!.backward.find(({ name }) => name === "dE/dc")!;
  expect(computed(numbers)).toBeCloseTo(value, 2);
  expect(formula).toContain("from the state after the text");
});

test("a layer of another kind of step has no such equations", () => {
  expect(equationsOf({ ...layer, about: { ...layer.about, kind: "Peephole" } }, 0, 1)).toBeNull();
  expect(equationsOf({ ...layer, fromHidden: null }, 0, 1)).toBeNull();
});

// --- a GRU and a plain recurrent network ----------------------------------------------------------

const table = (...numbers: number[]): Table => ({ rows: numbers.length, columns: 1, data: Float32Array.from(numbers) });
const wide = (columns: number, ...numbers: number[]): Table => ({ rows: numbers.length / columns, columns, data: Float32Array.from(numbers) });
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function gru(form: string): Layer {
  const [xr, xz, xn, ur, uz, un, before] = [0.3, -0.2, 0.5, 0.4, 0.1, -0.6, 0.7];
  const [r, z] = [sigmoid(xr + ur), sigmoid(xz + uz)];
  const n = Math.tanh(xn + (form === "after" ? r * un : un));
  const h = (1 - z) * n + z * before;
  const [dh, dn] = [0.8, 0.8 * (1 - z)];
  const dr = form === "after" ? dn * (1 - n * n) * un : 0.123;
  return {
    number: 0,
    about: { path: "r", depth: 0, call: 0, kind: "GRU", names: ["reset", "update", "candidate", "hidden"], units: 1, factor: 1, uncounted: [], form },
    values: new Map([["reset", table(0.5, r)], ["update", table(0.5, z)], ["candidate", table(0.7, n)], ["hidden", table(before, h)]]),
    errors: new Map([["reset", table(0, dr)], ["update", table(0, dh * (before - n))], ["candidate", table(0, dn)], ["hidden", table(0, dh)]]),
    fromInput: wide(3, 0, 0, 0, xr, xz, xn),
    fromHidden: wide(3, 0, 0, 0, ur, uz, un),
    direct: table(0, 0.5),
    before: table(0),
  };
}

test("a GRU by both forms", () => {
  for (const form of ["after", "before"]) {
    const { forward, backward } = equationsOf(gru(form), 0, 1)!;
    for (const one of [...forward, ...backward].filter(({ numbers }) => !numbers.includes("…"))) {
      expect(Math.abs(computed(one.numbers) - one.value), `${one.name}: ${one.numbers} = ${one.value}`).toBeLessThan(0.01);
    }
    expect(forward.map(({ name }) => name)).toEqual(["r", "z", "n", "h"]);
  }
  expect(letterOf("GRU", "candidate")).toBe("n");
  expect(letterOf("LSTM", "candidate")).toBe("g");
});

test("a plain recurrent unit", () => {
  const layer = (form: string, h: number): Layer => ({
    number: 0,
    about: { path: "r", depth: 0, call: 0, kind: "RNN", names: ["hidden"], units: 1, factor: 1, uncounted: [], form },
    values: new Map([["hidden", table(h)]]),
    errors: new Map([["hidden", table(0.4)]]),
    fromInput: table(0.2),
    fromHidden: table(0.3),
    direct: table(0.4),
    before: table(0),
  });
  const last = (form: string, h: number) => equationsOf(layer(form, h), 0, 0)!.backward.at(-1)!.value;
  expect(last("tanh", Math.tanh(0.5))).toBeCloseTo(0.4 * (1 - Math.tanh(0.5) ** 2));
  expect([last("relu", 0.5), last("relu", 0)]).toEqual([Math.fround(0.4), 0]);
});
