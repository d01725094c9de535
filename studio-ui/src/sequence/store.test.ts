import { beforeEach, expect, test, vi } from "vitest";

import { address, parse } from "../shell/address";
import type { Wanted } from "../models/api";
import { examplePicture } from "./example_picture";
import { SequenceStore } from "./store.svelte";

const asked: Wanted[] = [];

vi.mock("../models/api", () => ({
  sources: () => Promise.resolve({ sources: ["run:new", "run:old", "network:gpt"].map((id) => ({ id, texts: true, kind: id.split(":")[0] })) }),
  graph: (source: string) => Promise.resolve({ source: { id: source }, continues: true, level: "character", examples: 3 }),
  examples: () => Promise.resolve({ examples: [{ target: "an example" }] }),
  begin: (wanted: Wanted) => {
    asked.push(wanted);
    return Promise.resolve({ header: { pass_id: "1", source: wanted.source } });
  },
  sequence: () => Promise.resolve({ header: examplePicture().header, frame: { kind: "sequence", fields: {}, arrays: new Map() } }),
}));

/** The user goes to an address. */
const go = (hash: string) => vi.stubGlobal("location", { hash });

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("history", { replaceState: (_: unknown, __: string, hash: string) => go(hash) });
});

async function started(hash: string): Promise<SequenceStore> {
  go(hash);
  const store = new SequenceStore();
  await store.start();
  return store;
}

async function followed(store: SequenceStore, hash: string): Promise<void> {
  go(hash);
  await store.follow(address().values);
}

const LINK = "#/sequence?source=run:old&text=import+os&place=2&target=5";

test("a link is the same in an open tab as in a new one", async () => {
  const whole = `${LINK}&head=3&query=1&show=error&every=1&units=all&unit=0.7.8&temperature=1.5&seed=4`;
  const state = ({ source, text, place, target, head, query, what, every, which, unit, temperature, seed }: SequenceStore) =>
    ({ source, text, place, target, head, query, what, every, which, unit, temperature, seed });
  const fresh = await started(whole);
  const written = address().values;
  const wanted = asked.at(-1);
  const open = await started("#/sequence?source=run:new&text=abc&place=1&unit=0.1.1");
  await followed(open, whole);
  expect(state(open)).toEqual(state(fresh));
  expect(state(open)).toMatchObject({ source: "run:old", text: "import os", place: 2, target: 5, seed: 4, what: "error" });
  expect(asked.at(-1)).toEqual(wanted);
  expect([...address().values].sort()).toEqual([...written].sort());
  expect([...written].sort()).toEqual([...parse(whole).values].sort());
});

test("a link to the same network with another text and place", async () => {
  const store = await started("#/sequence?source=run:old&text=abc&place=1&seed=4");
  await followed(store, LINK);
  expect(asked.at(-1)).toMatchObject({ text: "import os", position: 2, target: 5 });
  expect(store.seed).toBe(0);
  await followed(store, "#/sequence?source=run:old&text=import+os");
  expect(asked.at(-1)).toMatchObject({ text: "import os", position: "last", target: null });
  const count = asked.length;
  await followed(store, "#/sequence?source=run:old&text=import+os&head=2&units=error");
  expect([store.head, store.which, asked.length]).toEqual([2, "error", count]);
});

test("an address that says nothing leaves the view as it is, and gets its state", async () => {
  const store = await started(LINK);
  const count = asked.length;
  await followed(store, "#/sequence?lesson=22-recurrent");
  expect([store.source, store.text, store.place]).toEqual(["run:old", "import os", 2]);
  expect(asked).toHaveLength(count);
  const { values } = address();
  expect([values.get("source"), values.get("text"), values.get("place"), values.get("lesson")]).toEqual(["run:old", "import os", "2", "22-recurrent"]);
});

test("an address without a text has that of an example", async () => {
  const store = await started(LINK);
  await followed(store, "#/sequence?source=run:new");
  expect([store.source, store.text, store.place]).toEqual(["run:new", "an example", null]);
  store.close();
  const other = await started(LINK);
  await followed(other, "#/sequence?source=run:old");
  expect(other.text).toBe("an example");
  expect(address().values.has("text")).toBe(false);
});

test("what is followed before the list has come is not forgotten", async () => {
  go("#/sequence");
  const store = new SequenceStore();
  const begun = store.start();
  go(LINK);
  await Promise.all([begun, store.follow(address().values)]);
  expect([store.source, store.text, store.place]).toEqual(["run:old", "import os", 2]);
});
