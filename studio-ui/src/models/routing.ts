// The lines of a laid out graph: through ports and bends, and up beside a column.

import { GAP } from "./columns";
import type { Box } from "./layout";
import { inPort, item, LANE, link, outPort, ways, type Inner, type Slot } from "./slots";
import type { ItemId, NetworkTree } from "./tree";

/** The points of a line, from the bottom of a box through ports and bends to the top of the other. */
export function routed(
  tree: NetworkTree,
  from: ItemId,
  to: ItemId,
  byId: ReadonlyMap<ItemId, Box>,
  inner: ReadonlyMap<ItemId, Inner>,
): number[] {
  const { up, common, down } = ways(tree, from, to);
  const points: number[] = [];
  const start = byId.get(from);
  if (start) points.push(start.x + start.width / 2, start.y + start.height);
  const through = (group: ItemId, a: string, b: string, end: string | null) => {
    const inside = inner.get(group);
    const box = byId.get(group) ?? { x: 0, y: 0 };
    for (const bend of inside?.bends.get(link(a, b)) ?? []) {
      const tall = Math.max(0, ...(inside?.slots ?? []).filter((s) => s.rank === bend.rank).map((s) => s.height));
      // A bend goes straight past the boxes of its rank.
      points.push(box.x + bend.x, box.y + bend.y - tall / 2, box.x + bend.x, box.y + bend.y + tall / 2);
    }
    turned(points, inside, box, a, b, () => entrance(group, b));
    const port = end ? inside?.at.get(end) : undefined;
    if (port) points.push(box.x + port.x, box.y + port.y);
  };
  /** The x at which a line goes into a slot: that of its port, where it is an open group. */
  const entrance = (group: ItemId, key: string): number => {
    const [inside, box] = [inner.get(group), byId.get(group) ?? { x: 0, y: 0 }];
    const one = inside?.at.get(key);
    const within = one?.id !== null && one?.id !== undefined ? inner.get(one.id) : undefined;
    const port = within?.at.get(inPort(from));
    return box.x + (one?.x ?? 0) + (port && within ? port.x - within.width / 2 : 0);
  };
  for (let k = up.length - 1; k >= 0; k--) {
    through(up[k] as ItemId, item(up[k + 1] ?? from), outPort(from), outPort(from));
  }
  through(common, item(up[0] ?? from), item(down[0] ?? to), null);
  down.forEach((group, k) => {
    const inside = inner.get(group);
    const box = byId.get(group);
    const port = inside?.at.get(inPort(from));
    if (box && port) points.push(box.x + port.x, box.y + port.y);
    through(group, inPort(from), item(down[k + 1] ?? to), null);
  });
  const end = byId.get(to);
  if (end) points.push(end.x + end.width / 2, end.y);
  return points;
}

/** A line from the end of a column to the beginning of the next goes up beside it. */
function turned(
  points: number[],
  inside: Inner | undefined,
  box: { readonly x: number; readonly y: number },
  a: string,
  b: string,
  entrance: () => number,
): void {
  const [from, to] = [inside?.at.get(a), inside?.at.get(b)];
  const columnOf = (one: Slot | undefined) => inside?.columns.findIndex((column) => (one?.rank ?? 0) <= column.last) ?? 0;
  const [before, after] = [columnOf(from), columnOf(to)];
  const [left, right] = [inside?.columns[before], inside?.columns[after]];
  if (before === after || !left || !right) return;
  const lane = box.x + right.left - GAP / 2;
  const [down, up] = [box.y + left.bottom + LANE / 2, box.y + right.top - LANE / 2];
  const x = points.at(-2) ?? 0;
  points.push(x, down, lane, down, lane, up, entrance(), up);
}
