// Where the boxes of a folded graph stand. Each open group is laid out by itself, in ranks from top to
// bottom: the longest path decides the rank, barycenters the order in a rank. What comes from outside
// enters at a port at the top of the group, and what is read outside leaves at one at the bottom.

import { breaks, columnsOf, GAP, shifts, type Size } from "./columns";
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

export const WIDTH = 172;
export const HEIGHT = 46;
export const HEADER = 24;
const GAP_X = 22;
const GAP_Y = 22;
const LANE = 16;
const PADDING = 14;
const SWEEPS = 6;

/** A place in a rank: an item, a port, or a bend of a long line. */
interface Slot {
  readonly key: string;
  readonly id: ItemId | null;
  readonly width: number;
  readonly height: number;
  rank: number;
  order: number;
  x: number;
  y: number;
}

interface Edge {
  readonly from: Slot;
  readonly to: Slot;
  /** Where it begins and ends, from the middle of its box. */
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** An open group, laid out with its upper left corner at 0, 0. */
interface Inner {
  readonly width: number;
  readonly height: number;
  readonly slots: readonly Slot[];
  /** The bends of a line between two slots, by their keys. */
  readonly bends: ReadonlyMap<string, readonly Slot[]>;
  readonly at: ReadonlyMap<string, Slot>;
  /** Where the columns are that the ranks are broken into. */
  readonly columns: readonly Strip[];
}

/** A column in its place: its ranks, and where it is. */
interface Strip {
  readonly first: number;
  readonly last: number;
  readonly left: number;
  readonly top: number;
  readonly bottom: number;
}

const item = (id: ItemId) => `i${id}`;
const inPort = (from: ItemId) => `in${from}`;
const outPort = (from: ItemId) => `out${from}`;
const link = (a: string, b: string) => `${a}>${b}`;

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

/** The innermost open group around both items, and the way from it down to each of them. */
function ways(tree: NetworkTree, from: ItemId, to: ItemId): { up: ItemId[]; common: ItemId; down: ItemId[] } {
  const [a, b] = [tree.around(from), tree.around(to)];
  let k = 0;
  while (k + 1 < a.length && k + 1 < b.length && a[k + 1] === b[k + 1]) k++;
  return { up: a.slice(k + 1), common: a[k] ?? ROOT, down: b.slice(k + 1) };
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
  const found = inside.at.get(port);
  return found ? found.x - inside.width / 2 : 0;
}

function slot(key: string, id: ItemId | null, width: number, height: number): Slot {
  return { key, id, width, height, rank: 0, order: 0, x: 0, y: 0 };
}

/** The longest path decides the rank; items are known in the order of computation. */
function ranked(at: ReadonlyMap<string, Slot>, links: readonly (readonly [string, string])[]): void {
  const before = new Map<string, string[]>();
  for (const [a, b] of links) before.set(b, [...(before.get(b) ?? []), a]);
  const isPort = (key: string) => !key.startsWith("i") || key.startsWith("in");
  let last = 0;
  for (const [key, one] of at) {
    if (isPort(key)) continue;
    const given = (before.get(key) ?? []).filter((from) => !isPort(from));
    one.rank = given.reduce((rank, from) => Math.max(rank, (at.get(from)?.rank ?? 0) + 1), 1);
    last = Math.max(last, one.rank);
  }
  for (const [key, one] of at) if (isPort(key)) one.rank = key.startsWith("in") ? 0 : last + 1;
  // What nothing comes before, such as a constant, stands right above what reads it.
  const after = new Map<string, string[]>();
  for (const [a, b] of links) after.set(a, [...(after.get(a) ?? []), b]);
  for (const [key, one] of [...at].reverse()) {
    if (isPort(key) || (before.get(key) ?? []).length > 0) continue;
    const readers = (after.get(key) ?? []).map((to) => at.get(to)?.rank ?? 0);
    if (readers.length > 0) one.rank = Math.max(one.rank, Math.min(...readers) - 1);
  }
}

function ranksOf(slots: readonly Slot[]): Slot[][] {
  const ranks: Slot[][] = [];
  for (const one of slots) (ranks[one.rank] ??= []).push(one);
  const found = Array.from(ranks, (rank) => rank ?? []);
  for (const rank of found) rank.forEach((one, k) => (one.order = k));
  return found;
}

/** Order each rank by the mean place of what it is joined with, down and up in turn. */
function ordered(ranks: readonly Slot[][], edges: readonly Edge[]): void {
  const [above, below] = [joined(edges, "to"), joined(edges, "from")];
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const goesDown = sweep % 2 === 0;
    const neighbors = goesDown ? above : below;
    for (const rank of goesDown ? ranks : [...ranks].reverse()) {
      const mean = new Map(
        rank.map((one) => {
          const near = neighbors.get(one) ?? [];
          const places = near.map(({ slot: other }) => (other.order + 0.5) / (ranks[other.rank]?.length || 1));
          const own = (one.order + 0.5) / rank.length;
          return [one, near.length > 0 ? places.reduce((a, b) => a + b, 0) / near.length : own];
        }),
      );
      rank.sort((a, b) => (mean.get(a) ?? 0) - (mean.get(b) ?? 0) || a.order - b.order);
      rank.forEach((one, k) => (one.order = k));
    }
  }
}

