// Draws the part of a graph that is on the screen: frames of open groups, lines, boxes. The further
// away it is, the less is drawn: first the bars go, then the second line of a box, then all text.

import type { Theme } from "../drawing/canvas";
import { css, signedColor } from "../drawing/heat";
import type { Box, GraphLayout, Line } from "./layout";
import { HEADER } from "./slots";
import type { ItemId, NetworkTree } from "./tree";
import { isSeen, type Viewport } from "./viewport";

/** Pixels of a letter's height below which it is not drawn. */
const LEAST_TEXT = 6.5;
const LEAST_SECOND = 8;
const TITLE = 13;
const SECOND = 11;
const INSET = 12;

export interface Bar {
  /** From 0 to 1. */
  readonly length: number;
  readonly isStrange: boolean;
}

export interface Scene {
  readonly tree: NetworkTree;
  readonly layout: GraphLayout;
  readonly view: Viewport;
  readonly width: number;
  readonly height: number;
  readonly theme: Theme;
  readonly chosen: ItemId | null;
  readonly hovered: ItemId | null;
  /** What the search has found. */
  readonly marked: ReadonlySet<ItemId>;
  readonly bars: ReadonlyMap<ItemId, Bar> | null;
}

/** The families of layers and operations, each with a color. */
export type Family = "product" | "activation" | "memory" | "pool" | "norm" | "loss" | "input" | "plain";

const FAMILIES: readonly (readonly [Family, RegExp])[] = [
  ["loss", /^(loss|.*cross_entropy|.*_error)$/],
  ["input", /^input$/],
  ["memory", /lstm|gru|rnn|recurrent|scan|attend|attention|embedding|take|transformer/i],
  ["product", /conv|linear|dense|matmul|feedforward|basicblock|bottleneck|sequential/i],
  ["pool", /pool|flatten|reshape|transpose/i],
  ["norm", /norm/i],
  ["activation", /relu|elu|tanh|sigmoid|softmax|silu|swish|softplus|activation/i],
];

export function familyOf(kind: string): Family {
  return FAMILIES.find(([, pattern]) => pattern.test(kind))?.[0] ?? "plain";
}

const STRIPES: Readonly<Record<Family, readonly [string, string]>> = {
  product: ["#0b62a8", "#7bbcf2"],
  activation: ["#b84a06", "#f6a05f"],
  memory: ["#6b3f8f", "#c9a3e8"],
  pool: ["#2f7d5b", "#7fcaa6"],
  norm: ["#55606b", "#a0abb7"],
  loss: ["#a33352", "#f08aa6"],
  input: ["#1b1f24", "#e7eaee"],
  plain: ["#8a949e", "#77828d"],
};

export function stripe(kind: string, isDark: boolean): string {
  return STRIPES[familyOf(kind)][isDark ? 1 : 0];
}

export class GraphPainter {
  readonly #widths = new Map<string, string>();

  /** Draw a scene; the context is scaled so that 1 is a CSS pixel. */
  paint(context: CanvasRenderingContext2D, scene: Scene): void {
    const { view, layout, width, height, theme } = scene;
    context.save();
    context.scale(view.scale, view.scale);
    context.translate(-view.x, -view.y);
    const seen = layout.boxes.filter((box) => isSeen(view, box, width, height));
    for (const box of seen) if (box.isOpen) this.#frame(context, box, scene);
    this.#lines(context, layout.lines, scene);
    for (const box of seen) if (!box.isOpen) this.#box(context, box, scene);
    const chosen = scene.chosen === null ? undefined : layout.byId.get(scene.chosen);
    if (chosen) outline(context, chosen, theme.blue, 3 / view.scale + 1);
    context.restore();
  }

