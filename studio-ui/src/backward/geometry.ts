// Places of a drawing in its own units, which the page scales to the room that it has.

import type { PassNode, PassTrace, UnitWire } from "./messages";

export interface Spot {
  readonly x: number;
  readonly y: number;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  /** Of the circles. */
  readonly radius: number;
  readonly spots: readonly Spot[];
}

export const GATE = { radius: 19, row: 50, margin: 24, digit: 7.8, gap: 46 } as const;
export const UNIT = { radius: 40, row: 164, margin: 26, lead: 10, line: 16 } as const;

/** Width of a digit of a part of an error signal. */
const PART_DIGIT = 6.6;

/** The most characters of a number in the drawing. */
export function longest(trace: PassTrace): number {
  const texts = trace.nodes.flatMap(({ value, error }) => [value.text, error?.text ?? ""]);
  return Math.max(...texts.map((text) => text.length));
}

/** The drawing with a circle for each gate; numbers stand right of the circles. */
export function gateDrawing(trace: PassTrace): Drawing {
  const { radius, row, margin, gap } = GATE;
  const widths: number[] = [];
  for (const node of trace.nodes) {
    const parts = node.total ? PART_DIGIT * longest(trace) : 0;
    const wide = 2 * radius + numbersWidth(node) + gap + parts;
    widths[node.column] = Math.max(widths[node.column] ?? 0, wide);
  }
  const lefts: number[] = [margin];
  widths.forEach((wide, column) => lefts.push((lefts[column] ?? 0) + wide));
  const spots = trace.nodes.map((node) => ({
    x: (lefts[node.column] ?? 0) + radius,
    y: margin + radius / 2 + row * node.row,
  }));
  return {
    width: (lefts.at(-1) ?? 0) - gap + margin,
    height: Math.max(...spots.map(({ y }) => y)) + radius / 2 + margin,
    radius,
    spots,
  };
}

/** The drawing with a circle for each neuron. */
export function unitDrawing(trace: PassTrace): Drawing {
  const { units } = trace;
  const number = GATE.digit * longest(trace);
  const radius = Math.max(UNIT.radius, number / 2 + 6);
  const row = UNIT.row + 2 * (radius - UNIT.radius);
  const margin = UNIT.margin + radius;
  // A weight stands at the begin of its link, its error signal at the end: two links may cross
  // between them.
  const column = 2 * (radius + UNIT.lead) + Math.max(144, 24 + 2 * number + 16);
  const spots = units.map((unit) => ({
    x: margin + column * unit.column,
    y: margin + UNIT.line + row * unit.row,
  }));
  return {
    width: Math.max(...spots.map(({ x }) => x)) + margin,
    height: Math.max(...spots.map(({ y }) => y)) + margin + 24,
    radius,
    spots,
  };
}

/** Where a room is scrolled to so that a place and what is around it are in view: as little as it needs. */
export function nearest(now: number, room: number, at: number, around: number): number {
  if (2 * around > room) return Math.max(0, at - room / 2);
  return Math.max(0, Math.min(at - around, Math.max(now, at + around - room)));
}

/** How much room the name of a gate takes before its value. */
export function nameWidth({ name, forward }: PassNode): number {
  const { letters, below, primes } = nameParts(name);
  return forward === null ? 0 : 7.5 * letters.length + 5.5 * (below.length + primes.length) + 5;
}

/** How much room the numbers beside a circle take. */
function numbersWidth(node: PassNode): number {
  const value = nameWidth(node) + GATE.digit * node.value.text.length;
  return Math.max(value, GATE.digit * (node.error?.text.length ?? 0)) + 4;
}

/** Where the links of a node may begin to curve: behind its numbers. */
export function gateStart(node: PassNode, at: Spot, radius: number): { from: Spot; level: number } {
  const from = { x: at.x + radius, y: at.y };
  return { from, level: from.x + numbersWidth(node) };
}

/** Where each link of a gate ends on its circle: inputs from the top to the bottom. */
export function gateEnds(trace: PassTrace, { spots, radius }: Drawing): Spot[] {
  const inputs = new Map<number, number[]>();
  trace.links.forEach((link, i) => inputs.set(link.user, [...(inputs.get(link.user) ?? []), i]));
  const ends: Spot[] = trace.links.map(() => ({ x: 0, y: 0 }));
  for (const [user, links] of inputs) {
    const at = spots[user];
    if (!at) continue;
    const heightOf = (i: number) => spots[trace.links[i]?.source ?? 0]?.y ?? 0;
    const order = [...links].sort((a, b) => heightOf(a) - heightOf(b));
    order.forEach((link, place) => {
      const share = order.length === 1 ? 0 : (2 * place) / (order.length - 1) - 1;
      const up = 0.62 * radius * share;
      ends[link] = { x: at.x - Math.sqrt(radius * radius - up * up), y: at.y + up };
    });
  }
  return ends;
}

