// What the view of sequences shows: a network, a text, the place whose prediction is looked at.

import { begin, examples, graph, sequence, sources, type Wanted } from "../models/api";
import type { NetworkGraph, SourceEntry, SourceList } from "../models/messages";
import { Loaded } from "../engine/loaded.svelte";
import { address, remember } from "../shell/address";
import { chosenBy, drawn, lastChances } from "./chances";
import { pictureOf, type SequencePicture } from "./picture";
import { isState, stateOf, USUAL_TEMPERATURE, written, type ChosenUnit, type SequenceState, type What } from "./state";
import { characters, continued, firstText } from "./text";
import type { Which } from "./units";

export const FALLBACK = "network:gpt";
/** Between the last key and the pass. */
const PAUSE = 250;

export class SequenceStore {
  readonly list = new Loaded<SourceList>();
  readonly graph = new Loaded<NetworkGraph>();
  readonly made = new Loaded<SequencePicture>();
  source = $state("");
  text = $state("");
  /** Number of a place; null is the last one. */
  place = $state<number | null>(null);
  /** Number of the class that is compared; null is what follows in the text. */
  target = $state<number | null>(null);
  temperature = $state(USUAL_TEMPERATURE);
  seed = $state(0);
  what = $state<What>("value");
  head = $state(0);
  /** Of the chosen head: the row, and the key in it. */
  query = $state<number | null>(null);
  key = $state<number | null>(null);
  which = $state<Which>("change");
  /** A unit of a recurrent layer at a place. */
  unit = $state.raw<ChosenUnit | null>(null);
  every = $state(false);
  hovered = $state<number | null>(null);
  isWriting = $state(false);
  /** Whether something was typed a moment ago. */
  isPausing = $state(false);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #isTyped = false;
  #isStarted = false;
  #example = 0;

  get texts(): readonly SourceEntry[] {
    return (this.list.value?.sources ?? []).filter((one) => one.texts && !one.id.startsWith("object:trained-"));
  }

  get network(): NetworkGraph | null {
    const known = this.graph.value;
    return known?.source.id === this.source ? known : null;
  }

  get picture(): SequencePicture | null {
    const made = this.made.value;
    return made?.made.source === this.source ? made : null;
  }

  get hasRuns(): boolean {
    return this.texts.some((one) => one.kind === "run");
  }

  /** Whether the picture is that of the text in the field. */
  get isCurrent(): boolean {
    return this.picture !== null && !this.made.isLoading && !this.made.problem && !this.isPausing;
  }

  // --- begin ----------------------------------------------------------------------------------------

  async start(): Promise<void> {
    this.#read(address().values);
    await this.list.ask((signal) => sources(signal));
    const own = this.texts.find((one) => one.kind === "run");
    this.#isStarted = true;
    await this.choose(this.source || (own?.id ?? FALLBACK), true);
  }

