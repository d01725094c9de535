// Where the boxes of a folded graph stand. Each open group is laid out by itself, in ranks from top to
// bottom: the longest path decides the rank, barycenters the order in a rank. What comes from outside
// enters at a port at the top of the group, and what is read outside leaves at one at the bottom.

import type { Size } from "./columns";
import { aligned, ordered, ranked, ranksOf, sized } from "./ranks";
import { routed } from "./routing";
import { HEIGHT, inPort, item, LANE, link, outPort, slot, ways, WIDTH, type Edge, type Inner, type Slot } from "./slots";
import { isGroup, ROOT, type ItemId, type NetworkTree } from "./tree";

export interface Box {
  readonly id: ItemId;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly isOpen: boolean;
  readonly depth: number;
}

/** A line from the bottom of a box to the top of another: x and y of its points in turn. */
export interface Line {
  readonly from: ItemId;
  readonly to: ItemId;
  readonly points: readonly number[];
}

export interface GraphLayout {
  readonly boxes: readonly Box[];
  readonly byId: ReadonlyMap<ItemId, Box>;
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

/** A group inside another one has the room of the screen too, but not less than this. */
const INNER_ROOM: Size = { width: 900, height: 600 };

/**
 * Lay out what is shown of a network.
 *
 * @param room of the screen: a long chain is broken into columns that fill it; null keeps one column.
 */
export function layout(tree: NetworkTree, open: ReadonlySet<ItemId>, room: Size | null = null): GraphLayout {
  const pairs = visiblePairs(tree, open);
  const links = linksByGroup(tree, pairs);
  const inner = new Map<ItemId, Inner>();
  const innerRoom: Size = {
    width: Math.max(INNER_ROOM.width, room?.width ?? 0),
    height: Math.max(INNER_ROOM.height, room?.height ?? 0),
  };
  const laidOut = (group: ItemId): Inner => {
    const known = inner.get(group);
    if (known) return known;
    const own = room && (group === ROOT ? room : innerRoom);
    const made = laidOutGroup(tree, group, open, links.get(group) ?? [], laidOut, own);
    inner.set(group, made);
    return made;
  };
  const whole = laidOut(ROOT);
  const boxes: Box[] = [];
  place(tree, ROOT, 0, 0, 0, open, inner, boxes);
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const lines = pairs.map(([from, to]) => ({ from, to, points: routed(tree, from, to, byId, inner) }));
  return { boxes, byId, lines, width: whole.width, height: whole.height };
}

/** The lines between visible items, each once. */
function visiblePairs(tree: NetworkTree, open: ReadonlySet<ItemId>): [ItemId, ItemId][] {
  const shown = tree.graph.nodes.map((node, i) => (node.operation === "parameter" ? null : tree.shown(i, open)));
  const found = new Map<string, [ItemId, ItemId]>();
  tree.graph.nodes.forEach((node, i) => {
    const to = shown[i] ?? null;
    if (to === null) return;
    for (const given of node.inputs) {
      const from = shown[given] ?? null;
      if (from !== null && from !== to) found.set(`${from}>${to}`, [from, to]);
    }
  });
  return [...found.values()];
}

/** The lines inside each open group: between its items, from its ports and to them. */
function linksByGroup(
  tree: NetworkTree,
  pairs: readonly (readonly [ItemId, ItemId])[],
): Map<ItemId, [string, string][]> {
  const found = new Map<ItemId, Map<string, [string, string]>>();
  const add = (group: ItemId, a: string, b: string) => {
    const links = found.get(group) ?? new Map<string, [string, string]>();
    found.set(group, links.set(link(a, b), [a, b]));
  };
  for (const [from, to] of pairs) {
    const { up, common, down } = ways(tree, from, to);
    up.forEach((group, k) => add(group, item(up[k + 1] ?? from), outPort(from)));
    add(common, item(up[0] ?? from), item(down[0] ?? to));
    down.forEach((group, k) => add(group, inPort(from), item(down[k + 1] ?? to)));
  }
  return new Map([...found].map(([group, links]) => [group, [...links.values()]]));
}

function laidOutGroup(
  tree: NetworkTree,
  group: ItemId,
  open: ReadonlySet<ItemId>,
  links: readonly (readonly [string, string])[],
  laidOut: (group: ItemId) => Inner,
  room: Size | null,
): Inner {
  const at = new Map<string, Slot>();
  for (const id of tree.children.get(group) ?? []) {
    const size = isGroup(id) && open.has(id) ? laidOut(id) : { width: WIDTH, height: HEIGHT };
    at.set(item(id), slot(item(id), id, size.width, size.height));
  }
  for (const key of links.flat()) if (!at.has(key)) at.set(key, slot(key, null, LANE, 0));
  ranked(at, links);
  const bends = new Map<string, Slot[]>();
  const slots = [...at.values()];
  const edges: Edge[] = [];
  for (const [a, b] of links) {
    const [from, to] = [at.get(a), at.get(b)];
    if (!from || !to) continue;
    const between: Slot[] = [];
    for (let rank = from.rank + 1; rank < to.rank; rank++) {
      const bend = slot(`${link(a, b)}:${rank}`, null, LANE, 0);
      bend.rank = rank;
      between.push(bend);
    }
    bends.set(link(a, b), between);
    slots.push(...between);
    const chain = [from, ...between, to];
    for (let k = 0; k + 1 < chain.length; k++) {
      const [one, next] = [chain[k] as Slot, chain[k + 1] as Slot];
      edges.push({
        from: one,
        to: next,
        fromOffset: k === 0 ? offset(from, outPort(sourceOf(a, b)), laidOut, open) : 0,
        toOffset: next === to ? offset(to, inPort(sourceOf(a, b)), laidOut, open) : 0,
      });
    }
  }
  const ranks = ranksOf(slots);
  ordered(ranks, edges);
  aligned(ranks, edges);
  const joins = links.map(([a, b]) => [at.get(a)?.rank ?? 0, at.get(b)?.rank ?? 0] as const);
  return sized(ranks, slots, bends, at, group, joins, room);

  /** The visible item in which a line begins, where its slot is an open group or a port. */
  function sourceOf(a: string, b: string): ItemId {
    const port = [a, b].find((key) => key.startsWith("in") || key.startsWith("out"));
    if (port) return Number(port.replace(/^(in|out)/, ""));
    return at.get(a)?.id ?? 0;
  }
}

/** How far from the middle of an open group one of its ports is. */
function offset(
  of: Slot,
  port: string,
  laidOut: (group: ItemId) => Inner,
  open: ReadonlySet<ItemId>,
): number {
  if (of.id === null || !isGroup(of.id) || !open.has(of.id)) return 0;
  const inside = laidOut(of.id);
  // Between two groups the middles are aligned: lines from port to port would drift to one side.
  const found = inside.at.get(port);
  return found ? found.x - inside.width / 2 : 0;
}

/** Give every item inside a group its place on the canvas. */
function place(
  tree: NetworkTree,
  group: ItemId,
  left: number,
  top: number,
  depth: number,
  open: ReadonlySet<ItemId>,
  inner: ReadonlyMap<ItemId, Inner>,
  boxes: Box[],
): void {
  const inside = inner.get(group);
  for (const id of tree.children.get(group) ?? []) {
    const one = inside?.at.get(item(id));
    if (!one) continue;
    const isOpen = isGroup(id) && open.has(id);
    const [x, y] = [left + one.x - one.width / 2, top + one.y];
    boxes.push({ id, x, y, width: one.width, height: one.height, isOpen, depth });
    if (isOpen) place(tree, id, x, y, depth + 1, open, inner, boxes);
  }
}

