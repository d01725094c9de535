import { expect, test } from "vitest";

import { answersOf, sorted } from "./kept_run";

const text = (value: string) => new TextEncoder().encode(value);
const parts = ["[1, 2]", "ü", ""].map(text);
const all = new Uint8Array(parts.flatMap((part) => [...part]));
const packed = new Blob([all]).stream().pipeThrough(new CompressionStream("deflate"));
const kept = {
  name: "digits-1",
  index: [
    ["detail?run=digits-1", parts[0]!.length],
    ["frame?film=arrays&of=layers.0&run=digits-1&step=3", parts[1]!.length],
    ["damage?run=digits-1", 0],
  ] as const,
  answers: btoa(String.fromCharCode(...new Uint8Array(await new Response(packed).arrayBuffer()))),
};

test("an answer is found however its question is ordered", async () => {
  const answers = answersOf(kept);
  const response = await answers("api/runs/detail?run=digits-1");
  expect(await response.json()).toEqual([1, 2]);
  const frame = await answers("api/runs/frame?run=digits-1&film=arrays&step=3&of=layers.0");
  expect(await frame.text()).toBe("ü");
});

test("names are compared as Python writes them", () => {
  const query = new URLSearchParams([
    ["run", "a b/c"],
    ["of", "layers.1#2:é*"],
  ]);
  expect(sorted(`api/runs/frame?${query}`)).toBe("frame?of=layers.1%232%3A%C3%A9*&run=a+b%2Fc");
});

test("an address is found however its signs are written", async () => {
  for (const written of ["detail?run=a~1*", "detail?run=a%7E1%2A", "detail?run=a%7e1*"]) {
    const answers = answersOf({ ...kept, index: [[written, all.length]] });
    const query = new URLSearchParams([["run", "a~1*"]]);
    expect((await answers(`api/runs/detail?${query}`)).status).toBe(200);
  }
});

test("what was not kept is told in words", async () => {
  const response = await answersOf(kept)("api/runs/frame?run=digits-1&film=pass&step=3&example=9");
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    message: "this file does not hold example 9",
    fix: "choose one of the first examples",
  });
});

test("damage is noticed", async () => {
  const damaged = { ...kept, index: kept.index.slice(1) };
  await expect(answersOf(damaged)("api/runs/damage?run=digits-1")).rejects.toThrow("damaged");
});
