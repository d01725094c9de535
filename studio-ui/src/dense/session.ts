// One page's conversation with the dense engine: the requests of the playground and their answers,
// as `clearprop.studio.playground.session` has them. It trains in short turns, so that it hears the
// next request soon.

import { encode } from "../engine/frame";
import type { Answer, Configured, Edit, Request, Settings } from "../engine/messages";
import { checked, Refusal } from "./check";
import { SQUARE } from "./datasets";
import { explained, lossFormula } from "./explanation";
import { outputLayer } from "./output";
import { Painter } from "./painting";
import { Run } from "./run";
import { ThinnedCurves } from "./thinned_curves";

/** Milliseconds: of a turn of training, and between two frames. */
const [TURN, BETWEEN_FRAMES] = [12, 1000 / 30];
/** Frames may take this part of the time. */
const FRAME_SHARE = 0.4;
/** Steps between two looks at the clock. */
const STEPS = 4;
/** What only a new run can change: it decides the examples, the shapes or the first weights. */
const ANEW = ["data", "features", "weight_init", "seed"] as const;

/** What a session needs of its surroundings. */
export interface Surroundings {
  readonly send: (answer: Answer) => void;
  readonly show: (frame: ArrayBuffer) => void;
  /** Milliseconds. */
  readonly now: () => number;
  /** Call back after other messages were heard, and some milliseconds. */
  readonly later: (work: () => void, milliseconds: number) => void;
}

export class DenseSession {
  #run: Run | null = null;
  #painter: Painter | null = null;
  #curves = new ThinnedCurves(0);
  #number = -1;
  #example = 0;
  #playing = false;
  #turns = 0;
  #speed: number | null = null;
  /** When and where the present speed began. */
  #paced = { at: 0, epochs: 0 };
  /** How many frames the page has not drawn yet, when the last one was made, how long it took. */
  #frames = { open: 0, at: -Infinity, cost: 0 };

  constructor(readonly around: Surroundings) {}

  /** Do what is asked for, and answer. */
  ask(request: Request): void {
    try {
      this.#answer(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.around.send(error.problem(request.type));
    }
  }

  /** The page has drawn a frame. */
  shown(): void {
    this.#frames.open = Math.max(0, this.#frames.open - 1);
  }

  close(): void {
    this.#playing = false;
  }

