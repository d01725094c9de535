import { expect, test } from "vitest";

import { layout } from "./layout";
import { ends, heightAt, nearestLink } from "./links";

const columns = layout([2, 3], { width: 400, height: 300, top: 0, left: 0, right: 0 });
const all = () => ({ from: [0, 1], to: [0, 1, 2] });

test("a curve begins and ends at its units", () => {
  const link = { source: [10, 100], target: [110, 40] } as const;
  expect(heightAt(link, 10)).toBeCloseTo(100, 4);
  expect(heightAt(link, 110)).toBeCloseTo(40, 4);
  expect(heightAt(link, 60)).toBeCloseTo(70, 4);
  expect(heightAt(link, 9)).toBeNull();
});

test("the link under the pointer is found", () => {
  const [before, after] = columns;
  if (!before || !after) throw new Error("two columns");
  for (const from of [0, 1]) {
    for (const unit of [0, 1, 2]) {
      const link = ends(before, from, after, unit);
      if (!link) throw new Error("a link");
      const x = link.source[0] + 0.3 * (link.target[0] - link.source[0]);
      const y = heightAt(link, x) ?? 0;
      expect(nearestLink(columns, all, x, y + 0.5, 6)).toEqual({ layer: 0, from, unit });
    }
  }
  expect(nearestLink(columns, all, 200, -50, 6)).toBeNull();
});
