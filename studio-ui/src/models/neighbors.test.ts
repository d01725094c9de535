import { expect, test } from "vitest";

import { residual } from "./example_graph";
import { layout } from "./layout";
import { neighbor } from "./neighbors";
import { groupId, NetworkTree, ROOT } from "./tree";

const tree = new NetworkTree(residual());
const made = layout(tree, new Set([ROOT, groupId(2)]));
const [CONV, BLOCK, INNER, RELU, OUTPUT, LOSS] = [1, 2, 3, 4, 5, 6].map(groupId);
const [INPUT, ADD] = [2, 6];

test("arrow keys follow the lines", () => {
  const walked = [INPUT];
  for (let k = 0; k < 9; k++) {
    const next = neighbor(made, walked.at(-1) ?? null, "ArrowDown");
    if (next === null) break;
    walked.push(next);
  }
  expect(walked).toEqual([INPUT, CONV, INNER, RELU, ADD, OUTPUT, LOSS]);
  expect(neighbor(made, ADD, "ArrowUp")).toBe(RELU);
  expect(neighbor(made, INPUT, "ArrowUp")).toBeNull();
});

test("the first key begins at the top, others go to the ends", () => {
  expect(neighbor(made, null, "ArrowDown")).toBe(INPUT);
  expect(neighbor(made, ADD, "Home")).toBe(INPUT);
  expect(neighbor(made, ADD, "End")).toBe(LOSS);
  expect(neighbor(made, BLOCK ?? null, "ArrowDown")).toBe(INNER);
  expect(neighbor(made, ADD, "x")).toBeNull();
});