  #answer(request: Request): void {
    switch (request.type) {
      case "configure":
        return this.#configure(request.settings);
      case "fork":
        return this.#fork(request.settings);
      case "speed":
        this.#speed = request.epochs_per_second;
        return this.#pace();
      case "diagnose":
        throw new Refusal("the diagnosis needs the installed clearprop", {
          fix: "pip install clearprop, then: clearprop studio",
        });
      case "script":
        throw new Refusal("the script needs the installed clearprop, which trains the same network", {
          fix: "pip install clearprop, then: clearprop studio",
        });
    }
    const run = this.#run;
    if (!run) throw new Refusal("nothing is configured yet", { fix: "reload the page" });
    switch (request.type) {
      case "play":
        return this.#play(run);
      case "pause":
        return this.#pause();
      case "step":
        return this.#step(run, request.unit);
      case "back":
        return this.#back(run, request.step);
      case "choose":
        return this.#choose(run, request.example);
      case "edit":
        return this.#edit(run, request);
      case "explain":
        return this.#explain(request.layer, request.unit);
    }
  }

  // --- runs --------------------------------------------------------------------------------------

  #configure(settings: Settings): void {
    const run = new Run(settings, checked(settings));
    this.#begin(run, null, null);
  }

  #fork(settings: Settings): void {
    const parent = this.#run;
    if (!parent) throw new Refusal("nothing is configured yet", { fix: "reload the page" });
    const points = checked(settings);
    const before = parent.settings;
    for (const name of ANEW) {
      if (JSON.stringify(settings[name]) === JSON.stringify(before[name])) continue;
      const fix = "begin a new run with these settings";
      throw new Refusal(`a fork cannot change ${name}`, { where: name, fix });
    }
    const units = (of: Settings) => of.layers.map((layer) => layer.units).join(", ");
    if (units(settings) !== units(before)) {
      const message = "a fork cannot change the numbers of units: they decide the shapes of the weights";
      const [given, expected] = [`units ${units(settings)}`, `units ${units(before)}`];
      throw new Refusal(message, { where: "layers", given, expected, fix: "begin a new run" });
    }
    if (outputLayer(settings.loss, points).units !== parent.network.outputs) {
      const message = "the loss decides the shape of the output, and a fork keeps all shapes";
      const fix = "begin a new run with this loss";
      throw new Refusal(message, { where: "loss", given: settings.loss, fix });
    }
    const run = new Run(settings, points, parent);
    this.#begin(run, this.#number, run.position.step);
  }

  #begin(run: Run, parent: number | null, leftAt: number | null): void {
    this.#run = run;
    this.#painter = new Painter(run);
    this.#number += 1;
    this.#curves = new ThinnedCurves(this.#number);
    run.onEpoch = (done) => this.#curves.add(done);
    this.#playing = false;
    if (parent === null) this.#example = 0;
    this.around.send(described(run, this.#number, parent, leftAt));
    this.#show(true);
    this.#tell();
  }

  #tell(): void {
    const ended = this.#run?.ended ?? null;
    this.around.send({
      type: "playing",
      playing: this.#playing,
      compiling: false,
      ended: ended?.reason ?? null,
      about: ended?.about ?? null,
    });
  }

  // --- training ----------------------------------------------------------------------------------

  #play(run: Run): void {
    this.#playing = run.ended === null;
    this.#pace();
    this.#tell();
    if (!this.#playing) return;
    this.#turns += 1;
    const turn = this.#turns;
    this.around.later(() => this.#turn(turn), 0);
  }

  /** A turn of training; a turn of an earlier call of `#play` ends. */
  #turn(turn: number): void {
    const run = this.#run;
    if (!this.#playing || !run || turn !== this.#turns) return;
    const { now, later } = this.around;
    const began = now();
    const steps = this.#stepsUntil(began);
    let at = began;
    while (!run.ended && run.position.step < steps && at - began < TURN) {
      for (let i = 0; i < STEPS && run.position.step < steps; i++) run.step();
      at = now();
    }
    run.seconds += (at - began) / 1000;
    const frames = this.#frames;
    const pause = Math.max(BETWEEN_FRAMES, frames.cost / FRAME_SHARE);
    if (run.ended) {
      this.#playing = false;
      this.#stopped();
    } else {
      if (frames.open < 2 && at - frames.at >= pause) this.#show(false);
      const ahead = run.position.step >= steps;
      later(() => this.#turn(turn), ahead ? BETWEEN_FRAMES / 2 : 0);
    }
  }

  #pace(): void {
    this.#paced = { at: this.around.now(), epochs: this.#epochs };
  }

  get #epochs(): number {
    const run = this.#run;
    return run ? run.position.epoch + run.position.stepInEpoch / run.stepsPerEpoch : 0;
  }

  /** The step up to which the speed lets the run train now. */
  #stepsUntil(now: number): number {
    const run = this.#run!;
    if (this.#speed === null) return Infinity;
    const { at, epochs } = this.#paced;
    const allowed = epochs + (this.#speed * (now - at)) / 1000 - this.#epochs;
    return run.position.step + Math.max(0, Math.ceil(allowed * run.stepsPerEpoch));
  }

  #pause(): void {
    this.#playing = false;
    this.#stopped();
  }

  #stopped(): void {
    this.#run?.keep();
    this.#tell();
    this.#show(false);
  }

  #step(run: Run, unit: "example" | "batch" | "epoch"): void {
    this.#playing = false;
    const began = this.around.now();
    const { epoch } = run.position;
    if (unit === "example") this.#stepExample(run);
    else if (unit === "batch") run.step();
    else while (!run.ended && run.position.epoch === epoch) run.step();
    run.seconds += (this.around.now() - began) / 1000;
    this.#stopped();
  }

  #stepExample(run: Run): void {
    const { training } = run.points;
    if (this.#example >= training) {
      const message =
        "the chosen example belongs to the test part, and the network does not learn from that";
      throw new Refusal(message, {
        where: "example",
        given: `example ${this.#example}`,
        expected: `an example of the training part, 0 to ${training - 1}`,
        fix: "choose an example of the training part",
      });
    }
    if (run.stepExample(this.#example) === null) return;
    const message = "a number is not finite after this step, so it was not taken";
    throw new Refusal(message, { where: "step", fix: "a lower learning rate" });
  }

  #back(run: Run, step: number): void {
    this.#playing = false;
    this.#curves.forgetAfter(run.back(step));
    this.#tell();
    this.#show(false);
  }

  // --- looking and changing ----------------------------------------------------------------------

  #choose(run: Run, example: number): void {
    const count = run.points.targets.length;
    if (!Number.isInteger(example) || example < 0 || example >= count) {
      throw new Refusal("there is no such example", {
        where: "example",
        given: `${example}`,
        expected: `a whole number from 0 to ${count - 1}`,
      });
    }
    this.#example = example;
    this.#show(false);
  }

  #edit(run: Run, { path, index, value }: Edit): void {
    const [, number = "", kind = ""] = /^layers\.(\d+)\.(weight|bias)$/.exec(path) ?? [];
    const layer = run.network.layers[Number(number) / 2];
    const sizes = layer ? (kind === "weight" ? [layer.inputs, layer.units] : [layer.units]) : [];
    const fits = index.length === sizes.length && index.every((i, k) => i >= 0 && i < sizes[k]!);
    if (!number || !layer || !fits || !Number.isFinite(value)) {
      throw new Refusal("there is no such parameter, or the value is no number", {
        where: path,
        given: `${path}[${index.join(", ")}] = ${value}`,
      });
    }
    this.#playing = false;
    const [i = 0, u = 0] = index;
    if (kind === "weight") run.edit(layer.weight, i * layer.units + u, value);
    else run.edit(layer.bias, i, value);
    this.#tell();
    this.#show(false);
  }

  #explain(layer: number, unit: number): void {
    const formulas = explained(this.#painter!.passes(this.#example), layer, unit);
    if (!formulas) {
      throw new Refusal("there is no such unit", {
        where: "layer",
        given: `unit ${unit} of layer ${layer}`,
      });
    }
    const { step } = this.#run!.position;
    const { send } = this.around;
    send({ type: "explained", layer, unit, step, example: this.#example, ...formulas });
  }

  // --- frames and curves -------------------------------------------------------------------------

  #show(first: boolean): void {
    const curves = this.#curves.taken();
    if (curves) this.around.send(curves);
    const began = this.around.now();
    const frame = this.#painter!.frame(this.#number, this.#example, first);
    this.around.show(encode(frame));
    const at = this.around.now();
    this.#frames = { open: this.#frames.open + 1, at, cost: at - began };
  }
}

function described(
  run: Run,
  number: number,
  parent: number | null,
  leftAt: number | null,
): Configured {
  const { settings, network, points } = run;
  const training = points.training;
  return {
    type: "configured",
    settings: { ...settings, batch_size: run.batch },
    network: {
      features: settings.features,
      layers: network.layers.map(({ units, name }, k) => ({
        units,
        activation: name,
        weight: `layers.${2 * k}.weight`,
        bias: `layers.${2 * k}.bias`,
      })),
      formula: lossFormula(settings.loss, network),
    },
    examples: {
      training,
      test: points.targets.length - training,
      classes: points.classes,
      axes: ["x1", "x2"],
      low: [-SQUARE, -SQUARE],
      high: [SQUARE, SQUARE],
      about: points.about,
    },
    steps_per_epoch: run.stepsPerEpoch,
    error: network.loss.error,
    run: number,
    parent,
    left_at: leftAt,
  };
}
