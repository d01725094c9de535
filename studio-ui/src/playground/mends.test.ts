import { expect, test } from "vitest";

import { DEFAULTS } from "../engine/defaults";
import { mendOf } from "./mends";

test("a mend of a plain setting is taken from its code", () => {
  const code = "run = cp.fit(model, data, optimizer='sgd', learning_rate=0.003, epochs=10, batch_size=10)";
  expect(mendOf(code, DEFAULTS)).toEqual({ title: "learning rate 0.003", changes: { learning_rate: 0.003 } });
  expect(mendOf("fit(model, x, batch_size=1_00, learning_rate=3e-4)", DEFAULTS)?.changes).toEqual({
    learning_rate: 0.0003,
    batch_size: 100,
  });
});

test("code that changes something else has no button", () => {
  expect(mendOf("model = nn.Sequential(nn.Linear(2, 8))", DEFAULTS)).toBeNull();
  expect(mendOf("fit(model, data, learning_rate=0.03)", DEFAULTS)).toBeNull();
});
