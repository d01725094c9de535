// Arrow keys in the graph: along the lines up and down, and between boxes side by side.

import type { Box, GraphLayout } from "./layout";
import type { ItemId } from "./tree";

/** The item that a key leads to; null where it leads nowhere. */
export function neighbor(layout: GraphLayout, from: ItemId | null, key: string): ItemId | null {
  const boxes = layout.boxes.filter((box) => !box.isOpen);
  const ends: Readonly<Record<string, Box | undefined>> = { Home: boxes[0], End: boxes.at(-1) };
  if (key in ends) return ends[key]?.id ?? null;
  if (!["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(key)) return null;
  const own = from === null ? undefined : layout.byId.get(from);
  if (!own) return boxes[0]?.id ?? null;
  if (own.isOpen) return inside(layout, own, key);
  if (key === "ArrowDown" || key === "ArrowUp") return along(layout, own, key === "ArrowDown");
  return beside(boxes, own, key === "ArrowRight" ? 1 : -1);
}

/** From an open group, down goes to its first box; the other keys go as from that box. */
function inside(layout: GraphLayout, own: Box, key: string): ItemId | null {
  const boxes = layout.boxes.filter((box) => !box.isOpen);
  const first = boxes.find((box) => box.x >= own.x && box.y >= own.y && box.x + box.width <= own.x + own.width);
  if (!first) return null;
  return key === "ArrowDown" ? first.id : neighbor(layout, first.id, key);
}

/** Of several lines the one to the nearest box: the way through a block before the way around it. */
function along(layout: GraphLayout, own: Box, isDown: boolean): ItemId | null {
  const found = layout.lines
    .filter((line) => (isDown ? line.from : line.to) === own.id)
    .map((line) => layout.byId.get(isDown ? line.to : line.from))
    .filter((box) => box !== undefined);
  const cost = (box: Box) => Math.abs(middle(box) - middle(own)) / 4 + Math.abs(box.y - own.y);
  const best = found.reduce<Box | null>((least, box) => (!least || cost(box) < cost(least) ? box : least), null);
  return best?.id ?? null;
}

function beside(boxes: readonly Box[], own: Box, way: number): ItemId | null {
  const fits = boxes.filter((box) => way * (middle(box) - middle(own)) > 1 && Math.abs(box.y - own.y) < 2 * own.height);
  const cost = (box: Box) => Math.abs(middle(box) - middle(own)) + 3 * Math.abs(box.y - own.y);
  const best = fits.reduce<Box | null>((least, box) => (!least || cost(box) < cost(least) ? box : least), null);
  return best?.id ?? null;
}

function middle(box: Box): number {
  return box.x + box.width / 2;
}
