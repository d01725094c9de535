// The heat maps of many units as one strip of pixels: one upload for a layer, then cheap copies.

import { hatched, NOT_FINITE, SIGNED, type ColorTable } from "./heat";

export class Atlas {
  readonly #canvas = document.createElement("canvas");
  #pixels: ImageData | null = null;
  #grid = 0;
  #rows = 0;

  /** Color `maps` maps of `rows` x `grid` codes, which lie one after the other; squares by default. */
  fill(codes: Uint8Array, maps: number, grid: number, table: ColorTable = SIGNED, rows = grid): void {
    const context = this.#canvas.getContext("2d");
    if (!context || maps === 0 || grid === 0 || rows === 0) return;
    if (this.#canvas.width !== grid || this.#canvas.height !== maps * rows) {
      this.#canvas.width = grid;
      this.#canvas.height = maps * rows;
      this.#pixels = null;
    }
    this.#grid = grid;
    this.#rows = rows;
    this.#pixels ??= context.createImageData(grid, maps * rows);
    const out = new Uint32Array(this.#pixels.data.buffer);
    const size = Math.min(codes.length, out.length);
    for (let i = 0; i < size; i++) {
      const code = codes[i] as number;
      out[i] = code === NOT_FINITE ? hatched(i % (rows * grid), grid, table) : (table[code] as number);
    }
    context.putImageData(this.#pixels, 0, 0);
  }

  /** Copy a map into a square, or into a rectangle of another height. */
  draw(context: CanvasRenderingContext2D, map: number, x: number, y: number, size: number, high = size): void {
    const [grid, rows] = [this.#grid, this.#rows];
    if (grid === 0 || (map + 1) * rows > this.#canvas.height) return;
    context.drawImage(this.#canvas, 0, map * rows, grid, rows, x, y, size, high);
  }
}
