// What the view of pictures shows: a network of a run or one that trains here, one input, one cell.

import type { Engine } from "../engine/engine";
import { begin, graph, maps, sources } from "../models/api";
import type { MapsShown } from "../models/headers";
import type { NetworkGraph, Pixels, SourceEntry, SourceList } from "../models/messages";
import { Loaded } from "../engine/loaded.svelte";
import { address, remember } from "../shell/address";
import { keep, kept } from "../shell/tab_memory";
import { CardStore } from "./card.svelte";
import { columnsOf, type Show } from "./columns";
import type { Answer, Request, VisionChoices } from "./messages";
import { hasCell, layersOf, type Cell, type PassPicture } from "./picture";
import { settingsText, readSettings } from "./settings_address";
import { Training } from "./training.svelte";
import { passRequest, type Wanted } from "./wanted";

/** The source that trains in the page. */
export const HERE = "here";
const TRAINED: SourceEntry = {
  id: HERE,
  kind: "object",
  title: "LeNet-5, trained here",
  about: "Trains in front of you, from its first weights on.",
  pictures: true,
  texts: false,
};
/** The picture of the user's own that is looked at, and in which network. */
const OWN = "vision.own";
interface OwnKept {
  readonly source: string;
  readonly pixels: Pixels;
}
/** Between two looks at the chosen cell while the network trains. */
const PAUSE = 250;

export interface Subject {
  readonly classes: readonly string[];
  readonly examples: number;
  readonly part: string;
  /** The id under which examples are listed. */
  readonly source: string;
  readonly shape: readonly [number, number, number];
}