  /** Take what the user has changed in the address; one that says nothing leaves everything as it is. */
  async follow(values: URLSearchParams): Promise<void> {
    const before = { source: this.source, text: this.text, place: this.place, target: this.target, isTyped: this.#isTyped };
    if (isState(values)) this.#read(values);
    this.#keep();
    if (!this.#isStarted) return;
    const isOther = before.text !== this.text || before.place !== this.place || before.target !== this.target;
    if (this.source !== before.source) await this.choose(this.source, true);
    else if (before.isTyped && !this.#isTyped) await this.#again(() => this.#takeExample());
    else if (isOther) await this.#again(() => this.#pass());
  }

  async #again(next: () => Promise<void>): Promise<void> {
    this.#stop();
    if (this.network?.continues) await next();
    else await this.choose(this.source, true);
  }

  /** Take the state of an address. Without a network or a text these stay until an example is read. */
  #read(values: URLSearchParams): void {
    const { source, text, ...rest } = stateOf(values);
    this.source = source || this.source;
    this.#isTyped = text !== "";
    if (this.#isTyped) this.text = text;
    Object.assign(this, rest);
    this.key = this.hovered = null;
  }

  /** Write the state into the address. */
  #keep(): void {
    remember(written({ ...this.#state, text: this.#isTyped ? this.text : null }));
  }

  get #state(): Omit<SequenceState, "text"> {
    const { source, place, target, head, query, what, every, which, unit, temperature, seed } = this;
    return { source, place, target, head, query, what, every, which, unit, temperature, seed };
  }

  /** Look at another network. */
  async choose(source: string, isFirst = false): Promise<void> {
    this.source = source;
    this.#stop();
    this.made.value = null;
    this.made.problem = this.graph.problem = null;
    if (!isFirst) this.#forget();
    this.#keep();
    await this.graph.ask((signal) => graph(source, "", signal));
    if (this.source !== source || this.graph.problem) return;
    if (!this.network?.continues) {
      this.graph.problem = "This network predicts no next character of a text. The view of any network shows what is in it.";
      return;
    }
    if (!this.#isTyped) await this.#takeExample();
    else await this.#pass();
  }

  /** The first characters of an example are a text that the network knows all characters of. */
  async #takeExample(): Promise<void> {
    const source = this.source;
    await this.made.ask(async (signal) => {
      const found = await examples(source, this.#example, 1, signal);
      this.text = firstText(found.examples[0]?.target ?? "", this.network?.level ?? "character");
      return this.#made(source, signal);
    });
  }

  /** Take the beginning of the next example as the text. */
  async nextExample(): Promise<void> {
    this.#stop();
    this.#forget();
    this.#isTyped = false;
    this.#keep();
    this.#example = (this.#example + 1) % Math.max(1, this.network?.examples ?? 1);
    await this.#takeExample();
  }

  close(): void {
    this.#stop();
    this.list.stop();
    this.graph.stop();
    this.made.stop();
  }

  #stop(): void {
    this.isWriting = false;
    this.isPausing = false;
    clearTimeout(this.#timer);
  }

  /** What belonged to a place of the text before. */
  #forget(): void {
    this.place = this.target = this.query = this.key = this.hovered = null;
    this.unit = null;
  }

  // --- the text -------------------------------------------------------------------------------------

  /** Take another text; its pass is made after a short pause. */
  write(text: string): void {
    this.#stop();
    this.text = text;
    this.#isTyped = true;
    this.#forget();
    this.#keep();
    if (text === "") {
      this.made.stop();
      this.made.isLoading = false;
      this.made.value = null;
      this.made.problem = null;
      return;
    }
    this.isPausing = true;
    this.#timer = setTimeout(() => {
      this.isPausing = false;
      void this.#pass();
    }, PAUSE);
  }

  /** Draw the next characters and append them, one pass for each. */
  async append(count: number): Promise<void> {
    this.#stop();
    this.isWriting = count > 1;
    for (let k = 0; k < count && (k === 0 || this.isWriting); k++) {
      const next = this.drawnNext();
      if (next === null) break;
      this.text = continued(this.text, this.picture?.header.pieces[next] ?? "", this.network?.level ?? "character");
      this.#isTyped = true;
      this.#forget();
      await this.#pass();
      if (this.made.problem) break;
    }
    this.isWriting = false;
    this.#keep();
  }

  stopWriting(): void {
    this.isWriting = false;
  }

  /** The random number for the next character. */
  get u(): number {
    return drawn(this.seed, characters(this.text).length);
  }

  /** Number of the class that is drawn next. */
  drawnNext(): number | null {
    const picture = this.picture;
    return picture ? chosenBy(this.u, lastChances(picture), this.temperature) : null;
  }

  setDrawing(temperature: number, seed: number): void {
    [this.temperature, this.seed] = [temperature, seed];
    this.#keep();
  }

  // --- the place ------------------------------------------------------------------------------------

  /** Look at the prediction at a place, compared with a class. */
  lookAt(place: number | null, target: number | null): void {
    if (place === this.place && target === this.target) return;
    const last = (this.picture?.header.tokens.length ?? 0) - 1;
    this.place = place !== null && place >= last ? null : place;
    this.target = target;
    this.query = this.key = null;
    this.#keep();
    this.#stop();
    void this.#pass();
  }

  async #pass(): Promise<void> {
    const source = this.source;
    await this.made.ask((signal) => this.#made(source, signal));
  }

  async #made(source: string, signal: AbortSignal): Promise<SequencePicture> {
    const wanted: Wanted = { source, text: this.text, position: this.place ?? "last", target: this.target, roomy: true };
    const pass = await begin(wanted, signal);
    const { header, frame } = await sequence(pass.header.pass_id, signal);
    return pictureOf(pass.header, header, frame);
  }

  // --- what is shown --------------------------------------------------------------------------------

  show(what: What): void {
    this.what = what;
    this.#keep();
  }

  showUnits(which: Which): void {
    this.which = which;
    this.#keep();
  }

  showEvery(every: boolean): void {
    this.every = every;
    this.#keep();
  }

  chooseHead(head: number): void {
    this.head = head;
    this.#keep();
  }

  chooseScore(query: number | null, key: number | null): void {
    [this.query, this.key] = [query, key];
    this.#keep();
  }

  chooseUnit(unit: ChosenUnit | null): void {
    this.unit = unit;
    this.#keep();
  }
}
