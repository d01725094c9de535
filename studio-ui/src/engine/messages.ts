// The messages between the page and the engine of the playground.
// Written by `python -m tools.studio_types` from clearprop/studio/playground/messages.py: change that file and run the
// command again; a test compares the two.

/** A point that the user drew: its place, from -6 to 6, and its target: a class or a number. */
export interface Point {
  readonly x1: number;
  readonly x2: number;
  readonly target: number;
}

/** The examples. */
export interface DataSettings {
  /** which set; "table" is a file that was uploaded, "drawn" the points given here. */
  readonly kind: "blobs" | "circle" | "drawn" | "gauss" | "gauss-plane" | "moons" | "plane" | "spiral" | "table" | "xor";
  /** how many are made, training and test part together. */
  readonly examples: number;
  /** from 0 to 0.5, as in TensorFlow Playground. */
  readonly noise: number;
  /** the fraction that is held out as the test part. */
  readonly test: number;
  /** of "blobs" and "spiral"; the other kinds have their own number. */
  readonly classes: number;
  /** of the examples and of their split. */
  readonly seed: number;
  /** those of "drawn". */
  readonly points: readonly Point[];
  /** of "table": the name that the upload returned. */
  readonly table: string | null;
  /** of "table": two columns by name, or ["PCA"] for its two principal components. */
  readonly columns: readonly string[];
  /** of "table": the column of the target. */
  readonly target: string | null;
}

/** A hidden layer: y = activation(W x + b). */
export interface LayerSettings {
  readonly units: number;
  readonly activation: string;
}

/** A schedule of `clearprop.optim` by its name, with its other numbers. */
export interface ScheduleSettings {
  /** "constant" or another. */
  readonly name: string;
  /** without the learning rate, such as {"steps": 1000} of "cosine". */
  readonly options: Readonly<Record<string, number>>;
}

/** An optimizer of `clearprop.optim` by its name, with its other numbers. */
export interface OptimizerSettings {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
}

/** Everything that decides what the playground trains; the address of the page has it. */
export interface Settings {
  /** the examples. */
  readonly data: DataSettings;
  /** what the network gets of x1 and x2. */
  readonly features: readonly ("sin(x1)" | "sin(x2)" | "x1" | "x1*x2" | "x1^2" | "x2" | "x2^2")[];
  /** hidden layers from the input on. */
  readonly layers: readonly LayerSettings[];
  /** by its name; it decides the last layer and how it takes the targets, as the catalog says: one unit with "tanh" for two classes as -1 and 1 ("squared_error"), one logit for classes as 0 and 1 ("binary_cross_entropy", "hinge"), one unit for each class ("cross_entropy"), one number for a regression. */
  readonly loss: string;
  /** what turns gradients into steps. */
  readonly optimizer: OptimizerSettings;
  /** its step size. */
  readonly learning_rate: number;
  /** how the learning rate changes. */
  readonly schedule: ScheduleSettings;
  /** examples of a step; the whole training part where that is smaller. */
  readonly batch_size: number;
  /** factor of the sum of absolute weights that is added to the loss. */
  readonly l1: number;
  /** factor of half the sum of squared weights. */
  readonly l2: number;
  /** the rate after every hidden layer. */
  readonly dropout: number;
  /** of the hidden layers, by its name in `clearprop.nn.initializers`. None draws the first weights from U(-a, a) with a^2 = 1 / inputs, the others with 3 / inputs. The biases of hidden units begin at 0.1. */
  readonly weight_init: string | null;
  /** after which training ends; fewer where they had more than 50 million steps. */
  readonly epochs: number;
  /** of the weights and of the order of the examples. */
  readonly seed: number;
}

/** Begin anew with these settings, at step 0 and paused; answered by `Configured`. */
export interface Configure {
  readonly type: "configure";
  readonly settings: Settings;
}

/** Train until `Pause`; answered by `Playing`, then by frames. */
export interface Play {
  readonly type: "play";
}

/** Stop training after the steps under way; answered by `Playing` and a frame. */
export interface Pause {
  readonly type: "pause";
}

/** How many epochs are trained in a second at most; None is as fast as possible. */
export interface Speed {
  readonly type: "speed";
  readonly epochs_per_second: number | null;
}

/** Pause, and take one step of a batch, or all steps to the end of the epoch. */
export interface StepOnce {
  readonly type: "step";
  readonly unit: "batch" | "epoch" | "example";
}

/** Pause, and return to the kept state nearest to a step; what came later is forgotten. */
export interface Back {
  readonly type: "back";
  readonly step: number;
}

/** Leave the run here with other settings; its curves stay for comparison. */
export interface ForkRun {
  readonly type: "fork";
  readonly settings: Settings;
}

/** Show the numbers of this example in the following frames; answered by a frame. */
export interface Choose {
  readonly type: "choose";
  readonly example: number;
}

/** Pause, and give one weight or bias another value; answered by a frame. */
export interface Edit {
  readonly type: "edit";
  readonly path: string;
  readonly index: readonly number[];
  readonly value: number;
}

/** Ask for the formulas of one unit with the numbers of the chosen example. */
export interface Explain {
  readonly type: "explain";
  /** 0 is the first hidden layer; the last is the output. */
  readonly layer: number;
  /** in the layer. */
  readonly unit: number;
}

/** Ask what keeps this run from learning; answered by `Findings`. */
export interface Diagnose {
  readonly type: "diagnose";
}

/** Ask for the Python that makes what the page shows; answered by `Script`. */
export interface WriteScript {
  readonly type: "script";
}

