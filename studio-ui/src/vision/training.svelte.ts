// LeNet-5 that trains in the page: what the session has said, and the newest picture.

import type { Engine } from "../engine/engine";
import type { Frame } from "../engine/frame";
import { Live } from "../live/live.svelte";
import type { VisionShown } from "./headers";
import type { Answer, NetworkReady, Request, TrainSettings } from "./messages";
import { bytesOf, kernelsOf, layersOf, type MapLayer, type TrainedPicture } from "./picture";
import { passRequest, type Wanted } from "./wanted";

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

export class Training extends Live<TrainedPicture, Request, Answer> {
  settings = $state.raw<TrainSettings>(DEFAULTS);
  ready = $state.raw<NetworkReady | null>(null);
  /** Whether a network is being made; what is shown is of the one before. */
  isBeginning = $state(true);

  /** Called with every picture whose network can be asked for more. */
  onOffered: (picture: TrainedPicture) => void = () => {};

  readonly #engineOf: () => Engine<Request, Answer>;
  #wanted: Wanted = { example: 0, target: null };
  /** A picture that was asked for, though a newer one may be drawn in its place. */
  #offered: TrainedPicture | null = null;
  #layers: readonly MapLayer[] | undefined;

  constructor(engineOf: () => Engine<Request, Answer>) {
    super(bytesOf, null);
    this.#engineOf = engineOf;
  }

  get described(): NetworkReady | null {
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
    if (this.engine) return;
    const engine = this.#engineOf();
    this.connect(engine);
    engine.open();
  }

  protected configure(): void {
    this.isBeginning = true;
    this.engine?.ask({ type: "train", settings: this.settings });
  }

  protected answered(answer: Answer): void {
    if (answer.type === "ready") this.#ready(answer);
    else this.told(answer);
    if (answer.type === "problem" && answer.request === "train") this.isBeginning = false;
  }

  #ready(answer: NetworkReady): void {
    this.ready = answer;
    this.isBeginning = false;
    this.#layers = undefined;
    this.#offered = null;
    this.begin(answer.run, "LeNet-5");
    if (this.#wanted.example !== 0 || this.#wanted.target !== null) this.look(this.#wanted);
    if (this.speed !== null) this.setSpeed(this.speed);
  }

  protected framed(frame: Frame): void {
    if (frame.kind !== "vision") return;
    const header = frame.fields as unknown as VisionShown;
    if (header.run !== this.ready?.run) return;
    const layers = layersOf(frame, header.layers, this.#layers);
    this.#layers ??= layers;
    const { run, step, epoch, seconds, objective, source, made } = header;
    const measured = { objective, trainingError: header.training_error, testError: header.test_error };
    const picture = { run, step, epoch, seconds, ...measured, source, made, layers, kernels: kernelsOf(frame) };
    if (source !== null) this.#offered = picture;
    this.show(picture);
  }

  protected override drawn(): void {
    const offered = this.#offered;
    this.#offered = null;
    if (offered) this.onOffered(offered);
  }

  // --- what the user does ---------------------------------------------------------------------------

  /** Begin anew with other settings. */
  change(changes: Partial<TrainSettings>): void {
    this.settings = { ...this.settings, ...changes };
    this.reset();
  }

  look(wanted: Wanted): void {
    this.#wanted = wanted;
    this.engine?.ask({ type: "look", at: passRequest("", wanted) });
  }

  /** Ask for a picture whose network can be asked for more, also while it trains. */
  offer(): void {
    this.engine?.ask({ type: "offer" });
  }

  /** The speed is in steps: an epoch lasts too long to see what changes in it. */
  protected override get epochsPerSecond(): number | null {
    return this.speed === null || !this.ready ? null : this.speed / this.ready.steps_per_epoch;
  }
}

/** Whether settings are those that were taken; batch size and epochs may have been left to the recipe. */
function same(wanted: TrainSettings, taken: TrainSettings): boolean {
  return (Object.keys(wanted) as (keyof TrainSettings)[]).every(
    (key) => wanted[key] === null || wanted[key] === taken[key],
  );
}
