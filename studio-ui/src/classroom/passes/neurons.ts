// The circles of a dense network, and the wires between them with their weights.

import type { PassUnit, UnitWire } from "../../backward/messages";
import type { Flow } from "./flow";

interface Circle {
  readonly kind: PassUnit["kind"];
  readonly nodes: readonly number[];
  readonly bias: number | null;
}

export function neurons(flow: Flow): { units: PassUnit[]; wires: UnitWire[] } {
  const circles = circlesOf(flow);
  const home = new Map(circles.flatMap(({ nodes }, i) => nodes.map((node) => [node, i] as const)));
  const wires = wiresOf(flow, home);
  return { units: drawn(circles, wires), wires };
}

function circlesOf({ scalars, pass }: Flow): Circle[] {
  const plain = (kind: "input" | "target") =>
    scalars.flatMap((one, place): Circle[] =>
      one.kind === kind ? [{ kind, nodes: [place], bias: null }] : [],
    );
  const of = pass.neurons.map((nodes): Circle => {
    const sources = nodes.flatMap((node) => scalars[node]!.inputs.map(({ source }) => source));
    const bias = sources.find((source) => scalars[source]!.kind === "bias") ?? null;
    return { kind: "neuron", nodes, bias };
  });
  return [...plain("input"), ...plain("target"), ...of, { kind: "loss", nodes: [pass.result], bias: null }];
}

function wiresOf(flow: Flow, home: ReadonlyMap<number, number>): UnitWire[] {
  const found = new Map<string, { ends: [number, number]; weight: number | null; links: number[] }>();
  flow.links.forEach(({ source, user }, number) => {
    const [from, to] = [home.get(source), home.get(user)!];
    if (from === undefined || from === to) return;
    const key = `${from},${to}`;
    const wire = found.get(key) ?? { ends: [from, to], weight: null, links: [] };
    wire.links.push(number);
    found.set(key, wire);
    // The link of the weight stands behind that of the number which it multiplies.
    const next = flow.links[number + 1];
    if (next?.user === user && flow.scalars[next.source]!.kind === "weight") {
      wire.weight = next.source;
      wire.links.push(number + 1);
    }
  });
  return [...found.values()].map(({ ends: [source, user], weight, links }) => ({
    source,
    user,
    weight,
    links,
  }));
}

function drawn(circles: readonly Circle[], wires: readonly UnitWire[]): PassUnit[] {
  const columns = circles.map(() => 0);
  for (let i = 0; i < circles.length; i++) {
    let moved = false;
    for (const { source, user } of wires) {
      if (columns[user]! > columns[source]!) continue;
      columns[user] = columns[source]! + 1;
      moved = true;
    }
    if (!moved) break;
  }
  const loss = circles.length - 1;
  circles.forEach(({ kind }, i) => {
    if (kind === "target") columns[i] = columns[loss]! - 1;
  });
  const order = circles.map((_, i) => i).sort((a, b) => rank(circles[a]!) - rank(circles[b]!) || a - b);
  const inColumn = new Map<number, number[]>();
  for (const i of order) inColumn.set(columns[i]!, [...(inColumn.get(columns[i]!) ?? []), i]);
  const tallest = Math.max(...[...inColumn.values()].map(({ length }) => length));
  return circles.map(({ kind, nodes, bias }, i) => {
    const column = inColumn.get(columns[i]!)!;
    const row = (tallest - column.length) / 2 + column.indexOf(i);
    return { kind, nodes, bias, column: columns[i]!, row };
  });
}

/** Targets stand below everything else in their column. */
function rank({ kind }: Circle): number {
  return kind === "target" ? 1 : 0;
}
