// The playground's state: what the user wants (settings), what the engine has (configured), and the
// newest picture. Arrays stay outside of reactive state; `version` counts the pictures.

import { count } from "../drawing/numbers";
import type { Catalog } from "../engine/choices";
import { DEFAULTS } from "../engine/defaults";
import type { Engine, EngineState } from "../engine/engine";
import type { Frame } from "../engine/frame";
import type {
  Answer,
  Configured,
  Explained,
  Findings,
  Network,
  Playing,
  Problem,
  Settings,
} from "../engine/messages";
import { picture as read, type FeaturePicture, type Picture } from "../engine/picture";
import { exists, type Place } from "../network/place";
import { continues, difference, taskOf, withFittingLoss } from "./changes";
import { CurveStore, type Measured } from "./curves";
import { Past } from "./past";

const STILL: Playing = { type: "playing", playing: false, compiling: false, ended: null, about: null };
const SETTLED = 120;
/** Milliseconds from a step or a change by hand to the diagnosis of what came of it. */
const RENEWED = 400;
/** Milliseconds between two requests for the formulas of the same place. */
const EXPLAINED_EVERY = 250;

export class Studio {
  settings = $state.raw<Settings>(DEFAULTS);
  configured = $state.raw<Configured | null>(null);
  playing = $state.raw<Playing>(STILL);
  connection = $state<EngineState>("connecting");
  connectionAbout = $state<string | null>(null);
  catalog = $state.raw<Catalog | null>(null);
  findings = $state.raw<Findings | null>(null);
  /** Why there is no diagnosis. */
  undiagnosed = $state.raw<Problem | null>(null);
  explained = $state.raw<Explained | null>(null);
  script = $state.raw<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  chosen = $state.raw<Place | null>(null);
  /** Another number for each picture that is shown. */
  version = $state(0);
  curvesVersion = $state(0);
  /** The step to which the back slider is dragged. */
  previewed = $state<number | null>(null);
  /** What was last done, for the line of news and for screen readers. */
  news = $state("");
  speed = $state<number | null>(30);

  /** Whether the engine can diagnose; one without Python cannot. */
  hasDiagnosis = true;
  readonly curves = new CurveStore();
  readonly past = new Past<Picture>(bytes);
  features: FeaturePicture | null = null;
  points: Float32Array = new Float32Array(0);
  targets: Float32Array = new Float32Array(0);
  /** What the pictures are of while they are those of the bundled recording. */
  #recorded = $state.raw<Configured | null>(null);

  /** The wanted settings that the engine has, as far as it could take them. */
  #taken = $state.raw<Settings | null>(null);

  #engine: Engine | null = null;
  #newest: Picture | null = null;
  #shown: Picture | null = null;
  #isScheduled = false;
  #hasShown = false;
  #sent: Settings | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resumes = false;
  #looked: Place | null = null;
  #asked: { readonly picture: Picture | null; readonly key: string } | null = null;
  #explainedOf: Picture | null = null;
  #explainedAt = 0;
  #explaining: ReturnType<typeof setTimeout> | undefined;
  /** The step that was asked for, and the newest one then, until the picture after going back comes. */
  #returning: { readonly wanted: number; readonly from: number } | null = null;
  /** How many diagnoses are asked for, and how many of them are of a state that is forgotten. */
  #diagnoses = { open: 0, forgotten: 0 };
  #renewing: ReturnType<typeof setTimeout> | undefined;

  /** The picture that is drawn: the newest one, or one of before. Read `version` to follow it. */
  get picture(): Picture | null {
    return this.previewed === null ? this.#shown : (this.past.nearest(this.previewed) ?? this.#shown);
  }

  /** What the picture says of the last epoch. */
  get measured(): Measured | null {
    void this.version;
    return this.picture;
  }

  /** Whether the engine has what the user wants. */
  get isSettled(): boolean {
    return this.#taken !== null && same(this.settings, this.#taken);
  }

  // --- the engine ----------------------------------------------------------------------------------

