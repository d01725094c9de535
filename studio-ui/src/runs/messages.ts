// What the page gets to know of runs.
// Written by `python -m tools.studio_types` from clearprop/studio/runs/messages.py: change that file and run the
// command again; a test compares the two.

import type { Finding } from "../engine/messages";

/** A run as the list shows it. */
export interface RunSummary {
  /** of its folder, below the folder of all runs. */
  readonly name: string;
  /** changes whenever something of the run has changed. */
  readonly version: number;
  /** by which it was made; "" where it was made in Python. */
  readonly recipe: string;
  /** name of its data set. */
  readonly data: string;
  /** the class of its model. */
  readonly model: string;
  /** "early" stopped early; a "study" has a report and no single model. */
  readonly state: "damaged" | "early" | "finished" | "interrupted" | "non-finite" | "running" | "study";
  /** a sentence or two about the state: why it is damaged, where a number was not finite. */
  readonly about: string;
  /** whether a process is working in its folder now. */
  readonly live: boolean;
  /** which process, in words; "" where there is none. */
  readonly holder: string;
  /** when, in seconds since 1970. */
  readonly started: number | null;
  /** how long its epochs took. */
  readonly seconds: number;
  /** training steps made. */
  readonly step: number;
  /** training steps of the whole run, as far as that is known. */
  readonly last_step: number;
  /** epochs made. */
  readonly epoch: number;
  /** of the whole run. */
  readonly epochs: number;
  /** mean training loss of the last epoch, or of the last steps before the first. */
  readonly objective: number | null;
  /** of the last epoch. */
  readonly training_error: number | null;
  /** after it. */
  readonly development_error: number | null;
  /** the least development error. */
  readonly best_error: number | null;
  /** the epoch of that error. */
  readonly best_epoch: number | null;
  /** what the errors are called. */
  readonly error: string;
  /** "classification" (errors are fractions), else "regression". */
  readonly task: string;
  /** numbers that are trained. */
  readonly parameters: number;
  /** of a fork: the name of the run that it left, where that is in the list. */
  readonly parent: string | null;
  /** of a fork: the step at which it left its parent. */
  readonly left_at: number | null;
  /** the objective over the run, in a few points. */
  readonly sparkline: readonly (number | null)[];
}

/** All runs, or those that have changed. */
export interface RunList {
  /** of the runs, as the user gave it. */
  readonly folder: string;
  /** of this list. */
  readonly version: number;
  /** those that are new or have changed. */
  readonly runs: readonly RunSummary[];
  /** names of runs that are no longer there. */
  readonly gone: readonly string[];
  /** folders that are not shown, with the reason. */
  readonly refused: readonly string[];
  /** how many folders were not read yet; they come with the next answer. */
  readonly waiting: number;
  /** whether these are all runs, so that the page forgets others. */
  readonly whole: boolean;
}

/** A final number of a run, such as the accuracy on the test part. */
export interface NamedNumber {
  readonly name: string;
  readonly value: number | null;
}

/** Something that a run keeps or can show for several steps. */
export interface FilmEntry {
  /** "weights" of snapshots and checkpoints; "statistics" and "arrays" that were recorded of layers; "pass" of one example through the model of each snapshot; the "map" of a self-organizing map, the "samples" of a generator, the filters and reconstructions of a Boltzmann "machine", an "episode" of a Q-network. */
  readonly kind: "arrays" | "episode" | "machine" | "map" | "pass" | "samples" | "statistics" | "weights";
  /** for the list. */
  readonly title: string;
  /** what it shows, in a sentence or two. */
  readonly about: string;
  /** training steps that have a picture, in their order. */
  readonly steps: readonly number[];
  /** what can be chosen, such as parameters or layers; empty where there is no choice. */
  readonly names: readonly string[];
  /** of each of these. */
  readonly shapes: readonly (readonly number[])[];
  /** how to get more pictures, where there are few; else "". */
  readonly hint: string;
}

/** One run. */
export interface RunDetail {
  /** as in the list. */
  readonly summary: RunSummary;
  /** the final numbers that the command wrote. */
  readonly results: readonly NamedNumber[];
  /** all settings, by dotted name. */
  readonly configuration: readonly (readonly [string, string])[];
  /** where it was made, in words. */
  readonly machine: string;
  /** what is damaged, in sentences. */
  readonly damage: readonly string[];
  /** whether it has a report. */
  readonly report: boolean;
  /** whether it has a trained model. */
  readonly model: boolean;
  /** whether its configuration and its events can be read. */
  readonly readable: boolean;
  /** what it can show over its steps. */
  readonly films: readonly FilmEntry[];
  /** training steps up to the end of the best epoch; null without one. */
  readonly best_step: number | null;
  /** the step in which a number was not finite; null where all were. */
  readonly stopped_step: number | null;
  /** the command that goes on with the run where it was interrupted, for a shell. */
  readonly resume: string;
  /** names of the runs that left this one. */
  readonly forks: readonly string[];
  /** names of other runs of the same recipe, the latest first. */
  readonly compared: readonly string[];
}

/** A setting in which runs differ. */
export interface SettingRow {
  /** of the setting, such as "learning_rate" or "optimizer.beta1". */
  readonly name: string;
  /** of each run, as text; "" where it has none. */
  readonly values: readonly string[];
  /** whether it is a value of the recipe; else it follows from those. */
  readonly chosen: boolean;
}

/** A number of several runs. */
export interface ResultRow {
  /** in words. */
  readonly name: string;
  /** of each run. */
  readonly values: readonly (number | null)[];
  /** place of the best one; null where neither more nor less is better, or all are equal. */
  readonly best: number | null;
}

/** Several runs side by side. */
export interface RunComparison {
  /** in the order in which they were asked for. */
  readonly runs: readonly RunSummary[];
  /** in which they differ. */
  readonly settings: readonly SettingRow[];
  /** their numbers. */
  readonly results: readonly ResultRow[];
  /** what makes a comparison unfair, such as other data. */
  readonly remarks: readonly string[];
}

/** What keeps a run from learning, as `diagnose` says it. */
export interface RunDiagnosis {
  /** whose. */
  readonly run: string;
  /** of the run. */
  readonly version: number;
  /** whether the diagnosis is there; else the page asks again. */
  readonly ready: boolean;
  /** in one sentence. */
  readonly summary: string;
  /** faults before notes, the strongest evidence first. */
  readonly findings: readonly Finding[];
  /** what was looked for, and what could not be, in sentences. */
  readonly checked: string;
  /** whether the examples of the run were looked at too. */
  readonly with_data: boolean;
  /** why they were not; "" where they were. */
  readonly remark: string;
}
