import { expect, test } from "vitest";

import { barsOf, statistic, type Statistics } from "./bars";
import { residual } from "./example_graph";
import { STATISTICS } from "./headers";
import { groupId, NetworkTree } from "./tree";

const tree = new NetworkTree(residual());
const count = tree.graph.nodes.length;

/** Statistics in which only some columns of some nodes are given. */
function table(cells: readonly (readonly [node: number, name: (typeof STATISTICS)[number], value: number])[]): Float32Array {
  const made = new Float32Array(count * STATISTICS.length).fill(NaN);
  for (const [node, name, value] of cells) made[node * STATISTICS.length + STATISTICS.indexOf(name)] = value;
  return made;
}

const statistics: Statistics = {
  value: table([[3, "zeros", 0.25], [3, "size", 2], [6, "zeros", 0]]),
  error: table([
    [3, "size", 1e-3], [3, "nonfinite", 0],
    [6, "size", 1], [6, "nonfinite", 0],
    [8, "size", 0], [8, "nonfinite", 2],
  ]),
};

test("bars are logarithmic, and the smallest is not taken for 0", () => {
  const bars = barsOf(tree, [3, groupId(2), 8, 9], statistics, "error");
  expect(bars?.get(groupId(2))?.length).toBeCloseTo(1); // a group has the numbers of its output
  expect(bars?.get(3)?.length).toBeCloseTo(0.06);
  expect(bars?.get(8)).toEqual({ length: 0, isStrange: true });
  expect(bars?.has(9)).toBe(false); // it has no error signal
});

test("zeros are a fraction, and none is nothing", () => {
  expect(barsOf(tree, [3], statistics, "zeros")?.get(3)?.length).toBe(0.25);
  expect(barsOf(tree, [3], statistics, "none")).toBeNull();
  expect(statistic(statistics.value, 3, "size")).toBe(2);
});
