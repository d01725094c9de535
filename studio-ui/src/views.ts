// The views of the studio: what the tabs at the top open. Each is loaded when it is first shown.

import type { Component } from "svelte";

export interface View {
  readonly name: string;
  readonly title: string;
  /** One sentence: the tooltip of its tab. */
  readonly about: string;
  /** Whether it goes on while another view is shown, such as a training. */
  readonly keeps?: boolean;
  readonly load: () => Promise<{ readonly default: Component }>;
}

export const VIEWS: readonly View[] = [
  {
    name: "playground",
    title: "Playground",
    about: "Train a small network on two inputs and look at every unit.",
    keeps: true,
    load: () => import("./playground/Served.svelte"),
  },
  {
    name: "backward",
    title: "Backward pass",
    about: "Follow one pass forward and back, step by step, with every number.",
    load: () => import("./backward/Backward.svelte"),
  },
  {
    name: "vision",
    title: "Vision",
    about: "Look into a network that reads pictures: maps, error maps and filters of every layer, also while it learns.",
    keeps: true,
    load: () => import("./vision/Vision.svelte"),
  },
  {
    name: "sequence",
    title: "Sequence",
    about: "Type a text and look into a network that continues it: every head, every gate, and what reaches back.",
    load: () => import("./sequence/Sequence.svelte"),
  },
  {
    name: "runs",
    title: "Runs",
    about: "Look at trainings that were written to a folder: curves, diagnosis, and films of their weights.",
    load: () => import("./runs/Runs.svelte"),
  },
  {
    name: "models",
    title: "Any network",
    about: "Look inside any network: its graph, and every value and error signal of one pass.",
    load: () => import("./models/Models.svelte"),
  },
];