interface Neighbor {
  readonly slot: Slot;
  /** From the middle of the neighbor to the middle of the slot, for a straight line. */
  readonly shift: number;
}

function joined(edges: readonly Edge[], end: "from" | "to"): Map<Slot, Neighbor[]> {
  const found = new Map<Slot, Neighbor[]>();
  for (const edge of edges) {
    const [own, other] = end === "to" ? [edge.to, edge.from] : [edge.from, edge.to];
    const shift = (end === "to" ? 1 : -1) * (edge.fromOffset - edge.toOffset);
    found.set(own, [...(found.get(own) ?? []), { slot: other, shift }]);
  }
  return found;
}

/** Move slots towards straight lines without changing their order. */
function aligned(ranks: readonly Slot[][], edges: readonly Edge[]): void {
  for (const rank of ranks) spread(rank, rank.map((_, k) => k * (WIDTH + GAP_X)));
  const [above, below] = [joined(edges, "to"), joined(edges, "from")];
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep++) {
    const goesDown = sweep % 2 === 0;
    for (const rank of goesDown ? ranks : [...ranks].reverse()) {
      const wanted = rank.map((one) => {
        const near = (goesDown ? above : below).get(one) ?? [];
        if (near.length === 0) return one.x;
        return near.reduce((sum, { slot: other, shift }) => sum + other.x + shift, 0) / near.length;
      });
      spread(rank, wanted);
    }
  }
}

/** Give the slots of a rank the x nearest to the wanted ones at which none overlaps another. */
export function spread(rank: readonly { x: number; readonly width: number }[], wanted: readonly number[]): void {
  // Without the room that stands before each slot, the order is all that is asked for.
  const room: number[] = [];
  rank.forEach((one, k) => {
    const before = rank[k - 1];
    room.push(before ? (room[k - 1] ?? 0) + (before.width + one.width) / 2 + GAP_X : 0);
  });
  const blocks: { sum: number; count: number }[] = [];
  wanted.forEach((x, k) => {
    blocks.push({ sum: x - (room[k] ?? 0), count: 1 });
    for (let last = blocks.length - 1; last > 0; last--) {
      const [a, b] = [blocks[last - 1], blocks[last]];
      if (!a || !b || a.sum / a.count <= b.sum / b.count) break;
      blocks.splice(last - 1, 2, { sum: a.sum + b.sum, count: a.count + b.count });
    }
  });
  let k = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.count; n++, k++) {
      const one = rank[k];
      if (one) one.x = block.sum / block.count + (room[k] ?? 0);
    }
  }
}

function sized(
  ranks: readonly Slot[][],
  slots: readonly Slot[],
  bends: ReadonlyMap<string, readonly Slot[]>,
  at: ReadonlyMap<string, Slot>,
  group: ItemId,
  joins: readonly (readonly [number, number])[],
  room: Size | null,
): Inner {
  const [padding, top] = group === ROOT ? [0, 0] : [PADDING, HEADER];
  let y = top;
  const rows = ranks.map((rank) => {
    const tall = Math.max(0, ...rank.map((one) => one.height));
    for (const one of rank) one.y = y + (tall - one.height) / 2;
    const row = {
      left: Math.min(...rank.map((one) => one.x - one.width / 2)),
      right: Math.max(...rank.map((one) => one.x + one.width / 2)),
      top: y,
      bottom: y + tall,
    };
    y += rank.length === 0 ? 0 : tall + (tall === 0 ? PADDING : GAP_Y);
    return row;
  });
  const known = rows.filter((row) => Number.isFinite(row.left));
  const isBreak = room ? breaks(ranks.length, joins) : [];
  const found = columnsOf(rows, isBreak, room ?? { width: 1, height: 1 });
  const columns = found.length > 1 ? found : columnsOf(rows, [], { width: 1, height: 1 });
  const left = Math.min(...known.map((row) => row.left), 0);
  const moves = shifts(columns, top);
  const strips = columns.map((one, k) => {
    const { dx, dy } = moves[k] ?? { dx: 0, dy: 0 };
    return { ...one, left: one.left + dx + padding - left, top: one.top + dy, bottom: one.bottom + dy };
  });
  for (const one of slots) {
    const k = columns.findIndex((column) => one.rank <= column.last);
    one.x += (moves[k]?.dx ?? 0) + padding - left;
    one.y += moves[k]?.dy ?? 0;
  }
  const right = Math.max(WIDTH, ...slots.map((one) => one.x + one.width / 2));
  const bottom = Math.max(top + HEIGHT, ...strips.map((one) => one.bottom));
  const height = bottom + (strips.length > 1 ? LANE : 0) + padding;
  // Ports are on the frame itself.
  for (const [key, one] of at) {
    if (key.startsWith("in")) one.y = 0;
    if (key.startsWith("out")) one.y = height;
  }
  return { width: right + padding, height, bends, at, slots, columns: strips };
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

/** The points of a line, from the bottom of a box through ports and bends to the top of the other. */
function routed(
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
