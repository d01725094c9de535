// A network that trains in front of the user: what every page with one knows of it and can do.
// Arrays stay outside of reactive state; `version` counts the pictures.

import { count, measure, number } from "../drawing/numbers";
import type { Engine, EngineState } from "../engine/engine";
import type { Frame } from "../engine/frame";
import type { Back, Curves, Pause, Play, Playing, Problem, Speed, StepOnce } from "../engine/messages";
import { CurveStore, type Measured } from "./curves";
import { Past } from "./past";

type Asked = Play | Pause | Speed | StepOnce | Back;
type Told = Playing | Curves | Problem;

/** One moment of the training. */
export interface LivePicture extends Measured {
  readonly step: number;
  /** Of training so far. */
  readonly seconds: number;
  /** The step of a change by hand that what was measured does not know. */
  readonly changedAt?: number | null;
}

/** What the bars and panels take: any network that trains. */
export type AnyLive = Omit<Live<LivePicture, never, never>, "past"> & {
  readonly past: { readonly steps: readonly number[] };
};

/** Why there are no numbers after a change by hand. */
export const CHANGED = "You changed the weights: the next epoch measures them.";

const STILL: Playing = { type: "playing", playing: false, compiling: false, ended: null, about: null };

/** `OwnAsked` and `OwnTold` are the requests and answers that a page has beside those of all. */
export abstract class Live<Kept extends LivePicture, OwnAsked, OwnTold> {
  playing = $state.raw<Playing>(STILL);
  connection = $state<EngineState>("connecting");
  connectionAbout = $state<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Another number for each picture that is shown. */
  version = $state(0);
  curvesVersion = $state(0);
  /** The step to which the back slider is dragged. */
  previewed = $state<number | null>(null);
  /** What was last done, for the line of news and for screen readers. */
  news = $state("");
  /** How fast it trains at most; null is as fast as possible. */
  speed = $state<number | null>(null);

  readonly curves = new CurveStore();
  readonly past: Past<Kept>;

  protected engine: Engine<Asked | OwnAsked, Told | OwnTold> | null = null;
  protected newest: Kept | null = null;
  protected shown: Kept | null = null;
  #isScheduled = false;
  #resumes = false;
  /** The step that was asked for, and the newest one then, until the picture after going back comes. */
  #returning: { readonly wanted: number; readonly from: number; readonly undoes: number | null } | null = null;

  /** `bytes` tells how many a picture takes. */
  constructor(bytes: (picture: Kept) => number, speed: number | null) {
    this.past = new Past(bytes);
    this.speed = speed;
  }

  /** The picture that is drawn: the newest one, or one of before. Read `version` to follow it. */
  get picture(): Kept | null {
    return this.previewed === null ? this.shown : (this.past.nearest(this.previewed) ?? this.shown);
  }

  /** What the picture says of the last epoch; null before the first one of the run. */
  get measured(): Measured | null {
    void this.version;
    void this.curvesVersion;
    const [found, now] = [this.picture, this.curves.current];
    if (!found || found.run !== now?.run) return null;
    // A fork has the numbers that it left, until it has some of its own.
    const isMeasured = found.epoch >= (now.epoch[0] ?? Infinity) || (now.leftAt !== null && found.trainingError !== null);
    return isMeasured ? found : null;
  }

  /** Whether what was measured is of the network before a change by hand. */
  get isChanged(): boolean {
    void this.version;
    return (this.picture?.changedAt ?? null) !== null;
  }

  /** The step of the newest picture where going back to it undoes a change by hand. */
  get undoes(): number | null {
    void this.version;
    const newest = this.shown;
    const at = newest?.changedAt ?? null;
    return at !== null && at === newest?.step && this.past.last === at ? at : null;
  }

  /** What was last done, and where the training stands, for a screen reader. */
  get spoken(): string {
    const { measured: now, described } = this;
    if (!now || !described) return this.news;
    const error = (value: number | null) => measure(described.error, value);
    const hasTest = this.curves.current?.testError.length;
    const where = `${this.playing.playing ? "Training" : "Paused"} at epoch ${now.epoch}.`;
    if (this.isChanged) return [this.news, where, CHANGED].filter(Boolean).join(" ");
    return [
      this.news,
      where,
      `Objective ${number(now.objective)}, training error ${error(now.trainingError)}`,
      hasTest ? `test error ${error(now.testError)}` : "",
    ]
      .filter(Boolean)
      .join(" ");
  }

