import { expect, test } from "vitest";

import type { RunList, RunSummary } from "./messages";
import { merged } from "./store.svelte";

const LIST: RunList = { folder: "runs", version: 2, runs: [], gone: [], refused: [], waiting: 0, whole: false };
const run = (name: string, version: number) => ({ name, version }) as RunSummary;

test("changes are taken into the known runs; a whole list replaces them", () => {
  const known = new Map([
    ["a", run("a", 1)],
    ["b", run("b", 1)],
  ]);
  const after = merged(known, { ...LIST, runs: [run("a", 2), run("c", 2)], gone: ["b"] });
  expect([...after.values()].map((one) => [one.name, one.version])).toEqual([
    ["a", 2],
    ["c", 2],
  ]);
  expect([...merged(after, { ...LIST, whole: true, runs: [run("z", 3)] }).keys()]).toEqual(["z"]);
});
