// The playground's state: what the user wants (settings), what the engine has (configured), and the
// newest picture.

import type { Catalog } from "../engine/choices";
import { DEFAULTS } from "../engine/defaults";
import type { Frame } from "../engine/frame";
import type { Answer, Configured, Explained, Network, Request, Settings, StepOnce } from "../engine/messages";
import { picture as read, type FeaturePicture, type Picture } from "../engine/picture";
import { Live } from "../live/live.svelte";
import { exists, type Place } from "../network/place";
import { continues, difference, taskOf, withFittingLoss } from "./changes";
import { Diagnosis } from "./diagnosis.svelte";

const SETTLED = 120;
/** Milliseconds between two requests for the formulas of the same place. */
const EXPLAINED_EVERY = 250;

/** A picture, and the step of a change by hand that its errors do not know. */
interface Seen extends Picture {
  readonly changedAt?: number | null;
}

export class Studio extends Live<Seen, Request, Answer> {
  settings = $state.raw<Settings>(DEFAULTS);
  configured = $state.raw<Configured | null>(null);
  catalog = $state.raw<Catalog | null>(null);
  explained = $state.raw<Explained | null>(null);
  script = $state.raw<string | null>(null);
  chosen = $state.raw<Place | null>(null);

  /** Whether the engine can diagnose; one without Python cannot. */
  hasDiagnosis = true;
  readonly diagnosis = new Diagnosis(() => this.#sendDiagnose());
  features: FeaturePicture | null = null;
  points: Float32Array = new Float32Array(0);
  targets: Float32Array = new Float32Array(0);
  /** What the pictures are of while they are those of the bundled recording. */
  #recorded = $state.raw<Configured | null>(null);

  /** The wanted settings that the engine has, as far as it could take them. */
  #taken = $state.raw<Settings | null>(null);

  /** The wanted settings that the engine could not take. */
  #refused = $state.raw<Settings | null>(null);

  #hasShown = false;
  /** Whether the fork that was asked for is to train at once. */
  #plays = false;
  #sent: Settings | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looked: Place | null = null;
  #asked: { readonly picture: Picture | null; readonly key: string } | null = null;
  #explainedOf: Picture | null = null;
  #explainedAt = 0;
  #explaining: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super(bytes, 30);
  }

  /** Whether the engine has what the user wants. */
  get isSettled(): boolean {
    return this.#taken !== null && same(this.settings, this.#taken);
  }

  /** Whether points are to be drawn before there is anything to learn. */
  get needsPoints(): boolean {
    const { kind, points } = this.settings.data;
    return kind === "drawn" && new Set(points.map((point) => point.target)).size < 2;
  }