  /** What is known of the run. */
  abstract get described(): { readonly error: string } | null;

  // --- the engine ----------------------------------------------------------------------------------

  /** Take an engine; its state "open" sends the settings. */
  connect(engine: Engine<Asked | OwnAsked, Told | OwnTold>): void {
    this.engine = engine;
    engine.onAnswer = (answer) => this.answered(answer);
    engine.onFrame = (frame) => this.framed(frame);
    engine.onState = (state, about) => this.#stateChanged(state, about);
  }

  retry(): void {
    this.engine?.retry();
  }

  close(): void {
    this.engine?.close();
    this.engine = null;
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
    if (wasLost) this.news = "The studio answers again. The network begins anew with your settings.";
    this.configure();
    this.setSpeed(this.speed);
    if (this.#resumes) this.engine?.ask({ type: "play" });
    this.#resumes = false;
  }

  /** Send the settings: the network begins anew. */
  protected abstract configure(): void;

  protected abstract answered(answer: Told | OwnTold): void;

  protected abstract framed(frame: Frame): void;

  /** Take an answer that is the same for every page. */
  protected told(answer: Told): void {
    switch (answer.type) {
      case "playing":
        this.playing = answer;
        if (answer.ended && answer.about) this.news = answer.about;
        break;
      case "curves":
        if (this.curves.add(answer)) this.curvesVersion++;
        break;
      case "problem":
        this.problem = answer;
        break;
    }
  }

  /** Begin with another run; one that is no fork replaces the curves of all others. */
  protected begin(run: number, title: string, leftAt: number | null = null, isFork = false): void {
    this.problem = null;
    this.previewed = null;
    this.#returning = null;
    this.past.clear();
    this.curves.begin(run, title, leftAt, isFork);
    this.curvesVersion++;
  }

  // --- pictures -------------------------------------------------------------------------------------

  /** Show a picture with the next one of the screen; older ones that were not drawn are left out. */
  protected show(found: Kept, isKept = true): void {
    this.newest = found;
    this.#returned(found.step);
    // Of a step that was changed by hand, the engine keeps the state before.
    if (isKept && found.changedAt !== found.step) this.past.add(found);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // A hidden tab gets no animation frames: its pictures wait until it is shown again.
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.shown = this.newest;
      this.version++;
      this.drawn();
    });
  }

  /** Keep what is there now, before a change by hand. */
  protected keepBefore(): void {
    if (this.newest) this.past.add(this.newest, true);
  }

  /** Called when another picture is shown. */
  protected drawn(): void {}

  // --- what the user does ---------------------------------------------------------------------------

  /** Train on; from the picture of before, where one is looked at. */
  play(): void {
    this.takePreviewed();
    this.engine?.ask({ type: "play" });
    this.playing = { ...this.playing, playing: true };
  }

  pause(): void {
    this.engine?.ask({ type: "pause" });
    this.playing = { ...this.playing, playing: false };
  }

  toggle(): void {
    if (this.playing.playing) this.pause();
    else this.play();
  }

  step(unit: StepOnce["unit"]): void {
    this.takePreviewed();
    this.engine?.ask({ type: "step", unit });
  }

  /** Go back to the picture of before that is looked at. */
  takePreviewed(): void {
    const step = this.previewed;
    this.previewed = null;
    if (step !== null && (step < this.past.last || step === this.undoes)) this.back(step);
  }

  /** Return to the kept state nearest to a step; the picture that comes tells which it was. */
  back(step: number): void {
    this.#returning = { wanted: step, from: this.newest?.step ?? 0, undoes: this.undoes };
    this.news = "";
    this.engine?.ask({ type: "back", step });
  }

  #returned(step: number): void {
    // Pictures that were under way when it was asked are of later steps.
    if (!this.#returning || step > this.#returning.from) return;
    const { wanted, undoes } = this.#returning;
    this.#returning = null;
    if (step === undoes) {
      this.news = "The change by hand is undone.";
      return;
    }
    const near = step === wanted ? "" : `, the kept state nearest to step ${count(wanted)}`;
    this.news = `Back at step ${count(step)}${near}. What came later is forgotten.`;
  }

  /** Begin anew with the same settings. */
  reset(): void {
    this.configure();
    this.news = "The network begins anew.";
  }

  setSpeed(speed: number | null): void {
    this.speed = speed;
    this.engine?.ask({ type: "speed", epochs_per_second: this.epochsPerSecond });
  }

  protected get epochsPerSecond(): number | null {
    return this.speed;
  }
}
