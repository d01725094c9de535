import { expect, test } from "vitest";

import { CATALOG } from "../dense/catalog";
import { KEYS, readSettings, written } from "../playground/settings_address";
import { parse } from "../shell/address";
import { VIEWS } from "../views";
import { LESSONS, textOf } from "./lessons";

test("every lesson has a title, a number and text", async () => {
  expect(LESSONS.length).toBeGreaterThan(25);
  for (const lesson of LESSONS) {
    expect(lesson.title).not.toMatch(/^#|^$/);
    expect(lesson.number).toBeGreaterThan(0);
    expect(await textOf(lesson)).toMatch(/^<p>/);
  }
});

test("links lead to lessons or out, and no picture is asked for", async () => {
  const names = new Set(LESSONS.map(({ name }) => `#${name}`));
  let count = 0;
  for (const lesson of LESSONS) {
    const text = await textOf(lesson);
    expect(text).not.toContain("<img");
    for (const [, target = ""] of text.matchAll(/<a href="([^"]*)"/g)) {
      count += 1;
      expect(names.has(target) || target.startsWith("https://"), target).toBe(true);
    }
  }
  expect(count).toBeGreaterThan(3);
});

test("markup in a lesson is text", async () => {
  const one = LESSONS.find(({ name }) => name === "26-sequence-to-sequence");
  expect(one && (await textOf(one))).toContain("<code>&lt;bos&gt;</code>");
});

test("what a lesson shows is an address of the page", () => {
  for (const { name, shown } of LESSONS) {
    const { view, values } = parse(shown);
    expect(VIEWS.map((one) => one.name), name).toContain(view);
    if (view !== "playground") continue;
    expect(KEYS, name).toEqual(expect.arrayContaining([...values.keys()]));
    const { loss, optimizer } = readSettings(values);
    expect(CATALOG.losses.map((one) => one.name)).toContain(loss);
    expect(CATALOG.optimizers.map((one) => one.name)).toContain(optimizer.name);
    expect(written(readSettings(values)), name).toEqual(Object.fromEntries(values));
  }
});

test("lessons about one network open it", () => {
  const shown = new Map(LESSONS.map((one) => [one.name, one.shown]));
  expect(shown.get("23-lstm-and-gru")).toBe("#/sequence?source=network%3Alstm");
  expect(shown.get("30-self-organizing-maps")).toBe("#/runs?recipe=som");
  expect(shown.get("36-captions")).toBe("#/models?source=recipe%3Acaption");
  for (const { name, shown: at } of LESSONS) expect(["#/runs", "#/sequence", "#/models"], name).not.toContain(at);
});
