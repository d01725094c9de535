// The messages between the page's view of pictures and the session that trains for it.
// Written by `python -m tools.studio_types` from clearprop/studio/vision/messages.py: change that file and run the
// command again; a test compares the two.

import type { Choice } from "../engine/choices";
import type { Back, Curves, Pause, Play, Playing, Problem, Speed, StepOnce } from "../engine/messages";
import type { PassRequest } from "../models/messages";

/** What LeNet-5 is trained on, and how: the keys of the recipe lenet5. */
export interface TrainSettings {
  /** the data set by its name. */
  readonly data: "digits" | "fashion-mnist" | "mnist";
  /** of the hidden units. */
  readonly activation: string;
  /** "max" or "average". */
  readonly pooling: "average" | "max";
  /** by its name. */
  readonly optimizer: string;
  /** with a schedule its highest value. */
  readonly learning_rate: number;
  /** how the rate changes over the run. */
  readonly schedule: string;
  /** examples of a step; null takes the recipe's. */
  readonly batch_size: number | null;
  /** after which training ends; null takes the recipe's. */
  readonly epochs: number | null;
  /** of the split, the first weights and the order of the examples. */
  readonly seed: number;
}

/** Begin anew with these settings, at step 0 and paused; answered by `NetworkReady`. */
export interface TrainLeNet {
  readonly type: "train";
  readonly settings: TrainSettings;
}

/** Show this input in the following frames; answered by a frame. ``source`` is not read. */
export interface LookAt {
  readonly type: "look";
  readonly at: PassRequest;
}

/** Answer with a frame that has a ``source``, also while training goes on. */
export interface OfferNow {
  readonly type: "offer";
}

export type Request =
  | TrainLeNet
  | LookAt
  | OfferNow
  | Play
  | Pause
  | Speed
  | StepOnce
  | Back;

/** The network is ready; a frame of it follows. */
export interface NetworkReady {
  readonly type: "ready";
  /** its number in this session. */
  readonly run: number;
  /** its id in the views of any model, once a frame has named it. */
  readonly source: string;
  /** as they were taken, with batch size and epochs. */
  readonly settings: TrainSettings;
  /** how many. */
  readonly steps_per_epoch: number;
  /** what the error of the curves is: "error rate". */
  readonly error: string;
  /** their names. */
  readonly classes: readonly string[];
  /** how many can be looked at. */
  readonly examples: number;
  /** how many are learned from. */
  readonly training: number;
  /** what the examples that can be looked at are: "test". */
  readonly part: string;
  /** height, width and channels of a picture. */
  readonly shape: readonly [number, number, number];
  /** that trains the same network into the run folder. */
  readonly command: string;
}

export type Answer =
  | NetworkReady
  | Playing
  | Curves
  | Problem;

/** A data set. */
export interface DataOffered {
  /** as the settings take it. */
  readonly name: "digits" | "fashion-mnist" | "mnist";
  /** for the menu. */
  readonly title: string;
  /** one sentence. */
  readonly about: string;
  /** whether it is on this machine. */
  readonly is_at_hand: boolean;
}

/** What the settings can be chosen from. */
export interface VisionChoices {
  readonly data: readonly DataOffered[];
  readonly activations: readonly Choice[];
  readonly optimizers: readonly Choice[];
  readonly schedules: readonly Choice[];
}
