// Where the view of the backward pass gets its numbers: the server of the studio.

import { askedJson, posted } from "../engine/asking";
import { wire } from "../engine/wire";
import type {
  AnswerMarks,
  ExerciseSheet,
  MarkWish,
  PassPage,
  PassTrace,
  TraceWish,
} from "./messages";

export type Source = TraceWish["source"];

export interface PassLimits {
  /** With how many digits its numbers can be shown. */
  readonly digits: readonly number[];
  readonly passes: number;
}

export interface PassSupply {
  readonly pages: () => Promise<readonly PassPage[]>;
  readonly trace: (wish: TraceWish) => Promise<PassTrace>;
  readonly sheet: (source: Source, digits: number) => Promise<ExerciseSheet>;
  readonly marks: (wish: MarkWish) => Promise<AnswerMarks>;
  /** What there is of a source; without this, any number of digits and many passes. */
  readonly limits?: (source: Source) => PassLimits;
  /** The address of a page to print. */
  readonly printed: (kind: "worked" | "blank", source: Source, digits: number) => string;
}

const PLACE = "api/backward/";

/** What follows "?" in an address that asks about a source. */
export function query(source: Source, digits: number): string {
  const values = new URLSearchParams({ digits: String(digits) });
  if (source.type === "page" && source.seed !== null) values.set("seed", String(source.seed));
  if (source.type !== "page") values.set("source", JSON.stringify(source));
  return values.toString();
}

function path(kind: string, source: Source, digits: number): string {
  const folder = source.type === "page" ? `pages/${encodeURIComponent(source.name)}/` : "";
  return `${folder}${kind}?${query(source, digits)}`;
}

export const SERVED: PassSupply = {
  pages: () => askedJson(`${PLACE}pages`),
  trace: (wish) => askedJson(`${PLACE}trace`, posted(wish)),
  sheet: (source, digits) => askedJson(PLACE + path("sheet", source, digits)),
  marks: (wish) => askedJson(`${PLACE}grade`, posted(wish)),
  printed: (kind, source, digits) => wire.link(PLACE + path(kind, source, digits)),
};