export class VisionStore {
  readonly list = new Loaded<SourceList>();
  readonly choices = new Loaded<VisionChoices>();
  readonly graph = new Loaded<NetworkGraph>();
  readonly made = new Loaded<PassPicture>();
  readonly card = new CardStore();
  readonly training: Training;
  source = $state("");
  wanted = $state.raw<Wanted>({ example: 0, target: null });
  show = $state<Show>("both");
  fold = $state(true);
  hovered = $state.raw<Cell | null>(null);
  chosen = $state.raw<Cell | null>(null);
  way = $state<"forward" | "back">("forward");

  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connect: () => Engine<Request, Answer>) {
    this.training = new Training(connect);
    this.training.onOffered = (picture) => this.isHere && this.#inspect(picture);
  }

  /** The networks that take pictures; the first one is trained in the page. */
  get offered(): readonly SourceEntry[] {
    const known = this.list.value?.sources ?? [];
    // Networks that other pages train are theirs.
    return [TRAINED, ...known.filter((one) => one.pictures && !one.id.startsWith("object:trained-"))];
  }

  get isHere(): boolean {
    return this.source === HERE;
  }

  /** The picture that is drawn. */
  get picture(): PassPicture | null {
    if (!this.isHere) return this.made.value;
    void this.training.version;
    return this.training.picture;
  }

  get subject(): Subject | null {
    if (this.isHere) {
      const ready = this.training.ready;
      return ready && { ...ready, shape: ready.shape };
    }
    const known = this.graph.value;
    if (known?.source.id !== this.source || !known.picture_shape) return null;
    const { classes, examples, part, picture_shape } = known;
    return { classes, examples, part, source: this.source, shape: picture_shape };
  }

  get columns() {
    return columnsOf(this.picture?.layers ?? [], this.fold);
  }

  // --- begin ----------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const values = address().values;
    this.training.settings = readSettings(values);
    this.show = shown(values.get("show"));
    this.fold = values.get("every") !== "1";
    const target = numberOf(values.get("target"));
    const source = values.get("source") ?? HERE;
    const own = kept(OWN) as OwnKept | null;
    this.wanted =
      own?.source === source && !values.has("example")
        ? { example: null, pixels: own.pixels, target }
        : { example: numbered(values.get("example")), target };
    const at = values.get("at")?.split(".").map(Number) ?? [];
    if (at.length === 4 && at.every((n) => Number.isInteger(n) && n >= 0)) {
      this.chosen = { layer: at[0] ?? 0, map: at[1] ?? 0, row: at[2] ?? 0, column: at[3] ?? 0 };
    }
    if (values.get("way") === "back") this.way = "back";
    void this.list.ask((signal) => sources(signal));
    await this.choose(source, true);
  }

  /** Take what the user has changed in the address. */
  follow(values: URLSearchParams): void {
    const source = values.get("source") ?? HERE;
    const settings = readSettings(values);
    if (JSON.stringify(settings) !== JSON.stringify(this.training.settings)) {
      if (this.isHere && source === HERE) this.train(settings);
      else this.training.settings = settings;
    }
    if (source !== this.source) void this.choose(source);
    const example = numbered(values.get("example"));
    const target = numberOf(values.get("target"));
    const isOwn = this.wanted.example === null && !values.has("example");
    if (!isOwn && (example !== this.wanted.example || target !== this.wanted.target)) this.#want({ example, target });
  }

  /** Look at another network. */
  async choose(source: string, isFirst = false): Promise<void> {
    this.source = source;
    remember({ source: source === HERE ? null : source });
    this.hovered = null;
    if (!isFirst) {
      this.#choose(null);
      this.wanted = { example: 0, target: null };
      keep(OWN, null);
      remember({ example: null, target: null });
    }
    this.made.stop();
    this.made.value = null;
    this.made.problem = this.graph.problem = null;
    this.card.clear();
    if (this.isHere) {
      this.training.open();
      this.training.look(this.wanted);
      return;
    }
    if (this.training.playing.playing) this.training.pause();
    await this.graph.ask((signal) => graph(source, "", signal));
    if (this.source !== source || this.graph.problem) return;
    if (!this.graph.value?.picture_shape) {
      this.graph.problem = "This network takes no pictures. The view of any network shows what is in it.";
      return;
    }
    await this.#pass();
  }

  /** Make the pass of a network that does not train. */
  async #pass(): Promise<void> {
    const [source, wanted] = [this.source, this.wanted];
    await this.made.ask(async (signal) => {
      const pass = await begin(passRequest(source, wanted), signal);
      const { header, frame } = await maps(pass.header.pass_id, signal);
      const layers = layersOf(frame, (header as MapsShown).layers);
      return {
        run: null,
        step: 0,
        epoch: 0,
        seconds: 0,
        source,
        made: pass.header,
        layers,
        kernels: new Map(),
      };
    });
    if (this.source === source) this.#inspect();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.list.stop();
    this.graph.stop();
    this.made.stop();
    this.card.clear();
    this.training.close();
  }

  // --- the input ------------------------------------------------------------------------------------

  lookAt(example: number | "worst"): void {
    this.#want({ example, target: null });
  }

  /** Look at a picture of the user's own; the target stays as it is chosen. */
  lookAtOwn(pixels: Pixels): void {
    this.#want({ example: null, pixels, target: this.wanted.example === null ? this.wanted.target : null });
  }

  /** Compare the output with another class; null is the example's own, or what is predicted. */
  aimAt(target: number | null): void {
    this.#want({ ...this.wanted, target });
  }

  #want(wanted: Wanted): void {
    this.wanted = wanted;
    const { example, pixels, target } = wanted;
    keep(OWN, pixels ? ({ source: this.source, pixels } satisfies OwnKept) : null);
    remember({
      example: example === null || example === 0 ? null : String(example),
      target: target === null ? null : String(target),
    });
    if (this.isHere) this.training.look(wanted);
    else void this.#pass();
  }

  // --- cells ----------------------------------------------------------------------------------------

  hover(cell: Cell | null): void {
    this.hovered = cell;
  }

  /** Choose a cell, whose card is then shown; again it is left. */
  chooseCell(cell: Cell | null): void {
    this.#choose(cell);
    this.#inspect();
  }

  #choose(cell: Cell | null): void {
    this.chosen = cell;
    if (!cell) this.card.clear();
    remember({ at: cell && `${cell.layer}.${cell.map}.${cell.row}.${cell.column}` });
  }

  turn(way: "forward" | "back"): void {
    this.way = way;
    remember({ way: way === "back" ? "back" : null });
  }

  setShow(show: Show): void {
    this.show = show;
    remember({ show: show === "both" ? null : show });
  }

  setFold(fold: boolean): void {
    this.fold = fold;
    remember({ every: fold ? null : "1" });
  }

  /** Change what is trained. */
  train(changes: Parameters<Training["change"]>[0]): void {
    this.card.clear();
    if (changes.data && changes.data !== this.training.settings.data && this.wanted.example !== null) {
      this.#want({ example: 0, target: null });
    }
    this.training.change(changes);
    remember(settingsText(this.training.settings));
  }

  /** Ask for the card of the chosen cell in a picture. */
  #inspect(picture = this.picture): void {
    clearTimeout(this.#timer);
    const cell = this.chosen;
    if (!cell || !picture) return;
    if (!hasCell(picture.layers, cell)) {
      this.#choose(null);
      return;
    }
    if (this.isHere) {
      if (this.training.previewed !== null) return;
      if (picture.source === null) {
        this.training.offer();
        return;
      }
    }
    const layers = this.columns.find((column) => column.layers.includes(cell.layer))?.layers ?? [cell.layer];
    void this.card.load(picture, cell, layers, this.wanted).then(() => {
      if (!this.isHere || !this.training.playing.playing || !this.chosen) return;
      this.#timer = setTimeout(() => this.training.offer(), PAUSE);
    });
  }
}

function shown(text: string | null): Show {
  return text === "value" || text === "error" ? text : "both";
}

function numberOf(text: string | null): number | null {
  const found = Number(text);
  return text !== null && Number.isInteger(found) && found >= 0 ? found : null;
}

function numbered(text: string | null): number | "worst" {
  return text === "worst" ? text : (numberOf(text) ?? 0);
}
