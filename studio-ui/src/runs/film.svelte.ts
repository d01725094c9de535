// A film: its pictures are asked for one after the other, the one that is looked at first.

import type { Frame } from "../engine/frame";
import { inWords } from "../engine/asking";
import { getFrame } from "./api";

export interface Picture {
  readonly frame: Frame | null;
  readonly problem: string | null;
}

type Ask = (step: number, signal: AbortSignal) => Promise<Frame>;

/** Ask the server for a picture of a film. */
export function filmFrame(
  run: string,
  film: string,
  step: number,
  more: readonly (readonly [string, string | number])[],
  signal: AbortSignal,
): Promise<Frame> {
  return getFrame("frame", [["run", run], ["film", film], ["step", step], ...more], signal);
}

/** How long a film takes, and how long a picture stays at least and at most, in milliseconds. */
const WHOLE = 8000;
const SHORTEST = 70;
const LONGEST = 900;

export class Film {
  readonly steps: readonly number[];
  place = $state(0);
  playing = $state(false);
  speed = $state(1);
  /** How many pictures are there. */
  ready = $state(0);
  /** Grows with every picture that comes. */
  version = $state(0);

  readonly #ask: Ask;
  readonly #pictures = new Map<number, Picture>();
  readonly #stopped = new AbortController();
  #isBusy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(steps: readonly number[], place: number, ask: Ask) {
    this.steps = steps;
    this.place = Math.max(0, Math.min(place, steps.length - 1));
    this.#ask = ask;
  }

  get step(): number {
    return this.steps[this.place] ?? 0;
  }

  /** The picture of the step that is looked at; null until it comes. */
  get picture(): Picture | null {
    void this.version;
    return this.#pictures.get(this.step) ?? null;
  }

  /** Ask for pictures until all are there. */
  async load(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#next(); next !== null && !this.#stopped.signal.aborted; next = this.#next()) {
      let picture: Picture;
      try {
        picture = { frame: await this.#ask(next, this.#stopped.signal), problem: null };
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        picture = { frame: null, problem: inWords(error) };
      }
      this.#pictures.set(next, picture);
      this.ready = this.#pictures.size;
      this.version += 1;
    }
    this.#isBusy = false;
  }

  /** The step that is looked at, then those behind it, then those before it. */
  #next(): number | null {
    const count = this.steps.length;
    for (let i = 0; i < count; i++) {
      const step = this.steps[(this.place + i) % count];
      if (step !== undefined && !this.#pictures.has(step)) return step;
    }
    return null;
  }

  go(place: number): void {
    this.place = Math.max(0, Math.min(place, this.steps.length - 1));
  }

  toggle(): void {
    if (this.playing) {
      this.pause();
      return;
    }
    if (this.place === this.steps.length - 1) this.place = 0;
    this.playing = true;
    this.#later();
  }

  pause(): void {
    this.playing = false;
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.pause();
    this.#stopped.abort();
  }

  #later(): void {
    const each = Math.max(SHORTEST, Math.min(LONGEST, WHOLE / this.steps.length));
    this.#timer = setTimeout(() => this.#advance(), each / this.speed);
  }

  #advance(): void {
    if (!this.playing) return;
    const next = this.steps[this.place + 1];
    if (next === undefined) {
      this.playing = false;
      return;
    }
    // A picture that has not come yet is waited for.
    if (this.#pictures.has(next)) this.place += 1;
    this.#later();
  }
}