  #frame(context: CanvasRenderingContext2D, box: Box, { tree, view, theme, hovered, marked }: Scene): void {
    rounded(context, box, 8);
    context.fillStyle = box.depth % 2 === 0 ? theme.panel : theme.paper;
    context.fill();
    context.lineWidth = Math.max(1, 0.8 / view.scale);
    context.strokeStyle = marked.has(box.id) ? theme.orange : hovered === box.id ? theme.soft : theme.line;
    context.stroke();
    if (SECOND * view.scale < LEAST_TEXT) return;
    context.fillStyle = theme.soft;
    context.font = `600 ${SECOND}px ${FONT}`;
    context.textBaseline = "middle";
    const kind = tree.kind(box.id);
    const text = kind === tree.title(box.id) ? kind : `${tree.title(box.id)} · ${kind}`;
    context.fillText(`▾ ${this.#fitted(context, text, box.width - 30)}`, box.x + 9, box.y + HEADER / 2 + 1);
  }

  #box(context: CanvasRenderingContext2D, box: Box, scene: Scene): void {
    const { tree, view, theme, hovered, marked, bars } = scene;
    const kind = tree.kind(box.id);
    const color = stripe(kind, theme.dark);
    const isSmall = box.height * view.scale < 9;
    if (isSmall) {
      context.fillStyle = color;
      context.fillRect(box.x, box.y, box.width, box.height);
      return;
    }
    rounded(context, box, kind === "input" ? box.height / 2 : 7);
    context.fillStyle = hovered === box.id ? theme.panel : theme.paper;
    context.fill();
    context.lineWidth = marked.has(box.id) ? 3 : Math.max(1, 0.8 / view.scale);
    context.strokeStyle = marked.has(box.id) ? theme.orange : hovered === box.id ? theme.soft : theme.line;
    context.stroke();
    context.fillStyle = color;
    context.fillRect(box.x + (kind === "input" ? INSET : 0), box.y + 7, 4, box.height - 14);
    this.#text(context, box, scene, kind);
    const bar = bars?.get(box.id);
    if (bar) drawBar(context, box, bar, theme);
  }

  #text(context: CanvasRenderingContext2D, box: Box, { tree, view, theme }: Scene, kind: string): void {
    if (TITLE * view.scale < LEAST_TEXT) return;
    const isInput = kind === "input";
    const left = box.x + (isInput ? INSET + 10 : INSET);
    const room = box.width - INSET - 8 - (isInput ? 20 : 0);
    const hasSecond = SECOND * view.scale >= LEAST_SECOND;
    context.textBaseline = "middle";
    context.fillStyle = theme.ink;
    context.font = `600 ${TITLE}px ${FONT}`;
    const mark = tree.opens(box.id) ? "▸ " : "";
    context.fillText(mark + this.#fitted(context, tree.title(box.id), room - (mark ? 14 : 0)), left, box.y + (hasSecond ? 15 : 20));
    if (!hasSecond) return;
    context.fillStyle = theme.soft;
    context.font = `400 ${SECOND}px ${FONT}`;
    const what = kind === tree.title(box.id).replace(/ #\d+$/, "") ? "" : `${kind} `;
    context.fillText(this.#fitted(context, `${what}${tree.shape(box.id)}`, room), left, box.y + 30);
  }

  #lines(context: CanvasRenderingContext2D, lines: readonly Line[], scene: Scene): void {
    const { view, theme, chosen, hovered, width, height } = scene;
    const special: Line[] = [];
    context.beginPath();
    for (const line of lines) {
      if (!crosses(line, view, width, height)) continue;
      const isSpecial = [line.from, line.to].some((id) => id === chosen || id === hovered);
      if (isSpecial) special.push(line);
      else trace(context, line.points);
    }
    context.lineWidth = Math.max(1.2, 0.7 / view.scale);
    context.strokeStyle = theme.dark ? "#5b6672" : "#9aa5b1";
    context.stroke();
    if (special.length === 0) return;
    context.beginPath();
    for (const line of special) trace(context, line.points);
    context.lineWidth = Math.max(2, 1.4 / view.scale);
    context.strokeStyle = theme.blue;
    context.stroke();
  }

  /** A text that fits into a width; it is measured once. */
  #fitted(context: CanvasRenderingContext2D, text: string, width: number): string {
    const key = `${context.font}|${Math.round(width)}|${text}`;
    const known = this.#widths.get(key);
    if (known !== undefined) return known;
    let fitting = text;
    if (context.measureText(text).width > width) {
      let [low, high] = [0, text.length];
      while (low < high) {
        const middle = Math.ceil((low + high) / 2);
        if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
        else high = middle - 1;
      }
      fitting = `${text.slice(0, low)}…`;
    }
    this.#widths.set(key, fitting);
    return fitting;
  }
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';

function rounded(context: CanvasRenderingContext2D, box: Box, radius: number): void {
  context.beginPath();
  context.roundRect(box.x, box.y, box.width, box.height, radius);
}

function outline(context: CanvasRenderingContext2D, box: Box, color: string, apart: number): void {
  context.beginPath();
  context.roundRect(box.x - apart, box.y - apart, box.width + 2 * apart, box.height + 2 * apart, 8 + apart);
  context.lineWidth = apart * 0.9;
  context.strokeStyle = color;
  context.stroke();
}

/** A line as a chain of curves that leave and arrive upright. */
function trace(context: CanvasRenderingContext2D, points: readonly number[]): void {
  context.moveTo(points[0] ?? 0, points[1] ?? 0);
  for (let k = 2; k < points.length; k += 2) {
    const [x0, y0, x1, y1] = [points[k - 2] ?? 0, points[k - 1] ?? 0, points[k] ?? 0, points[k + 1] ?? 0];
    if (x0 === x1 || y0 === y1) context.lineTo(x1, y1);
    else {
      const middle = (y0 + y1) / 2;
      context.bezierCurveTo(x0, middle, x1, middle, x1, y1);
    }
  }
}

function crosses({ points }: Line, view: Viewport, width: number, height: number): boolean {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let k = 0; k < points.length; k += 2) {
    const [x, y] = [points[k] ?? 0, points[k + 1] ?? 0];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return isSeen(view, { x: left - 1, y: top, width: right - left + 2, height: bottom - top }, width, height);
}

const ORANGE = css(signedColor(0.62));

function drawBar(context: CanvasRenderingContext2D, box: Box, bar: Bar, theme: Theme): void {
  const [left, width] = [box.x + INSET, box.width - 2 * INSET];
  const top = box.y + box.height - 7;
  context.fillStyle = theme.line;
  context.fillRect(left, top, width, 3);
  if (!bar.isStrange) {
    context.fillStyle = ORANGE;
    context.fillRect(left, top, width * bar.length, 3);
    return;
  }
  // Numbers that are not finite: stripes, which are seen without color.
  context.fillStyle = theme.ink;
  for (let x = 0; x + 4 < width; x += 8) context.fillRect(left + x, top, 4, 3);
}

/** What is at a point of the drawing: a box, or the header of an open group; null for nothing. */
export function itemAt(layout: GraphLayout, x: number, y: number): ItemId | null {
  let found: Box | null = null;
  for (const box of layout.boxes) {
    const high = box.isOpen ? HEADER : box.height;
    if (x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + high) found = box;
  }
  return found?.id ?? null;
}

