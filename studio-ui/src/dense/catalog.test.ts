import { expect, test } from "vitest";

import { ACTIVATIONS } from "./activations";
import { CATALOG } from "./catalog";
import { KINDS } from "./datasets";
import { INITIALIZERS } from "./initial";
import { OPTIMIZERS } from "./optimizer";
import { OUTPUTS } from "./output";
import { SCHEDULES } from "./schedules";

test.each([
  ["activations", ACTIVATIONS],
  ["losses", OUTPUTS],
  ["optimizers", OPTIMIZERS],
  ["schedules", SCHEDULES],
  ["initializers", INITIALIZERS],
  ["data", { ...KINDS, drawn: null }],
] as const)("the menu of %s has all that the engine has, and nothing else", (menu, table) => {
  expect(CATALOG[menu].map(({ name }) => name).sort()).toEqual(Object.keys(table).sort());
});

test("the options of the menus are those of the engine, with the same defaults", () => {
  const menus = [
    [CATALOG.optimizers, OPTIMIZERS],
    [CATALOG.schedules, SCHEDULES],
  ] as const;
  for (const [entries, table] of menus) {
    for (const { name, options } of entries) {
      const own = table[name]!.options;
      const offered = Object.fromEntries(options.map((one) => [one.name, one.default]));
      const known = Object.entries(own).map(([key, { initial }]) => [key, initial]);
      expect(offered, name).toEqual(Object.fromEntries(known));
      for (const one of options) expect(one.kind === "whole").toBe(own[one.name]?.whole ?? false);
    }
  }
});
