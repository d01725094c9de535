import { expect, test } from "vitest";

import { begun, fitted, isSeen, LARGEST, panned, showing, SMALLEST, zoomed } from "./viewport";

const area = { x: 10, y: 20, width: 400, height: 1000 };

test("a point under the pointer stays there while it is zoomed", () => {
  const view = { x: 5, y: 7, scale: 0.8 };
  const now = zoomed(view, 1.5, 120, 60);
  expect(now.x + 120 / now.scale).toBeCloseTo(view.x + 120 / view.scale);
  expect(now.y + 60 / now.scale).toBeCloseTo(view.y + 60 / view.scale);
  expect(zoomed(view, 1e9, 0, 0).scale).toBe(LARGEST);
  expect(zoomed(view, 1e-9, 0, 0).scale).toBe(SMALLEST);
});

test("a whole area is in the middle", () => {
  const view = fitted(area, 800, 600);
  expect((area.x + area.width / 2 - view.x) * view.scale).toBeCloseTo(400);
  expect((area.y + area.height / 2 - view.y) * view.scale).toBeCloseTo(300);
  expect(area.height * view.scale).toBeLessThanOrEqual(600);
});

test("of a tall area the beginning is shown, as large as can be read", () => {
  const view = begun({ ...area, height: 1e5 }, 800, 600, 0.7);
  expect(view.scale).toBeGreaterThanOrEqual(0.7);
  expect((20 - view.y) * view.scale).toBeCloseTo(24);
});

test("an area outside is brought in, one inside stays", () => {
  const view = { x: 0, y: 0, scale: 1 };
  expect(showing(view, { x: 100, y: 100, width: 50, height: 50 }, 800, 600)).toEqual(view);
  const now = showing(view, { x: 900, y: -300, width: 50, height: 50 }, 800, 600);
  expect(isSeen(now, { x: 900, y: -300, width: 50, height: 50 }, 800, 600)).toBe(true);
  expect(isSeen(view, { x: 900, y: -300, width: 50, height: 50 }, 800, 600)).toBe(false);
  expect(panned(view, 10, -4)).toEqual({ x: -10, y: 4, scale: 1 });
});
