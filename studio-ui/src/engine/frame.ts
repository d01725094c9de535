// Binary frames, as `clearprop/studio/frames.py` writes them: 4 bytes with the length of the header,
// the header as JSON, zeros up to a multiple of 8, then the arrays, each at a multiple of 8. All
// little-endian, so that an array is read in place, without a copy.

export type Numbers = Float32Array | Uint8Array | Int32Array;

export interface FrameArray {
  readonly shape: readonly number[];
  readonly data: Numbers;
}

/** What changes with every picture. A field that was not finite is null. */
export interface Frame {
  readonly kind: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly arrays: ReadonlyMap<string, FrameArray>;
}

interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

const ALIGNMENT = 8;

/** Read a frame. Throws where the bytes are none. */
export function decode(bytes: ArrayBuffer): Frame {
  const length = new DataView(bytes).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(bytes, 4, length));
  const { kind, arrays, ...fields } = JSON.parse(text) as {
    kind: string;
    arrays: Described[];
  };
  const start = aligned(4 + length);
  const found = new Map<string, FrameArray>();
  for (const one of arrays) {
    const count = one.shape.reduce((product, size) => product * size, 1);
    found.set(one.name, { shape: one.shape, data: view(bytes, one.dtype, start + one.offset, count) });
  }
  return { kind, fields, arrays: found };
}

/** Write a frame as Python does. */
export function encode(frame: Frame): ArrayBuffer {
  const described: Described[] = [];
  let size = 0;
  for (const [name, { shape, data }] of frame.arrays) {
    described.push({ name, dtype: dtype(data), shape, offset: size });
    size += aligned(data.byteLength);
  }
  const header = JSON.stringify({ kind: frame.kind, ...frame.fields, arrays: described });
  const encoded = new TextEncoder().encode(header);
  const start = aligned(4 + encoded.length);
  const bytes = new ArrayBuffer(start + size);
  new DataView(bytes).setUint32(0, encoded.length, true);
  new Uint8Array(bytes).set(encoded, 4);
  let i = 0;
  for (const { data } of frame.arrays.values()) {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(bytes).set(raw, start + (described[i++]?.offset ?? 0));
  }
  return bytes;
}

function aligned(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

function view(bytes: ArrayBuffer, kind: string, offset: number, count: number): Numbers {
  if (kind === "float32") return new Float32Array(bytes, offset, count);
  if (kind === "uint8") return new Uint8Array(bytes, offset, count);
  if (kind === "int32") return new Int32Array(bytes, offset, count);
  throw new TypeError(`an array of ${kind} is not known`);
}

function dtype(data: Numbers): string {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Uint8Array ? "uint8" : "int32";
}
