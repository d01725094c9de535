// Questions to the server about any network. Whatever it refuses comes as a `Refused` with its words.

import { asked, askedJson, posted, withQuery } from "../engine/asking";
import { decode, type Frame } from "../engine/frame";
import type { ArrayShown, BackShown, CellShown, FieldShown, MapsShown, PassShown, SequenceShown } from "./headers";
import type { ExampleList, NetworkGraph, PassRequest, SourceList, WhyShown } from "./messages";

export interface Headed<Header> {
  readonly header: Header;
  readonly frame: Frame;
}

/** What a pass is made for, where the rest is not given. */
export type Wanted = Pick<PassRequest, "source"> & Partial<PassRequest>;

type Query = Readonly<Record<string, string | number>>;

const ROOT = "api/models";

export const sources = (signal?: AbortSignal) => json<SourceList>("sources", {}, signal);

/** The graph of a network for its examples, or for the input of one pass. */
export const graph = (source: string, pass: string, signal?: AbortSignal) =>
  json<NetworkGraph>("graph", pass ? { source, pass_id: pass } : { source }, signal);

/** Some examples; with `label` those of a class. */
export const examples = (
  source: string,
  start: number,
  count: number,
  signal?: AbortSignal,
  label: number | null = null,
) => json<ExampleList>("examples", { source, start, count, ...(label === null ? {} : { label }) }, signal);

export const why = (pass: string, node: number, signal?: AbortSignal) =>
  json<WhyShown>("why", { pass_id: pass, node }, signal);

export const equations = (pass: string, node: number, index: string, signal?: AbortSignal) =>
  json<{ readonly text: string }>("equations", { pass_id: pass, node, index }, signal);

export const array = (pass: string, node: number, what: ArrayShown["what"], first: number, signal?: AbortSignal) =>
  headed<ArrayShown>("array", { pass_id: pass, node, what, first }, signal);

export const cell = (pass: string, node: number, index: string, signal?: AbortSignal) =>
  headed<CellShown>("cell", { pass_id: pass, node, index }, signal);

export const back = (pass: string, node: number, index: string, signal?: AbortSignal) =>
  headed<BackShown>("back", { pass_id: pass, node, index }, signal);

export const field = (pass: string, group: number, index: string, signal?: AbortSignal) =>
  headed<FieldShown>("field", { pass_id: pass, group, index }, signal);

export const maps = (pass: string, signal?: AbortSignal) => headed<MapsShown>("maps", { pass_id: pass }, signal);

export const sequence = (pass: string, signal?: AbortSignal) =>
  headed<SequenceShown>("sequence", { pass_id: pass }, signal);

/** Make a pass. */
export async function begin(wanted: Wanted, signal?: AbortSignal): Promise<Headed<PassShown>> {
  return read(await asked(`${ROOT}/pass`, { ...posted(wanted), ...until(signal) }));
}

function json<Answer>(part: string, query: Query, signal?: AbortSignal): Promise<Answer> {
  return askedJson(at(part, query), until(signal));
}

async function headed<Header>(part: string, query: Query, signal?: AbortSignal): Promise<Headed<Header>> {
  return read(await asked(at(part, query), until(signal)));
}

const at = (part: string, query: Query) => withQuery(`${ROOT}/${part}`, Object.entries(query));

const until = (signal: AbortSignal | undefined) => (signal ? { signal } : {});

async function read<Header>(response: Response): Promise<Headed<Header>> {
  const frame = decode(await response.arrayBuffer());
  return { header: frame.fields as Header, frame };
}
