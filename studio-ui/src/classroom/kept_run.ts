// The recorded run of this file: what the studio would answer about it, as
// clearprop/studio/kept_answers.py has kept it.

import type { Problem } from "../engine/messages";
import type { Wire } from "../engine/wire";

export interface KeptRun {
  readonly name: string;
  /** The addresses below "api/runs", with the length of each answer. */
  readonly index: readonly (readonly [address: string, length: number])[];
  /** All answers one after the other, compressed (zlib), as base64. */
  readonly answers: string;
}

/** An address with its values sorted by their names: how questions are compared. */
export function sorted(path: string): string {
  const [part = "", query = ""] = path.replace(/^api\/runs\//, "").split("?", 2);
  const values = new URLSearchParams(query);
  values.sort();
  return `${part}?${values.toString()}`;
}

/** Answers the questions of the views of a run from what was kept. */
export function answersOf(kept: KeptRun): Wire["ask"] {
  let unpacked: Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> | null = null;
  return async (path) => {
    unpacked ??= unpack(kept);
    const found = (await unpacked).get(sorted(path));
    return found ? new Response(found) : Response.json(missing(path), { status: 404 });
  };
}

async function unpack(kept: KeptRun): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const packed = Uint8Array.from(atob(kept.answers), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const found = new Map<string, Uint8Array<ArrayBuffer>>();
  let at = 0;
  for (const [address, length] of kept.index) {
    found.set(sorted(address), bytes.slice(at, at + length));
    at += length;
  }
  if (at !== bytes.length) throw new RangeError("the recorded run in this file is damaged");
  return found;
}

function missing(path: string): Problem {
  const example = new URLSearchParams(path.split("?", 2)[1]).get("example");
  return {
    type: "problem",
    message: example === null ? "this file does not hold that" : `this file does not hold example ${example}`,
    where: null,
    given: null,
    expected: null,
    fix: example === null ? null : "choose one of the first examples",
    request: null,
  };
}