  /** Whether what is shown is of other examples than those that are wanted, until these come. */
  get isOfOtherData(): boolean {
    if (this.isSettled || this.settings === this.#refused || !this.described) return false;
    return JSON.stringify(this.settings.data) !== JSON.stringify(this.described.settings.data);
  }

  /** Whether nothing can be trained until a network is prepared. */
  get isPreparing(): boolean {
    if (this.connection === "lost" || this.needsPoints || this.settings === this.#refused) return false;
    const { playing, compiling } = this.playing;
    // A diagnosis is prepared behind what is shown: only whoever wants to train waits for it.
    return this.configured === null || (compiling && (playing || !this.diagnosis.isAsked));
  }

  // --- the engine ----------------------------------------------------------------------------------

  override close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#explaining);
    this.diagnosis.clear();
    super.close();
  }

  protected answered(answer: Answer): void {
    switch (answer.type) {
      case "configured":
        this.#configured(answer);
        break;
      case "playing":
        this.told(answer);
        if (answer.ended) this.diagnosis.ask();
        break;
      case "curves":
        this.told(answer);
        break;
      case "explained":
        this.explained = answer;
        // Answers come in the order of the requests: one to an older request is of an older picture.
        this.#explainedOf =
          this.#asked?.key === `${answer.layer} ${answer.unit}` && this.newest?.step === answer.step
            ? this.#asked.picture
            : null;
        break;
      case "findings":
        if (answer.run === this.configured?.run) this.diagnosis.answered(answer);
        break;
      case "script":
        this.script = answer.source;
        break;
      case "problem":
        if (answer.request === "diagnose") this.diagnosis.answered(answer);
        else this.told(answer);
        if (answer.request === "configure" || answer.request === "fork") {
          this.#sent = null;
          this.#refused = this.settings;
          this.#plays = false;
        }
        break;
    }
  }

  #configured(answer: Configured): void {
    const before = this.configured;
    const isFork = answer.parent !== null;
    this.configured = answer;
    const sent = this.#sent;
    this.#taken = sent && isTaken(sent, answer.settings) ? sent : answer.settings;
    this.#recorded = this.#refused = null;
    this.diagnosis.clear();
    this.explained = null;
    if (isFork) this.curves.finish(this.newest);
    this.#asked = this.#explainedOf = null;
    this.newest = this.shown = null;
    if (!isFork) this.features = null;
    const title = isFork && before ? difference(before.settings, answer.settings) : firstTitle(answer);
    this.begin(answer.run, title, answer.left_at, isFork);
    this.version++;
    if (this.chosen && !exists(this.chosen, answer.network)) this.chosen = null;
    if (this.#plays && isFork) this.play();
    this.#plays = false;
  }

  protected framed(frame: Frame): void {
    if (frame.kind !== "picture") return;
    const found = read(frame);
    if (found.run !== this.configured?.run) return;
    this.#take({ ...found, changedAt: (frame.fields.changed_at ?? null) as number | null });
  }

  #take(found: Seen): void {
    if (found.features) this.features = found.features;
    if (found.points) this.points = found.points;
    if (found.targets) this.targets = found.targets;
    this.show(found, !this.#recorded);
  }

  /** Show a picture of the recording; false where the engine or the user has gone on. */
  showRecorded(configured: Configured, found: Picture): boolean {
    if (this.configured || !same(this.settings, configured.settings)) {
      this.#recorded = null;
      return false;
    }
    this.#recorded = configured;
    this.#take(found);
    return true;
  }

  get isRecorded(): boolean {
    return this.#recorded !== null;
  }

  /** What the pictures are of. */
  get described(): Configured | null {
    return this.configured ?? this.#recorded;
  }

  protected override drawn(): void {
    // For whoever measures how soon something is to be seen.
    if (!this.#hasShown) performance.mark("first-picture");
    this.#hasShown = true;
    this.#explain();
  }

  // --- what the user does ---------------------------------------------------------------------------

  override pause(): void {
    super.pause();
    this.diagnosis.ask();
  }

  override step(unit: StepOnce["unit"]): void {
    // Other steps move on to another number, which tells that a diagnosis is of before.
    this.diagnosis.renew(unit === "example");
    if (unit === "example") this.keepBefore();
    super.step(unit);
  }

  override back(step: number): void {
    this.diagnosis.renew(true);
    super.back(step);
  }

  /** Change settings: the run continues with them where it can, else it begins anew. */
  change(changes: Partial<Settings>): void {
    const wanted = { ...this.settings, ...changes };
    const task = taskOf(wanted.data, this.catalog);
    const isOther = task !== taskOf(this.settings.data, this.catalog);
    this.settings = isOther || changes.loss ? withFittingLoss(wanted, task, this.catalog) : wanted;
    clearTimeout(this.#timer);
    if (this.needsPoints && this.playing.playing) this.pause();
    // Several changes in a row are sent as one.
    this.#timer = setTimeout(() => this.#send(), SETTLED);
  }

  /** Leave the run here with another learning rate, and train on. */
  fork(rate: number): void {
    clearTimeout(this.#timer);
    this.settings = { ...this.settings, learning_rate: rate };
    this.#sent = this.settings;
    this.#plays = true;
    this.engine?.ask({ type: "fork", settings: this.settings });
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
    this.engine?.ask({ type: "choose", example });
  }

  edit(place: Place, value: number): void {
    const network = this.configured?.network;
    if (!network || place.kind === "feature" || place.kind === "unit") return;
    const layer = network.layers[place.layer];
    if (!layer) return;
    const [path, index] =
      place.kind === "bias" ? [layer.bias, [place.unit]] : [layer.weight, [place.from, place.unit]];
    this.diagnosis.renew(true);
    this.keepBefore();
    this.engine?.ask({ type: "edit", path, index, value });
    this.playing = { ...this.playing, playing: false };
  }

  #sendDiagnose(): boolean {
    if (!this.hasDiagnosis || !this.engine || !this.configured) return false;
    this.engine.ask({ type: "diagnose" });
    return true;
  }

  /** Whether the findings are of another step than the picture that is shown. */
  get isDiagnosisOld(): boolean {
    void this.version;
    const { findings } = this.diagnosis;
    return findings !== null && findings.step !== this.picture?.step;
  }

  writeScript(): void {
    this.script = null;
    this.engine?.ask({ type: "script" });
  }

  // --- parts ----------------------------------------------------------------------------------------

  /** Ask for the formulas of the place that is looked at, of each picture once, and not too often. */
  #explain(): void {
    const place = this.chosen ?? this.#looked;
    if (!place || place.kind === "feature" || !this.configured) return;
    const key = `${place.layer} ${place.unit}`;
    const wait = this.#explainedAt + EXPLAINED_EVERY - performance.now();
    if (this.#asked?.picture === this.shown && this.#asked?.key === key) return;
    clearTimeout(this.#explaining);
    if (wait > 0 && this.#asked?.key === key) {
      this.#explaining = setTimeout(() => this.#explain(), wait);
      return;
    }
    this.#explainedAt = performance.now();
    this.#asked = { picture: this.shown, key };
    this.engine?.ask({ type: "explain", layer: place.layer, unit: place.unit });
  }

  #send(): void {
    if (this.needsPoints) return;
    const before = this.#sent ?? this.configured?.settings;
    const steps = this.newest?.step ?? 0;
    if (before && same(before, this.settings)) return;
    if (before && steps > 0 && continues(before, this.settings, this.catalog)) {
      const what = difference(before, this.settings);
      this.#sent = this.settings;
      this.engine?.ask({ type: "fork", settings: this.settings });
      if (this.playing.playing) this.engine?.ask({ type: "play" });
      this.news = `The run continues from here with ${what}.`;
    } else this.configure();
  }

  protected configure(): void {
    clearTimeout(this.#timer);
    if (this.needsPoints) {
      // An engine that was lost has no network any more.
      this.#sent = this.configured = null;
      return;
    }
    this.#sent = this.settings;
    this.engine?.ask({ type: "configure", settings: this.settings });
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

