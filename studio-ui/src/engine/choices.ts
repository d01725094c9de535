// What the settings of the playground can be chosen from.
// Written by `python -m tools.studio_types` from clearprop/studio/playground/choices.py: change that file and run the
// command again; a test compares the two.

/** A number that an optimizer or a schedule takes. */
export interface NumberOption {
  /** the key in the options of the settings. */
  readonly name: string;
  /** "number", "whole", or "switch": 0 for off and 1 for on. */
  readonly kind: "number" | "switch" | "whole";
  /** what it is unless given. */
  readonly default: number;
  /** what it does, in a few words; may be empty. */
  readonly about: string;
}

/** An entry of a menu. */
export interface Choice {
  /** as the settings take it. */
  readonly name: string;
  /** one sentence; it may hold an equation between backquotes. */
  readonly about: string;
  /** further numbers of it. */
  readonly options: readonly NumberOption[];
}

/** A kind of examples. */
export interface DataChoice {
  /** as the settings take it. */
  readonly name: "blobs" | "circle" | "drawn" | "gauss" | "gauss-plane" | "moons" | "plane" | "spiral" | "table" | "xor";
  /** one sentence. */
  readonly about: string;
  /** of which task they can be: "blobs" is of two classes or of several. */
  readonly tasks: readonly ("regression" | "several classes" | "two classes")[];
  /** the fields of `DataSettings` that it reads, beside ``test`` and ``seed``. */
  readonly uses: readonly string[];
}

/** A loss. */
export interface LossChoice {
  /** as the settings take it. */
  readonly name: string;
  /** its equation, and what it is for. */
  readonly about: string;
  /** for each task that it fits, the activation of the output layer. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** An optimizer. */
export interface OptimizerChoice {
  /** as the settings take it. */
  readonly name: string;
  /** one sentence. */
  readonly about: string;
  /** its usual one; None for an optimizer that has none. */
  readonly learning_rate: number | null;
  /** whether l1 and l2 can be added to its gradients. */
  readonly takes_penalties: boolean;
  /** further numbers of it. */
  readonly options: readonly NumberOption[];
}

/** Everything that the settings can be chosen from. */
export interface Catalog {
  readonly data: readonly DataChoice[];
  readonly features: readonly Choice[];
  readonly activations: readonly Choice[];
  readonly losses: readonly LossChoice[];
  readonly optimizers: readonly OptimizerChoice[];
  readonly schedules: readonly Choice[];
  readonly initializers: readonly Choice[];
}
