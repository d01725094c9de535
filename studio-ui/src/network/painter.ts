// Draws the network on one canvas: links, then units. It reads arrays in place and keeps nothing but
// the pixels of the heat maps, so that it keeps up with every frame.

import { Atlas } from "../drawing/atlas";
import type { Theme } from "../drawing/canvas";
import { css, signedColor, type Color } from "../drawing/heat";
import { fixed } from "../drawing/numbers";
import { NEGATIVE, POSITIVE } from "../drawing/palette";
import type { FeaturePicture, Picture } from "../engine/picture";
import type { Column } from "./layout";
import { ends, trace } from "./links";
import type { Place } from "./place";

/** What a unit shows: its output over the square, or a number of the chosen example. */
export type UnitsShow = "boundary" | "value" | "error";
/** What the width and color of a link show. */
export type LinksShow = "weight" | "gradient";
export type Flow = "none" | "forward" | "backward";

export interface Scene {
  readonly columns: readonly Column[];
  readonly picture: Picture | null;
  readonly features: FeaturePicture | null;
  /** Maps of all rows of the first column, for those that are no inputs. */
  readonly previews: FeaturePicture | null;
  /** The rows of the first column that are inputs of the network, in their order. */
  readonly inputs: readonly number[];
  readonly units: UnitsShow;
  readonly links: LinksShow;
  readonly flow: Flow;
  readonly chosen: Place | null;
  readonly theme: Theme;
}

/** With more links, only the strongest are drawn. */
export const MOST_LINKS = 900;
const MOST_DASHED = 500;
const RADIUS = 0.16;

export class Painter {
  readonly #features = new Atlas();
  readonly #previews = new Atlas();
  readonly #layers: Atlas[] = [];
  #shown: Picture | null = null;
  #ofFeatures: FeaturePicture | null = null;
  #ofPreviews: FeaturePicture | null = null;

