// LeNet-5 that trains in the page: what the session has said, and the newest picture. Arrays stay
// outside of reactive state; `version` counts the pictures.

import type { Engine, EngineState } from "../engine/engine";
import type { Frame } from "../engine/frame";
import type { Playing, Problem } from "../engine/messages";
import { CurveStore } from "../playground/curves";
import { Past } from "../playground/past";
import type { VisionShown } from "./headers";
import type { Answer, NetworkReady, Request, TrainSettings } from "./messages";
import { bytesOf, kernelsOf, layersOf, type MapLayer, type PassPicture } from "./picture";
import { passRequest, type Wanted } from "./wanted";

const STILL: Playing = { type: "playing", playing: false, compiling: false, ended: null, about: null };

/** As the recipe lenet5 begins. */
export const DEFAULTS: TrainSettings = {
  data: "digits",
  activation: "relu",
  pooling: "max",
  optimizer: "adam",
  learning_rate: 0.004,
  schedule: "one-cycle",
  batch_size: null,
  epochs: null,
  seed: 0,
};

export class Training {
  settings = $state.raw<TrainSettings>(DEFAULTS);
  ready = $state.raw<NetworkReady | null>(null);
  playing = $state.raw<Playing>(STILL);
  connection = $state<EngineState>("connecting");
  connectionAbout = $state<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Whether a network is being made; what is shown is of the one before. */
  isBeginning = $state(true);
  version = $state(0);
  curvesVersion = $state(0);
  previewed = $state<number | null>(null);
  /** Steps in a second at most; null is as fast as possible. */
  speed = $state<number | null>(null);
  news = $state("");

  readonly curves = new CurveStore();
  readonly past = new Past<PassPicture>(bytesOf);
  /** Called with every picture whose network can be asked for more. */
  onOffered: (picture: PassPicture) => void = () => {};

  readonly #connect: () => Engine<Request, Answer>;
  #engine: Engine<Request, Answer> | null = null;
  #wanted: Wanted = { example: 0, target: null };
  #newest: PassPicture | null = null;
  #shown: PassPicture | null = null;
  /** A picture that was asked for, though a newer one may be drawn in its place. */
  #offered: PassPicture | null = null;
  #layers: readonly MapLayer[] | undefined;
  #isScheduled = false;
  #resumes = false;

  constructor(connect: () => Engine<Request, Answer>) {
    this.#connect = connect;
  }

  /** The picture that is drawn: the newest, or one of before. Read `version` to follow it. */
  get picture(): PassPicture | null {
    return this.previewed === null ? this.#shown : (this.past.nearest(this.previewed) ?? this.#shown);
  }

  /** For the curves: what their error is. */
  get described(): { readonly error: string } | null {
    return this.ready;
  }

  /** Whether the session has what the user wants. */
  get isSettled(): boolean {
    const known = this.ready?.settings;
    return known !== undefined && same(this.settings, known);
  }

  // --- the session ----------------------------------------------------------------------------------

  /** Connect, and begin; what is connected already goes on. */
  open(): void {
    if (this.#engine) return;
    const engine = this.#connect();
    this.#engine = engine;
    engine.onAnswer = (answer) => this.#answered(answer);
    engine.onFrame = (frame) => this.#framed(frame);
    engine.onState = (state, about) => this.#stateChanged(state, about);
    engine.open();
  }

  retry(): void {
    this.#engine?.close();
    this.#engine = null;
    this.open();
  }

  close(): void {
    this.#engine?.close();
    this.#engine = null;
  }

  #stateChanged(state: EngineState, about: string | null): void {
    const wasLost = this.connection === "lost";
    this.connection = state;
    this.connectionAbout = about;
    if (state === "lost") {
      this.#resumes ||= this.playing.playing;
      this.playing = STILL;
    }
    if (state !== "open") return;
    this.isBeginning = true;
    if (wasLost) this.news = "The studio answers again. The network begins anew with your settings.";
    this.#engine?.ask({ type: "train", settings: this.settings });
    this.setSpeed(this.speed);
    if (this.#resumes) this.#engine?.ask({ type: "play" });
    this.#resumes = false;
  }

  #answered(answer: Answer): void {
    switch (answer.type) {
      case "ready":
        this.#begin(answer);
        break;
      case "playing":
        this.playing = answer;
        if (answer.ended && answer.about) this.news = answer.about;
        break;
      case "curves":
        if (this.curves.add(answer)) this.curvesVersion++;
        break;
      case "problem":
        this.problem = answer;
        if (answer.request === "train") this.isBeginning = false;
        break;
    }
  }

  #begin(answer: NetworkReady): void {
    this.ready = answer;
    this.isBeginning = false;
    this.problem = null;
    this.previewed = null;
    this.past.clear();
    this.#layers = undefined;
    this.#offered = null;
    this.curves.begin(answer.run, "LeNet-5", null, false);
    this.curvesVersion++;
    if (this.#wanted.example !== 0 || this.#wanted.target !== null) this.look(this.#wanted);
    if (this.speed !== null) this.setSpeed(this.speed);
  }

  #framed(frame: Frame): void {
    if (frame.kind !== "vision") return;
    const header = frame.fields as unknown as VisionShown;
    if (header.run !== this.ready?.run) return;
    const layers = layersOf(frame, header.layers, this.#layers);
    this.#layers ??= layers;
    const { run, step, epoch, seconds, source, made } = header;
    const picture = { run, step, epoch, seconds, source, made, layers, kernels: kernelsOf(frame) };
    this.#newest = picture;
    if (source !== null) this.#offered = picture;
    this.past.add(picture);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // A hidden tab gets no animation frames: its pictures wait until it is shown again.
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#shown = this.#newest;
      this.version++;
      const offered = this.#offered;
      this.#offered = null;
      if (offered) this.onOffered(offered);
    });
  }

  // --- what the user does ---------------------------------------------------------------------------

  /** Begin anew with other settings. */
  change(changes: Partial<TrainSettings>): void {
    this.settings = { ...this.settings, ...changes };
    this.reset();
  }

  reset(): void {
    this.isBeginning = true;
    this.#engine?.ask({ type: "train", settings: this.settings });
    this.news = "The network begins anew.";
  }

  look(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#engine?.ask({ type: "look", at: passRequest("", wanted) });
  }

  /** Ask for a picture whose network can be asked for more, also while it trains. */
  offer(): void {
    this.#engine?.ask({ type: "offer" });
  }

  toggle(): void {
    if (this.playing.playing) this.pause();
    else this.play();
  }

  play(): void {
    this.previewed = null;
    this.#engine?.ask({ type: "play" });
    this.playing = { ...this.playing, playing: true };
  }

  pause(): void {
    this.#engine?.ask({ type: "pause" });
    this.playing = { ...this.playing, playing: false };
  }

  step(unit: "batch" | "epoch"): void {
    this.#engine?.ask({ type: "step", unit });
  }

  back(step: number): void {
    this.#engine?.ask({ type: "back", step });
    this.news = `Back at step ${step}. What came later is forgotten.`;
  }

  setSpeed(speed: number | null): void {
    this.speed = speed;
    const epoch = this.ready?.steps_per_epoch;
    if (!epoch) return;
    this.#engine?.ask({ type: "speed", epochs_per_second: speed === null ? null : speed / epoch });
  }
}

/** Whether settings are those that were taken; batch size and epochs may have been left to the recipe. */
function same(wanted: TrainSettings, taken: TrainSettings): boolean {
  return (Object.keys(wanted) as (keyof TrainSettings)[]).every(
    (key) => wanted[key] === null || wanted[key] === taken[key],
  );
}
