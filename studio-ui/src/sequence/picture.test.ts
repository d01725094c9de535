import { expect, test } from "vitest";

import { examplePicture, STEPS } from "./example_picture";
import { at, isStrange, limitOf } from "./picture";
import { isOuter, rowsOf } from "./streams";

test("a frame becomes tables by name", () => {
  const { probability, heads, layers, streams } = examplePicture();
  expect([probability?.rows, probability?.columns]).toEqual([STEPS, 3]);
  expect(at(probability!, 1, 2)).toBeCloseTo(0.8);
  expect(heads.map(({ number, block, head }) => [number, block, head])).toEqual([[0, 0, 0]]);
  expect(at(heads[0]!.key, 2, 0)).toBe(2);
  expect([...layers[0]!.values.keys()]).toEqual(["input", "forget", "candidate", "output", "hidden", "cell"]);
  expect(at(streams.value, 1, 2)).toBe(7);
  expect(streams.error.rows).toBe(2);
});

test("what a frame does not have is null", () => {
  const layer = examplePicture({ recurrent: [{ path: "r", call: 0, depth: 0, kind: "LSTM", names: ["reset"], units: 1, factor: null, uncounted: [], form: "" }] }).layers[0]!;
  expect(layer.values.size).toBe(0);
  expect(examplePicture({ recurrent: [] }).layers).toEqual([]);
});

test("a number that is not finite is found, and is no limit", () => {
  const picture = examplePicture();
  expect(isStrange(picture)).toBe(false);
  picture.layers[0]!.errors.get("cell")!.data[1] = NaN;
  expect(isStrange(picture)).toBe(true);
  expect(limitOf(new Float32Array([1, -3, NaN, Infinity]))).toBe(3);
  expect(limitOf(new Float32Array())).toBe(0);
});

test("a gate without a number where a step does not count is nothing strange", () => {
  const masked = (uncounted: number[]) => {
    const picture = examplePicture();
    return { ...picture, layers: picture.layers.map((layer) => ({ ...layer, about: { ...layer.about, uncounted } })) };
  };
  for (const [uncounted, name, isOdd] of [[[1], "forget", false], [[2], "forget", true], [[1], "cell", true]] as const) {
    const picture = masked([...uncounted]);
    picture.layers[0]!.values.get(name)!.data[1] = NaN;
    expect(isStrange(picture), name).toBe(isOdd);
  }
});

test("outer layers are those of the network and its blocks", () => {
  const outer = ["embedding", "blocks.3", "norm", "blocks.0.attention", "blocks.0.feedforward.hidden"].filter(isOuter);
  expect(outer).toEqual(["embedding", "blocks.3", "norm"]);
  const rows = rowsOf(examplePicture().streams.value, [1]);
  expect([rows.rows, ...rows.data]).toEqual([1, 5, 6, 7, 8]);
});
