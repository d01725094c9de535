import { expect, test } from "vitest";

import { CATALOG } from "../engine/catalog";
import { DEFAULTS } from "../engine/defaults";
import { continues } from "./changes";

const withLoss = (loss: string) => ({ ...DEFAULTS, loss });

test("a run goes on with another loss only where its output layer stays", () => {
  const goesOn = (from: string, to: string) => continues(withLoss(from), withLoss(to), CATALOG);
  expect(goesOn("squared_error", "huber")).toBe(true);
  expect(goesOn("binary_cross_entropy", "hinge")).toBe(true);
  expect(goesOn("squared_error", "binary_cross_entropy")).toBe(false);
  expect(goesOn("perceptron", "cross_entropy")).toBe(false);
});
