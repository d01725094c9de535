// The state of the view in the address of the page, both ways.

import type { Which } from "./units";

export type What = "value" | "error";

export interface ChosenUnit {
  readonly layer: number;
  readonly unit: number;
  readonly step: number;
}

export interface SequenceState {
  readonly source: string;
  readonly text: string;
  readonly place: number | null;
  readonly target: number | null;
  readonly head: number;
  readonly query: number | null;
  readonly what: What;
  readonly every: boolean;
  readonly which: Which;
  readonly unit: ChosenUnit | null;
  readonly temperature: number;
  readonly seed: number;
}

export const USUAL_TEMPERATURE = 0.7;
const HOTTEST = 2;
const LONGEST_TEXT = 400;
const KEYS = ["source", "text", "place", "target", "head", "query", "show", "every", "units", "unit", "temperature", "seed"];

/** Whether an address says anything about the state. */
export const isState = (values: URLSearchParams): boolean => KEYS.some((key) => values.has(key));

/** The state of an address; source and text are "" where it has none. */
export function stateOf(values: URLSearchParams): SequenceState {
  const whole = (key: string) => wholeOf(values.get(key));
  const which = values.get("units");
  const [layer, unit, step] = (values.get("unit") ?? "").split(".").map(wholeOf);
  const temperature = Number(values.get("temperature") ?? NaN);
  return {
    source: values.get("source") ?? "",
    text: values.get("text") ?? "",
    place: whole("place"),
    target: whole("target"),
    head: whole("head") ?? 0,
    query: whole("query"),
    what: values.get("show") === "error" ? "error" : "value",
    every: values.get("every") === "1",
    which: which === "error" || which === "all" ? which : "change",
    unit: layer != null && unit != null && step != null ? { layer, unit, step } : null,
    temperature: temperature >= 0 && temperature <= HOTTEST ? temperature : USUAL_TEMPERATURE,
    seed: whole("seed") ?? 0,
  };
}

/** What `remember` takes of a state; without a text where it is that of an example. */
export function written(state: Omit<SequenceState, "text"> & { readonly text: string | null }): Record<string, string | null> {
  const { source, text, place, target, head, query, what, every, which, unit, temperature, seed } = state;
  const unless = <T extends string | number | null>(x: T, usual: T) => (x === usual ? null : String(x));
  return {
    source: unless(source, ""),
    text: text !== null && text.length <= LONGEST_TEXT ? text : null,
    place: unless(place, null),
    target: unless(target, null),
    head: unless(head, 0),
    query: unless(query, null),
    show: unless(what, "value"),
    every: every ? "1" : null,
    units: unless(which, "change"),
    unit: unit && `${unit.layer}.${unit.unit}.${unit.step}`,
    temperature: unless(temperature, USUAL_TEMPERATURE),
    seed: unless(seed, 0),
  };
}

function wholeOf(text: string | null | undefined): number | null {
  const found = Number(text);
  return text != null && text !== "" && Number.isInteger(found) && found >= 0 ? found : null;
}
