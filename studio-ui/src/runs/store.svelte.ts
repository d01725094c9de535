// The list of runs, kept up to date by a WebSocket that is made again when it is lost.

import { wire, type Socket } from "../engine/wire";
import type { RunList, RunSummary } from "./messages";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

export type ListState = "connecting" | "open" | "lost";

/** Take a list into the runs that are known; returns new runs by name. */
export function merged(
  known: ReadonlyMap<string, RunSummary>,
  list: RunList,
): ReadonlyMap<string, RunSummary> {
  const found = new Map(list.whole ? [] : known);
  for (const name of list.gone) found.delete(name);
  for (const run of list.runs) found.set(run.name, run);
  return found;
}

export class RunStore {
  runs: ReadonlyMap<string, RunSummary> = $state.raw(new Map());
  state: ListState = $state("connecting");
  folder = $state("");
  refused: readonly string[] = $state.raw([]);
  /** How many folders were not read yet. */
  waiting = $state(0);
  /** Whether a list has come. */
  isKnown = $state(false);

  #socket: Socket | null = null;
  #pause = FIRST_PAUSE;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  open(): void {
    const socket = wire.connect("ws/runs");
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const list = JSON.parse(String(data)) as RunList;
      if (!("runs" in list)) return;
      this.#pause = FIRST_PAUSE;
      this.state = "open";
      this.runs = merged(this.runs, list);
      this.folder = list.folder;
      this.refused = list.refused;
      this.waiting = list.waiting;
      this.isKnown = true;
    };
    socket.onclose = () => {
      if (this.#isClosed) return;
      this.state = "lost";
      this.#timer = setTimeout(() => this.open(), this.#pause);
      this.#pause = Math.min(LONGEST_PAUSE, 1.8 * this.#pause);
    };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }
}
