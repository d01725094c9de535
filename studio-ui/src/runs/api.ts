// Questions to the server about runs. Whatever it refuses comes as a `Refused` with its words.

import { asked, askedJson, withQuery } from "../engine/asking";
import { decode, type Frame } from "../engine/frame";

type Query = readonly (readonly [string, string | number])[];

export function pathOf(part: string, query: Query): string {
  return withQuery(`api/runs${part ? `/${part}` : ""}`, query);
}

export function getJson<Answer>(part: string, query: Query, signal?: AbortSignal): Promise<Answer> {
  return askedJson(pathOf(part, query), signal ? { signal } : {});
}

export async function getFrame(part: string, query: Query, signal?: AbortSignal): Promise<Frame> {
  const response = await asked(pathOf(part, query), signal ? { signal } : {});
  return decode(await response.arrayBuffer());
}
