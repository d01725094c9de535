// The views of the classroom file: the playground, and what was exported besides.

import type { Embedded } from "./embedded";

export interface View {
  readonly name: "playground" | "backward" | "run";
  readonly title: string;
  /** One sentence: the tooltip of its tab. */
  readonly about: string;
}

const PLAYGROUND: View = {
  name: "playground",
  title: "Playground",
  about: "Train a small network on two inputs and look at every unit.",
};

const BACKWARD: View = {
  name: "backward",
  title: "Backward pass",
  about: "Follow one pass forward and back, step by step, with every number.",
};

const RUN: View = {
  name: "run",
  title: "Recorded run",
  about: "Go through the training of a network, step by step.",
};

export function viewsOf({ run }: Embedded): readonly View[] {
  return [PLAYGROUND, BACKWARD, ...(run ? [RUN] : [])];
}
