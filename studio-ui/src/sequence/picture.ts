// A frame "sequence" with names for its arrays: what the view draws. Numbers stay in typed arrays.

import type { Frame } from "../engine/frame";
import type { AttentionShown, PassShown, RecurrentShown, SequenceShown } from "../models/headers";

/** Numbers as rows by columns. */
export interface Table {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

export const at = (table: Table, row: number, column: number): number =>
  table.data[row * table.columns + column] ?? NaN;

export interface SequencePicture {
  readonly made: PassShown;
  readonly header: SequenceShown;
  /** Places by classes. */
  readonly probability: Table | null;
  readonly logitError: Table | null;
  readonly heads: readonly Head[];
  readonly layers: readonly Layer[];
  /** Streams by places: root mean square of the values, and norm of the error signal. */
  readonly streams: { readonly value: Table; readonly error: Table };
}

/** One head of one attention. */
export interface Head {
  readonly number: number;
  readonly block: number;
  readonly head: number;
  readonly about: AttentionShown;
  readonly weights: Table;
  readonly errors: Table;
  readonly query: Table;
  readonly key: Table;
  /** Queries by keys, 1 where the query sees the key; null without a mask, where only the order counts. */
  readonly seen: Uint8Array | null;
  /** Queries by keys: what is added to the scaled product; null where nothing is. */
  readonly added: Float32Array | null;
}

/** A recurrent layer. Its tables are places by units. */
export interface Layer {
  readonly number: number;
  readonly about: RecurrentShown;
  readonly values: ReadonlyMap<string, Table>;
  readonly errors: ReadonlyMap<string, Table>;
  /** The sums of the gates side by side; null where the equations of a step are others. */
  readonly fromInput: Table | null;
  readonly fromHidden: Table | null;
  /** The part of the hidden state's error signal that comes from the layers above. */
  readonly direct: Table | null;
  /** The state before the first step: a row for the hidden state and one for the cell; null where it is not known. */
  readonly before: Table | null;
}

export function pictureOf(made: PassShown, header: SequenceShown, frame: Frame): SequencePicture {
  const table = (name: string) => tableOf(frame, name);
  return {
    made,
    header,
    probability: table("probability"),
    logitError: table("logit_error"),
    heads: header.attentions.flatMap((about, block) => headsOf(frame, about, block)).map((head, number) => ({ ...head, number })),
    layers: header.recurrent.map((about, number) => layerOf(frame, about, number)),
    streams: {
      value: stacked(header.streams.map((_, k) => table(`stream.${k}`))),
      error: stacked(header.streams.map((_, k) => table(`stream_error.${k}`))),
    },
  };
}

function tableOf(frame: Frame, name: string): Table | null {
  const found = frame.arrays.get(name);
  if (!found || !(found.data instanceof Float32Array)) return null;
  const [rows = 0, columns = 0] = found.shape.length === 1 ? [1, ...found.shape] : found.shape;
  return { rows, columns, data: found.data };
}

function headsOf(frame: Frame, about: AttentionShown, block: number): Omit<Head, "number">[] {
  const parts = (name: string) => {
    const found = frame.arrays.get(`${name}.${block}`);
    const [heads = 0, rows = 0, columns = 0] = found?.shape ?? [];
    if (!(found?.data instanceof Float32Array)) throw new TypeError(`the frame has no ${name}.${block}`);
    const { data } = found;
    const size = rows * columns;
    return Array.from({ length: heads }, (_, k): Table => ({ rows, columns, data: data.subarray(k * size, (k + 1) * size) }));
  };
  const [weights, errors, query, key] = [parts("attention"), parts("attention_error"), parts("query"), parts("key")];
  const seen = frame.arrays.get(`seen.${block}`)?.data;
  const added = frame.arrays.get(`added.${block}`)?.data;
  const size = about.queries * about.keys;
  return weights.map((one, head) => ({
    block,
    head,
    about,
    weights: one,
    errors: errors[head] as Table,
    query: query[head] as Table,
    key: key[head] as Table,
    seen: seen instanceof Uint8Array ? seen.subarray(head * size, (head + 1) * size) : null,
    added: added instanceof Float32Array ? added.subarray(head * size, (head + 1) * size) : null,
  }));
}

function layerOf(frame: Frame, about: RecurrentShown, number: number): Layer {
  const named = (suffix: string) =>
    new Map(
      about.names.flatMap((name) => {
        const found = tableOf(frame, `${name}${suffix}.${number}`);
        return found ? [[name, found] as const] : [];
      }),
    );
  return {
    number,
    about,
    values: named(""),
    errors: named("_error"),
    fromInput: tableOf(frame, `from_input.${number}`),
    fromHidden: tableOf(frame, `from_hidden.${number}`),
    direct: tableOf(frame, `direct.${number}`),
    before: tableOf(frame, `before.${number}`),
  };
}

function stacked(rows: readonly (Table | null)[]): Table {
  const columns = rows[0]?.columns ?? 0;
  const data = new Float32Array(rows.length * columns);
  rows.forEach((row, k) => row && data.set(row.data, k * columns));
  return { rows: rows.length, columns, data };
}

/** The largest size among the finite numbers. */
export function limitOf(data: Float32Array): number {
  let limit = 0;
  for (const x of data) {
    const size = Math.abs(x);
    if (size > limit && size < Infinity) limit = size;
  }
  return limit;
}

/** The names of a layer's values that are states; the others are gates, which have no number where a step does not count. */
export const STATES = ["hidden", "cell"];

function isLayerStrange({ about, values, errors }: Layer): boolean {
  const skipped = new Set(about.uncounted);
  const isOdd = (table: Table, hasAll: boolean) =>
    table.data.some((x, k) => !Number.isFinite(x) && (hasAll || !skipped.has(Math.floor(k / table.columns))));
  return [...values].some(([name, table]) => isOdd(table, STATES.includes(name))) || [...errors.values()].some((table) => isOdd(table, true));
}

/** Whether some number of a pass is not finite. */
export function isStrange({ probability, logitError, heads, layers, streams }: SequencePicture): boolean {
  const tables = [
    probability,
    logitError,
    streams.value,
    streams.error,
    ...heads.flatMap((head) => [head.weights, head.errors]),
  ];
  return layers.some(isLayerStrange) || tables.some((table) => table?.data.some((x) => !Number.isFinite(x)));
}
