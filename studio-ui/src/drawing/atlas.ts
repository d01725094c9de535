// The heat maps of many units as one strip of pixels: one upload for a layer, then cheap copies.

import { hatched, NOT_FINITE, SIGNED, type ColorTable } from "./heat";

export class Atlas {
  readonly #canvas = document.createElement("canvas");
  #pixels: ImageData | null = null;
  #grid = 0;

  /** Color `maps` maps of grid x grid codes, which lie one after the other. */
  fill(codes: Uint8Array, maps: number, grid: number, table: ColorTable = SIGNED): void {
    const context = this.#canvas.getContext("2d");
    if (!context || maps === 0 || grid === 0) return;
    if (this.#canvas.width !== grid || this.#canvas.height !== maps * grid) {
      this.#canvas.width = grid;
      this.#canvas.height = maps * grid;
      this.#pixels = null;
    }
    this.#grid = grid;
    this.#pixels ??= context.createImageData(grid, maps * grid);
    const out = new Uint32Array(this.#pixels.data.buffer);
    const size = Math.min(codes.length, out.length);
    for (let i = 0; i < size; i++) {
      const code = codes[i] as number;
      out[i] = code === NOT_FINITE ? hatched(i % (grid * grid), grid, table) : (table[code] as number);
    }
    context.putImageData(this.#pixels, 0, 0);
  }

  /** Copy a map into a square. */
  draw(context: CanvasRenderingContext2D, map: number, x: number, y: number, size: number): void {
    if (this.#grid === 0 || (map + 1) * this.#grid > this.#canvas.height) return;
    const grid = this.#grid;
    context.drawImage(this.#canvas, 0, map * grid, grid, grid, x, y, size, size);
  }
}
