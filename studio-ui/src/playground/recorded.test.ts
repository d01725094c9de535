import { expect, test } from "vitest";

import { encode, type FrameArray } from "../engine/frame";
import { readRecording } from "./recorded";

function part(content: ArrayBuffer): Uint8Array {
  const bytes = new Uint8Array(4 + content.byteLength);
  new DataView(bytes.buffer).setUint32(0, content.byteLength, true);
  bytes.set(new Uint8Array(content), 4);
  return bytes;
}

function frame(step: number, heat: number[]): ArrayBuffer {
  const one = (value: number): FrameArray => ({ shape: [1], data: new Float32Array([value]) });
  const names = ["bias.0", "preactivation.0", "value.0", "error.0", "delta.0", "bias_gradient.0"];
  return encode({
    kind: "picture",
    fields: { run: 0, step, epoch: step, example: 0, loss: 0, target: 1, seconds: 0 },
    arrays: new Map<string, FrameArray>([
      ["weight.0", { shape: [1, 1], data: new Float32Array([step]) }],
      ["weight_gradient.0", { shape: [1, 1], data: new Float32Array([0]) }],
      ...[...names, "limit.0", "input", "input_error"].map((name) => [name, one(step)] as const),
      ["heat.0", { shape: [1, 2, 2], data: new Uint8Array(heat) }],
    ]),
  });
}

test("the differences of the maps are added up", () => {
  const configured = new TextEncoder().encode(JSON.stringify({ type: "configured", run: 7 }));
  const bytes = [
    part(configured.buffer as ArrayBuffer),
    part(frame(0, [10, 20, 200, 250])),
    part(frame(5, [1, 255, 100, 3])),
    part(frame(9, [1, 0, 0, 0])),
  ];
  const whole = new Uint8Array(bytes.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of bytes) {
    whole.set(one, at);
    at += one.length;
  }
  const found = readRecording(whole.buffer);
  expect(found.configured.run).toBe(7);
  expect(found.pictures.map((one) => one.step)).toEqual([0, 5, 9]);
  expect(found.pictures.map((one) => [...(one.layers[0]?.heat ?? [])])).toEqual([
    [10, 20, 200, 250],
    [11, 19, 44, 253],
    [12, 19, 44, 253],
  ]);
});
