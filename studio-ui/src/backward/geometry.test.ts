import { expect, test } from "vitest";

import { EXAMPLE } from "./example";
import { along, curve, gateDrawing, gateEnds, laneOf, nameParts, nearest } from "./geometry";
import type { PassTrace } from "./messages";

test("nodes stand right of the numbers of the column before", () => {
  const { spots, radius, width, height } = gateDrawing(EXAMPLE);
  const [x, , z, q, f] = spots;
  expect(q!.x).toBe(z!.x);
  expect(q!.x - x!.x).toBeGreaterThan(2 * radius + 2 * 7);
  expect(f!.x).toBeLessThan(width);
  expect(Math.max(...spots.map((spot) => spot.y))).toBeLessThan(height);
});

test("links end on the circle, the upper input above the lower", () => {
  const drawing = gateDrawing(EXAMPLE);
  const ends = gateEnds(EXAMPLE, drawing);
  EXAMPLE.links.forEach((link, i) => {
    const at = drawing.spots[link.user]!;
    expect(Math.hypot(ends[i]!.x - at.x, ends[i]!.y - at.y)).toBeCloseTo(drawing.radius);
  });
  expect(ends[0]!.y).toBeLessThan(ends[1]!.y);
});

test("a curve goes from its start to its end", () => {
  const [from, to] = [{ x: 10, y: 20 }, { x: 210, y: 90 }];
  expect(curve(from, 60, to)).toBe("M10 20H60C135 20 135 90 210 90");
  expect(along(from, 60, to, 0)).toEqual({ x: 60, y: 20 });
  expect(along(from, 60, to, 1)).toEqual(to);
});

test("a link passes beside the nodes between its ends", () => {
  const straight: PassTrace = {
    ...EXAMPLE,
    nodes: EXAMPLE.nodes.map((node, i) => ({ ...node, column: [0, 0, 0, 1, 2][i]!, row: [0, 1, 2, 1, 1][i]! })),
    links: [{ ...EXAMPLE.links[0]!, source: 1, user: 4 }],
  };
  const drawing = gateDrawing(straight);
  const lane = laneOf(straight, 0, drawing);
  expect(Math.abs(lane!.y - drawing.spots[3]!.y)).toBeGreaterThan(drawing.radius);
  expect(laneOf(EXAMPLE, 0, gateDrawing(EXAMPLE))).toBeNull();
});

test("names have their numbers below", () => {
  expect(nameParts("w12'")).toEqual({ letters: "w", below: "12", primes: "′" });
  expect(nameParts("A")).toEqual({ letters: "A", below: "", primes: "" });
  expect(nameParts("a_1b")).toEqual({ letters: "a_1b", below: "", primes: "" });
});

test("a room is scrolled no further than needed", () => {
  expect(nearest(0, 400, 150, 90)).toBe(0);
  expect(nearest(0, 400, 350, 90)).toBe(40);
  expect(nearest(300, 400, 350, 90)).toBe(260);
  expect(nearest(300, 400, 20, 90)).toBe(0);
  expect(nearest(0, 100, 350, 90)).toBe(300);
});