  paint(context: CanvasRenderingContext2D, scene: Scene, now: number): void {
    this.#upload(scene);
    const gradient = scene.links === "gradient" ? largestGradient(scene.picture) : 0;
    const limit = scene.units === "boundary" ? 0 : largest(scene.picture, scene.units);
    drawLinks(context, scene, gradient, now);
    if (scene.previews) drawPreviews(context, scene, this.#previews);
    drawFeatures(context, scene, this.#features, limit);
    if (!scene.picture) drawEmpty(context, scene);
    scene.picture?.layers.forEach((layer, k) => {
      const boxes = scene.columns[k + 1]?.boxes ?? [];
      const numbers = scene.units === "error" ? layer.error : layer.value;
      boxes.forEach((box, unit) => {
        const side = box.size;
        const [x, y] = [box.x - side / 2, box.y - side / 2];
        context.save();
        context.beginPath();
        context.roundRect(x, y, side, side, side * RADIUS);
        context.clip();
        const number = numbers[unit] ?? NaN;
        if (scene.units === "boundary") {
          context.fillStyle = scene.theme.panel;
          context.fillRect(x, y, side, side);
          this.#layers[k]?.draw(context, unit, x, y, side);
        } else {
          context.fillStyle = css(signedColor(limit > 0 ? number / limit : number));
          context.fillRect(x, y, side, side);
        }
        context.restore();
        outline(context, scene, x, y, side, isChosenUnit(scene.chosen, k, unit));
        if (scene.units !== "boundary") label(context, number, limit, box.x, box.y, side);
        const shown = (gradient > 0 ? layer.biasGradient : layer.bias)[unit] ?? NaN;
        bias(context, scene, x, y, side, shown / (gradient || 1), isChosenBias(scene.chosen, k, unit));
      });
    });
  }

  #upload(scene: Scene): void {
    if (scene.features && scene.features !== this.#ofFeatures) {
      this.#ofFeatures = scene.features;
      const { heat, limit, grid } = scene.features;
      this.#features.fill(heat, limit.length, grid);
    }
    if (scene.previews && scene.previews !== this.#ofPreviews) {
      this.#ofPreviews = scene.previews;
      this.#previews.fill(scene.previews.heat, scene.previews.limit.length, scene.previews.grid);
    }
    if (scene.picture && scene.picture !== this.#shown && scene.units === "boundary") {
      this.#shown = scene.picture;
      scene.picture.layers.forEach((layer, k) => {
        const atlas = (this.#layers[k] ??= new Atlas());
        atlas.fill(layer.heat, layer.units, layer.grid);
      });
    }
  }
}

/** The largest number of all layers that is finite: the full color of values or error signals. */
export function largest(picture: Picture | null, show: "value" | "error"): number {
  let most = 0;
  for (const layer of picture?.layers ?? []) {
    for (const x of layer[show]) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
  }
  return most;
}

// --- links ------------------------------------------------------------------------------------------

function drawLinks(
  context: CanvasRenderingContext2D,
  scene: Scene,
  limit: number,
  now: number,
): void {
  const layers = scene.picture?.layers ?? [];
  const every = layers.reduce((sum, layer) => sum + layer.weight.length, 0);
  const least = every > MOST_LINKS ? threshold(scene, every) : 0;
  // Where there are many, each is fainter, so that the strong ones stand out.
  const faint = Math.max(0.4, Math.min(1, 150 / every) ** 0.4);
  const dashes = scene.flow !== "none" && every <= MOST_DASHED;
  context.save();
  context.globalAlpha = faint;
  if (dashes) {
    context.setLineDash([7, 4]);
    context.lineDashOffset = ((scene.flow === "forward" ? -1 : 1) * now) / 32;
  }
  layers.forEach((layer, k) => {
    const [before, after] = [scene.columns[k], scene.columns[k + 1]];
    if (!before || !after) return;
    const numbers = scene.links === "gradient" ? layer.weightGradient : layer.weight;
    numbers.forEach((x, i) => {
      if (Math.abs(x) < least) return;
      const [from, unit] = [Math.floor(i / layer.units), i % layer.units];
      const both = ends(before, k === 0 ? (scene.inputs[from] ?? -1) : from, after, unit);
      if (!both) return;
      const [width, color] = stroke(x, limit, touches(scene.chosen, k, from, unit));
      context.lineWidth = width;
      context.strokeStyle = color;
      context.beginPath();
      trace(context, both);
      context.stroke();
    });
  });
  context.restore();
}

/** Width and color of a link; `limit` is the largest number, or 0 where the width is absolute. */
function stroke(x: number, limit: number, role: Role): [number, string] {
  if (!Number.isFinite(x)) return [2, "rgb(128 128 128)"];
  const size = limit > 0 ? (4 * Math.abs(x)) / limit : Math.abs(x);
  const width = Math.min(8, 0.9 + 1.9 * size) * (role === "chosen" ? 1.3 : 1) + (role === "chosen" ? 1 : 0);
  const full = Math.min(1, 0.45 + 0.6 * size);
  const faint = role === "other" ? 0.22 : 1;
  return [width, css(strong(x), full * faint)];
}

/** The colors of signs that can be told from light and dark paper. */
export function strong(x: number): Color {
  return (x < 0 ? NEGATIVE[2] : POSITIVE[2]) ?? [128, 128, 128];
}

type Role = "plain" | "chosen" | "other";

function touches(chosen: Place | null, layer: number, from: number, unit: number): Role {
  if (!chosen) return "plain";
  if (chosen.kind === "link") {
    const isIt = chosen.layer === layer && chosen.from === from && chosen.unit === unit;
    return isIt ? "chosen" : "plain";
  }
  const isInto = chosen.kind !== "feature" && chosen.layer === layer && chosen.unit === unit;
  if (chosen.kind === "bias") return isInto ? "plain" : "other";
  const own = chosen.kind === "feature" ? -1 : chosen.layer;
  return isInto || (own === layer - 1 && chosen.unit === from) ? "plain" : "other";
}

/** The largest gradient of a weight that is finite. */
export function largestGradient(picture: Picture | null): number {
  let most = 0;
  for (const layer of picture?.layers ?? []) {
    for (const x of layer.weightGradient) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
  }
  return most;
}

/** A size that about MOST_LINKS of all links exceed, from a sample of them. */
function threshold(scene: Scene, every: number): number {
  const sample: number[] = [];
  const stride = Math.max(1, Math.floor(every / 2000));
  for (const layer of scene.picture?.layers ?? []) {
    const numbers = scene.links === "gradient" ? layer.weightGradient : layer.weight;
    for (let i = 0; i < numbers.length; i += stride) sample.push(Math.abs(numbers[i] ?? 0));
  }
  sample.sort((a, b) => b - a);
  return sample[Math.floor((sample.length * MOST_LINKS) / every)] ?? 0;
}

// --- units ------------------------------------------------------------------------------------------

function drawFeatures(
  context: CanvasRenderingContext2D,
  scene: Scene,
  atlas: Atlas,
  limit: number,
): void {
  const boxes = scene.columns[0]?.boxes ?? [];
  scene.inputs.forEach((row, i) => {
    const box = boxes[row];
    if (!box) return;
    const side = box.size;
    const [x, y] = [box.x - side / 2, box.y - side / 2];
    context.save();
    context.beginPath();
    context.roundRect(x, y, side, side, side * RADIUS);
    context.clip();
    const number = (scene.units === "error" ? scene.picture?.inputError : scene.picture?.input)?.[i] ?? 0;
    context.fillStyle =
      scene.units === "boundary" ? scene.theme.panel : css(signedColor(number / (limit || 1)));
    context.fillRect(x, y, side, side);
    if (scene.units === "boundary") atlas.draw(context, i, x, y, side);
    context.restore();
    outline(context, scene, x, y, side, scene.chosen?.kind === "feature" && scene.chosen.unit === i);
    if (scene.units !== "boundary") label(context, number, limit, box.x, box.y, side);
  });
}

/** Features that can be switched on are pale. */
function drawPreviews(context: CanvasRenderingContext2D, scene: Scene, atlas: Atlas): void {
  scene.columns[0]?.boxes.forEach(({ x, y, size }, row) => {
    if (scene.inputs.includes(row)) return;
    context.save();
    context.globalAlpha = 0.3;
    context.beginPath();
    context.roundRect(x - size / 2, y - size / 2, size, size, size * RADIUS);
    context.clip();
    atlas.draw(context, row, x - size / 2, y - size / 2, size);
    context.restore();
  });
}

/** Units of which nothing is known yet. */
function drawEmpty(context: CanvasRenderingContext2D, scene: Scene): void {
  scene.columns.slice(1).forEach((column) =>
    column.boxes.forEach(({ x, y, size }) => {
      context.beginPath();
      context.roundRect(x - size / 2, y - size / 2, size, size, size * RADIUS);
      context.fillStyle = scene.theme.panel;
      context.fill();
      outline(context, scene, x - size / 2, y - size / 2, size, false);
    }),
  );
}

function outline(
  context: CanvasRenderingContext2D,
  scene: Scene,
  x: number,
  y: number,
  side: number,
  isChosen: boolean,
): void {
  context.beginPath();
  context.roundRect(x + 0.5, y + 0.5, side - 1, side - 1, side * RADIUS);
  context.lineWidth = isChosen ? 2.5 : 1;
  context.strokeStyle = isChosen ? scene.theme.ink : scene.theme.dark ? "#0005" : "#0003";
  context.stroke();
}

function label(
  context: CanvasRenderingContext2D,
  number: number,
  limit: number,
  x: number,
  y: number,
  side: number,
): void {
  if (side < 30) return;
  context.font = `600 ${side >= 38 ? 12 : 10}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = limit > 0 && Math.abs(number / limit) > 0.45 ? "#fff" : "#1b1f24";
  context.fillText(Number.isFinite(number) ? fixed(number, 2) : "NaN", x, y + 0.5, side - 4);
}

/** The side of the little square of the bias, at the lower left of its unit. */
export function biasSide(side: number): number {
  return Math.max(3, Math.round(side * 0.2));
}

function bias(
  context: CanvasRenderingContext2D,
  scene: Scene,
  x: number,
  y: number,
  side: number,
  fraction: number,
  isChosen: boolean,
): void {
  const own = biasSide(side);
  if (side < 14) return;
  const [left, top] = [x - own - 2, y + side - own];
  context.beginPath();
  context.roundRect(left, top, own, own, 2);
  context.fillStyle = css(signedColor(fraction));
  context.fill();
  context.lineWidth = isChosen ? 2 : 1;
  context.strokeStyle = isChosen ? scene.theme.ink : css(strong(fraction), 0.9);
  context.stroke();
}

function isChosenUnit(place: Place | null, layer: number, unit: number): boolean {
  return place?.kind === "unit" && place.layer === layer && place.unit === unit;
}

function isChosenBias(place: Place | null, layer: number, unit: number): boolean {
  return place?.kind === "bias" && place.layer === layer && place.unit === unit;
}
