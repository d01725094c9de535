// Which numbers of a pass are shown at a step: those that it and the steps before have computed.

import type { PassQuestion, PassStep, PassTrace } from "./messages";

export interface Shown {
  /** Nodes whose values are known. */
  readonly values: ReadonlySet<number>;
  /** Nodes whose error signals are complete. */
  readonly errors: ReadonlySet<number>;
  /** Links through which an error signal has come. */
  readonly passed: ReadonlySet<number>;
}

/** What a drawing of a pass shows. */
export interface Drawn {
  readonly trace: PassTrace;
  readonly shown: Shown;
  readonly active: PassStep | null;
  /** The number that is asked for. */
  readonly asked: { readonly node: number; readonly isError: boolean } | null;
}

export function shownAt(
  trace: PassTrace,
  position: number,
  answered: readonly PassQuestion[] = [],
): Shown {
  const values = new Set<number>();
  const errors = new Set<number>();
  const passed = new Set<number>();
  trace.nodes.forEach((node, i) => {
    if (node.forward === null) values.add(i);
  });
  for (const step of trace.steps.slice(0, position + 1)) {
    if (computes(step) && step.node !== null) values.add(step.node);
    for (const node of step.complete) errors.add(node);
    if (step.phase === "backward") for (const link of step.links) passed.add(link);
  }
  for (const question of answered) {
    if (question.asked === "value") values.add(question.node);
    if (question.asked !== "error") continue;
    if (question.link !== null) passed.add(question.link);
    else {
      errors.add(question.node);
      trace.links.forEach((link, i) => {
        if (link.source === question.node && alone(trace, question.node)) passed.add(i);
      });
    }
  }
  return { values, errors, passed };
}

function alone(trace: PassTrace, node: number): boolean {
  return trace.nodes[node]?.total === null;
}

/** A number as text, with a minus sign as long as a plus sign. */
export function signed(text: string): string {
  return text.replaceAll("-", "−");
}

/** Whether a step computes a value. */
export function computes(step: PassStep): boolean {
  return step.phase === "forward" || step.phase === "loss";
}

/** What is known of a node, in plain text: its equations as far as they are shown. */
export function toldOf(trace: PassTrace, shown: Shown, i: number): string {
  const node = trace.nodes[i];
  if (!node) return "";
  const head = [node.name, node.operation, node.about].filter(Boolean).join(", ");
  const said = [head];
  if (shown.values.has(i)) said.push(node.forward?.text ?? `${node.name} = ${node.value.text}`);
  if (shown.errors.has(i)) {
    const single = trace.links.find(({ source, backward }) => source === i && backward);
    const text = node.total?.text ?? single?.backward?.text;
    if (text) said.push(text);
  }
  return said.join("\n");
}

const PHASES: Readonly<Record<PassStep["phase"], string>> = {
  start: "Given numbers",
  forward: "Forward",
  loss: "Forward: the loss",
  seed: "Backward",
  backward: "Backward",
  update: "Update",
};

/** A step as a title: "Backward, gate z3". */
export function stepTitle(trace: PassTrace, position: number): string {
  const step = trace.steps[position];
  if (!step) return "";
  const node = step.node === null ? undefined : trace.nodes[step.node];
  const name = step.phase === "update" ? "new weights" : node?.name;
  return name && step.phase !== "start" ? `${PHASES[step.phase]}, ${name}` : PHASES[step.phase];
}

/** The numbers that a step adds, in plain text, for screen readers. */
export function spoken(trace: PassTrace, position: number): string {
  const step = trace.steps[position];
  if (!step) return "";
  const said = [`${stepTitle(trace, position)}.`, step.sentence];
  const node = step.node === null ? undefined : trace.nodes[step.node];
  if (computes(step) && node?.forward) said.push(node.forward.text);
  if (step.phase === "backward") {
    for (const i of step.links) {
      const text = trace.links[i]?.backward?.text;
      if (text) said.push(text);
    }
    for (const i of step.complete) {
      const text = trace.nodes[i]?.total?.text;
      if (text) said.push(text);
    }
  }
  if (step.phase === "update") {
    for (const one of trace.changes) said.push(one.equation.text);
    for (const { name, before, after } of trace.outputs) {
      said.push(`${name} is ${before.text} in this pass and ${after.text} in the next.`);
    }
  }
  return said.join(" ");
}