  /** Take an engine; its state "open" sends the settings. */
  connect(engine: Engine): void {
    this.#engine = engine;
    engine.onAnswer = (answer) => this.#answered(answer);
    engine.onFrame = (frame) => this.#framed(frame);
    engine.onState = (state, about) => this.#stateChanged(state, about);
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#explaining);
    clearTimeout(this.#renewing);
    this.#engine?.close();
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
    this.#diagnoses = { open: 0, forgotten: 0 };
    if (wasLost) this.news = "The studio answers again. Its run begins anew with your settings.";
    this.#engine?.ask({ type: "speed", epochs_per_second: this.speed });
    this.#configure();
    if (this.#resumes) this.#engine?.ask({ type: "play" });
    this.#resumes = false;
  }

  #answered(answer: Answer): void {
    switch (answer.type) {
      case "configured":
        this.#begin(answer);
        break;
      case "playing":
        this.playing = answer;
        if (answer.ended && answer.about) this.news = answer.about;
        if (answer.ended) this.diagnose();
        break;
      case "curves":
        if (this.curves.add(answer)) this.curvesVersion++;
        break;
      case "explained":
        this.explained = answer;
        // Answers come in the order of the requests: one to an older request is of an older picture.
        this.#explainedOf =
          this.#asked?.key === `${answer.layer} ${answer.unit}` && this.#newest?.step === answer.step
            ? this.#asked.picture
            : null;
        break;
      case "findings":
        if (this.#isOfForgotten() || answer.run !== this.configured?.run) break;
        this.findings = answer;
        this.undiagnosed = null;
        break;
      case "script":
        this.script = answer.source;
        break;
      case "problem":
        if (answer.request !== "diagnose") this.problem = answer;
        else if (!this.#isOfForgotten()) this.undiagnosed = answer;
        if (answer.request === "configure" || answer.request === "fork") this.#sent = null;
        break;
    }
  }

  #begin(answer: Configured): void {
    const before = this.configured;
    const isFork = answer.parent !== null;
    this.configured = answer;
    const sent = this.#sent;
    this.#taken = sent && isTaken(sent, answer.settings) ? sent : answer.settings;
    this.#recorded = null;
    this.problem = null;
    this.findings = this.undiagnosed = null;
    this.#diagnoses = { open: 0, forgotten: 0 };
    clearTimeout(this.#renewing);
    this.#returning = null;
    this.explained = null;
    if (isFork) this.curves.finish(this.#newest);
    this.#asked = this.#explainedOf = null;
    this.#newest = this.#shown = null;
    if (!isFork) this.features = null;
    this.previewed = null;
    this.past.clear();
    const title = isFork && before ? difference(before.settings, answer.settings) : firstTitle(answer);
    this.curves.begin(answer.run, title, answer.left_at, isFork);
    this.curvesVersion++;
    this.version++;
    if (this.chosen && !exists(this.chosen, answer.network)) this.chosen = null;
  }

  #framed(frame: Frame): void {
    if (frame.kind !== "picture") return;
    const found = read(frame);
    if (found.run !== this.configured?.run) return;
    this.show(found);
  }

  /** Show a picture with the next one of the screen; older ones that were not drawn are left out. */
  show(found: Picture): void {
    if (found.features) this.features = found.features;
    if (found.points) this.points = found.points;
    if (found.targets) this.targets = found.targets;
    this.#newest = found;
    this.#returned(found.step);
    if (!this.#recorded) this.past.add(found);
    this.#schedule();
  }

  /** Show a picture of the recording; false where the engine or the user has gone on. */
  showRecorded(configured: Configured, found: Picture): boolean {
    if (this.configured || !same(this.settings, configured.settings)) {
      this.#recorded = null;
      return false;
    }
    this.#recorded = configured;
    this.show(found);
    return true;
  }

  get isRecorded(): boolean {
    return this.#recorded !== null;
  }

  /** What the pictures are of. */
  get described(): Configured | null {
    return this.configured ?? this.#recorded;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // A hidden tab gets no animation frames: its pictures wait until it is shown again.
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      // For whoever measures how soon something is to be seen.
      if (!this.#hasShown) performance.mark("first-picture");
      this.#hasShown = true;
      this.#shown = this.#newest;
      this.version++;
      this.#explain();
    });
  }

  // --- what the user does ---------------------------------------------------------------------------

  play(): void {
    this.#leaveThePast();
    this.#engine?.ask({ type: "play" });
    this.playing = { ...this.playing, playing: true };
  }

  pause(): void {
    this.#engine?.ask({ type: "pause" });
    this.playing = { ...this.playing, playing: false };
    this.diagnose();
  }

  toggle(): void {
    if (this.playing.playing) this.pause();
    else this.play();
  }

  step(unit: "example" | "batch" | "epoch"): void {
    // Other steps move on to another number, which tells that a diagnosis is of before.
    this.#renewDiagnosis(unit === "example");
    this.#engine?.ask({ type: "step", unit });
  }

  /** Return to the kept state nearest to a step; the picture that comes tells which it was. */
  back(step: number): void {
    this.#renewDiagnosis(true);
    this.#returning = { wanted: step, from: this.#newest?.step ?? 0 };
    this.news = "";
    this.#engine?.ask({ type: "back", step });
  }

  #returned(step: number): void {
    // Pictures that were under way when it was asked are of later steps.
    if (!this.#returning || step > this.#returning.from) return;
    const { wanted } = this.#returning;
    this.#returning = null;
    const near = step === wanted ? "" : `, the kept state nearest to step ${count(wanted)}`;
    this.news = `Back at step ${count(step)}${near}. What came later is forgotten.`;
  }

  /** Begin anew with the same settings. */
  reset(): void {
    this.#sent = null;
    this.#configure();
    this.news = "The network begins anew.";
  }

  setSpeed(speed: number | null): void {
    this.speed = speed;
    this.#engine?.ask({ type: "speed", epochs_per_second: speed });
  }

  /** Change settings: the run continues with them where it can, else it begins anew. */
  change(changes: Partial<Settings>): void {
    const wanted = { ...this.settings, ...changes };
    const task = taskOf(wanted.data, this.catalog);
    const isOther = task !== taskOf(this.settings.data, this.catalog);
    this.settings = isOther || changes.loss ? withFittingLoss(wanted, task, this.catalog) : wanted;
    clearTimeout(this.#timer);
    // Several changes in a row are sent as one.
    this.#timer = setTimeout(() => this.#send(), SETTLED);
  }

  /** Leave the run here with another learning rate. */
  fork(rate: number): void {
    clearTimeout(this.#timer);
    this.settings = { ...this.settings, learning_rate: rate };
    this.#sent = this.settings;
    this.#engine?.ask({ type: "fork", settings: this.settings });
    this.news = `The run continues from here with learning rate ${rate}; the curves of before stay.`;
  }

  choose(place: Place | null): void {
    this.chosen = place;
    this.#explain();
  }

  /** Formulas are of this place while none is chosen. */
  lookAt(place: Place | null): void {
    this.#looked = place;
    this.#explain();
  }

  /** Whether the formulas are of the picture that is shown. Read `version` to follow it. */
  get isExplained(): boolean {
    return this.explained !== null && this.#explainedOf === this.picture;
  }

  chooseExample(example: number): void {
    this.#engine?.ask({ type: "choose", example });
  }

  edit(place: Place, value: number): void {
    const network = this.configured?.network;
    if (!network || place.kind === "feature" || place.kind === "unit") return;
    const layer = network.layers[place.layer];
    if (!layer) return;
    const [path, index] =
      place.kind === "bias" ? [layer.bias, [place.unit]] : [layer.weight, [place.from, place.unit]];
    this.#renewDiagnosis(true);
    this.#engine?.ask({ type: "edit", path, index, value });
    this.playing = { ...this.playing, playing: false };
  }

  diagnose(): void {
    clearTimeout(this.#renewing);
    if (!this.hasDiagnosis || !this.#engine || !this.configured) return;
    this.#diagnoses.open++;
    this.#engine.ask({ type: "diagnose" });
  }

  /** Whether the findings are of another step than the picture that is shown. */
  get isDiagnosisOld(): boolean {
    void this.version;
    return this.findings !== null && this.findings.step !== this.picture?.step;
  }

  /** Ask soon for another diagnosis where there is one; `forgets` takes this one away at once. */
  #renewDiagnosis(forgets: boolean): void {
    const isWanted = this.findings !== null || this.#diagnoses.open > 0;
    if (forgets) {
      this.findings = this.undiagnosed = null;
      this.#diagnoses.forgotten = this.#diagnoses.open;
    }
    clearTimeout(this.#renewing);
    if (isWanted) this.#renewing = setTimeout(() => this.diagnose(), RENEWED);
  }

  /** Count an answer to a diagnosis; they come in the order in which they were asked for. */
  #isOfForgotten(): boolean {
    const { open, forgotten } = this.#diagnoses;
    this.#diagnoses = { open: Math.max(0, open - 1), forgotten: Math.max(0, forgotten - 1) };
    return forgotten > 0;
  }

  writeScript(): void {
    this.script = null;
    this.#engine?.ask({ type: "script" });
  }

  // --- parts ----------------------------------------------------------------------------------------

  /** Ask for the formulas of the place that is looked at, of each picture once, and not too often. */
  #explain(): void {
    const place = this.chosen ?? this.#looked;
    if (!place || place.kind === "feature" || !this.configured) return;
    const key = `${place.layer} ${place.unit}`;
    const wait = this.#explainedAt + EXPLAINED_EVERY - performance.now();
    if (this.#asked?.picture === this.#shown && this.#asked?.key === key) return;
    clearTimeout(this.#explaining);
    if (wait > 0 && this.#asked?.key === key) {
      this.#explaining = setTimeout(() => this.#explain(), wait);
      return;
    }
    this.#explainedAt = performance.now();
    this.#asked = { picture: this.#shown, key };
    this.#engine?.ask({ type: "explain", layer: place.layer, unit: place.unit });
  }

  #leaveThePast(): void {
    const step = this.previewed;
    this.previewed = null;
    if (step !== null) this.back(step);
  }

  #send(): void {
    const before = this.#sent ?? this.configured?.settings;
    const steps = this.#newest?.step ?? 0;
    if (before && same(before, this.settings)) return;
    if (before && steps > 0 && continues(before, this.settings, this.catalog)) {
      const what = difference(before, this.settings);
      this.#sent = this.settings;
      this.#engine?.ask({ type: "fork", settings: this.settings });
      if (this.playing.playing) this.#engine?.ask({ type: "play" });
      this.news = `The run continues from here with ${what}.`;
    } else this.#configure();
  }

  #configure(): void {
    clearTimeout(this.#timer);
    this.#sent = this.settings;
    this.#engine?.ask({ type: "configure", settings: this.settings });
  }

  /** The network as it is wanted: until the engine has it, its shape alone is known. */
  get network(): Network {
    const known = this.described;
    const { features, layers } = this.settings;
    const isKnown =
      known !== null &&
      JSON.stringify([known.settings.features, known.settings.layers]) === JSON.stringify([features, layers]);
    if (isKnown) return known.network;
    const output = known?.network.layers.at(-1) ?? { units: 1, activation: "tanh" };
    return {
      features,
      layers: [...layers, output].map(({ units, activation }) => ({
        units,
        activation,
        weight: "",
        bias: "",
      })),
      formula: known?.network.formula ?? "",
    };
  }
}

/** What the past counts of a picture. */
export function bytes(picture: Picture): number {
  return picture.layers.reduce(
    (sum, layer) => sum + layer.heat.byteLength + 2 * layer.weight.byteLength,
    0,
  );
}

function firstTitle(answer: Configured): string {
  return `learning rate ${answer.settings.learning_rate}`;
}

/**
 * Whether an engine has settings as it took them: its batches are no larger than the data, and its
 * epochs no more than it can train.
 */
export function isTaken(wanted: Settings, taken: Settings): boolean {
  const epochs = taken.epochs < wanted.epochs ? wanted.epochs : taken.epochs;
  return same(wanted, { ...taken, batch_size: wanted.batch_size, epochs });
}

function same(a: Settings, b: Settings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

