// How the chosen cell came about, forward and back: asked of the server for the picture that is shown.

import { back, begin, cell as ask, field, type Headed } from "../models/api";
import type { BackShown, CellShown, FieldShown } from "../models/headers";
import { Loaded } from "../engine/loaded.svelte";
import { indexOf, type Cell, type MapLayer, type PassPicture } from "./picture";
import { passRequest, type Wanted } from "./wanted";

/** One layer of the column of a cell. */
export interface CardLayer {
  readonly layer: MapLayer;
  readonly forward: Headed<CellShown>;
  readonly back: Headed<BackShown> | null;
}

export interface Card {
  readonly picture: PassPicture;
  readonly cell: Cell;
  /** From the first layer of the column to the one that is shown. */
  readonly layers: readonly CardLayer[];
  /** The receptive field, where the wiring alone does not tell it. */
  readonly field: FieldShown | null;
}

const PARTS = { values: 7 } as const;

export class CardStore {
  readonly #loaded = new Loaded<Card>();
  readonly #passes = new WeakMap<PassPicture, Promise<string>>();

  get value(): Card | null {
    return this.#loaded.value;
  }

  get problem(): string | null {
    return this.#loaded.problem;
  }

  get isLoading(): boolean {
    return this.#loaded.isLoading;
  }

  clear(): void {
    this.#loaded.stop();
    this.#loaded.value = null;
    this.#loaded.problem = null;
  }

  async load(picture: PassPicture, cell: Cell, layers: readonly number[], wanted: Wanted): Promise<void> {
    await this.#loaded.ask(async (signal) => {
      const pass = await this.#passOf(picture, wanted);
      const column = layers.map((k) => picture.layers[k]).filter((layer) => layer !== undefined);
      const [field, ...found] = await Promise.all([
        fieldOf(pass, picture.layers[cell.layer], cell, signal),
        ...column.map((layer) => cardLayer(pass, layer, cell, signal)),
      ]);
      return { picture, cell, layers: found, field };
    });
  }

  /** The pass of a picture; of a network that trains it is made of the offered one. */
  #passOf(picture: PassPicture, wanted: Wanted): Promise<string> {
    if (picture.run === null) return Promise.resolve(picture.made.pass_id);
    const known = this.#passes.get(picture);
    if (known) return known;
    // The worst example may be another one by now: the picture says which it was.
    const of = { ...wanted, example: picture.made.example };
    const made = begin(passRequest(picture.source ?? "", of)).then(({ header }) => {
      if (header.objective?.toPrecision(PARTS.values) !== picture.made.objective?.toPrecision(PARTS.values)) {
        throw new Error("The network has trained on since this picture: look at the cell again.");
      }
      return header.pass_id;
    });
    this.#passes.set(picture, made);
    made.catch(() => this.#passes.delete(picture));
    return made;
  }
}

async function cardLayer(pass: string, layer: MapLayer, cell: Cell, signal: AbortSignal): Promise<CardLayer> {
  const index = indexOf(layer, cell).join(",");
  const [forward, behind] = await Promise.all([
    ask(pass, layer.node, index, signal),
    layer.error ? back(pass, layer.node, index, signal) : null,
  ]);
  return { layer, forward, back: behind };
}

async function fieldOf(
  pass: string,
  layer: MapLayer | undefined,
  cell: Cell,
  signal: AbortSignal,
): Promise<FieldShown | null> {
  if (!layer || layer.group < 0 || layer.rows !== null || !layer.isPicture) return null;
  return (await field(pass, layer.group, indexOf(layer, cell).join(","), signal)).header;
}
