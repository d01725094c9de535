// Which runs the list shows, and in which order.

import type { RunSummary } from "./messages";
import { STATES } from "./words";

export type Column =
  | "name"
  | "state"
  | "objective"
  | "training_error"
  | "development_error"
  | "epoch"
  | "seconds"
  | "started";

export interface Order {
  readonly column: Column;
  readonly falling: boolean;
}

export type Shown = "all" | "running" | "done" | "trouble";

const GROUPS: Readonly<Record<Shown, (run: RunSummary) => boolean>> = {
  all: () => true,
  running: (run) => run.live,
  done: (run) => ["finished", "early", "study"].includes(run.state),
  trouble: (run) => ["damaged", "non-finite", "interrupted"].includes(run.state),
};

const plain = new Intl.Collator("en", { numeric: true });

/** The runs whose name, recipe, data, model or state has every word of a text. */
export function chosen(runs: readonly RunSummary[], text: string, group: Shown): RunSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    if (!GROUPS[group](run)) return false;
    const about = `${run.name} ${run.recipe} ${run.data} ${run.model} ${STATES[run.state].title}`.toLowerCase();
    return words.every((word) => about.includes(word));
  });
}

/** Runs in an order; those without a value come last, whatever the direction. */
export function ordered(runs: readonly RunSummary[], order: Order): RunSummary[] {
  const sign = order.falling ? -1 : 1;
  return [...runs].sort((a, b) => {
    const [x, y] = [value(a, order.column), value(b, order.column)];
    if (x === null || y === null) return x === y ? plain.compare(a.name, b.name) : x === null ? 1 : -1;
    const compared =
      typeof x === "string" || typeof y === "string" ? plain.compare(String(x), String(y)) : x - y;
    return compared === 0 ? plain.compare(a.name, b.name) : sign * compared;
  });
}

function value(run: RunSummary, column: Column): string | number | null {
  if (column === "name") return run.name;
  if (column === "state") return STATES[run.state].title;
  return run[column];
}

/** How a column is sorted first: times from the newest on, everything else from the least. */
export function firstOrder(column: Column): Order {
  return { column, falling: column === "started" };
}