export type Request =
  | Configure
  | Play
  | Pause
  | Speed
  | StepOnce
  | Back
  | ForkRun
  | Choose
  | Edit
  | Explain
  | Diagnose
  | WriteScript;

/** A layer of the network as the page draws it. */
export interface DenseLayer {
  /** how many. */
  readonly units: number;
  /** its name; "identity" for none. */
  readonly activation: string;
  /** path of W, shaped (units of the layer before, units). */
  readonly weight: string;
  /** path of b, (units,). */
  readonly bias: string;
}

/** The network: the features, then the layers; the last is the output. */
export interface Network {
  /** names of its inputs. */
  readonly features: readonly string[];
  /** hidden layers and the output. */
  readonly layers: readonly DenseLayer[];
  /** of the loss, as MathML; t is the target as the loss takes it, such as -1 or 1. */
  readonly formula: string;
}

/** What the page needs to know of the examples; their numbers come in the first frame. */
export interface Examples {
  /** how many there are, before those of the test part. */
  readonly training: number;
  /** how many are held out. */
  readonly test: number;
  /** their names; empty for a regression. */
  readonly classes: readonly string[];
  /** what the two axes of the picture are. */
  readonly axes: readonly [string, string];
  /** the smallest x1 and x2 of the picture. */
  readonly low: readonly [number, number];
  /** the largest. */
  readonly high: readonly [number, number];
  /** one sentence. */
  readonly about: string;
}

/** The run is ready; a frame of its state follows. */
export interface Configured {
  readonly type: "configured";
  /** as they were taken. */
  readonly settings: Settings;
  /** what is drawn. */
  readonly network: Network;
  /** what is drawn. */
  readonly examples: Examples;
  /** how many. */
  readonly steps_per_epoch: number;
  /** what the error of the curves is: "error rate" or "root mean square error". */
  readonly error: string;
  /** its number in this session; a fork has another. */
  readonly run: number;
  /** of a fork: the run that it left. */
  readonly parent: number | null;
  /** of a fork: the step at which it left its parent. */
  readonly left_at: number | null;
}

/** Whether the run is training. */
export interface Playing {
  readonly type: "playing";
  /** whether it is. */
  readonly playing: boolean;
  /** whether its program is being made; the page answers meanwhile. */
  readonly compiling: boolean;
  /** why it cannot go on: "finished", "early" or "non-finite"; None where it can. */
  readonly ended: string | null;
  /** one sentence for `ended`, such as which number was not finite, and the mend. */
  readonly about: string | null;
}

/** Points of the learning curves since the last message. */
export interface Curves {
  readonly type: "curves";
  /** whose. */
  readonly run: number;
  /** (E,), may be thinned. */
  readonly epoch: readonly number[];
  /** mean training loss. */
  readonly objective: readonly number[];
  /** of each epoch. */
  readonly training_error: readonly number[];
  /** the same of the test part; empty where there is none. */
  readonly test_error: readonly number[];
  /** its mean loss. */
  readonly test_objective: readonly number[];
  /** of the next step. */
  readonly learning_rate: readonly number[];
  /** whether these replace all points of the run that the page has. */
  readonly restart: boolean;
}

/** One equation. */
export interface Formula {
  /** what it gives, in words. */
  readonly title: string;
  /** with symbols, then with numbers. */
  readonly mathml: string;
  /** the same as plain text, for screen readers and copies. */
  readonly text: string;
}

/** The formulas of a unit. */
export interface Explained {
  readonly type: "explained";
  /** which. */
  readonly layer: number;
  /** which. */
  readonly unit: number;
  /** of training. */
  readonly step: number;
  /** whose numbers. */
  readonly example: number;
  /** the value from the values before. */
  readonly forward: readonly Formula[];
  /** the error signal from those behind, and the gradients of weights and bias. */
  readonly backward: readonly Formula[];
}

/** A finding of `diagnose`, in its words. */
export interface Finding {
  readonly grade: string;
  readonly title: string;
  readonly place: string;
  readonly evidence: string;
  readonly reason: string;
  readonly mend: string;
  readonly code: string;
}

/** What keeps the run from learning; an empty list where nothing was found. */
export interface Findings {
  readonly type: "findings";
  readonly run: number;
  readonly step: number;
  readonly findings: readonly Finding[];
}

/** A program in Python; running it ends with the weights that the page shows. */
export interface Script {
  readonly type: "script";
  readonly source: string;
}

/** Something that was asked for cannot be done; nothing was changed. */
export interface Problem {
  readonly type: "problem";
  /** what is wrong. */
  readonly message: string;
  /** the setting or file. */
  readonly where: string | null;
  /** what was given. */
  readonly given: string | null;
  /** what would be taken. */
  readonly expected: string | null;
  /** what to do. */
  readonly fix: string | null;
  /** the tag of the request. */
  readonly request: string | null;
}

export type Answer =
  | Configured
  | Playing
  | Curves
  | Explained
  | Findings
  | Script
  | Problem;

/** A column of an uploaded table, as `clearprop.data.columns_of` takes it. */
export interface TableColumn {
  /** of the column. */
  readonly name: string;
  /** what it was taken for, such as "number", "3 categories", "date" or "refused". */
  readonly kind: string;
  /** its range or its categories, or why it cannot be used. */
  readonly about: string;
  /** what looks doubtful in it. */
  readonly notes: readonly string[];
}

/** The answer to an upload: `POST /api/tables?name=FILE`, whose body is the file. */
export interface Uploaded {
  /** for `DataSettings.table`. */
  readonly name: string;
  /** how many. */
  readonly rows: number;
  /** in their order. */
  readonly columns: readonly TableColumn[];
}
