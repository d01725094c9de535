// Runs in words: their state, their times, their numbers.

import { measure } from "../drawing/numbers";
import type { RunSummary } from "./messages";

type State = RunSummary["state"];

export const STATES: Readonly<Record<State, { readonly title: string; readonly about: string }>> = {
  running: { title: "running", about: "A process trains this run now." },
  finished: { title: "finished", about: "All epochs were trained." },
  early: { title: "stopped early", about: "The error on held-out examples did not fall any more." },
  interrupted: { title: "interrupted", about: "Training ended before its last epoch; it can go on." },
  "non-finite": {
    title: "not finite",
    about: "A loss or a gradient became infinite or not a number, so training stopped.",
  },
  damaged: { title: "damaged", about: "A file of the run is cut off or changed: see what it says." },
  study: { title: "study", about: "An experiment of several networks; its report has the result." },
};

/** A time in seconds, as the reports write it. */
export function duration(seconds: number): string {
  if (seconds <= 0) return "–";
  if (seconds < 0.1) return `${Number((1000 * seconds).toPrecision(2))} ms`;
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) {
    return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
  }
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment, as long ago as it is. */
export function ago(seconds: number | null, now: number): string {
  if (seconds === null) return "–";
  const past = now / 1000 - seconds;
  if (past < 60) return "just now";
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86_400) return `${Math.floor(past / 3600)} h ago`;
  return new Date(1000 * seconds).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
  });
}

/** What the error of a run is: fractions are percent. */
export function errorName(run: Pick<RunSummary, "error" | "task">): string {
  if (run.error !== "error") return run.error;
  return run.task === "classification" ? "error rate" : "root mean square error";
}

export function errorText(run: Pick<RunSummary, "error" | "task">, value: number | null): string {
  return value === null ? "–" : measure(errorName(run), value);
}

/** A name of a measure or a setting without its underscores. */
export function spaced(name: string): string {
  return name.replaceAll("_", " ");
}

/** The first letter large. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
