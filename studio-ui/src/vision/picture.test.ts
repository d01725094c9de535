import { expect, test } from "vitest";

import { codeOf } from "../drawing/heat";
import { encode, decode } from "../engine/frame";
import type { MapsLayer } from "../models/headers";
import { LENET } from "./example_layers";
import { bytesOf, grayCodes, hasCell, indexOf, kernelsOf, layersOf, numberAt, placeOf } from "./picture";

const HEADER: MapsLayer[] = [
  { node: 3, group: -1, title: "input", kind: "input", shape: [1, 2, 3, 1], maps: 1, factor: 1, kernel: null, reads: [] },
  {
    node: 7,
    group: 1,
    title: "conv",
    kind: "Conv2d",
    shape: [1, 2, 3, 2],
    maps: 2,
    factor: 1,
    kernel: 1,
    reads: [{ layer: 0, same_channel: false }],
  },
];

function frame(numbers: boolean) {
  const array = (shape: number[], data: Float32Array | Uint8Array | Int32Array) => ({ shape, data });
  const values = Float32Array.from({ length: 12 }, (_, k) => k - 6);
  const codes = Uint8Array.from(values, (x) => codeOf(x, 6));
  const arrays = new Map([
    ["value.0", array([1, 2, 3], codes.slice(0, 6))],
    ["value_limit.0", array([1], new Float32Array([6]))],
    ["value.1", array([2, 2, 3], codes)],
    ["value_limit.1", array([1], new Float32Array([6]))],
    ["error.1", array([2, 2, 3], codes)],
    ["error_limit.1", array([1], new Float32Array([12]))],
    ["rows.1", array([2, 2], new Int32Array([0, 1, 1, 1]))],
    ["columns.1", array([3, 2], new Int32Array([0, 1, 1, 2, 2, 2]))],
    ["rows.1.0", array([2, 2], new Int32Array([0, 1, 1, 1]))],
    ["columns.1.0", array([3, 2], new Int32Array([0, 1, 1, 2, 2, 2]))],
    ["kernel.1", array([2, 2, 1, 2], new Float32Array(8))],
  ]);
  if (numbers) arrays.set("value_numbers.1", array([2, 2, 3], values));
  return decode(encode({ kind: "maps", fields: {}, arrays }));
}

test("layers are read from a frame, and keep what the first frame said of the wiring", () => {
  const layers = layersOf(frame(true), HEADER);
  const [input, conv] = layers;
  expect(input?.error).toBeNull();
  expect([conv?.maps, conv?.height, conv?.width, conv?.kernelNode]).toEqual([2, 2, 3, 1]);
  expect(conv?.reads[0]).toMatchObject({ layer: 0, sameChannel: false });
  expect([...(conv?.reads[0]?.columns ?? [])]).toEqual([0, 1, 1, 2, 2, 2]);
  const next = frame(true);
  const arrays = new Map([...next.arrays].filter(([name]) => !/^(rows|columns)/.test(name)));
  const again = layersOf({ ...next, arrays }, HEADER, layers);
  expect(again[1]?.rows).toBe(conv?.rows);
  expect(again[1]?.reads).toBe(conv?.reads);
  expect([...kernelsOf(next).keys()]).toEqual([1]);
});

test("numbers are exact where the frame has them, else those of the codes", () => {
  const cell = { layer: 1, map: 1, row: 1, column: 2 };
  const exact = layersOf(frame(true), HEADER)[1];
  const coded = layersOf(frame(false), HEADER)[1];
  if (!exact || !coded) throw new Error("there is no layer");
  expect(numberAt(exact.value, exact, cell)).toBe(5);
  expect(Math.abs((numberAt(coded.value, coded, cell) ?? NaN) - 5)).toBeLessThan(6 / 254);
  expect(numberAt(null, exact, cell)).toBeNull();
});

test("the index of a cell is that of the array", () => {
  const [input, , conv, , , flat] = LENET;
  if (!input || !conv || !flat) throw new Error("there are no layers");
  expect(indexOf(conv, { layer: 2, map: 1, row: 3, column: 2 })).toEqual([0, 3, 2, 1]);
  expect(indexOf(flat, { layer: 5, map: 0, row: 0, column: 6 })).toEqual([0, 6]);
  const text = { ...flat, shape: [1, 3, 4], height: 3, width: 4 };
  expect(indexOf(text, { layer: 5, map: 0, row: 2, column: 1 })).toEqual([0, 2, 1]);
  expect(placeOf(conv, { layer: 2, map: 1, row: 3, column: 2 })).toBe("map 1, row 3, column 2");
  expect(placeOf(input, { layer: 0, map: 0, row: 1, column: 2 })).toBe("row 1, column 2");
  expect(placeOf(flat, { layer: 5, map: 0, row: 0, column: 6 })).toBe("unit 6");
  expect(hasCell(LENET, { layer: 2, map: 1, row: 3, column: 3 })).toBe(true);
  expect(hasCell(LENET, { layer: 2, map: 2, row: 0, column: 0 })).toBe(false);
  expect(hasCell(LENET, { layer: 9, map: 0, row: 0, column: 0 })).toBe(false);
});

test("the input goes from black to white, and what is no number stays marked", () => {
  const numbers = new Float32Array([-0.5, 1.5, 0.5, NaN]);
  const codes = grayCodes({ codes: new Uint8Array(4), numbers, limit: 2 });
  expect([...codes]).toEqual([0, 254, 127, 255]);
});

test("the past counts the bytes of a picture", () => {
  const layers = layersOf(frame(true), HEADER);
  const picture = { layers, kernels: kernelsOf(frame(true)) };
  // Codes of three arrays, exact numbers of one, a kernel.
  expect(bytesOf(picture as never)).toBe(6 + 12 + 12 + 48 + 32);
});
