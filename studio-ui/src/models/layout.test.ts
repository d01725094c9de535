import { expect, test } from "vitest";

import { breaks } from "./columns";
import { residual } from "./example_graph";
import { layout, type GraphLayout } from "./layout";
import { spread } from "./ranks";
import { groupId, NetworkTree, ROOT, type ItemId } from "./tree";

const tree = new NetworkTree(residual());
const [CONV, BLOCK, OUTPUT, LOSS] = [groupId(1), groupId(2), groupId(5), groupId(6)];
const INPUT = 2;

const box = (made: GraphLayout, id: ItemId) => {
  const found = made.byId.get(id);
  if (!found) throw new Error(`no box ${id}`);
  return found;
};

/** Every choice of open groups. */
function* choices(): Generator<Set<ItemId>> {
  const groups = [1, 2, 3, 4, 5, 6].map(groupId);
  for (let bits = 0; bits < 64; bits++) {
    yield new Set([ROOT, ...groups.filter((_, k) => bits & (1 << k))]);
  }
}

test("folded, every node is in one item that is shown", () => {
  for (const open of choices()) {
    const visible = tree.visible(open);
    const inside = visible.flatMap((id) => tree.nodesIn(id)).sort((a, b) => a - b);
    expect(inside).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    for (const node of inside) expect(visible).toContain(tree.shown(node, open));
  }
});

test("boxes lie inside the group around them and do not overlap", () => {
  for (const open of choices()) {
    const made = layout(tree, open);
    for (const one of made.boxes) {
      const parent = tree.parent(one.id);
      const around = parent === ROOT ? { x: 0, y: 0, width: made.width, height: made.height } : box(made, parent);
      expect(one.x).toBeGreaterThanOrEqual(around.x - 1e-6);
      expect(one.y).toBeGreaterThanOrEqual(around.y - 1e-6);
      expect(one.x + one.width).toBeLessThanOrEqual(around.x + around.width + 1e-6);
      expect(one.y + one.height).toBeLessThanOrEqual(around.y + around.height + 1e-6);
      for (const other of made.boxes) {
        if (other.id === one.id || tree.parent(other.id) !== parent) continue;
        const apart =
          one.x + one.width <= other.x ||
          other.x + other.width <= one.x ||
          one.y + one.height <= other.y ||
          other.y + other.height <= one.y;
        expect(apart).toBe(true);
      }
    }
  }
});

test("lines go down, from the bottom of a box to the top of another", () => {
  for (const open of choices()) {
    const made = layout(tree, open);
    for (const line of made.lines) {
      const [from, to] = [box(made, line.from), box(made, line.to)];
      const ys = line.points.filter((_, k) => k % 2 === 1);
      expect(ys[0]).toBeCloseTo(from.y + from.height);
      expect(ys.at(-1)).toBeCloseTo(to.y);
      expect(line.points[0]).toBeCloseTo(from.x + from.width / 2);
      expect([...ys].sort((a, b) => a - b)).toEqual(ys);
    }
  }
});

test("a long chain is broken into columns that fill the room", () => {
  const closed = new Set([ROOT, BLOCK]);
  const made = layout(tree, closed, { width: 1000, height: 260 });
  const whole = layout(tree, closed);
  expect(made.height).toBeLessThan(whole.height);
  expect(made.width).toBeGreaterThan(whole.width);
  expect(new Set(made.boxes.map((one) => one.id))).toEqual(new Set(whole.boxes.map((one) => one.id)));
  for (const line of made.lines) {
    const [from, to] = [box(made, line.from), box(made, line.to)];
    expect(line.points.slice(0, 2)).toEqual([from.x + from.width / 2, from.y + from.height]);
    expect(line.points[line.points.length - 2]).toBeCloseTo(to.x + to.width / 2);
    expect(line.points.at(-1)).toBeCloseTo(to.y);
    if (to.y > from.y || to.depth > 0) continue;
    // It goes up between the columns, through no box.
    const lane = line.points[line.points.length - 6] ?? 0;
    for (const one of made.boxes) expect(lane < one.x || lane > one.x + one.width).toBe(true);
  }
  for (const one of made.boxes) {
    for (const other of made.boxes) {
      if (one.id === other.id || tree.parent(one.id) !== tree.parent(other.id)) continue;
      const isApart = one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y;
      expect(isApart).toBe(true);
    }
  }
});

test("a chain is broken only where one line goes on", () => {
  expect(breaks(4, [[0, 1], [1, 2], [2, 3]])).toEqual([true, true, true]);
  expect(breaks(4, [[0, 1], [1, 2], [0, 2], [2, 3]])).toEqual([false, false, true]);
  expect(breaks(3, [[0, 2]])).toEqual([false, false]);
});

test("a folded chain is straight, and the way around a block has a lane of its own", () => {
  const folded = layout(tree, new Set([ROOT]));
  expect(folded.lines.map(({ from, to }) => [from, to])).toEqual([
    [INPUT, CONV],
    [CONV, BLOCK],
    [BLOCK, OUTPUT],
    [OUTPUT, LOSS],
  ]);
  expect(new Set(folded.boxes.map((one) => one.x)).size).toBe(1);
  const opened = layout(tree, new Set([ROOT, BLOCK, groupId(3), groupId(4)]));
  const skip = opened.lines.find(({ from, to }) => from === CONV && to === 6);
  const through = opened.lines.find(({ from, to }) => from === CONV && to === 4);
  expect(through).toBeDefined();
  const relu = box(opened, 5);
  // Beside the boxes of the block the line goes past them, not through them.
  const points = skip?.points ?? [];
  let past = 0;
  for (let k = 0; k + 3 < points.length; k += 2) {
    const [x = 0, top = 0, x2 = 0, bottom = 0] = points.slice(k, k + 4);
    if (top > relu.y || bottom < relu.y + relu.height) continue;
    past += 1;
    expect(x2).toBe(x);
    expect(x < relu.x || x > relu.x + relu.width).toBe(true);
  }
  expect(past).toBe(1);
});

test("slots move no further than they must", () => {
  const rank = [10, 10, 10].map((width) => ({ x: 0, width }));
  spread(rank, [0, 0, 100]);
  expect(rank.map((one) => one.x)).toEqual([-16, 16, 100]);
  spread(rank, [50, 0, -50]);
  expect(rank.map((one) => one.x)).toEqual([-32, 0, 32]);
});

test("paths, titles and shapes", () => {
  expect(tree.title(6)).toBe("add");
  expect(tree.shape(6)).toBe("8 × 8 × 4");
  expect(tree.find("block.conv")).toBe(groupId(3));
  expect(tree.find("block/add")).toBe(6);
  expect(tree.find("nothing")).toBeNull();
  expect(tree.search("conv2d block", 9)).toEqual([groupId(3)]);
  expect(tree.inputs(BLOCK)).toEqual([3]);
  expect(tree.readers(BLOCK)).toEqual([7]);
  expect(tree.parameters[2]).toEqual([1]);
});
