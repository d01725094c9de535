import { expect, test } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import { readSettings } from "../playground/settings_address";
import { parse } from "../shell/address";
import { firstAddress } from "./embedded";
import { viewsOf } from "./views";

const RUN = { name: "digits-1", index: [], answers: "" };

test("the playground begins with the settings of the file", () => {
  const settings = { ...DEFAULTS, learning_rate: 0.3, layers: [{ units: 3, activation: "relu" }] };
  const { view, values } = parse(firstAddress({ settings, hide: ["data", "nothing"] }));
  expect(view).toBe("playground");
  expect(readSettings(values)).toEqual(settings);
  expect(values.get("hide")).toBe("data");
});

test("the settings may be a link", () => {
  const { values } = parse(firstAddress({ address: "#/playground?data=xor&hide=code&rate=0.1" }));
  expect(readSettings(values)).toMatchObject({ learning_rate: 0.1, data: { kind: "xor" } });
  expect(values.get("hide")).toBe("code");
});

test("a run alone is what the file opens", () => {
  expect(parse(firstAddress({ run: RUN })).view).toBe("run");
  expect(parse(firstAddress({ run: RUN, settings: DEFAULTS })).view).toBe("playground");
  expect(parse(firstAddress({})).view).toBe("playground");
  expect(viewsOf({ run: RUN }).map(({ name }) => name)).toEqual(["playground", "backward", "run"]);
  expect(viewsOf({}).map(({ name }) => name)).toEqual(["playground", "backward"]);
});