/** Where a link passes nodes that stand between its ends; null where none is in its way. */
export function laneOf(trace: PassTrace, link: number, { spots, radius }: Drawing): Lane | null {
  const { source, user } = trace.links[link] ?? { source: 0, user: 0 };
  const [first, last] = [trace.nodes[source]?.column ?? 0, trace.nodes[user]?.column ?? 0];
  const between = spots.filter((_, i) => {
    const column = trace.nodes[i]?.column ?? 0;
    return first < column && column < last;
  });
  const [a, b] = [spots[source], spots[user]];
  if (!a || !b || !between.length) return null;
  const isFree = (y: number) => between.every((spot) => Math.abs(spot.y - y) > radius + 10);
  const level = b.y;
  if (isFree(level)) return null;
  const shifts = Array.from({ length: 40 }, (_, i) => (i % 2 ? -1 : 1) * 8 * Math.ceil((i + 1) / 2));
  const shift = shifts.find((dy) => isFree(level + dy) && level + dy > 4);
  if (shift === undefined) return null;
  const xs = between.map(({ x }) => x);
  return { y: level + shift, until: Math.max(...xs) + radius, from: Math.min(...xs) - radius };
}

export interface Lane {
  readonly y: number;
  readonly from: number;
  readonly until: number;
}

/** A line that is level up to a place, runs in its lane, and then curves to its end. */
export function curve(from: Spot, level: number, to: Spot, lane: Lane | null = null): string {
  if (lane) {
    const [a, b] = [Math.min(level, lane.from - 24), Math.max(lane.until, to.x - 60)];
    const [i, j] = [(a + lane.from) / 2, (b + to.x) / 2].map(short);
    const [x, y, endX, endY, laneY] = [from.x, from.y, to.x, to.y, lane.y].map(short);
    return `M${x} ${y}H${short(a)}C${i} ${y} ${i} ${laneY} ${short(lane.from)} ${laneY}H${short(b)}C${j} ${laneY} ${j} ${endY} ${endX} ${endY}`;
  }
  const start = Math.min(level, to.x - 16);
  const reach = 0.5 * (to.x - start);
  const [x, y, endX, endY] = [short(from.x), short(from.y), short(to.x), short(to.y)];
  return `M${x} ${y}H${short(start)}C${short(start + reach)} ${y} ${short(to.x - reach)} ${endY} ${endX} ${endY}`;
}

/** A point of the curved part; 0 is its start, 1 its end. */
export function along(from: Spot, level: number, to: Spot, t: number): Spot {
  const start = Math.min(level, to.x - 16);
  const reach = 0.5 * (to.x - start);
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return {
    x: a * start + b * (start + reach) + c * (to.x - reach) + d * to.x,
    y: (a + b) * from.y + (c + d) * to.y,
  };
}

export interface Wire {
  readonly from: Spot;
  readonly to: Spot;
  /** Of the line, in degrees. */
  readonly angle: number;
  readonly length: number;
}

/** The straight line of a wire between the edges of two circles. */
export function wireLine(wire: UnitWire, { spots, radius }: Drawing): Wire {
  const a = spots[wire.source] ?? { x: 0, y: 0 };
  const b = spots[wire.user] ?? { x: 0, y: 0 };
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = Math.hypot(dx, dy) || 1;
  const [ex, ey] = [(dx / length) * radius, (dy / length) * radius];
  return {
    from: { x: a.x + ex, y: a.y + ey },
    to: { x: b.x - ex, y: b.y - ey },
    angle: (Math.atan2(dy, dx) * 180) / Math.PI,
    length: Math.max(0, length - 2 * radius),
  };
}

function short(x: number): number {
  return Math.round(10 * x) / 10;
}

/** The name of a number for a drawing: letters, and what stands below them. */
export function nameParts(name: string): { letters: string; below: string; primes: string } {
  const found = /^(.*?[A-Za-z])(\d*)('*)$/.exec(name);
  return found
    ? { letters: found[1] ?? "", below: found[2] ?? "", primes: "′".repeat(found[3]?.length ?? 0) }
    : { letters: name, below: "", primes: "" };
}
