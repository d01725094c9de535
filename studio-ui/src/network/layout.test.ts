import { expect, test } from "vitest";

import { LARGEST, layout, type Room } from "./layout";

const ROOM: Room = { width: 700, height: 520, top: 70, left: 56, right: 20 };

test("every unit stands inside, and none on another", () => {
  for (const counts of [[2, 4, 2, 1], [7, 64, 64, 6], Array<number>(14).fill(64), [1, 1]]) {
    const columns = layout(counts, ROOM);
    expect(columns.map((one) => one.boxes.length)).toEqual(counts);
    const boxes = columns.flatMap((one) => one.boxes);
    for (const box of boxes) {
      expect(box.x - box.size / 2).toBeGreaterThanOrEqual(ROOM.left - 0.01);
      expect(box.x + box.size / 2).toBeLessThanOrEqual(ROOM.width + 0.01);
      expect(box.y - box.size / 2).toBeGreaterThanOrEqual(ROOM.top - 0.01);
      expect(box.y + box.size / 2).toBeLessThanOrEqual(ROOM.height + 0.01);
    }
    const overlaps = boxes.filter((a, i) =>
      boxes.slice(i + 1).some((b) => {
        const apart = Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));
        return apart < (a.size + b.size) / 2;
      }),
    );
    expect(overlaps).toEqual([]);
  }
});

test("a few units are large and stand in one line", () => {
  const boxes = layout([2, 4, 2, 1], ROOM)[1]?.boxes ?? [];
  expect(new Set(boxes.map((box) => box.x)).size).toBe(1);
  expect(boxes[0]?.size).toBe(LARGEST);
});
