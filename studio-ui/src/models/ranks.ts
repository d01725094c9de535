// Ranks of an open group: which rank each box has, in which order they stand, and where.

import { breaks, columnsOf, shifts, type Size } from "./columns";
import { GAP_X, GAP_Y, HEADER, HEIGHT, LANE, PADDING, WIDTH, type Edge, type Inner, type Slot } from "./slots";
import { ROOT, type ItemId } from "./tree";

const SWEEPS = 6;

/** The longest path decides the rank; items are known in the order of computation. */
export function ranked(at: ReadonlyMap<string, Slot>, links: readonly (readonly [string, string])[]): void {
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

/** The slots of each rank, in an order that is to be improved. */
export function ranksOf(slots: readonly Slot[]): Slot[][] {
  const ranks: Slot[][] = [];
  for (const one of slots) (ranks[one.rank] ??= []).push(one);
  const found = Array.from(ranks, (rank) => rank ?? []);
  for (const rank of found) rank.forEach((one, k) => (one.order = k));
  return found;
}

/** Order each rank by the mean place of what it is joined with, down and up in turn. */
export function ordered(ranks: readonly Slot[][], edges: readonly Edge[]): void {
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
export function aligned(ranks: readonly Slot[][], edges: readonly Edge[]): void {
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

/** Give every slot its place: rank below rank, broken into columns where a room is given. */
export function sized(
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
