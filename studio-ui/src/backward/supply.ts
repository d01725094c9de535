// Where the view of the backward pass gets its numbers: the server of the studio.

import type { Problem } from "../engine/messages";
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

/** Why the server did not give what was asked for. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

const PLACE = "/api/backward/";

async function asked<T>(path: string, body?: unknown): Promise<T> {
  let reply: Response;
  try {
    reply = await fetch(
      PLACE + path,
      body === undefined
        ? {}
        : {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
          },
    );
  } catch {
    throw new Refused(lost("The studio does not answer", "start it again with clearprop studio"));
  }
  const text = await reply.text();
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Refused(lost("The answer of the studio cannot be read", "load the page again"));
  }
  if (!reply.ok) throw new Refused(found as Problem);
  return found as T;
}

function lost(message: string, fix: string): Problem {
  const nothing = { where: null, given: null, expected: null, request: null };
  return { type: "problem", message, fix, ...nothing };
}

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
  pages: () => asked("pages"),
  trace: (wish) => asked("trace", wish),
  sheet: (source, digits) => asked(path("sheet", source, digits)),
  marks: (wish) => asked("grade", wish),
  printed: (kind, source, digits) => PLACE + path(kind, source, digits),
};
