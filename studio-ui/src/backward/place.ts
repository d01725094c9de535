// What the address of the view says: which pass, how it is shown, and at which step.

import type { Address } from "../shell/address";
import { SENT, sentNetwork } from "./handoff";
import type { TraceWish } from "./messages";
import type { Source } from "./supply";

export type Mode = "steps" | "exercise";
export type Show = "numbers" | "formulas" | "both";
export type Detail = NonNullable<TraceWish["detail"]>;

export interface Place {
  /** Null where the network that was sent is not known any more. */
  readonly source: Source | null;
  readonly digits: number;
  readonly detail: Detail | null;
  /** Of the pass, from 1. */
  readonly number: number;
  readonly step: number;
  readonly mode: Mode;
  readonly show: Show;
  readonly ask: boolean;
}

export const DIGITS = { usual: 4, least: 2, most: 8 } as const;
const MOST_PASSES = 200;
const MOST_SEED = Number.MAX_SAFE_INTEGER;

export function readPlace(values: URLSearchParams): Place {
  const one = <T extends string>(key: string, known: readonly T[]): T | null =>
    known.find((name) => name === values.get(key)) ?? null;
  return {
    source: readSource(values),
    digits: whole(values, "digits", DIGITS.least, DIGITS.most) ?? DIGITS.usual,
    detail: one("detail", ["neurons", "gates"]),
    number: whole(values, "pass", 1, MOST_PASSES) ?? 1,
    step: whole(values, "step", 0, 1_000_000) ?? 0,
    mode: one("mode", ["steps", "exercise"]) ?? "steps",
    show: one("show", ["numbers", "formulas", "both"]) ?? "both",
    ask: values.get("ask") === "1",
  };
}

function readSource(values: URLSearchParams): Source | null {
  const run = values.get("run");
  if (run) return { type: "run", run, example: whole(values, "example", 0, 1e9) ?? 0 };
  const name = values.get("page") ?? "gate";
  if (name === SENT) return sentNetwork();
  return { type: "page", name, seed: whole(values, "seed", 0, MOST_SEED) };
}

function whole(values: URLSearchParams, key: string, least: number, most: number): number | null {
  const text = values.get(key) ?? "";
  const found = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return found >= least && found <= most ? found : null;
}

/** What the address has of a place; null for what is as usual. */
export function writePlace(place: Place): Record<string, string | null> {
  const { source } = place;
  return {
    page: source === null || source.type === "network" ? SENT : source.type === "page" ? source.name : null,
    seed: source?.type === "page" && source.seed !== null ? String(source.seed) : null,
    run: source?.type === "run" ? source.run : null,
    example: source?.type === "run" ? String(source.example) : null,
    digits: place.digits === DIGITS.usual ? null : String(place.digits),
    detail: place.detail,
    pass: place.number === 1 ? null : String(place.number),
    step: place.step === 0 ? null : String(place.step),
    mode: place.mode === "steps" ? null : place.mode,
    show: place.show === "both" ? null : place.show,
    ask: place.ask ? "1" : null,
  };
}

/** Whether two places show the same pass, perhaps at another step or in another way. */
export function samePass(one: Place, other: Place): boolean {
  const key = ({ source, digits, detail, number }: Place) =>
    JSON.stringify([source, digits, detail, number]);
  return key(one) === key(other);
}

export function placeOf(address: Address): Place {
  return readPlace(address.values);
}
